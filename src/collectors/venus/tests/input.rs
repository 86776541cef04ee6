//! What may not be seen, comes in odd shapes, or comes in great numbers; and that only reading calls are made.

use serde_json::json;
use simfarm::venus::Perm;

use super::{ERAS, Room, one};
use crate::collectors::venus::{Instance, Snapshot, Target, Venus};
use crate::collectors::{Collector as _, Part, Tools};
use crate::exposition::Own;
use crate::upstream::{Reason, Upstream};
use crate::values::Duration;

#[tokio::test]
async fn what_a_token_may_not_see_is_said_and_not_zero() {
    let mut room = Room::of("c", Perm::Read).await;
    let ill = room.ill().await;
    assert!(
        ill.contains(&("venus_token_too_weak", "gateway/gateway".to_owned())),
        "{ill:?}"
    );
    assert!(ill.iter().all(|(name, _)| *name == "venus_token_too_weak"), "{ill:?}");
    let page = room.page();
    let failed = "venus_call_failed{component=\"gateway\",process=\"gateway\",method=\"ListWalletInfo\",reason=\"forbidden\"} 1\n";
    assert!(page.contains(failed), "{page}");
    assert!(!page.contains("venus_gateway_signer_available{"), "{page}");
    assert!(
        page.contains("venus_auth_token_permission{component=\"node\",process=\"node\",permission=\"read\"} 1\n"),
        "{page}"
    );
}

#[tokio::test]
async fn a_primary_that_is_down_leaves_the_backup_to_serve() {
    let mut room = Room::with("c", Perm::Admin, &["node-2", "messager-2"], |_| ()).await;
    room.round().await;
    room.farm.node.set(json!({"incident": "down"})).await.unwrap();
    room.farm.messager.set(json!({"incident": "down"})).await.unwrap();
    let ill = room.ill().await;
    let down = |entity: &str| ("venus_instance_down", entity.to_owned());
    assert_eq!(ill, [down("node/node"), down("messager/messager")]);
    let page = room.page();
    for expected in [
        "venus_instance_up{component=\"node\",process=\"node\"} 0\n",
        "venus_instance_up{component=\"node\",process=\"node-2\"} 1\n",
        "venus_wallet_balance_fil{",
        "venus_messager_messages{",
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
}

#[tokio::test]
async fn a_lotus_node_behind_the_same_url_is_read_and_named() {
    let mut room = Room::of("c", Perm::Admin).await;
    let lotus = json!({"lotus": true, "version": "1.28"});
    room.farm.node.set(lotus).await.unwrap();
    assert_eq!(room.ill().await, []);
    let page = room.page();
    assert!(
        page.contains("era=\"lotus\"} 1\n") && page.contains("venus_chain_head_epoch{process=\"node\"} "),
        "{page}"
    );
}

#[tokio::test]
async fn a_version_that_is_refused_once_is_asked_for_again() {
    let mut room = Room::of("c", Perm::Admin).await;
    let refuses = |method: &str| json!({"errors": {method: "rate-limit,user:li, is limited, cap=1, used=1"}});
    room.farm.messager.set(refuses("Message.Version")).await.unwrap();
    assert_eq!(room.round().await, []);
    let page = room.page();
    let failed =
        "venus_call_failed{component=\"messager\",process=\"messager\",method=\"Version\",reason=\"upstream\"} 1\n";
    assert!(page.contains(failed), "{page}");
    assert!(
        !page.contains("venus_instance_info{component=\"messager\""),
        "a refusal is no version\n{page}"
    );
    room.farm.messager.set(json!({"errors": {}})).await.unwrap();
    assert_eq!(room.round().await, []);
    let page = room.page();
    assert!(
        page.contains("venus_instance_info{component=\"messager\",process=\"messager\",version=\"1."),
        "{page}"
    );
    assert!(!page.contains("method=\"Version\""), "{page}");
}

#[tokio::test]
async fn a_token_with_an_address_behind_it_is_refused_with_a_hint() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "eyJhbGci.eyJuYW1l.c2ln:/ip4/10.0.0.1/tcp/3453").unwrap();
    let mut target = Target::bare("fil".parse().unwrap());
    target.nodes.push(Instance::at("http://h:3453".parse().unwrap()));
    target.token_file = Some(file);
    let tools = Tools {
        upstream: Upstream::from_system().unwrap(),
        own: Own::default(),
    };
    let words = Venus::connect(&target, &tools, None).err().unwrap().to_string();
    assert!(
        words.contains("keep only what stands before") && !words.contains("eyJ"),
        "{words}"
    );
}

/// What a part brought, for people.
fn gist(room: &Room, part: &str) -> String {
    let part = room
        .collector
        .parts()
        .into_iter()
        .find(|known| known.name == part)
        .unwrap();
    Venus::gist(&room.snapshot, &room.collector.target, &part, room.now()).unwrap()
}

#[tokio::test]
async fn the_first_look_at_the_chain_waits_for_those_who_name_miners_and_senders() {
    let mut room = Room::of("c", Perm::Admin).await;
    let part = |name: &str| {
        room.collector
            .parts()
            .into_iter()
            .find(|part| part.name == name)
            .unwrap()
    };
    let [node, messager, miner, wallets, state] = ["node", "messager", "miner", "wallets", "state"].map(part);
    let first = async |part: &Part| room.collector.read(part).await.unwrap();
    // As after a start: all parts at once, and what comes is taken up when it comes.
    let (slow, ()) = tokio::join!(async { [first(&wallets).await, first(&state).await] }, async {
        let now = room.now();
        for part in [&node, &messager, &miner] {
            let mut snapshot = Snapshot::default();
            room.collector.absorb(&mut snapshot, first(part).await, now);
        }
    });
    let now = room.now();
    for reading in slow {
        room.collector.absorb(&mut room.snapshot, reading, now);
    }
    let page = room.page();
    assert!(page.contains("venus_miner_sectors{miner=\"f01000\""), "{page}");
    let balance = format!("venus_wallet_balance_fil{{address=\"{}\"}} 50.0\n", room.sender(0));
    assert!(page.contains(&balance), "{page}");
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_said_to_be_none() {
    let hasty = |target: &mut Target| target.state_interval = Duration::from_secs(2);
    let mut room = Room::with("c", Perm::Admin, &[], hasty).await;
    // As when all parts are asked at once, and nobody has named the miners yet.
    for part in room
        .collector
        .parts()
        .into_iter()
        .filter(|part| ["state", "wins"].contains(&part.name))
    {
        let reading = room.collector.read(&part).await;
        let now = room.now();
        // No node has told its head, so there may be none to be asked.
        if let Ok(reading) = reading {
            room.collector.absorb(&mut room.snapshot, reading, now);
        }
    }
    for part in ["state", "wins"] {
        let words = gist(&room, part);
        assert!(
            words.contains("not known until the miner service says it"),
            "{part}: {words}"
        );
    }
    assert!(gist(&room, "wallets").contains("not known until the messager says it"));
    room.round().await;
    assert_eq!(
        (gist(&room, "state"), gist(&room, "wallets")),
        ("1 miner".to_owned(), "2 wallets".to_owned())
    );
}

#[tokio::test]
async fn a_user_that_is_disabled_is_named() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm.set(&json!({"users": 2})).unwrap();
    room.round().await;
    room.farm.user(&json!({"at": 1, "enabled": false})).unwrap();
    assert_eq!(room.ill().await, one("venus_user_disabled", "user-2"));
}

#[tokio::test]
async fn a_wallet_that_runs_dry_is_named_and_none_on_chain_has_nothing() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm
        .sender(&json!({"at": 0, "balance": "1500000000000000000"}))
        .unwrap();
    let sender = room.sender(0);
    assert_eq!(room.ill().await, one("venus_wallet_low", &sender));
    assert_eq!(room.evidence(), "1.5 FIL (limit 20 FIL)");
    room.farm.sender(&json!({"at": 0, "balance": null})).unwrap();
    assert_eq!(room.ill().await, one("venus_wallet_low", &sender));
}

#[tokio::test]
async fn wins_and_blocks_are_counted_where_they_are_kept() {
    let mut room = Room::of("c", Perm::Admin).await;
    assert_eq!(room.ill().await, []);
    assert!(!room.page().contains("venus_miner_won_rounds_total{"));
    room.farm.set(&json!({"by_hand": true, "epoch": 4_000_000})).unwrap();
    room.farm
        .miner
        .set(json!({"recorder": true, "blocks_listed": true}))
        .await
        .unwrap();
    room.farm.one_miner(&json!({"at": 0, "wins_every": 2})).unwrap();
    room.round().await;
    room.farm.epoch(10);
    room.round().await;
    let page = room.page();
    assert!(
        page.contains("venus_miner_won_rounds_total{process=\"miner\",miner=\"f01000\"} 5\n"),
        "{page}"
    );
    assert!(
        page.contains("venus_miner_blocks_total{process=\"miner\",miner=\"f01000\",result=\"success\"} "),
        "{page}"
    );
}

#[tokio::test]
async fn a_service_that_talks_nonsense_costs_its_own_part_alone() {
    for incident in ["garbage", "html", "redirect", "truncated", "refuse", "huge"] {
        let mut room = Room::of("c", Perm::Admin).await;
        room.round().await;
        room.farm
            .gateway
            .set(json!({"incident": incident, "redirect_to": "127.0.0.1:1"}))
            .await
            .unwrap();
        let lost = room.round().await;
        let parts: Vec<&str> = lost.iter().map(|(part, _)| *part).collect();
        assert_eq!(parts, ["gateway"], "{incident}: {lost:?}");
        let symptom = match lost[0].1.reason() {
            Reason::Unreachable => "venus_instance_down",
            _ => "venus_instance_unusable",
        };
        assert_eq!(symptom == "venus_instance_down", incident == "refuse", "{lost:?}");
        assert_eq!(room.ill().await, one(symptom, "gateway/gateway"), "{incident}");
    }
}

#[tokio::test]
async fn a_process_that_limits_our_rate_is_not_down() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.round().await;
    let words = "rate-limit,user:li, host:h, method:StatesForMining is limited, cap=1, used=1,will reset in 0.50(m)";
    let limited = json!({"errors": {"Filecoin.StatesForMining": words}});
    room.farm.miner.set(limited).await.unwrap();
    assert_eq!(room.ill().await, one("venus_instance_unusable", "miner/miner"));
    assert!(
        room.evidence().contains("it reports an error: rate-limit,user:li"),
        "{}",
        room.evidence()
    );
}

#[tokio::test]
async fn a_prover_that_may_not_be_asked_about_is_not_missing() {
    let mut room = Room::of("c", Perm::Admin).await;
    let limited = json!({"errors": {"Gateway.ListMinerConnection": "rate-limit,user:li is limited"}});
    room.farm.gateway.set(limited).await.unwrap();
    assert_eq!(room.ill().await, []);
    let page = room.page();
    assert!(!page.contains("venus_gateway_miner_connections{"), "{page}");
    let failed = "venus_call_failed{component=\"gateway\",process=\"gateway\",method=\"ListMinerConnection\",reason=\"upstream\"} 1\n";
    assert!(page.contains(failed), "{page}");
}

#[tokio::test]
async fn a_node_that_is_away_hides_only_what_is_asked_of_it() {
    let mut room = Room::of("b", Perm::Admin).await;
    room.round().await;
    room.farm.node.set(json!({"incident": "down"})).await.unwrap();
    assert_eq!(room.ill().await, one("venus_instance_down", "node/node"));
    let page = room.page();
    // The messager needs the node for its pages of unfilled messages, and for nothing else.
    let failed = "venus_call_failed{component=\"messager\",process=\"messager\",method=\"ListMessageByFromState\",reason=\"upstream\"} 1\n";
    assert!(page.contains(failed), "{page}");
    assert!(
        !page.contains("state=\"unfilled\"}") && page.contains("state=\"filled\"} 0\n"),
        "{page}"
    );
}

#[tokio::test]
async fn only_reading_calls_are_made() {
    for era in ERAS {
        let mut room = Room::of(era, Perm::Admin).await;
        room.ill().await;
        let services = [
            &room.farm.auth,
            &room.farm.gateway,
            &room.farm.node,
            &room.farm.messager,
            &room.farm.miner,
        ];
        let asked: Vec<String> = services
            .iter()
            .flat_map(|service| service.calls().methods.into_keys())
            .collect();
        let changing = [
            "MarkBad",
            "Replace",
            "Republish",
            "Update",
            "Start",
            "Stop",
            "Set",
            "Send",
            "Delete",
            "token/",
            "tokens",
        ];
        let changes = |method: &&String| {
            changing
                .iter()
                .any(|word| method.contains(word) && !method.contains("StateMiner"))
        };
        assert_eq!(asked.iter().filter(changes).count(), 0, "{asked:?}");
        assert!(asked.len() > 20, "{asked:?}");
    }
}
