//! The whole room against the simulated Filecoin: what each incident comes to, in every era.

use std::time::Duration;

use serde_json::json;
use simfarm::venus::{Perm, Service, Venus as Farm};
use tokio::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::exposition::Own;
use crate::upstream::Upstream;

/// A chain service with the token of one permission for all.
struct Room {
    farm: Farm,
    collector: Venus,
    snapshot: Snapshot,
    directory: tempfile::TempDir,
    more: Vec<Service>,
    start: Instant,
    rounds: u64,
}

impl Room {
    async fn of(era: &str, perm: Perm) -> Self {
        Self::with(era, perm, &[], |_| ()).await
    }

    /// With more services and a configuration of its own.
    async fn with(era: &str, perm: Perm, more: &[&str], change: impl FnOnce(&mut Target)) -> Self {
        let farm = Farm::start("127.0.0.1").await.unwrap();
        farm.set(&json!({"era": era})).unwrap();
        let mut services = Vec::new();
        for name in more {
            services.push(farm.another(name).await.unwrap());
        }
        let directory = tempfile::tempdir().unwrap();
        let mut target = Target::bare("fil".parse().unwrap());
        let file = directory.path().join("token");
        std::fs::write(&file, farm.token(perm)).unwrap();
        target.token_file = Some(file);
        target.timeout = crate::values::Duration::from_secs(5);
        let own = [&farm.auth, &farm.gateway, &farm.node, &farm.messager, &farm.miner];
        for service in own.into_iter().chain(&services) {
            let role = VenusService::ALL
                .into_iter()
                .find(|role| service.name().starts_with(role.label()))
                .unwrap();
            let mut instance = Instance::at(format!("http://{}", service.addr()).parse().unwrap());
            instance.name = Some(service.name().parse().unwrap());
            target.instances_mut(role).push(instance);
        }
        // Miner services of incubation know no token but their own.
        for (service, instance) in [&farm.miner]
            .into_iter()
            .chain(&services)
            .zip(&mut target.miner_services)
        {
            let own = directory.path().join(service.name());
            service.set(json!({"token_file": own})).await.unwrap();
            instance.token_file = Some(own);
        }
        change(&mut target);
        let tools = Tools {
            upstream: Upstream::from_system().unwrap(),
            own: Own::default(),
        };
        Self {
            collector: Venus::connect(&target, &tools, None).unwrap(),
            snapshot: Snapshot::default(),
            farm,
            directory,
            more: services,
            start: Instant::now(),
            rounds: 0,
        }
    }

    /// A round of every part, one after the other, as the schedule does it.
    async fn round(&mut self) -> Vec<(&'static str, Fault)> {
        let mut lost = Vec::new();
        self.rounds += 1;
        for part in self.collector.parts() {
            let reading = self.collector.read(&part).await;
            let now = self.now();
            match reading {
                Ok(reading) => self.collector.absorb(&mut self.snapshot, reading, now),
                Err(fault) => {
                    self.collector.lost(&mut self.snapshot, &part, &fault, now);
                    lost.push((part.name, fault));
                }
            }
        }
        lost
    }

    /// Rounds follow one another every thirty seconds.
    fn now(&self) -> Now {
        Now {
            wall: Clock::system().now().wall,
            monotonic: self.start + Duration::from_secs(30 * self.rounds),
        }
    }

    fn diagnosis(&self) -> Diagnosis {
        self.collector.diagnose(&self.snapshot, self.now())
    }

    /// What is ill after two rounds, by symptom and entity.
    async fn ill(&mut self) -> Vec<(&'static str, String)> {
        self.round().await;
        self.round().await;
        let found = self.diagnosis().findings.into_iter();
        found.map(|finding| (finding.symptom.name, finding.entity)).collect()
    }

    /// The evidence of the one thing that is ill.
    fn evidence(&self) -> String {
        let found = self.diagnosis().findings;
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].evidence.clone()
    }

    fn sender(&self, at: usize) -> String {
        let text = self.farm.settings().senders[at].address.clone();
        address::Address::read(&text).unwrap().to_string()
    }

    fn page(&self) -> String {
        let mut page = Page::new(&[]);
        Venus::samples(&self.snapshot, &mut page);
        crate::exposition::golden::rendered(Venus::FAMILIES, page)
    }
}

const ERAS: [&str; 3] = ["a", "b", "c"];

fn one(symptom: &'static str, entity: &str) -> Vec<(&'static str, String)> {
    vec![(symptom, entity.to_owned())]
}

#[tokio::test]
async fn a_chain_service_that_is_well_is_well_in_every_era() {
    for (era, label) in ERAS.into_iter().zip(["incubation", "venus", "sophon"]) {
        let mut room = Room::of(era, Perm::Admin).await;
        assert_eq!(room.round().await, [], "{era}");
        assert_eq!(room.ill().await, [], "{era}");
        let page = room.page();
        let sender = room.sender(0);
        for expected in [
            "venus_instance_up{component=\"messager\",instance=\"messager\"} 1\n".to_owned(),
            "component=\"node\",instance=\"node\",version=\"1.".to_owned(),
            format!("era=\"{label}\"}} 1\n"),
            "venus_chain_info{instance=\"node\",network=\"mainnet\"} 1\n".to_owned(),
            "venus_chain_base_fee_attofil{instance=\"node\"} 100\n".to_owned(),
            "venus_node_peers{instance=\"node\"} 42\n".to_owned(),
            format!("venus_wallet_balance_fil{{address=\"{sender}\"}} 50.0\n"),
            "venus_miner_available_balance_fil{miner=\"f01000\"} 123.456789012345678901\n".to_owned(),
            "venus_miner_mining{instance=\"miner\",miner=\"f01000\"} 1\n".to_owned(),
            "venus_gateway_miner_connections{instance=\"gateway\",miner=\"f01000\"} 1\n".to_owned(),
            format!("venus_gateway_signer_available{{address=\"{sender}\"}} 1\n"),
            format!("venus_messager_messages{{address=\"{sender}\",state=\"unfilled\"}} 0\n"),
            format!("venus_messager_nonce_gap{{address=\"{sender}\"}} 0\n"),
            "venus_messager_list_truncated{state=\"filled\"} 0\n".to_owned(),
            "venus_auth_users{instance=\"auth\",state=\"enabled\"} 1\n".to_owned(),
        ] {
            assert!(page.contains(&expected), "{era}: {expected}\n{page}");
        }
    }
}

#[tokio::test]
async fn a_node_that_lags_or_stands_is_named() {
    let mut room = Room::of("c", Perm::Read).await;
    for (lag, symptom) in [
        (4, "venus_node_lagging"),
        (8, "venus_node_behind"),
        (40, "venus_head_stalled"),
    ] {
        let lagging = json!({"incident": "lagging", "lag": lag});
        room.farm.node.set(lagging).await.unwrap();
        let ill = room.ill().await;
        assert!(ill.contains(&(symptom, "node".to_owned())), "{lag}: {ill:?}");
        let of_nodes = ill
            .iter()
            .filter(|(name, _)| name.contains("node") || name.contains("head"));
        assert_eq!(of_nodes.count(), 1, "{lag}: {ill:?}");
    }
}

#[tokio::test]
async fn null_rounds_are_no_illness() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm.set(&json!({"null_rounds": 2})).unwrap();
    assert_eq!(room.ill().await, []);
}

#[tokio::test]
async fn a_blocked_sender_is_named_with_its_cause_in_every_era() {
    for era in ERAS {
        for (trouble, symptom) in [
            ("stuck_filled", "venus_message_filled_stuck"),
            ("unnoticed", "venus_message_filled_stuck"),
            ("under_priced", "venus_message_filled_stuck"),
            ("nonce_gap", "venus_nonce_missing"),
            ("failed_estimation", "venus_message_unfilled_stuck"),
        ] {
            let mut room = Room::of(era, Perm::Admin).await;
            room.farm.sender(&json!({"at": 1, "trouble": trouble})).unwrap();
            let sender = room.sender(1);
            assert_eq!(room.ill().await, one(symptom, &sender), "{era} {trouble}");
            let evidence = room.evidence();
            let words = match trouble {
                "failed_estimation" => "gas_estimate, illegal_argument",
                "under_priced" => "the base fee is",
                "nonce_gap" => "the chain expects nonce 1000",
                _ => "nonce 1000",
            };
            assert!(evidence.contains(words), "{era} {trouble}: {evidence}");
        }
    }
}

#[tokio::test]
async fn messages_that_are_young_have_errors_and_are_not_stuck_yet() {
    let mut room = Room::of("c", Perm::Admin).await;
    let trouble = json!({"at": 0, "trouble": "failed_estimation", "trouble_age_s": 400, "trouble_count": 3});
    room.farm.sender(&trouble).unwrap();
    let sender = room.sender(0);
    assert_eq!(room.ill().await, one("venus_message_errors", &sender));
    assert!(
        room.evidence()
            .starts_with("3 with an error (3 gas_estimate, illegal_argument); the oldest is ProveCommitSector")
    );
}

#[tokio::test]
async fn a_late_proof_is_told_first() {
    let mut room = Room::of("c", Perm::Admin).await;
    let trouble =
        json!({"at": 0, "trouble": "failed_estimation", "trouble_age_s": 700, "trouble_count": 1, "trouble_method": 5});
    room.farm.sender(&trouble).unwrap();
    let sender = room.sender(0);
    assert_eq!(room.ill().await, one("venus_window_post_pending", &sender));
    let evidence = room.evidence();
    assert!(
        evidence.starts_with("SubmitWindowedPoSt to f01000 waits unfilled") && evidence.contains("exit 16"),
        "{evidence}"
    );
}

#[tokio::test]
async fn a_lost_wallet_and_a_lost_prover_are_named_by_whom_they_concern() {
    for era in ERAS {
        let mut room = Room::of(era, Perm::Admin).await;
        room.round().await;
        room.farm.gateway.set(json!({"incident": "lost_wallet"})).await.unwrap();
        let senders = [room.sender(0), room.sender(1)];
        let ill = room.ill().await;
        let mut expected = senders.map(|sender| ("venus_signer_missing", sender));
        expected.sort();
        assert_eq!(ill, expected, "{era}");
        let lost = json!({"incident": "lost_prover", "lost": ["f01000"]});
        room.farm.gateway.set(lost).await.unwrap();
        assert_eq!(room.ill().await, one("venus_prover_missing", "f01000"), "{era}");
    }
}

#[tokio::test]
async fn a_miner_that_is_not_mined_for_is_named_with_the_reason() {
    for (trouble, words) in [
        ("vanished", "not in its list"),
        ("not_built", "open for mining, but its prover"),
    ] {
        let expects = |target: &mut Target| target.miners = vec!["f01000".parse().unwrap()];
        let mut room = Room::with("c", Perm::Admin, &[], expects).await;
        room.farm.one_miner(&json!({"at": 0, "trouble": trouble})).unwrap();
        assert_eq!(room.ill().await, one("venus_miner_not_mining", "f01000"), "{trouble}");
        assert!(room.evidence().contains(words), "{}", room.evidence());
    }
}

#[tokio::test]
async fn a_miner_that_vanishes_is_missed_although_nobody_named_it() {
    for era in ERAS {
        let mut room = Room::of(era, Perm::Admin).await;
        room.round().await;
        room.farm.one_miner(&json!({"at": 0, "trouble": "vanished"})).unwrap();
        assert_eq!(room.ill().await, one("venus_miner_not_mining", "f01000"), "{era}");
    }
}

#[tokio::test]
async fn a_miner_that_was_closed_on_purpose_is_no_illness() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.round().await;
    room.farm.one_miner(&json!({"at": 0, "open": false})).unwrap();
    assert_eq!(room.ill().await, []);
}

#[tokio::test]
async fn errors_of_a_miner_are_told_in_every_era() {
    for era in ERAS {
        let mut room = Room::of(era, Perm::Admin).await;
        room.farm.one_miner(&json!({"at": 0, "trouble": "errors"})).unwrap();
        assert_eq!(room.ill().await, one("venus_miner_errors", "f01000"), "{era}");
        assert!(room.evidence().ends_with("mining timeout!"), "{}", room.evidence());
    }
}

#[tokio::test]
async fn a_second_miner_service_that_mines_for_one_miner_is_found() {
    let mut room = Room::with("c", Perm::Admin, &["miner-2"], |_| ()).await;
    assert_eq!(room.ill().await, one("venus_miner_mined_twice", "f01000"));
    assert_eq!(room.evidence(), "miner and miner-2 mine for it at the same time");
    room.more[0].set(json!({"only": []})).await.unwrap();
    assert_eq!(room.ill().await, []);
}

#[tokio::test]
async fn a_dead_auth_and_a_wrong_token_are_two_faults() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.round().await;
    room.farm.auth.set(json!({"incident": "down"})).await.unwrap();
    let lost = room.round().await;
    let reasons: Vec<_> = lost
        .iter()
        .map(|(part, fault)| (*part, fault.reason().label()))
        .collect();
    assert!(reasons.contains(&("auth", "unreachable")), "{reasons:?}");
    assert!(reasons.contains(&("messager", "auth_down")), "{reasons:?}");
    assert_eq!(room.ill().await, one("venus_instance_down", "auth/auth"));
    room.farm.auth.set(json!({"incident": "healthy"})).await.unwrap();
    assert_eq!(room.ill().await, []);
    room.farm.regenerate(Perm::Admin).unwrap();
    let lost = room.round().await;
    assert!(
        lost.iter()
            .any(|(part, fault)| *part == "messager" && fault.reason() == Reason::Unauthorized),
        "{lost:?}"
    );
    let ill = room.ill().await;
    assert!(ill.iter().all(|(name, _)| *name == "venus_token_refused"), "{ill:?}");
    assert!(
        ill.contains(&("venus_token_refused", "messager/messager".to_owned())),
        "{ill:?}"
    );
    std::fs::write(room.directory.path().join("token"), room.farm.token(Perm::Admin)).unwrap();
    assert_eq!(room.ill().await, []);
}

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
    let failed = "venus_call_failed{component=\"gateway\",instance=\"gateway\",method=\"ListWalletInfo\",reason=\"forbidden\"} 1\n";
    assert!(page.contains(failed), "{page}");
    assert!(!page.contains("venus_gateway_signer_available{"), "{page}");
    assert!(
        page.contains("venus_auth_token_permission{component=\"node\",instance=\"node\",permission=\"read\"} 1\n"),
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
        "venus_instance_up{component=\"node\",instance=\"node\"} 0\n",
        "venus_instance_up{component=\"node\",instance=\"node-2\"} 1\n",
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
        page.contains("era=\"lotus\"} 1\n") && page.contains("venus_chain_head_epoch{instance=\"node\"} "),
        "{page}"
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
async fn a_million_messages_cost_what_waits_of_them() {
    for era in ERAS {
        let mut room = Room::of(era, Perm::Admin).await;
        room.farm.sender(&json!({"at": 0, "history": 1_000_000})).unwrap();
        let waiting =
            json!({"sender": 0, "count": 1200, "age_s": 120, "state": 1, "fails": "exit 16", "params_bytes": 20_000});
        room.farm.put(&waiting).unwrap();
        room.round().await;
        let page = room.page();
        let sender = room.sender(0);
        let expected = format!("venus_messager_messages{{address=\"{sender}\",state=\"unfilled\"}} 1200\n");
        assert!(page.contains(&expected), "{era}\n{page}");
        let calls = room.farm.messager.calls();
        assert!(
            calls.of("Message.ListMessage") == 0 && calls.of("Message.ListMessageByAddress") == 0,
            "{calls:?}"
        );
    }
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
        page.contains("venus_miner_won_rounds_total{instance=\"miner\",miner=\"f01000\"} 5\n"),
        "{page}"
    );
    assert!(
        page.contains("venus_miner_blocks_total{instance=\"miner\",miner=\"f01000\",result=\"success\"} "),
        "{page}"
    );
}

#[tokio::test]
async fn of_five_hundred_senders_those_with_messages_are_shown_and_the_rest_is_counted() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm.set(&json!({"senders": 500})).unwrap();
    for sender in [7, 499] {
        let order = json!({"sender": sender, "count": 5000, "age_s": 120, "state": 1, "fails": "exit 16"});
        room.farm.put(&order).unwrap();
    }
    assert_eq!(room.round().await, []);
    let page = room.page();
    let shown = page.matches("venus_messager_address_active{").count();
    assert_eq!(shown, 200);
    assert!(page.contains("venus_left_out{kind=\"senders\"} 300\n"), "{page}");
    for sender in [7, 499] {
        let expected = format!(
            "venus_messager_messages{{address=\"{}\",state=\"unfilled\"}} 5000\n",
            room.sender(sender)
        );
        assert!(page.contains(&expected), "{expected}");
    }
}

#[tokio::test]
async fn a_list_that_is_too_long_is_cut_and_says_so() {
    let few = |target: &mut Target| target.most_messages = 100;
    for era in ERAS {
        let mut room = Room::with(era, Perm::Admin, &[], few).await;
        room.farm
            .put(&json!({"sender": 0, "count": 5000, "age_s": 120, "state": 1, "fails": "x"}))
            .unwrap();
        room.round().await;
        let page = room.page();
        assert!(
            page.contains("venus_messager_list_truncated{state=\"unfilled\"} 1\n"),
            "{era}\n{page}"
        );
    }
}

#[tokio::test]
async fn odd_rows_cost_themselves_alone() {
    let mut room = Room::of("c", Perm::Admin).await;
    let sender = room.sender(0);
    let rows = json!([
        {"ID": "far", "From": sender, "State": 1, "Nonce": "7", "CreatedAt": "9999-01-01T00:00:00Z", "GasFeeCap": "<nil>"},
        {"ID": "never", "From": sender.replacen('f', "t", 1), "State": "1", "CreatedAt": "0001-01-01T00:00:00Z"},
        {"ID": "nobody", "From": "<empty>", "State": 2},
        {"ID": "odd", "From": {"a": 1}, "State": 2},
        "text", null, 7, [],
    ]);
    room.farm
        .messager
        .set(json!({"results": {"Message.ListBlockedMessage": rows}}))
        .await
        .unwrap();
    assert_eq!(room.ill().await, []);
    let page = room.page();
    assert!(
        page.contains(&format!(
            "venus_messager_messages{{address=\"{sender}\",state=\"unfilled\"}} 2\n"
        )),
        "{page}"
    );
    assert!(!page.contains("venus_messager_oldest_message"), "{page}");
    assert!(page.contains("venus_messager_malformed_rows 6\n"), "{page}");
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
        assert_eq!(
            room.ill().await,
            one("venus_instance_down", "gateway/gateway"),
            "{incident}"
        );
    }
}

#[tokio::test]
async fn a_node_that_is_away_hides_only_what_is_asked_of_it() {
    let mut room = Room::of("b", Perm::Admin).await;
    room.round().await;
    room.farm.node.set(json!({"incident": "down"})).await.unwrap();
    assert_eq!(room.ill().await, one("venus_instance_down", "node/node"));
    let page = room.page();
    // The messager needs the node for its pages of unfilled messages, and for nothing else.
    let failed = "venus_call_failed{component=\"messager\",instance=\"messager\",method=\"ListMessageByFromState\",reason=\"upstream\"} 1\n";
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
