use proptest::prelude::*;

use super::*;
use crate::clock::UnixTime;
use crate::collectors::prb::message::Kind;
use crate::collectors::prb::testing::made_up;
use crate::upstream::Reason;

fn recorded(name: &str) -> Vec<u8> {
    made_up("v3", name)
}

fn seconds(time: Option<UnixTime>) -> Option<f64> {
    time.map(UnixTime::as_secs_f64)
}

#[test]
fn workers_are_read_with_state_and_kind_of_message() {
    let listed = workers(&recorded("workers_status-2024")).unwrap();
    let told: Vec<_> = listed
        .rows
        .iter()
        .map(|worker| (worker.identity.name.as_str(), worker.status, worker.message.kind))
        .collect();
    assert_eq!(
        told,
        [
            ("192.168.2.1", Status::Active, Kind::Normal),
            ("192.168.2.2", Status::Syncing, Kind::Normal),
            ("192.168.2.3", Status::Error, Kind::NeedsRestart),
            ("192.168.2.4", Status::Error, Kind::Timeout),
            ("192.168.2.5", Status::Starting, Kind::Normal),
            ("192.168.2.6", Status::PreActive, Kind::ChainStep),
            ("192.168.2.7", Status::Active, Kind::Normal),
            ("192.168.2.8", Status::Starting, Kind::Normal),
            // The ninth is disabled, and so not run.
            ("192.168.2.10", Status::Unknown, Kind::Normal),
        ]
    );
    let first = &listed.rows[0];
    assert_eq!(first.identity.pool, Some(88));
    assert_eq!(first.identity.endpoint, "http://192.168.2.1:8000");
    assert_eq!(first.identity.stake, Some(Plancks(10_000_000_000_000)));
    assert_eq!(first.public_key.as_deref(), Some("01".repeat(32).as_str()));
    assert_eq!(first.info.pruntime_version.as_deref(), Some("2.2.1"));
    assert_eq!(listed.rows[6].identity.pool, None);
}

#[test]
fn heights_are_those_reached_and_not_those_expected_next() {
    let listed = workers(&recorded("workers_status-2024")).unwrap();
    let heights = Heights {
        relay_header: Some(15_748_062),
        para_header: Some(2_905_266),
        para_block: Some(2_905_266),
    };
    assert_eq!(listed.rows[0].heights, heights);
    // Without an answer of pRuntime, and before it is initialized.
    assert_eq!(listed.rows[4].heights, Heights::default());
    assert_eq!(listed.rows[8].heights, Heights::default());
}

#[test]
fn numbers_of_128_bit_are_exact() {
    let listed = workers(&recorded("workers_status-2024")).unwrap();
    let session = listed.rows[0].info.session.unwrap();
    assert_eq!(session.state, Some(SessionState::Idle));
    assert_eq!(session.reward, Some(Plancks(u128::MAX)));
    assert_eq!(session.ve, Some(3000.0));
    assert!((session.v.unwrap() - 3_054.210_108_6).abs() < 1e-6);
    assert_eq!((session.p_initial, session.p_instant), (Some(1520), Some(1490)));
    assert_eq!(seconds(session.challenged), Some(1_703_063_600.0));
    assert_eq!(session.cool_down_started, None);
    let cooling = listed.rows[7].info.session.unwrap();
    assert_eq!(seconds(cooling.cool_down_started), Some(1_703_000_000.0));
    assert_eq!(listed.rows[1].info.session, None);
}

#[test]
fn builds_of_2023_are_read_too() {
    let listed = workers(&recorded("workers_status-2023")).unwrap();
    let kinds: Vec<_> = listed.rows.iter().map(|worker| worker.message.kind).collect();
    assert_eq!(
        kinds,
        [Kind::Normal, Kind::UnresponsiveNotice, Kind::BlockNumberMismatch]
    );
    assert_eq!(seconds(listed.rows[0].message.at), Some(1_682_935_200.0));
}

#[test]
fn what_happened_after_an_error_does_not_hide_it() {
    let json = r#"{"workers":[{"worker":{"id":"a","name":"a"},"state":{"HasError":"Need Restart Manually!"},
        "last_message":"[2023-05-01 10:00:00.5 +00:00] Working now."}]}"#;
    let listed = workers(json.as_bytes()).unwrap();
    let message = &listed.rows[0].message;
    assert_eq!(
        (message.kind, message.text.as_str()),
        (Kind::NeedsRestart, "Need Restart Manually!")
    );
    assert_eq!(seconds(message.at), Some(1_682_935_200.0));
}

#[test]
fn what_nobody_expects_costs_only_itself() {
    let json = r#"{"more":1,"workers":[
        {"worker":{"id":"a","name":"a","pid":"88","stake":1,"new":{}},"state":{"HasError":7},"phactory_info":"x",
            "last_message":{"a":1},"session_info":[1]},
        {"worker":{"id":"b","name":"b","pid":-1,"stake":1.5},"state":7,
            "session_info":{"state":"WorkerDreaming","v":-1,"ve":1.5,"benchmark":7,"stats":{"total_reward":"x"}}},
        {"worker":{"id":"a","name":"again"}},
        {"worker":{"name":"c"}}, {"worker":null}, {"worker":7}, {}]}"#;
    let listed = workers(json.as_bytes()).unwrap();
    assert_eq!((listed.rows.len(), listed.duplicates, listed.nameless), (2, 1, 4));
    let (first, second) = (&listed.rows[0], &listed.rows[1]);
    assert_eq!((first.status, first.identity.pool), (Status::Error, Some(88)));
    assert_eq!((first.heights, first.info.session), (Heights::default(), None));
    assert_eq!((second.status, second.identity.pool), (Status::Unknown, None));
    assert_eq!(second.info.session, Some(Session::default()));
}

#[test]
fn pools_come_with_their_workers() {
    let inventory = inventory(&recorded("wm_config-GetAllPoolsWithWorkers")).unwrap();
    let pools: Vec<_> = inventory
        .pools
        .iter()
        .map(|pool| (pool.number, pool.enabled, pool.sync_only))
        .collect();
    assert_eq!(
        pools,
        [
            (Some(88), true, false),
            (Some(89), true, false),
            (Some(90), false, true)
        ]
    );
    let enabled = inventory.workers.rows.iter().filter(|worker| worker.enabled).count();
    assert_eq!((inventory.workers.rows.len(), enabled), (9, 8));
}

#[test]
fn the_revision_tells_a_worker_manager_from_others() {
    assert_eq!(revision(&recorded("wm_status")).unwrap(), "654b1b6");
    for other in ["", "{}", "<html>", r#"{"git_revision":7}"#] {
        assert_eq!(
            revision(other.as_bytes()).unwrap_err().reason(),
            Reason::Malformed,
            "{other}"
        );
    }
}

#[test]
fn an_answer_without_workers_is_an_error_and_not_a_manager_without_workers() {
    assert_eq!(workers(br#"{"workers":[]}"#).unwrap().rows, []);
    for bad in ["{}", "[]", "null", r#"{"workers":null}"#, "<html>"] {
        assert!(workers(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn an_error_repeats_nothing_of_the_answer() {
    for parse in [
        |json: &[u8]| workers(json).map(drop),
        |json: &[u8]| inventory(json).map(drop),
        |json: &[u8]| revision(json).map(drop),
    ] {
        let fault = parse(b"\"SIMFARM-SECRET-KEYSTORE\"").unwrap_err();
        assert!(!fault.to_string().contains("SECRET"), "{fault}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(workers(&bytes));
        drop(inventory(&bytes));
        drop(revision(&bytes));
    }

    #[test]
    fn any_values_in_the_fields_are_read(a in ".*", number in any::<f64>(), wide in any::<u128>(), list in any::<Vec<i64>>()) {
        for value in [serde_json::json!(a), serde_json::json!(number), serde_json::json!(list), Value::Null] {
            let json = serde_json::json!({"workers": [{"worker": {"id": "a", "name": "a", "pid": value, "stake": value},
                "state": value, "phactory_info": {"initialized": true, "blocknum": value}, "last_message": value,
                "session_info": {"state": "Ready", "v": value, "v_updated_at": value, "cool_down_start": value}}]});
            prop_assert!(workers(json.to_string().as_bytes()).is_ok());
        }
        let json = format!("{{\"workers\":[{{\"worker\":{{\"id\":\"a\",\"name\":\"a\"}},\"session_info\":\
            {{\"state\":\"Ready\",\"stats\":{{\"total_reward\":{wide}}}}}}}]}}");
        let session = workers(json.as_bytes()).unwrap().rows[0].info.session.unwrap();
        prop_assert_eq!(session.reward, Some(Plancks(wide)));
    }

    #[test]
    fn an_answer_that_is_cut_off_is_an_error(end in 0_usize..5000) {
        let whole = recorded("workers_status-2024");
        prop_assert!(workers(whole.get(..end).unwrap()).is_err());
    }
}
