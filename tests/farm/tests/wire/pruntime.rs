//! pRuntime: routes and failures of its generations, and the kick.

use serde_json::{Value, json};
use simfarm::{phala::identity, pruntime};
use tokio::net::TcpStream;

use crate::{
    common::{answered, ends, sent, status},
    prb_v2::parsed,
};

async fn runtime(patch: Value) -> pruntime::Runtime {
    let runtime = pruntime::Runtime::start("127.0.0.1:0").await.unwrap();
    runtime.set(json!({"block_time_ms": 0})).await.unwrap();
    runtime.set(patch).await.unwrap();
    runtime
}

#[tokio::test]
async fn pruntime_has_the_routes_of_its_generation() {
    let routes = ["GET /prpc/PhactoryAPI.GetInfo", "GET /info", "GET /get_info"];
    for (generation, codes) in [("0.2", [404, 404, 200]), ("2.0", [404, 200, 200]), ("2.2", [200; 3])] {
        let runtime = runtime(json!({"generation": generation})).await;
        for (line, code) in routes.into_iter().zip(codes) {
            let (head, body) = answered(runtime.addr(), line, "").await;
            assert_eq!(status(&head), code, "{generation} {line}");
            if code == 200 {
                let mut info = parsed(&body);
                if let Some(payload) = info["payload"].as_str() {
                    info = parsed(payload);
                }
                assert_eq!(
                    (&info["blocknum"], &info["initialized"]),
                    (&json!(2_905_271), &json!(true))
                );
                assert_eq!(info["public_key"], identity::hex(&identity::public_key("10.1.0.1")));
            }
        }
    }
}

#[tokio::test]
async fn pruntime_fails_in_the_way_of_each_route() {
    let runtime = runtime(json!({"incident": "error", "error_message": "RCU in progress"})).await;
    let (head, body) = answered(runtime.addr(), "GET /prpc/PhactoryAPI.GetInfo", "").await;
    assert_eq!(status(&head), 500);
    assert_eq!(parsed(&body)["error"], "ProtoError { message: \"RCU in progress\" }");
    let (head, body) = answered(runtime.addr(), "GET /get_info", "").await;
    let answer = parsed(&body);
    assert_eq!((status(&head), &answer["status"]), (200, &json!("error")));
    assert_eq!(
        parsed(answer["payload"].as_str().unwrap())["message"],
        "RCU in progress"
    );
    runtime.set(json!({"incident": "plain_payload"})).await.unwrap();
    let (_, body) = answered(runtime.addr(), "GET /get_info", "").await;
    assert!(parsed(&body)["payload"].as_str().unwrap().starts_with("Io error"));
    runtime.set(json!({"incident": "lock_failed"})).await.unwrap();
    let (head, body) = answered(runtime.addr(), "GET /info", "").await;
    assert!(status(&head) == 200 && serde_json::from_str::<Value>(&body).is_err());
    runtime
        .set(json!({"incident": "healthy", "initialized": false}))
        .await
        .unwrap();
    let (_, body) = answered(runtime.addr(), "GET /info", "").await;
    assert_eq!(
        (&parsed(&body)["system"], &parsed(&body)["public_key"]),
        (&Value::Null, &Value::Null)
    );
    let (head, body) = answered(runtime.addr(), "GET /prpc/PhactoryAPI.Statistics", "").await;
    assert!(status(&head) == 200 && parsed(&body)["uptime"].is_u64());
}

#[tokio::test]
async fn a_kick_ends_pruntime_only_where_it_is_enabled() {
    let runtime = runtime(json!({})).await;
    let (head, _) = answered(runtime.addr(), "POST /kick", "").await;
    assert_eq!(status(&head), 404);
    runtime.set(json!({"kick_api": true})).await.unwrap();
    let mut stream = sent(runtime.addr(), "POST /kick HTTP/1.1", "").await;
    assert!(ends(&mut stream).await);
    assert!(TcpStream::connect(runtime.addr()).await.is_err());
    runtime
        .set(json!({"incident": "healthy", "restart_ms": 0}))
        .await
        .unwrap();
    let mut stream = sent(runtime.addr(), "POST /kick HTTP/1.1", "").await;
    assert!(ends(&mut stream).await);
    while TcpStream::connect(runtime.addr()).await.is_err() {}
}
