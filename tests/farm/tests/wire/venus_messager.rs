//! The messager: its lists in three eras, what holds a queue up, and what repairs do to it.

use serde_json::{Value, json};
use simfarm::venus::{Perm, Venus};

use crate::venus::{called, failure, result, venus};

async fn messager(venus: &Venus, method: &str, params: Value) -> Value {
    result(venus, &venus.messager, &format!("Message.{method}"), &params).await
}

async fn fails(venus: &Venus, method: &str, params: Value) -> String {
    let (code, inner, text) = failure(venus, &venus.messager, &format!("Message.{method}"), &params).await;
    assert_eq!((code, inner), (200, 1), "{text}");
    text
}

fn len(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

/// Messages of all senders that are older than a minute.
async fn blocked(venus: &Venus) -> Vec<Value> {
    let list = messager(venus, "ListBlockedMessage", json!(["<empty>", 60_000_000_000_u64])).await;
    list.as_array().cloned().unwrap()
}

async fn state(venus: &Venus, id: &Value) -> Value {
    messager(venus, "GetMessageByUid", json!([id])).await["State"].clone()
}

#[tokio::test]
async fn a_list_by_state_takes_what_its_release_takes_and_pages() {
    let venus = venus(json!({"senders": 3})).await;
    venus.put(&json!({"sender": 1, "count": 5, "age_s": 600})).unwrap();
    venus.put(&json!({"sender": 2, "count": 1, "age_s": 900})).unwrap();
    let list = messager(&venus, "ListMessageByFromState", json!(["<empty>", 1, true, 1, 1, 0])).await;
    let oldest = &list[0];
    assert_eq!(
        (len(&list), &oldest["From"]),
        (1, &json!(venus.settings().senders[2].address))
    );
    let second = messager(&venus, "ListMessageByFromState", json!(["", 1, true, 2, 4, 0])).await;
    assert_eq!(len(&second), 2);
    let old = json!(["", 1, false, 1, 100, 700_000_000_000_u64]);
    assert_eq!(len(&messager(&venus, "ListMessageByFromState", old).await), 1);
    venus.messager.set(json!({"version": "1.14"})).await.unwrap();
    let (_, code, text) = failure(
        &venus,
        &venus.messager,
        "Message.ListMessageByFromState",
        &json!(["", 1, true, 1, 1, 0]),
    )
    .await;
    assert!(code == -32602 && text.ends_with("6 != 5"), "{text}");
    venus.set(&json!({"era": "a"})).unwrap();
    let old = messager(&venus, "ListMessageByFromState", json!(["", 1, 1, 2])).await;
    assert_eq!(len(&old), 2);
    assert!(old[0]["from"].as_str().unwrap().starts_with("t3"), "{old}");
}

#[tokio::test]
async fn a_history_of_a_million_is_made_while_it_is_listed() {
    let venus = venus(json!({"senders": [{"history": 1_000_000}, {"history": 10}]})).await;
    let newest = messager(&venus, "ListMessageByFromState", json!(["", 3, false, 1, 3, 0])).await;
    let oldest = messager(&venus, "ListMessageByFromState", json!(["", 3, true, 1, 3, 0])).await;
    let times = |list: &Value| -> Vec<String> {
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| row["CreatedAt"].as_str().unwrap().to_owned()).collect()
    };
    assert!(times(&newest).is_sorted_by(|one, other| one >= other));
    assert!(times(&oldest).is_sorted() && times(&oldest)[2] < times(&newest)[2]);
    assert_eq!(newest[0]["State"], 3);
    let again = messager(&venus, "GetMessageByUid", json!([oldest[1]["ID"]])).await;
    assert_eq!(again, oldest[1]);
    let query = json!([{"State": [], "From": [], "Limit": 2, "Offset": 1_000_009}]);
    assert_eq!(len(&messager(&venus, "ListMessage", query).await), 1);
}

#[tokio::test]
async fn long_lists_are_as_long_as_ordered() {
    let venus = venus(json!({"senders": 500})).await;
    let order = json!({"count": 10_000, "age_s": 3600, "params_bytes": 300, "held": "for_ever", "state": 2});
    venus.put(&order).unwrap();
    let (_, answer) = called(
        &venus.messager,
        &venus.token(Perm::Read),
        "Message.ListBlockedMessage",
        &json!(["<empty>", 1]),
    )
    .await;
    let list = answer["result"].as_array().unwrap();
    assert_eq!(
        (list.len(), list[9_999]["Params"].as_str().map(str::len)),
        (10_000, Some(400))
    );
    assert_eq!(len(&messager(&venus, "ListAddress", json!([])).await), 500);
}

#[tokio::test]
async fn before_1_11_the_blocked_list_has_only_filled_messages() {
    let venus = venus(json!({})).await;
    venus.put(&json!({"age_s": 600, "state": 1})).unwrap();
    venus.put(&json!({"age_s": 600, "state": 2})).unwrap();
    assert_eq!(blocked(&venus).await.len(), 2);
    venus.set(&json!({"era": "b"})).unwrap();
    let rows = blocked(&venus).await;
    assert_eq!((rows.len(), &rows[0]["State"]), (1, &json!(2)));
}

#[tokio::test]
async fn a_failed_estimation_is_told_where_the_release_tells_it() {
    let venus = venus(json!({"senders": [{}, {"trouble": "failed_estimation", "trouble_count": 2}]})).await;
    let failed = messager(&venus, "ListFailedMessage", json!([])).await;
    let text = "gas estimate: estimating gas limit: message execution failed: exit 16";
    assert_eq!((len(&failed), &failed[0]["ErrorMsg"]), (2, &json!(text)));
    assert_eq!(
        (&failed[0]["Signature"], &failed[0]["Nonce"]),
        (&Value::Null, &json!(0))
    );
    venus.set(&json!({"era": "b"})).unwrap();
    let failed = messager(&venus, "ListFailedMessage", json!([])).await;
    assert_eq!(failed[0].get("ErrorMsg"), None);
    assert!(failed[0]["Receipt"]["Return"].is_string(), "{failed}");
    // What came after it waits behind it.
    let id = venus.put(&json!({"sender": 1})).unwrap();
    venus.epoch(2);
    assert_eq!(state(&venus, &json!(id[0])).await, 1);
    venus.set(&json!({"era": "c"})).unwrap();
    venus.epoch(2);
    assert_eq!(state(&venus, &json!(id[0])).await, 3);
    let bad = failed[0]["ID"].clone();
    messager(&venus, "MarkBadMessage", json!([bad])).await;
    assert_eq!(state(&venus, &bad).await, 4);
    assert_eq!(len(&messager(&venus, "ListFailedMessage", json!([])).await), 1);
}

#[tokio::test]
async fn each_stuck_message_has_the_one_repair_that_helps() {
    for (trouble, repair) in [
        ("stuck_filled", "RepublishMessage"),
        ("unnoticed", "UpdateFilledMessageByID"),
        ("under_priced", "ReplaceMessage"),
    ] {
        let venus = venus(json!({"base_fee": "1000000000", "senders": [{"trouble": trouble}]})).await;
        venus.epoch(3);
        let rows = blocked(&venus).await;
        assert_eq!((rows.len(), &rows[0]["State"]), (1, &json!(2)), "{trouble}");
        let id = &rows[0]["ID"];
        for other in ["UpdateFilledMessageByID", "RepublishMessage"]
            .iter()
            .filter(|name| **name != repair)
        {
            messager(&venus, other, json!([id])).await;
            venus.epoch(1);
            assert_eq!(state(&venus, id).await, 2, "{trouble} {other}");
        }
        let params = match repair {
            "ReplaceMessage" => json!([{"ID": id, "Auto": true, "MaxFee": "70000000000000000"}]),
            _ => json!([id]),
        };
        let outcome = messager(&venus, repair, params).await;
        if repair == "ReplaceMessage" {
            let row = messager(&venus, "GetMessageByUid", json!([id])).await;
            assert!(row["SignedCid"] == outcome && row["SignedCid"] != rows[0]["SignedCid"]);
        }
        venus.epoch(1);
        assert_eq!(state(&venus, id).await, 3, "{trouble}");
        assert_eq!(venus.messager.calls().of(&format!("Message.{repair}")), 1);
    }
}

#[tokio::test]
async fn a_ceiling_keeps_a_replacement_too_cheap() {
    let venus = venus(json!({"base_fee": "1000000000", "senders": [{"trouble": "under_priced"}]})).await;
    let id = blocked(&venus).await[0]["ID"].clone();
    messager(
        &venus,
        "ReplaceMessage",
        json!([{"ID": id, "Auto": true, "MaxFee": "38561280"}]),
    )
    .await;
    venus.epoch(2);
    let row = messager(&venus, "GetMessageByUid", json!([id])).await;
    assert_eq!((&row["State"], &row["GasFeeCap"]), (&json!(2), &json!("1")));
}

#[tokio::test]
async fn a_gap_shows_in_the_nonces_and_stops_the_sender() {
    let venus = venus(json!({"senders": [{"trouble": "nonce_gap", "sel_msg_num": 5}]})).await;
    venus.put(&json!({"age_s": 600})).unwrap();
    venus.epoch(4);
    let address = messager(&venus, "ListAddress", json!([])).await[0].clone();
    let actor = json!([address["addr"], []]);
    let actor = result(&venus, &venus.node, "Filecoin.StateGetActor", &actor).await;
    assert_eq!((&address["nonce"], &actor["Nonce"]), (&json!(1006), &json!(1000)));
    let mut nonces: Vec<u64> = blocked(&venus)
        .await
        .iter()
        .filter_map(|row| row["Nonce"].as_u64())
        .collect();
    nonces.sort_unstable();
    assert_eq!(nonces, [0, 1001, 1002, 1003, 1004, 1005]);
}

#[tokio::test]
async fn a_lost_wallet_shows_in_the_queue_of_its_senders() {
    let venus = venus(json!({})).await;
    venus.gateway.set(json!({"incident": "lost_wallet"})).await.unwrap();
    venus.put(&json!({"age_s": 120})).unwrap();
    venus.epoch(1);
    let failed = messager(&venus, "ListFailedMessage", json!([])).await;
    assert!(
        failed[0]["ErrorMsg"]
            .as_str()
            .unwrap()
            .starts_with("sign message failed"),
        "{failed}"
    );
    let wallets = result(&venus, &venus.gateway, "Gateway.ListWalletInfo", &json!([])).await;
    assert_eq!(wallets, Value::Null);
    venus.gateway.set(json!({"incident": "healthy"})).await.unwrap();
    venus.epoch(2);
    assert_eq!(blocked(&venus).await.len(), 0);
}

#[tokio::test]
async fn repairs_refuse_what_the_real_ones_refuse() {
    let venus = venus(json!({})).await;
    let one = venus.put(&json!({})).unwrap()[0].clone();
    let none = "get message by id error: record not found";
    assert_eq!(fails(&venus, "MarkBadMessage", json!(["nobody"])).await, none);
    assert_eq!(fails(&venus, "GetMessageByUid", json!(["nobody"])).await, none);
    messager(&venus, "RepublishMessage", json!(["nobody"])).await;
    assert_eq!(
        fails(&venus, "RepublishMessage", json!([one])).await,
        "need FillMsg got UnFillMsg"
    );
    let replace = json!([{"ID": one, "Auto": true}]);
    assert_eq!(
        fails(&venus, "ReplaceMessage", replace.clone()).await,
        "need FillMsg got UnFillMsg"
    );
    venus.epoch(2);
    assert_eq!(
        fails(&venus, "ReplaceMessage", replace).await,
        "message already on chain"
    );
    let final_ = "message state(OnChainMsg) has been final, can not update";
    assert_eq!(fails(&venus, "UpdateFilledMessageByID", json!([one])).await, final_);
    venus.set(&json!({"era": "b"})).unwrap();
    messager(&venus, "MarkBadMessage", json!(["nobody"])).await;
}

#[tokio::test]
async fn a_filled_message_that_is_marked_bad_leaves_a_gap_until_it_is_recovered() {
    let venus = venus(json!({})).await;
    let ids = venus
        .put(&json!({"count": 2, "age_s": 600, "state": 2, "filled": 9_000_000}))
        .unwrap();
    messager(&venus, "MarkBadMessage", json!([ids[0]])).await;
    let sender = venus.settings().senders[0].address.clone();
    let lifted = messager(&venus, "RecoverFailedMsg", json!([sender])).await;
    assert_eq!(lifted, json!([ids[0]]));
    assert_eq!(state(&venus, &json!(ids[0])).await, 2);
    messager(&venus, "SetSelectMsgNum", json!([sender, 7])).await;
    messager(&venus, "ForbiddenAddress", json!([sender])).await;
    let address = messager(&venus, "ListAddress", json!([])).await[0].clone();
    assert_eq!((&address["selMsgNum"], &address["state"]), (&json!(7), &json!(4)));
}

#[tokio::test]
async fn a_token_that_is_no_admin_sees_its_own_senders_only() {
    let users = json!([{}, {"name": "wang"}]);
    let venus = venus(json!({"users": users, "senders": [{"account": "wang"}, {}]})).await;
    let token = venus.token(Perm::Read);
    let (_, answer) = called(&venus.messager, &token, "Message.ListAddress", &json!([])).await;
    assert_eq!(len(&answer["result"]), 1);
    let ids = venus.put(&json!({"sender": 0, "age_s": 600})).unwrap();
    let (_, answer) = called(&venus.messager, &token, "Message.GetMessageByUid", &json!([ids[0]])).await;
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(text.ends_with(" not exist in user li: permission deny"), "{text}");
    let (_, answer) = called(&venus.messager, &token, "Message.ListBlockedMessage", &json!(["", 1])).await;
    assert_eq!(len(&answer["result"]), 1);
}

#[tokio::test]
async fn some_lists_need_the_node_and_all_need_the_database() {
    let venus = venus(json!({})).await;
    venus.node.set(json!({"incident": "down"})).await.unwrap();
    let text = fails(&venus, "ListMessage", json!([{}])).await;
    assert!(text.starts_with("dial tcp"), "{text}");
    assert_eq!(len(&messager(&venus, "ListAddress", json!([])).await), 2);
    assert_eq!(len(&messager(&venus, "ListBlockedMessage", json!(["", 1])).await), 0);
    venus.messager.set(json!({"incident": "database_down"})).await.unwrap();
    let text = fails(&venus, "ListAddress", json!([])).await;
    assert!(text.contains("3306"), "{text}");
}

#[tokio::test]
async fn shared_parameters_and_patches_are_written_as_set() {
    let venus = venus(json!({})).await;
    let shared = messager(&venus, "GetSharedParams", json!([])).await;
    assert_eq!(
        (&shared["selMsgNum"], &shared["maxFee"]),
        (&json!(20), &json!("7000000000000000"))
    );
    let patch = json!({"GasFeeCap": "<nil>", "CreatedAt": "0001-01-01T00:00:00Z", "Meta": null});
    let id = venus.put(&json!({"age_s": 600, "patch": patch})).unwrap();
    let row = messager(&venus, "GetMessageByUid", json!([id[0]])).await;
    assert_eq!((&row["GasFeeCap"], row.get("Meta")), (&json!("<nil>"), None));
    assert_eq!(row["CreatedAt"], "0001-01-01T00:00:00Z");
    let old = venus.put(&json!({"age_s": 600, "created_ms": 0})).unwrap();
    let row = messager(&venus, "GetMessageByUid", json!([old[0]])).await;
    assert_eq!(row["CreatedAt"], "0001-01-01T00:00:00Z");
    venus.set(&json!({"era": "a"})).unwrap();
    let shared = messager(&venus, "GetSharedParams", json!([])).await;
    assert!(shared["maxFeeCap"].is_string() && shared["scanInterval"].is_number());
    let address = messager(&venus, "ListAddress", json!([])).await[0].clone();
    assert!(address["maxFeeCap"].is_string() && address.get("baseFee").is_none());
}
