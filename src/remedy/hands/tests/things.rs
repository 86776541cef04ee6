use super::*;
use crate::actions::units::testing::systemd;
use crate::collectors::prb;
use crate::collectors::prb::testing::{round, worker};
use crate::collectors::prb::worker::Status;

async fn run(hands: &Hands, action: &str, with: &[(&str, &str)]) -> Result<String, String> {
    hands
        .run(&plan(action, "host-1", "", with), &Book::default())
        .await
        .map_err(|undone| undone.to_string())
}

#[tokio::test]
async fn a_container_is_restarted_stopped_and_started_and_told_as_it_was() {
    let engine = Engine::with(&["samba"]);
    let hands = hands(&settings(&engine, &json!({})), &Arc::default());
    let with = [("container", "samba")];
    let words = [
        (
            "restart-container",
            "restarted samba at farm-1 (was running since 2026-11-21T14:00:01Z)",
        ),
        (
            "stop-container",
            "stopped samba at farm-1 (was running since 2026-11-21T14:00:02Z)",
        ),
        ("stop-container", "samba at farm-1 was stopped already"),
        (
            "start-container",
            "started samba at farm-1 (was stopped, last started 2026-11-21T14:00:02Z)",
        ),
        (
            "start-container",
            "samba at farm-1 ran already (was running since 2026-11-21T14:00:03Z)",
        ),
    ];
    for (action, words) in words {
        assert_eq!(run(&hands, action, &with).await.as_deref(), Ok(words));
    }
}

#[tokio::test]
async fn what_is_not_listed_or_not_known_is_refused_before_anything_is_asked() {
    let engine = Engine::with(&["samba"]);
    let hands = hands(&settings(&engine, &json!({})), &Arc::default());
    for (action, with) in [
        ("restart-container", vec![("container", "postgres")]),
        ("restart-container", vec![("container", "../samba")]),
        ("restart-container", vec![("container", "samba"), ("engine", "farm-2")]),
        ("restart-container", vec![]),
        ("restart-unit", vec![("unit", "sshd.service")]),
        ("restart-machine", vec![]),
        ("restart-stack", vec![]),
        ("restart-worker", vec![]),
    ] {
        let words = run(&hands, action, &with).await.unwrap_err();
        assert!(words.starts_with("nothing was done: "), "{words}");
    }
    assert!(engine.socket.asked().is_empty());
    assert_eq!(run(&hands, "notify", &[]).await.unwrap(), "told; nothing was changed");
}

#[tokio::test]
async fn a_unit_is_restarted_and_told_as_it_was() {
    let engine = Engine::with(&[]);
    let settings = settings(&engine, &json!({"units": {"allowed": ["phala-node.service"]}}));
    let hands = hands(&settings, &Arc::default());
    let systemd = systemd().await;
    let tools = Tools::new(&settings, &hands.upstream).unwrap();
    hands.replace(Prepared(tools.with_units(systemd.units.clone())));
    let words = run(&hands, "restart-unit", &[("unit", "phala-node.service")]).await;
    let expected = "restarted phala-node.service (was running since 2023-11-14T22:13:20Z)";
    assert_eq!(words.as_deref(), Ok(expected));
    assert_eq!(systemd.state.lock().unwrap().asked, ["subscribe", "restart fail"]);
}

#[tokio::test]
async fn a_failure_says_whether_something_was_changed() {
    let engine = Engine::with(&["samba"]);
    let settings = settings(&engine, &json!({}));
    engine.containers.lock().unwrap().clear();
    let hands = hands(&settings, &Arc::default());
    let words = run(&hands, "restart-container", &[("container", "samba")])
        .await
        .unwrap_err();
    assert!(
        words.contains("no such container") && words.ends_with("nothing was changed"),
        "{words}"
    );
}

#[tokio::test]
async fn what_is_reloaded_holds_from_the_next_action_on() {
    let engine = Engine::with(&["samba"]);
    let mut listed = settings(&engine, &json!({}));
    let hands = hands(&listed, &Arc::default());
    listed.engines[0].containers.clear();
    let prepared = hands.prepare(&listed).unwrap();
    let with = [("container", "samba")];
    assert!(run(&hands, "restart-container", &with).await.is_ok());
    hands.replace(prepared);
    assert!(run(&hands, "restart-container", &with).await.is_err());
}

#[test]
fn an_engine_whose_certificates_cannot_be_read_is_told_at_once() {
    let engine = json!([{
        "name": "farm-2", "address": "127.0.0.1:2376", "containers": ["samba"],
        "ca_file": "/no/such/ca.pem", "cert_file": "/no/such/cert.pem", "key_file": "/no/such/key.pem"
    }]);
    let settings = Settings {
        engines: serde_json::from_value(engine).unwrap(),
        ..Settings::default()
    };
    let upstream = Upstream::from_system().unwrap();
    let words = Hands::new(&settings, &upstream, Arc::default(), Clock::system())
        .err()
        .unwrap();
    assert!(
        words.contains("engine farm-2") && words.contains("/no/such/ca.pem"),
        "{words}"
    );
}

/// A PRB at the tip, whose workers get blocks or do not.
fn prb_that_feeds(store: &Arc<Store>, feeds: bool) {
    let target = json!({"name": "prb-1", "monitor": "http://127.0.0.1:1"});
    let mut shown: Shown<prb::Prb> = Shown::new(store, &serde_json::from_value(target).unwrap());
    let status = if feeds { Status::Active } else { Status::Error };
    let workers = (0..4).map(|number| worker(number, status, Some(100))).collect();
    round(&mut shown.snapshot, 100, workers, Shown::<prb::Prb>::now());
    shown.show();
}

#[tokio::test]
async fn a_lifecycle_is_not_stopped_by_itself_while_it_feeds_blocks() {
    for feeds in [true, false] {
        let engine = Engine::with(&["bridge_lifecycle_1"]);
        let stacks = json!([{"name": "prb", "prb": "prb-1", "group": [{"container": "bridge_lifecycle_1"}]}]);
        let store = Arc::default();
        prb_that_feeds(&store, feeds);
        let hands = hands(&settings(&engine, &json!({"stacks": stacks})), &store);
        let outcome = run(&hands, "restart-container", &[("container", "bridge_lifecycle_1")]).await;
        assert_eq!(outcome.is_err(), feeds, "{outcome:?}");
        assert_eq!(engine.did().is_empty(), feeds);
        if let Err(words) = outcome {
            assert!(
                words.contains("was left alone: lifecycle feeds blocks: 4 of its 4"),
                "{words}"
            );
        }
    }
}
