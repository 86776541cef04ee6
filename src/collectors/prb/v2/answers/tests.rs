use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::collectors::prb::amount::Plancks;
use crate::collectors::prb::message::Kind;
use crate::collectors::prb::session::{Info, SessionState};
use crate::collectors::prb::worker::{Heights, Status};
use crate::upstream::Reason;

fn recorded(name: &str) -> Vec<u8> {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collectors/prb/fixtures/v2");
    std::fs::read(room.join(format!("{name}.json"))).unwrap()
}

#[test]
fn peers_are_found_with_role_and_address() {
    let peers = discovered(&recorded("discover-peers")).unwrap();
    let told: Vec<_> = peers
        .iter()
        .map(|peer| (peer.role, peer.hostname.as_str(), peer.address.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Role::DataProvider, "data_provider", "127.0.0.1"),
            (Role::Lifecycle, "lifecycle_2", "127.0.0.1"),
            (Role::Lifecycle, "lifecycle", "127.0.0.1"),
            (Role::Lifecycle, "lifecycle_3", "127.0.0.1"),
            (Role::Lifecycle, "lifecycle_4", "127.0.0.1"),
        ]
    );
    assert_eq!(peers[0].id.tail(), "qDJg2Q");
    assert_eq!(discovered(&recorded("discover-empty")).unwrap(), []);
}

#[test]
fn an_id_that_does_not_belong_into_a_path_is_left_out_and_one_that_comes_twice_counts_once() {
    let json = r#"{"dataProviders":[{"peerId":"../x"},{"peerId":""},{"peerId":"Qm1"},{"peerId":"Qm1"}],
        "lifecycleManagers":[{"peerId":"Qm1","remoteAddr":"nowhere"}],"more":1}"#;
    let peers = discovered(json.as_bytes()).unwrap();
    assert_eq!(peers.len(), 1);
    assert_eq!((peers[0].role, peers[0].address.as_str()), (Role::DataProvider, ""));
    assert!(discovered(b"{}").is_err());
}

#[test]
fn a_providers_heights_are_read_and_minus_one_is_none() {
    let idle = provider(&recorded("GetDataProviderInfo-idle")).unwrap();
    assert_eq!(idle.state, ProviderState::Idle);
    let values = |stages: Stages| stages.named().map(|(_, height)| height);
    assert_eq!(
        values(idle.para),
        [Some(2_905_270), Some(2_905_270), Some(2_905_268), Some(2_905_190)]
    );
    assert_eq!(idle.relay.behind(), Some(2));
    let started = provider(&recorded("GetDataProviderInfo-just_started")).unwrap();
    assert_eq!((values(started.para), started.para.behind()), ([None; 4], None));
    let syncing = provider(&recorded("GetDataProviderInfo-targets_known")).unwrap();
    assert_eq!(
        (syncing.state, syncing.para.target),
        (ProviderState::Syncing, Some(2_905_265))
    );
}

#[test]
fn workers_are_read_with_state_heights_message_and_session() {
    let listed = worker_states(&recorded("GetWorkerStatus-several")).unwrap();
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
            ("192.168.2.3", Status::Error, Kind::BlockNumberMismatch),
            ("192.168.2.4", Status::Error, Kind::Timeout),
            ("192.168.2.5", Status::Kicked, Kind::Normal),
            ("192.168.2.6", Status::Error, Kind::ConnRefused),
            ("192.168.2.7", Status::Synced, Kind::SyncOnly),
            ("192.168.2.8", Status::Active, Kind::UnresponsiveNotice),
            ("192.168.2.10", Status::PreActive, Kind::ChainStep),
            ("192.168.2.11", Status::Synced, Kind::CoolingDown),
            ("192.168.2.12", Status::Error, Kind::WrongPool),
        ]
    );
    let first = &listed.rows[0];
    assert_eq!(first.identity.pool, Some(88));
    assert_eq!(first.identity.stake, Some(Plancks(10_000_000_000_000)));
    assert_eq!(first.heights.relay_header, Some(15_748_062));
    assert_eq!(first.info.pruntime_version.as_deref(), Some("0.2.3"));
    assert!(first.message.at.is_some() && first.account.is_some());
    let session = first.info.session.unwrap();
    assert_eq!(session.state, Some(SessionState::Idle));
    assert_eq!(session.reward, Some(Plancks(123_456_700_000_000)));
    let never_reached = &listed.rows[3];
    assert_eq!(
        (never_reached.heights, never_reached.public_key.as_ref()),
        (Heights::default(), None)
    );
    assert_eq!(never_reached.info.session, None);
}

#[test]
fn a_worker_that_is_not_bound_has_no_account() {
    let listed = worker_states(&recorded("GetWorkerStatus-no_session")).unwrap();
    assert_eq!((&listed.rows[0].account, listed.rows[0].info.session), (&None, None));
}

#[test]
fn a_state_without_a_worker_is_counted_and_one_without_a_status_is_unknown() {
    let deleted = worker_states(&recorded("GetWorkerStatus-no_context")).unwrap();
    assert_eq!((deleted.rows.len(), deleted.nameless), (0, 1));
    let early = worker_states(&recorded("GetWorkerStatus-no_status_yet")).unwrap();
    assert_eq!(early.rows[0].status, Status::Unknown);
}

#[test]
fn older_spellings_and_unknown_ones_are_read() {
    let json = r#"{"data":{"workerStates":[
        {"status":"S_MINING","worker":{"uuid":"a","name":"w","pid":88,"colour":"red"},"paraBlockDispatchedTo":-1,
         "paraHeaderSynchedTo":4294967295,"parentHeaderSynchedTo":"x","minerAccountId":"43","minerInfoJson":"no JSON",
         "lastMessage":"1636889212205 - x"},
        {"status":"S_PRE_MINING","worker":{"uuid":"b","name":"w","pid":"88"},"minerInfoJson":"{\"state\":\"MiningIdle\"}"},
        {"status":"S_DANCING","worker":{"uuid":"c","name":"w","pid":[1],"stake":""}},
        {"status":"S_ACTIVE","worker":{"uuid":"a","name":"again"}}
        ]},"meta":{"createdAt":1}}"#;
    let listed = worker_states(json.as_bytes()).unwrap();
    assert_eq!((listed.duplicates, listed.nameless), (1, 0));
    let told: Vec<_> = listed.rows.iter().map(|row| (row.status, row.identity.pool)).collect();
    assert_eq!(
        told,
        [
            (Status::Active, Some(88)),
            (Status::PreActive, Some(88)),
            (Status::Unknown, None)
        ]
    );
    let first = &listed.rows[0];
    assert_eq!(
        (first.heights, first.account.as_deref()),
        (Heights::default(), Some("43"))
    );
    assert_eq!(first.info, Info::default());
    assert!(first.message.at.is_some());
    let second = listed.rows[1].info.session.unwrap();
    assert_eq!(second.state, Some(SessionState::Idle));
}

#[test]
fn an_omitted_list_is_an_empty_one() {
    for name in ["GetWorkerStatus-empty", "GetWorkerStatus-runner_not_started"] {
        assert_eq!(worker_states(&recorded(name)).unwrap().rows, [], "{name}");
    }
    assert_eq!(workers(&recorded("ListWorker-empty")).unwrap().rows, []);
    assert_eq!(pools(&recorded("ListPool-empty")).unwrap(), []);
}

#[test]
fn a_lost_call_is_a_failure_and_not_an_empty_list() {
    for name in [
        "GetWorkerStatus-peer_dies_during_call",
        "ListWorker-false_empty_success",
    ] {
        let lost = worker_states(&recorded(name)).unwrap_err();
        assert_eq!(lost.reason(), Reason::Malformed, "{name}");
    }
    assert!(worker_states(&recorded("proxy-unknown_peer")).is_err());
}

#[test]
fn what_the_monitor_and_the_peer_complain_of_is_told_apart() {
    let why = |name: &str| worker_states(&recorded(name)).unwrap_err();
    let config_mode = why("GetWorkerStatus-config_mode");
    assert_eq!(
        config_mode.to_string(),
        "it reports an error: the lifecycle is still starting, or runs in configuration mode"
    );
    assert_eq!(why("proxy-dead_peer").reason(), Reason::Unreachable);
    assert!(why("proxy-frozen_peer").to_string().contains("hangs"));
    assert_eq!(why("proxy-unknown_method").reason(), Reason::Upstream);
    assert!(why("proxy-peer_throws_string").to_string().contains("a plain string"));
    let wrong = provider(&recorded("GetDataProviderInfo-wrong_peer_kind")).unwrap_err();
    assert!(wrong.to_string().contains("Handler not implemented."), "{wrong}");
}

#[test]
fn the_configured_workers_and_pools_are_read_and_owners_are_not() {
    let listed = workers(&recorded("ListWorker-several")).unwrap();
    assert_eq!(listed.rows.len(), 14);
    assert_eq!(listed.rows.iter().filter(|row| !row.enabled).count(), 1);
    assert_eq!(listed.rows[13].stake, None);
    let answer = recorded("ListPool-two");
    let told = pools(&answer).unwrap();
    assert_eq!(
        told.iter().map(|pool| (pool.number, pool.enabled)).collect::<Vec<_>>(),
        [(Some(88), true), (Some(89), false)]
    );
    let shown = format!("{told:?}");
    assert!(!shown.contains("0a10") && !shown.contains("42Dn"), "{shown}");
}

#[test]
fn nothing_of_an_unexpected_answer_about_pools_is_repeated() {
    let json = br#"{"data":{"pools":"bottom drive obey lake"},"meta":{"createdAt":"1"}}"#;
    let why = pools(json).unwrap_err().to_string();
    assert!(why.contains("another shape") && !why.contains("bottom"), "{why}");
}

#[test]
fn a_field_of_another_type_costs_only_itself() {
    let row = |spoiled: &str| {
        format!(
            r#"{{"data":{{"workerStates":[{{"worker":{{"uuid":"u1","name":"w1","endpoint":"http://a:8000","enabled":true}},
            "paraBlockDispatchedTo":7,"status":"S_ACTIVE",{spoiled}}}]}},"meta":{{"createdAt":"1"}}}}"#
        )
    };
    for spoiled in [
        r#""publicKey":1"#,
        r#""lastMessage":{}"#,
        r#""workerAccountId":["x"]"#,
        r#""sessionInfoJson":true"#,
    ] {
        let rows = worker_states(row(spoiled).as_bytes()).unwrap().rows;
        let told: Vec<_> = rows.iter().map(|row| (row.status, row.heights.para_block)).collect();
        assert_eq!(told, [(Status::Active, Some(7))], "{spoiled}");
    }
    let peers = br#"{"dataProviders":[],"lifecycleManagers":[{"peerId":7},{"peerId":"Qm1","hostname":3}]}"#;
    assert_eq!(discovered(peers).unwrap().len(), 1);
}

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop((discovered(&bytes), provider(&bytes), worker_states(&bytes), workers(&bytes), pools(&bytes)));
    }

    #[test]
    fn any_truncation_of_an_answer_is_an_error(end in 0_usize..25_000) {
        let whole = recorded("GetWorkerStatus-several");
        prop_assert!(worker_states(whole.get(..end.min(whole.len() - 1)).unwrap()).is_err());
    }
}
