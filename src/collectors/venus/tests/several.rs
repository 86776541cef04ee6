//! Several processes of a role of which one is away: it hides nothing that the others prove, and nothing is made up of it.

use serde_json::json;
use simfarm::venus::Perm;

use super::Room;
use crate::collectors::venus::Target;
use crate::values::Duration;

fn down(entity: &str) -> (&'static str, String) {
    ("venus_instance_down", entity.to_owned())
}

fn expects(target: &mut Target) {
    target.miners = vec!["f01000".parse().unwrap()];
}

/// Two miner services, of which only the first mines.
async fn with_a_backup() -> Room {
    let room = Room::with("c", Perm::Admin, &["miner-2"], expects).await;
    room.more[0].set(json!({"only": []})).await.unwrap();
    room
}

#[tokio::test]
async fn an_idle_miner_service_that_is_down_does_not_hide_that_nobody_mines() {
    let mut room = with_a_backup().await;
    assert_eq!(room.ill().await, []);
    room.more[0].set(json!({"incident": "down"})).await.unwrap();
    assert_eq!(room.ill().await, [down("miner/miner-2")]);
    room.farm.one_miner(&json!({"at": 0, "trouble": "not_built"})).unwrap();
    let idle = ("venus_miner_not_mining", "f01000".to_owned());
    assert_eq!(room.ill().await, [down("miner/miner-2"), idle]);
    let found = room.diagnosis().findings;
    assert!(
        found[1]
            .evidence
            .contains("miner-2: does not answer, and did not mine for it when it last did"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_miner_service_that_mined_and_is_down_may_mine_still() {
    let mut room = with_a_backup().await;
    assert_eq!(room.ill().await, []);
    room.farm.miner.set(json!({"incident": "down"})).await.unwrap();
    assert_eq!(room.ill().await, [down("miner/miner")]);
}

#[tokio::test]
async fn what_a_miner_service_does_that_never_answered_is_not_known() {
    let mut room = with_a_backup().await;
    room.farm.miner.set(json!({"incident": "down"})).await.unwrap();
    assert_eq!(room.ill().await, [down("miner/miner")]);
}

#[tokio::test]
async fn a_gateway_that_had_nobody_and_is_down_does_not_hide_what_the_other_lost() {
    let lost = |incident: &str| json!({"incident": incident});
    for (incident, symptom) in [
        ("lost_prover", "venus_prover_missing"),
        ("lost_wallet", "venus_signer_missing"),
    ] {
        let mut room = Room::with("c", Perm::Admin, &["gateway-2"], expects).await;
        room.more[0].set(lost(incident)).await.unwrap();
        assert_eq!(room.ill().await, [], "{incident}");
        room.more[0].set(lost("down")).await.unwrap();
        assert_eq!(room.ill().await, [down("gateway/gateway-2")], "{incident}");
        room.farm.gateway.set(lost(incident)).await.unwrap();
        let ill = room.ill().await;
        assert!(ill.iter().any(|(name, _)| *name == symptom), "{incident}: {ill:?}");
        assert!(
            ill.iter()
                .all(|(name, _)| [symptom, "venus_instance_down"].contains(name))
        );
    }
}

#[tokio::test]
async fn who_was_connected_to_a_gateway_that_is_down_is_not_missed() {
    for incident in ["lost_prover", "lost_wallet"] {
        let mut room = Room::with("c", Perm::Admin, &["gateway-2"], expects).await;
        room.more[0].set(json!({"incident": incident})).await.unwrap();
        assert_eq!(room.ill().await, [], "{incident}");
        room.farm.gateway.set(json!({"incident": "down"})).await.unwrap();
        assert_eq!(room.ill().await, [down("gateway/gateway")], "{incident}");
    }
}

#[tokio::test]
async fn a_dead_gateway_explains_that_nobody_proves_and_no_other_error_of_a_miner() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.round().await;
    room.farm.gateway.set(json!({"incident": "down"})).await.unwrap();
    // Its rounds fail now, because nobody proves.
    assert_eq!(room.ill().await, [down("gateway/gateway")]);
    room.farm.one_miner(&json!({"at": 0, "trouble": "errors"})).unwrap();
    let errors = ("venus_miner_errors", "f01000".to_owned());
    assert_eq!(room.ill().await, [down("gateway/gateway"), errors]);
    let evidence = &room.diagnosis().findings[1].evidence;
    assert!(
        evidence.starts_with("miner: 1 errors, the last: ") && evidence.ends_with("mining timeout!"),
        "{evidence}"
    );
}

#[tokio::test]
async fn one_gateway_of_two_that_is_down_explains_only_what_hung_on_it() {
    let unsigned = json!({"sender": 0, "age_s": 400, "state": 1, "error": "sign message failed: wallet is locked"});
    let unproved = json!({"at": 0, "trouble": "errors", "errors": ["compute proof error: out of memory"]});
    for incident in ["lost_wallet", "lost_prover"] {
        let mut room = Room::with("c", Perm::Admin, &["gateway-2"], expects).await;
        room.farm.set(&json!({"by_hand": true})).unwrap();
        room.farm.put(&unsigned).unwrap();
        room.farm.one_miner(&unproved).unwrap();
        let at_sender = ("venus_message_errors", room.sender(0));
        let at_miner = ("venus_miner_errors", "f01000".to_owned());
        room.more[0].set(json!({"incident": incident})).await.unwrap();
        assert_eq!(room.ill().await, [at_sender.clone(), at_miner.clone()], "{incident}");
        room.more[0].set(json!({"incident": "down"})).await.unwrap();
        // What it had besides may well be why.
        let told = if incident == "lost_wallet" { at_sender } else { at_miner };
        assert_eq!(room.ill().await, [down("gateway/gateway-2"), told], "{incident}");
    }
}

/// Everything but the gateway itself is asked through the gateway.
fn through_the_gateway(target: &mut Target) {
    let gateway = target.gateways[0].url.clone();
    let services = [
        &mut target.nodes,
        &mut target.messagers,
        &mut target.miner_services,
        &mut target.auth_services,
    ];
    for instance in services.into_iter().flatten() {
        instance.url = gateway.clone();
        instance.through_gateway = true;
    }
}

#[tokio::test]
async fn every_service_can_be_asked_through_the_gateway() {
    let mut room = Room::with("c", Perm::Admin, &[], through_the_gateway).await;
    assert_eq!(room.round().await, []);
    assert_eq!(room.ill().await, []);
    let page = room.page();
    for component in ["auth", "node", "messager", "miner", "gateway"] {
        let up = format!("venus_instance_up{{component=\"{component}\",process=\"{component}\"}} 1\n");
        assert!(page.contains(&up), "{up}{page}");
    }
    assert!(
        page.contains("venus_messager_nonce_gap{") && page.contains("venus_miner_mining{"),
        "{page}"
    );
    for service in [&room.farm.node, &room.farm.messager, &room.farm.miner, &room.farm.auth] {
        assert!(
            service.calls().methods.is_empty(),
            "{} was asked itself",
            service.name()
        );
    }
}

#[tokio::test]
async fn a_service_behind_the_gateway_that_is_down_is_named_and_not_the_gateway() {
    let mut room = Room::with("c", Perm::Admin, &[], through_the_gateway).await;
    room.round().await;
    room.farm.messager.set(json!({"incident": "down"})).await.unwrap();
    assert_eq!(room.ill().await, [down("messager/messager")]);
}

#[tokio::test]
async fn behind_a_gateway_that_is_down_only_the_gateway_is_named() {
    let mut room = Room::with("c", Perm::Admin, &[], through_the_gateway).await;
    room.round().await;
    room.farm.gateway.set(json!({"incident": "down"})).await.unwrap();
    assert_eq!(room.ill().await, [down("gateway/gateway")]);
}

#[tokio::test]
async fn of_three_miner_services_of_which_one_is_down_two_that_mine_are_found() {
    let mut room = Room::with("c", Perm::Admin, &["miner-2", "miner-3"], expects).await;
    room.more[1].set(json!({"only": []})).await.unwrap();
    room.round().await;
    room.more[1].set(json!({"incident": "down"})).await.unwrap();
    let twice = ("venus_miner_mined_twice", "f01000".to_owned());
    assert_eq!(room.ill().await, [down("miner/miner-3"), twice]);
}

#[tokio::test]
async fn a_miner_service_that_is_slow_mines_on_for_what_it_mined_for() {
    let hasty = |target: &mut Target| {
        expects(target);
        target.mining_timeout = Duration::from_secs(3);
    };
    let mut room = Room::with("c", Perm::Admin, &["miner-2"], hasty).await;
    let twice = ("venus_miner_mined_twice", "f01000".to_owned());
    assert_eq!(room.ill().await, std::slice::from_ref(&twice));
    let slow = json!({"waits_ms": {"Filecoin.StatesForMining": 60_000}});
    room.more[0].set(slow.clone()).await.unwrap();
    assert_eq!(room.ill().await, [down("miner/miner-2"), twice.clone()]);
    let evidence = &room.diagnosis().findings[1].evidence;
    assert!(evidence.contains("miner and miner-2 (slow now;"), "{evidence}");
    room.farm.miner.set(slow).await.unwrap();
    assert_eq!(room.ill().await, [down("miner/miner"), down("miner/miner-2"), twice]);
}

#[tokio::test]
async fn a_node_whose_lag_is_not_known_may_be_at_the_head() {
    let mut room = Room::with("c", Perm::Admin, &["node-2"], |_| ()).await;
    room.farm.sender(&json!({"at": 1, "trouble": "stuck_filled"})).unwrap();
    let behind = json!({"incident": "lagging", "lag": 8});
    room.farm.node.set(behind).await.unwrap();
    let nameless =
        json!({"results": {"Filecoin.StateNetworkName": "own"}, "errors": {"Filecoin.ChainGetGenesis": "not now"}});
    room.more[0].set(nameless).await.unwrap();
    let stuck = ("venus_message_filled_stuck", room.sender(1));
    assert_eq!(room.ill().await, [("venus_node_behind", "node".to_owned()), stuck]);
}
