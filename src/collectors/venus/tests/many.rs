//! More miners than are shown: who is kept, what is told of them, and that nothing is made up of the others.

use serde_json::json;
use simfarm::venus::Perm;

use super::{Room, one};
use crate::collectors::venus::Target;

/// How many miners a family of the page is about.
fn shown(page: &str, family: &str) -> usize {
    page.lines().filter(|line| line.starts_with(family)).count()
}

#[tokio::test]
async fn fifty_miners_are_all_shown_and_the_sick_one_is_named() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm.set(&json!({"miners": 50})).unwrap();
    assert_eq!(room.ill().await, []);
    let page = room.page();
    assert_eq!(shown(&page, "venus_miner_mining{"), 50, "{page}");
    assert!(page.contains("venus_left_out{kind=\"miners\"} 0\n"), "{page}");
    room.farm.one_miner(&json!({"at": 49, "trouble": "not_built"})).unwrap();
    assert_eq!(room.ill().await, one("venus_miner_not_mining", "f01049"));
}

#[tokio::test]
async fn of_five_hundred_miners_the_sick_are_kept_and_nothing_is_said_of_those_left_out() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm.set(&json!({"miners": 500})).unwrap();
    assert_eq!(room.ill().await, []);
    let page = room.page();
    for family in [
        "venus_miner_mining{",
        "venus_miner_expected{",
        "venus_miner_has_min_power{",
    ] {
        assert_eq!(shown(&page, family), 200, "{family}");
    }
    assert!(page.contains("venus_left_out{kind=\"miners\"} 300\n"), "{page}");
    for (at, trouble) in [(450, "vanished"), (480, "not_built"), (499, "errors")] {
        room.farm.one_miner(&json!({"at": at, "trouble": trouble})).unwrap();
    }
    let ill = room.ill().await;
    let expected = [
        ("venus_miner_not_mining", "f01450"),
        ("venus_miner_not_mining", "f01480"),
        ("venus_miner_errors", "f01499"),
    ];
    assert_eq!(ill, expected.map(|(symptom, miner)| (symptom, miner.to_owned())));
    let page = room.page();
    assert_eq!(shown(&page, "venus_miner_expected{"), 200, "{page}");
}

#[tokio::test]
async fn a_lost_prover_is_missed_among_five_hundred() {
    let few = |target: &mut Target| {
        target.miners = ["f01498", "f01499"].map(|miner| miner.parse().unwrap()).to_vec();
        target.most_miners = 10;
    };
    let mut room = Room::with("c", Perm::Admin, &[], few).await;
    room.farm.set(&json!({"miners": 500})).unwrap();
    assert_eq!(room.ill().await, []);
    let page = room.page();
    assert!(
        page.contains("venus_gateway_miner_connections{process=\"gateway\",miner=\"f01499\"} 1\n"),
        "{page}"
    );
    assert!(page.contains("venus_left_out{kind=\"miners\"} 490\n"), "{page}");
    let lost = json!({"incident": "lost_prover", "lost": ["f01499"]});
    room.farm.gateway.set(lost).await.unwrap();
    assert_eq!(room.ill().await, one("venus_prover_missing", "f01499"));
}

#[tokio::test]
async fn accounts_and_markets_beyond_the_number_are_counted_and_who_is_lost_is_shown_with_nothing() {
    let few = |target: &mut Target| (target.most_senders, target.most_miners) = (3, 4);
    let mut room = Room::with("c", Perm::Admin, &[], few).await;
    room.farm.set(&json!({"users": 10, "miners": 10})).unwrap();
    room.round().await;
    let page = room.page();
    assert_eq!(shown(&page, "venus_gateway_wallet_connections{"), 3, "{page}");
    assert_eq!(shown(&page, "venus_gateway_market_connections{"), 4, "{page}");
    assert!(page.contains("venus_left_out{kind=\"accounts\"} 7\n"), "{page}");
    assert!(page.contains("venus_left_out{kind=\"markets\"} 6\n"), "{page}");
    room.farm.set(&json!({"miners": 4})).unwrap();
    room.farm.one_miner(&json!({"at": 2, "markets": 0})).unwrap();
    room.round().await;
    let page = room.page();
    let lost = "venus_gateway_market_connections{process=\"gateway\",miner=\"f01002\"} 0\n";
    assert!(page.contains(lost), "{page}");
}

#[tokio::test]
async fn those_of_the_configuration_are_judged_however_many_they_are() {
    let named = |target: &mut Target| {
        target.miners = (0..20)
            .map(|number| format!("f0{}", 1000 + number).parse().unwrap())
            .collect();
        target.most_miners = 3;
    };
    let mut room = Room::with("c", Perm::Admin, &[], named).await;
    room.farm.set(&json!({"miners": 25})).unwrap();
    assert_eq!(room.ill().await, []);
    let page = room.page();
    assert!(page.contains("venus_left_out{kind=\"miners\"} 5\n"), "{page}");
    assert_eq!(shown(&page, "venus_miner_has_min_power{"), 20, "{page}");
    room.farm.one_miner(&json!({"at": 19, "trouble": "vanished"})).unwrap();
    assert_eq!(room.ill().await, one("venus_miner_not_mining", "f01019"));
}
