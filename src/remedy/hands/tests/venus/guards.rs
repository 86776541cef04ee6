//! What holds an action on a message back: each by itself, and nothing is sent then.

use super::*;

const FEE: [(&str, &str); 1] = [("max_fee", "0.01 FIL")];
const REASONS: [(&str, &str); 1] = [("exit_codes", "illegal_argument")];
const REFUSED: &str = "estimating gas limit: message execution failed: exit 16";

fn failing(error: &str, age: u64, method: u64) -> serde_json::Value {
    json!({"trouble": "failed_estimation", "trouble_age_s": age, "trouble_count": 1, "trouble_error": error, "trouble_method": method})
}

#[tokio::test]
async fn nothing_is_done_while_the_chain_cannot_be_believed() {
    for (incident, part) in [
        ("lagging", "epochs behind the clock (limit 5)"),
        ("down", "no node says what is on chain"),
    ] {
        let farm = Farm::of("c", ill("under_priced")).await;
        farm.filecoin.node.set(json!({"incident": incident})).await.unwrap();
        farm.refuses("update-filled-message", &[], part).await;
        farm.refuses("republish-message", &[], part).await;
        farm.refuses("replace-message", &FEE, part).await;
        farm.refuses("mark-bad-message", &REASONS, part).await;
    }
}

#[tokio::test]
async fn who_is_no_sender_and_who_waits_for_nothing_is_left_alone() {
    let farm = Farm::of("c", json!({})).await;
    farm.refuses("update-filled-message", &[], "is filled and waits").await;
    farm.refuses("mark-bad-message", &REASONS, "has an error").await;
    let plan = plan("update-filled-message", "venus-1", "node/primary", &[]);
    let words = farm.hands().run(&plan, &Book::default()).await.unwrap_err().to_string();
    assert!(words.contains("`node/primary` is no sender of messages"), "{words}");
}

#[tokio::test]
async fn a_message_that_moved_on_since_the_list_is_left_alone() {
    let farm = Farm::of("c", ill("under_priced")).await;
    let message = farm.filecoin.messages().remove(0);
    let row = json!({"ID": message.id, "From": farm.sender(), "To": "f01000", "Nonce": 1000, "State": 3});
    farm.messager(json!({"results": {"Message.GetMessageByUid": row}}))
        .await;
    farm.refuses("replace-message", &FEE, "is on chain by now").await;
    let other = json!({"ID": "another", "From": farm.sender(), "State": 2});
    farm.messager(json!({"results": {"Message.GetMessageByUid": other}}))
        .await;
    farm.refuses("update-filled-message", &[], "another message than the one")
        .await;
}

#[tokio::test]
async fn a_list_that_cannot_be_read_names_no_lowest_nonce() {
    let farm = Farm::of("c", ill("under_priced")).await;
    farm.messager(json!({"results": {"Message.ListBlockedMessage": [{"ID": "x", "State": 2}]}}))
        .await;
    farm.refuses("replace-message", &FEE, "rows that cannot be read").await;
}

#[tokio::test]
async fn only_the_message_that_the_chain_waits_for_is_replaced() {
    let farm = Farm::of("c", ill("nonce_gap")).await;
    farm.refuses(
        "replace-message",
        &FEE,
        "the chain expects nonce 1000, which no message has",
    )
    .await;
    let farm = Farm::of("c", ill("unnoticed")).await;
    farm.refuses("replace-message", &FEE, "it is to be updated, not replaced")
        .await;
    // Of several it is the one with the lowest nonce, which need not be the oldest.
    let farm = Farm::of("c", json!({})).await;
    let put = |age: u64| json!({"state": 2, "fee_cap": "50", "age_s": age});
    let lowest = farm.filecoin.put(&put(1200)).unwrap().remove(0);
    farm.filecoin.put(&put(7200)).unwrap();
    let words = farm.act("replace-message", &FEE).await.unwrap();
    assert!(words.contains(&lowest), "{words}");
}

#[tokio::test]
async fn a_young_message_and_one_that_was_just_changed_are_not_replaced() {
    let farm = Farm::of("c", json!({"trouble": "under_priced", "trouble_age_s": 590})).await;
    farm.refuses("replace-message", &FEE, "younger than 10m").await;
    let farm = Farm::of("c", ill("under_priced")).await;
    assert!(farm.act("replace-message", &FEE).await.is_ok());
    farm.filecoin.set(&json!({"base_fee": "10000000"})).unwrap();
    let words = farm.act("replace-message", &FEE).await.unwrap_err();
    assert!(words.contains("was changed within the last 5m"), "{words}");
    assert_eq!(farm.changes(), once("Message.ReplaceMessage"));
}

#[tokio::test]
async fn a_message_that_does_not_wait_for_its_fee_is_not_replaced() {
    let farm = Farm::of("c", ill("stuck_filled")).await;
    farm.refuses("replace-message", &FEE, "it does not wait for its fee")
        .await;
}

#[tokio::test]
async fn a_replacement_that_would_wait_as_well_or_cannot_be_paid_is_not_made() {
    let farm = Farm::of("c", ill("under_priced")).await;
    let little = [("max_fee", "3856128000 attoFIL")];
    farm.filecoin.set(&json!({"base_fee": "101"})).unwrap();
    farm.refuses("replace-message", &little, "a replacement would wait as well")
        .await;
    farm.filecoin.sender(&json!({"balance": "9999999999999999"})).unwrap();
    farm.refuses("replace-message", &FEE, "less than it may cost").await;
    farm.filecoin.sender(&json!({"balance": null})).unwrap();
    farm.refuses("replace-message", &FEE, "is not known").await;
}

#[tokio::test]
async fn without_a_wallet_that_is_seen_to_sign_nothing_is_replaced() {
    let farm = Farm::of("c", ill("under_priced")).await;
    farm.filecoin
        .gateway
        .set(json!({"incident": "lost_wallet"}))
        .await
        .unwrap();
    farm.refuses("replace-message", &FEE, "no wallet that is connected")
        .await;
    farm.filecoin.gateway.set(json!({"incident": "down"})).await.unwrap();
    farm.refuses("replace-message", &FEE, "no gateway tells").await;
}

#[tokio::test]
async fn a_messager_whose_version_is_not_told_replaces_nothing() {
    let farm = Farm::of("c", ill("under_priced")).await;
    farm.messager(json!({"errors": {"Message.Version": "not now"}})).await;
    farm.refuses("replace-message", &FEE, "does not tell its version").await;
}

#[tokio::test]
async fn only_old_messages_with_an_error_of_the_chain_are_given_up() {
    for (error, age, part) in [
        (REFUSED, 1700, "it is not older than 30m"),
        (
            "message execution failed: exit 18",
            2400,
            "(gas_estimate, forbidden) is not one of `exit_codes`",
        ),
        (
            "call raised: connection refused",
            2400,
            "(gas_estimate) is not one of `exit_codes`",
        ),
    ] {
        let farm = Farm::of("c", failing(error, age, 7)).await;
        farm.refuses("mark-bad-message", &REASONS, part).await;
    }
    // The same number in an error of signing is none of the chain's.
    let farm = Farm::of("c", json!({})).await;
    let unsigned = json!({"error": "sign message failed: exit 16", "age_s": 2400});
    farm.filecoin.put(&unsigned).unwrap();
    farm.refuses("mark-bad-message", &REASONS, "(sign, illegal_argument) is not one of")
        .await;
}

#[tokio::test]
async fn what_was_filled_or_signed_is_never_given_up() {
    let farm = Farm::of("c", failing(REFUSED, 2400, 7)).await;
    let id = farm.ids().remove(0);
    let row = |state: u64, nonce: u64, signed: serde_json::Value| {
        json!({"ID": id, "From": farm.sender(), "To": "f01000", "Nonce": nonce, "State": state, "SignedCid": signed,
            "ErrorMsg": "gas estimate: exit 16", "CreatedAt": "2024-06-13T19:01:04Z"})
    };
    for (row, part) in [
        (row(2, 1000, json!({"/": "bafy2"})), "it is filled by now"),
        (row(1, 1000, json!(null)), "would leave a gap"),
        (row(1, 0, json!({"/": "bafy2"})), "would leave a gap"),
    ] {
        farm.messager(json!({"results": {"Message.GetMessageByUid": row}}))
            .await;
        farm.refuses("mark-bad-message", &REASONS, part).await;
    }
}

#[tokio::test]
async fn a_proof_is_given_up_only_when_its_window_has_closed() {
    // 4,000,000 is 40 epochs into a window of 60; 80 epochs ago another one was open.
    let farm = Farm::of("c", failing(REFUSED, 2400, 5)).await;
    let window = |open: u64| json!({"Open": open, "Close": open + 60});
    let at = |open: u64| json!({"results": {"Filecoin.StateMinerProvingDeadline": window(open)}});
    farm.filecoin.node.set(at(3_999_915)).await.unwrap();
    farm.refuses("mark-bad-message", &REASONS, "a window that may still be open")
        .await;
    farm.filecoin
        .node
        .set(json!({"results": {"Filecoin.StateMinerProvingDeadline": {}}}))
        .await
        .unwrap();
    farm.refuses("mark-bad-message", &REASONS, "whether that has closed is not known")
        .await;
    farm.filecoin.node.set(at(3_999_950)).await.unwrap();
    assert!(farm.act("mark-bad-message", &REASONS).await.is_ok());
}

#[tokio::test]
async fn a_token_for_repairs_is_tried_before_anything_is_ill() {
    let upstream = Upstream::from_system().unwrap();
    for era in ["a", "c"] {
        let mut farm = Farm::of(era, json!({})).await;
        let tried = crate::remedy::hands::venus::try_tokens(&farm.target, &[], &upstream).await;
        assert_eq!(tried.len(), 2, "{tried:?}");
        assert!(tried.iter().all(|one| one.said.is_ok()), "{tried:?}");
        assert!(
            tried[0]
                .thing
                .starts_with("venus-1: the token for repairs of messager "),
            "{tried:?}"
        );
        assert!(
            tried[0].said.as_ref().unwrap().contains("with the permission admin"),
            "{tried:?}"
        );
        std::fs::write(farm.target.act_token_file.as_ref().unwrap(), "bogus.bogus.bogus").unwrap();
        let tried = crate::remedy::hands::venus::try_tokens(&farm.target, &[], &upstream).await;
        assert!(tried[0].said.is_err(), "{tried:?}");
        farm.target.act_token_file = Some(kept(&farm.directory, "act", &farm.filecoin.token(Perm::Read)));
        let tried = crate::remedy::hands::venus::try_tokens(&farm.target, &[], &upstream).await;
        assert!(tried[0].said.as_ref().unwrap_err().contains("only reads"), "{tried:?}");
        farm.target.act_token_file = Some(kept(&farm.directory, "act", &farm.filecoin.token(Perm::Write)));
        let republishes = ["republish-message"];
        let tried = crate::remedy::hands::venus::try_tokens(&farm.target, &republishes, &upstream).await;
        let words = tried[0].said.as_ref().unwrap_err();
        assert!(words.contains("republish-message of a policy needs admin"), "{words}");
        assert!(tried[1].said.is_ok(), "{tried:?}");
        assert_eq!(farm.changes(), BTreeMap::new());
    }
}
