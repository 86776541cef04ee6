use proptest::prelude::*;

use super::*;
use crate::collectors::prb::message::Kind;
use crate::collectors::prb::session::SessionState;
use crate::collectors::prb::testing::made_up;
use crate::collectors::prb::worker::Status;
use crate::upstream::Reason;

fn recorded(name: &str) -> Vec<u8> {
    made_up("v0", name)
}

#[test]
fn a_fetchers_heights_are_read_and_minus_one_is_none() {
    let well = provider(&recorded("callOnlineFetcher")).unwrap();
    assert_eq!(well.state, ProviderState::Idle);
    let values = |stages: Stages| stages.named().map(|(_, height)| height);
    assert_eq!(
        values(well.para),
        [Some(2_905_270), None, Some(2_905_268), Some(2_905_190)]
    );
    assert_eq!(well.relay.behind(), Some(2));
    let started = provider(&recorded("callOnlineFetcher-just_started")).unwrap();
    assert_eq!(
        (started.state, values(started.para)),
        (ProviderState::Syncing, [None; 4])
    );
}

#[test]
fn a_fetcher_that_says_it_is_synched_is_judged_by_its_heights() {
    let state = |para: i64| {
        let json = serde_json::json!({"content": {"fetcherStateUpdate": {"paraKnownHeight": 100, "paraBlobHeight": para,
            "parentKnownHeight": 200, "parentBlobHeight": 200, "synched": true}}});
        provider(json.to_string().as_bytes()).unwrap().state
    };
    assert_eq!(state(98), ProviderState::Idle);
    assert_eq!(state(97), ProviderState::Syncing);
    assert_eq!(state(-1), ProviderState::Unknown);
}

#[test]
fn states_are_joined_with_the_rows_that_say_more() {
    let stored = inventory(&recorded("callOnlineLifecycleManager")).unwrap();
    let enabled: Vec<_> = stored.workers.rows.iter().map(|row| row.enabled).collect();
    assert_eq!(enabled, [true, true, true, false, true]);
    assert_eq!((stored.pools.len(), stored.pools[0].number), (1, Some(88)));
    let states = worker_states(&recorded("queryWorkerState")).unwrap();
    let listed = joined(states, &stored.workers.rows);
    let told: Vec<_> = listed
        .rows
        .iter()
        .map(|worker| (worker.status, worker.message.kind, worker.heights.para_block))
        .collect();
    assert_eq!(
        told,
        [
            (Status::Active, Kind::Normal, Some(2_905_268)),
            (Status::Error, Kind::Timeout, Some(2_900_000)),
            (Status::Syncing, Kind::Normal, None),
        ]
    );
    let first = &listed.rows[0];
    assert!(first.identity.enabled && first.message.at.is_some());
    assert_eq!(first.info.session.unwrap().state, Some(SessionState::Idle));
    assert_eq!(listed.rows[2].info.session, None);
}

#[test]
fn a_worker_that_comes_twice_counts_once() {
    let states = worker_states(&recorded("queryWorkerState")).unwrap();
    let twice = [states.clone(), states].concat();
    let listed = joined(twice, &[]);
    assert_eq!((listed.rows.len(), listed.duplicates), (3, 3));
}

#[test]
fn an_error_inside_the_envelope_is_the_components_own() {
    let refused = worker_states(&recorded("queryWorkerState-no_ids")).unwrap_err();
    assert_eq!(refused, Why::upstream("Error: No ids provided!"));
    assert_eq!(provider(&recorded("queryWorkerState-no_ids")).unwrap_err(), refused);
    for bad in ["{}", "[]", "<html>", r#"{"content":{}}"#, r#"{"content":{"error":7}}"#] {
        assert_eq!(
            worker_states(bad.as_bytes()).unwrap_err().reason(),
            Reason::Malformed,
            "{bad}"
        );
    }
    // Empty lists are left out.
    let none = br#"{"content":{"lifecycleManagerStateUpdate":{"hostname":"a"}}}"#;
    assert_eq!(inventory(none).unwrap().workers.rows, []);
}

#[test]
fn no_keystore_gets_further_than_the_parser() {
    let whole = recorded("callOnlineLifecycleManager");
    assert!(String::from_utf8_lossy(&whole).contains("SIMFARM-SECRET-KEYSTORE"));
    let inventory = inventory(&whole).unwrap();
    assert!(!format!("{inventory:?}").contains("SECRET"));
    let errors = [
        r#"{"content":{"error":{"extra":"Error: bad pool {\"polkadotJson\":\"SECRET\"}"}}}"#,
        r#"{"content":{"error":{"extra":"Error: bad words 'SECRET'"}}}"#,
        r#"{"content":{"lifecycleManagerStateUpdate":{"pools":["SECRET"]}}}"#,
        r#"{"content":{"lifecycleManagerStateUpdate":"SECRET"}}"#,
    ];
    for error in errors {
        let why = super::inventory(error.as_bytes()).unwrap_err();
        assert!(!why.to_string().contains("SECRET"), "{why}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(provider(&bytes));
        drop(inventory(&bytes));
        drop(worker_states(&bytes));
    }

    #[test]
    fn any_texts_in_the_fields_are_read(a in ".*", b in ".*") {
        let json = serde_json::json!({"content": {"workerStateUpdate": {"workerStates": [{"status": a,
            "worker": {"uuid": "a", "name": "a", "pid": b, "stake": a}, "lastMessage": b, "minerInfoJson": a,
            "paraBlockDispatchedTo": b}]}}});
        prop_assert_eq!(worker_states(json.to_string().as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn an_answer_that_is_cut_off_is_an_error(end in 0_usize..1000) {
        let whole = recorded("callOnlineLifecycleManager");
        prop_assert!(inventory(whole.get(..end).unwrap()).is_err());
    }
}
