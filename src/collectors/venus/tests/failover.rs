//! Processes that answer, and not with what matters: they are told, and the next of their role has its turn.

use serde_json::json;
use simfarm::venus::Perm;

use super::{Room, one};
use crate::collectors::venus::Target;
use crate::values::Duration;

fn unusable(entity: &str) -> (&'static str, String) {
    ("venus_instance_unusable", entity.to_owned())
}

/// Two messagers of one database, of which a sender hangs.
async fn with_two_messagers(change: impl FnOnce(&mut Target)) -> Room {
    let room = Room::with("c", Perm::Admin, &["messager-2"], change).await;
    let stuck = json!({"at": 1, "trouble": "stuck_filled"});
    room.farm.sender(&stuck).unwrap();
    room
}

#[tokio::test]
async fn a_messager_without_its_database_is_told_and_the_next_is_asked() {
    let mut room = with_two_messagers(|_| ()).await;
    let stuck = ("venus_message_filled_stuck", room.sender(1));
    assert_eq!(room.ill().await, std::slice::from_ref(&stuck));
    let broken = json!({"incident": "database_down"});
    room.farm.messager.set(broken.clone()).await.unwrap();
    assert_eq!(room.ill().await, [unusable("messager/messager"), stuck.clone()]);
    room.more[0].set(broken).await.unwrap();
    let both = [unusable("messager/messager"), unusable("messager/messager-2")];
    assert_eq!(room.ill().await, both);
    room.farm.messager.set(json!({"incident": "healthy"})).await.unwrap();
    assert_eq!(room.ill().await, [unusable("messager/messager-2"), stuck]);
}

#[tokio::test]
async fn a_messager_whose_list_of_what_waits_fails_leaves_that_to_the_next() {
    let short = |target: &mut Target| target.timeout = Duration::from_secs(2);
    for failing in [
        json!({"errors": {"Message.ListBlockedMessage": "Error 1040: Too many connections"}}),
        json!({"waits_ms": {"Message.ListBlockedMessage": 60_000}}),
        json!({"errors": {"Message.ListAddress": "invalid connection"}}),
    ] {
        let mut room = with_two_messagers(short).await;
        room.farm.messager.set(failing.clone()).await.unwrap();
        let stuck = ("venus_message_filled_stuck", room.sender(1));
        assert_eq!(room.ill().await, [unusable("messager/messager"), stuck], "{failing}");
    }
}

#[tokio::test]
async fn the_only_messager_that_does_not_tell_what_waits_is_told_with_its_words() {
    let mut room = Room::of("c", Perm::Admin).await;
    let error = json!({"errors": {"Message.ListBlockedMessage": "Error 1040: Too many connections"}});
    room.farm.messager.set(error).await.unwrap();
    assert_eq!(room.ill().await, one("venus_instance_unusable", "messager/messager"));
    let evidence = room.evidence();
    assert!(
        evidence.contains("ListBlockedMessage") && evidence.contains("Too many connections"),
        "{evidence}"
    );
}

#[tokio::test]
async fn of_two_tokens_the_one_that_may_see_the_messages_is_used() {
    let weak = |target: &mut Target| {
        let file = target.token_file.as_ref().unwrap().with_file_name("weak");
        std::fs::write(&file, "unknown").unwrap();
        target.messagers[0].token_file = Some(file);
    };
    let mut room = Room::with("b", Perm::Admin, &["messager-2"], weak).await;
    std::fs::write(room.directory.path().join("weak"), room.farm.token(Perm::Read)).unwrap();
    room.farm.sender(&json!({"at": 1, "trouble": "stuck_filled"})).unwrap();
    let weak = ("venus_token_too_weak", "messager/messager".to_owned());
    let stuck = ("venus_message_filled_stuck", room.sender(1));
    assert_eq!(room.ill().await, [weak, stuck]);
}

#[tokio::test]
async fn a_gateway_whose_lists_fail_is_told_with_its_words() {
    for method in ["ListWalletInfo", "ListConnectedMiners"] {
        let mut room = Room::of("c", Perm::Admin).await;
        let error = json!({"errors": {format!("Gateway.{method}"): "context canceled"}});
        room.farm.gateway.set(error).await.unwrap();
        assert_eq!(room.ill().await, one("venus_instance_unusable", "gateway/gateway"));
        let evidence = room.evidence();
        assert!(
            evidence.contains(method) && evidence.contains("context canceled"),
            "{evidence}"
        );
    }
}

#[tokio::test]
async fn what_knows_no_method_of_its_service_is_at_the_wrong_port_in_every_era() {
    for era in super::ERAS {
        let wrong = |target: &mut Target| {
            let node = target.nodes[0].url.clone();
            target.gateways[0].url = node.clone();
            target.messagers[0].url = node;
            target.nodes.clear();
        };
        let mut room = Room::with(era, Perm::Admin, &[], wrong).await;
        let both = [unusable("messager/messager"), unusable("gateway/gateway")];
        assert_eq!(room.ill().await, both, "{era}");
        let evidence = room.diagnosis().findings.remove(0).evidence;
        assert!(evidence.contains("is this the right port?"), "{evidence}");
    }
}

#[tokio::test]
async fn a_node_that_does_not_tell_what_matters_is_told_and_the_next_is_asked() {
    let short = |target: &mut Target| target.timeout = Duration::from_secs(2);
    for method in ["StateGetActor", "StateMinerPower", "StateMinerSectorCount"] {
        let method = format!("Filecoin.{method}");
        for failing in [
            json!({"errors": {&method: "failed to load state tree"}}),
            json!({"waits_ms": {&method: 60_000}}),
        ] {
            let mut room = Room::with("c", Perm::Admin, &[], short).await;
            room.farm.node.set(failing.clone()).await.unwrap();
            assert_eq!(
                room.ill().await,
                one("venus_instance_unusable", "node/node"),
                "{failing}"
            );
        }
    }
    let mut room = Room::with("c", Perm::Admin, &["node-2"], |_| ()).await;
    let failing = json!({"errors": {"Filecoin.StateGetActor": "failed to load state tree"}});
    room.farm.node.set(failing).await.unwrap();
    // Both nodes have the same head: whichever is asked first, balances are known.
    let ill = room.ill().await;
    assert!(ill.iter().all(|one| *one == unusable("node/node")), "{ill:?}");
    let balance = format!("venus_wallet_balance_fil{{address=\"{}\"}} 50.0\n", room.sender(0));
    assert!(room.page().contains(&balance), "{}", room.page());
}
