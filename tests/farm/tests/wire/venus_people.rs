//! Miner service, gateway and auth: who mines, who is connected, who may.

use serde_json::{Value, json};
use simfarm::venus::{CUT, Perm, Venus};

use crate::{
    common::{answered, status},
    venus::{call, called, failure, result, sent, venus},
};

async fn miner(venus: &Venus, method: &str, params: Value) -> Value {
    result(venus, &venus.miner, &format!("Filecoin.{method}"), &params).await
}

async fn gateway(venus: &Venus, method: &str, params: Value) -> Value {
    result(venus, &venus.gateway, &format!("Gateway.{method}"), &params).await
}

async fn auth(venus: &Venus, line: &str, token: &str, body: &str) -> (u16, Value) {
    let (code, body) = sent(&venus.auth, line, token, body).await;
    (code, serde_json::from_str(&body).unwrap_or_default())
}

#[tokio::test]
async fn a_miner_is_well_errs_is_closed_or_is_gone() {
    let venus = venus(json!({"miners": 5})).await;
    for (at, trouble) in [(1, "errors"), (2, "not_built"), (3, "vanished"), (4, "no_prover")] {
        venus.one_miner(&json!({"at": at, "trouble": trouble})).unwrap();
    }
    let states = miner(&venus, "StatesForMining", json!([[]])).await;
    let ids: Vec<&Value> = states.as_array().unwrap().iter().map(|row| &row["Addr"]).collect();
    assert_eq!(ids, ["f01000", "f01001", "f01002", "f01004"]);
    assert_eq!(states[0], json!({"Addr": "f01000", "IsMining": true, "Err": null}));
    let error = states[1]["Err"][0].as_str().unwrap();
    assert!(
        error.ends_with(" mining timeout!") && error.as_bytes()[10] == b' ',
        "{error}"
    );
    assert_eq!(
        (&states[2]["IsMining"], &states[2]["Err"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(
        (&states[3]["IsMining"], states[3]["Err"].is_array()),
        (&json!(true), true)
    );
    let infos = miner(&venus, "ListAddress", json!([])).await;
    assert_eq!(infos[2]["OpenMining"], true);
    let unknown = miner(&venus, "StatesForMining", json!([["t01000", "f09"]])).await;
    assert_eq!(
        (&unknown[0]["Addr"], &unknown[1]["IsMining"]),
        (&json!("f01000"), &json!(false))
    );
    venus.user(&json!({"at": "li", "enabled": false})).unwrap();
    assert_eq!(miner(&venus, "StatesForMining", json!([[]])).await, json!([]));
}

#[tokio::test]
async fn start_and_stop_are_silent_about_strangers() {
    let venus = venus(json!({"miners": 2})).await;
    miner(&venus, "Stop", json!([["f01000", "f09"]])).await;
    miner(&venus, "Stop", json!([[]])).await;
    let open = async |venus: &Venus| {
        let infos: Value = miner(venus, "ListAddress", json!([])).await;
        [infos[0]["OpenMining"].clone(), infos[1]["OpenMining"].clone()]
    };
    assert_eq!(open(&venus).await, [json!(false), json!(true)]);
    let states = miner(&venus, "StatesForMining", json!([["f01000"]])).await;
    assert_eq!(states[0]["IsMining"], false);
    miner(&venus, "Start", json!([["f01000"]])).await;
    assert_eq!(open(&venus).await, [json!(true), json!(true)]);
    miner(&venus, "UpdateAddress", json!([0, 0])).await;
    assert_eq!(venus.miner.calls().of(CUT), 0);
    miner(&venus, "UpdateAddress", json!([0, 1])).await;
    assert_eq!(venus.miner.calls().of(CUT), 1);
}

#[tokio::test]
async fn the_miner_service_of_era_a_has_one_address_and_its_own_token() {
    let venus = venus(json!({"era": "a"})).await;
    let own = venus.miner.token();
    let (_, answer) = called(&venus.miner, &own, "Filecoin.Stop", &json!(["f09"])).await;
    assert_eq!(answer["error"]["message"], "f09 not exist");
    called(&venus.miner, &own, "Filecoin.Stop", &json!(["f01000"])).await;
    let (_, answer) = called(
        &venus.miner,
        "",
        "Filecoin.StatesForMining",
        &json!([["f01000", "f09"]]),
    )
    .await;
    assert_eq!(
        answer["result"],
        json!([{"Addr": "t01000", "IsMining": false, "Err": null}])
    );
    let (_, answer) = called(&venus.miner, "", "Filecoin.ListAddress", &json!([])).await;
    assert_eq!(answer["result"][0], json!({"Addr": "t01000", "Id": "", "Name": "li"}));
    called(&venus.miner, &own, "Filecoin.UpdateAddress", &json!([0, 0])).await;
    assert!(venus.settings().miners[0].open);
}

#[tokio::test]
async fn a_second_miner_service_mines_for_the_same_miner() {
    let venus = venus(json!({"miners": 2})).await;
    let second = venus.another("miner-2").await.unwrap();
    second.set(json!({"only": ["f01001"]})).await.unwrap();
    let states = result(&venus, &second, "Filecoin.StatesForMining", &json!([[]])).await;
    assert_eq!(states, json!([{"Addr": "f01001", "IsMining": true, "Err": null}]));
    assert_eq!(miner(&venus, "StatesForMining", json!([[]])).await[1], states[0]);
    assert!(venus.another("ghost").await.is_err());
}

#[tokio::test]
async fn records_and_blocks_are_there_when_they_are_enabled() {
    let venus = venus(json!({"miners": [{"wins_every": 10}]})).await;
    let query = json!([{"Miner": "f01000", "Epoch": 3_999_999, "Limit": 10}]);
    let (_, _, text) = failure(&venus, &venus.miner, "Filecoin.QueryRecord", &query).await;
    assert_eq!(text, "recorder disabled");
    let blocks = json!([{"Miners": ["f01000"], "Limit": 3, "Offset": 0}]);
    let (_, _, text) = failure(&venus, &venus.miner, "Filecoin.ListBlocks", &blocks).await;
    assert_eq!(text, "you are using levelDB, List Block is not supported");
    venus
        .miner
        .set(json!({"recorder": true, "blocks_listed": true}))
        .await
        .unwrap();
    let records = miner(&venus, "QueryRecord", query).await;
    let seen: Vec<[&Value; 2]> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|row| [&row["epoch"], &row["winCount"]])
        .collect();
    assert_eq!(
        seen,
        [[&json!("3999999"), &json!("0")], [&json!("4000000"), &json!("1")]]
    );
    let listed = miner(&venus, "ListBlocks", blocks).await;
    let epochs: Vec<&Value> = listed.as_array().unwrap().iter().map(|row| &row["Epoch"]).collect();
    assert_eq!(epochs, [4_000_000, 3_999_990, 3_999_980]);
    let many = json!([{"Miner": "f01000", "Epoch": 1, "Limit": 289}]);
    let (_, _, text) = failure(&venus, &venus.miner, "Filecoin.QueryRecord", &many).await;
    assert_eq!(text, "query exceed MaxRecordPerQuery(288)");
}

#[tokio::test]
async fn the_gateway_lists_who_is_connected() {
    let venus = venus(json!({"miners": 2, "senders": 3})).await;
    let wallets = gateway(&venus, "ListWalletInfo", json!([])).await;
    assert_eq!(wallets[0]["Account"], "li");
    assert_eq!(
        wallets[0]["ConnectStates"][0]["Addrs"].as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(
        gateway(&venus, "ListConnectedMiners", json!([])).await,
        json!(["f01000", "f01001"])
    );
    venus
        .one_miner(&json!({"at": "f01001", "provers": 2, "requests": 29, "markets": 0}))
        .unwrap();
    let connections = gateway(&venus, "ListMinerConnection", json!(["f01001"])).await;
    assert_eq!(
        (
            &connections["ConnectionCount"],
            &connections["Connections"][1]["RequestCount"]
        ),
        (&json!(2), &json!(29))
    );
    assert_eq!(connections["Connections"][0]["Addrs"], Value::Null);
    let markets = gateway(&venus, "ListMarketConnectionsState", json!([])).await;
    assert_eq!(markets.as_array().map(Vec::len), Some(1));
    venus
        .gateway
        .set(json!({"incident": "lost_prover", "lost": ["f01001"]}))
        .await
        .unwrap();
    let (_, _, text) = failure(
        &venus,
        &venus.gateway,
        "Gateway.ListMinerConnection",
        &json!(["f01001"]),
    )
    .await;
    assert_eq!(text, "miner f01001 not exit");
    let states = miner(&venus, "StatesForMining", json!([[]])).await;
    assert_eq!((&states[0]["Err"], states[1]["Err"].is_array()), (&Value::Null, true));
    let (_, _, text) = failure(
        &venus,
        &venus.gateway,
        "Gateway.ListWalletInfoByWallet",
        &json!(["wang"]),
    )
    .await;
    assert_eq!(text, "wallet wang not exit");
}

#[tokio::test]
async fn the_gateway_has_the_paths_of_its_release_and_passes_on() {
    let venus = venus(json!({})).await;
    let token = venus.token(Perm::Admin);
    let body = call("Gateway.ListConnectedMiners", &json!([]));
    for (version, codes) in [
        ("1.1", [200, 404, 404]),
        ("1.8", [200, 200, 404]),
        ("1.9", [404, 200, 200]),
    ] {
        venus.gateway.set(json!({"version": version})).await.unwrap();
        for (path, code) in ["/rpc/v0", "/rpc/v1", "/rpc/v2"].into_iter().zip(codes) {
            let (seen, _) = sent(&venus.gateway, &format!("POST {path}"), &token, &body).await;
            assert_eq!(seen, code, "{version} {path}");
        }
    }
    venus.gateway.set(json!({"version": "1.18"})).await.unwrap();
    let through =
        |name: &str| format!("POST /rpc/v0\r\nauthorization: Bearer {token}\r\nx-venus-api-namespace: {name}");
    let body = call("Message.ListAddress", &json!([]));
    let (head, seen) = answered(venus.gateway.addr(), &through("messager.IMessager"), &body).await;
    assert!(status(&head) == 200 && seen.contains("selMsgNum"), "{seen}");
    let (head, seen) = answered(venus.gateway.addr(), &through("x"), &body).await;
    assert!(
        status(&head) == 400 && seen.starts_with("header(x): invalid venus proxy header"),
        "{seen}"
    );
}

#[tokio::test]
async fn auth_verifies_anybody_and_lists_for_admins() {
    let venus = venus(json!({"users": [{}, {"name": "wang", "enabled": false}]})).await;
    let admin = venus.token(Perm::Admin);
    let verify = |token: &str| json!({"token": token}).to_string();
    let (code, answer) = auth(&venus, "POST /verify", "", &verify(&venus.token(Perm::Read))).await;
    assert_eq!((code, answer), (200, json!({"name": "li", "perm": "read", "ext": ""})));
    let (code, answer) = auth(&venus, "POST /verify", "", &verify("a.b.c")).await;
    assert_eq!((code, &answer["error"]), (401, &json!("A non-registered token")));
    let list = "GET /user/list?skip=0&limit=1000&state=0";
    let (_, users) = auth(&venus, list, &admin, "").await;
    let states: Vec<&Value> = users.as_array().unwrap().iter().map(|user| &user["state"]).collect();
    assert_eq!(states, [1, 2]);
    let (_, disabled) = auth(&venus, "GET /user/list?skip=0&limit=1000&state=2", &admin, "").await;
    assert_eq!(disabled[0]["name"], "wang");
    let (code, answer) = auth(&venus, list, "", "").await;
    let words = "need admin prem: permission not found";
    assert_eq!((code, &answer["error"]), (400, &json!(words)));
    let (_, tokens) = auth(&venus, "GET /tokens?skip=0&limit=2", &admin, "").await;
    assert_eq!(
        (tokens.as_array().map(Vec::len), &tokens[0]["perm"]),
        (Some(2), &json!("admin"))
    );
    let (_, owner) = auth(&venus, "GET /user/miner?miner=t01000", &admin, "").await;
    assert_eq!(owner["name"], "li");
    let (_, miners) = auth(&venus, "GET /user/miner/list?user=li", &admin, "").await;
    assert_eq!(
        (&miners[0]["Miner"], &miners[0]["OpenMining"]),
        (&json!("f01000"), &json!(true))
    );
    assert_eq!(auth(&venus, "GET /nowhere", "", "").await.0, 401);
    assert_eq!(
        auth(&venus, "GET /healthcheck", "", "").await,
        (200, json!({"status": "OK"}))
    );
    venus.auth.set(json!({"incident": "database_down"})).await.unwrap();
    let (code, answer) = auth(&venus, "POST /verify", "", &verify(&admin)).await;
    assert!(code == 400 && answer["error"].as_str().unwrap().starts_with("dial tcp"));
}

#[tokio::test]
async fn auth_was_open_once_and_counted_its_states_otherwise() {
    let venus = venus(json!({"era": "b", "users": [{"enabled": false}]})).await;
    let (code, users) = auth(&venus, "GET /user/list?skip=0&limit=1000", "", "").await;
    assert_eq!(
        (code, &users[0]["state"], users[0].get("sourceType").is_some()),
        (200, &json!(0), true)
    );
    assert_eq!(
        auth(&venus, "GET /version", "", "").await.1["Version"],
        "1.8.0+git.1a2b3c4"
    );
    assert_eq!(auth(&venus, "GET /healthcheck", "", "").await.0, 404);
    venus.set(&json!({"era": "a"})).unwrap();
    assert_eq!(auth(&venus, "GET /version", "", "").await.0, 404);
}
