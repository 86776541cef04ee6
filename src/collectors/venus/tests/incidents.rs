//! What each incident comes to: the right one is named within two rounds, and nothing else is ill.

use serde_json::json;
use simfarm::venus::Perm;

use super::{ERAS, Room, one};
use crate::collectors::Collector as _;
use crate::collectors::venus::{MESSAGER, Target, WALLETS};
use crate::upstream::Reason;

#[tokio::test]
async fn a_chain_service_that_is_well_is_well_in_every_era() {
    for (era, label) in ERAS.into_iter().zip(["incubation", "venus", "sophon"]) {
        let mut room = Room::of(era, Perm::Admin).await;
        assert_eq!(room.round().await, [], "{era}");
        assert_eq!(room.ill().await, [], "{era}");
        let page = room.page();
        let sender = room.sender(0);
        for expected in [
            "venus_instance_up{component=\"messager\",process=\"messager\"} 1\n".to_owned(),
            "component=\"node\",process=\"node\",version=\"1.".to_owned(),
            format!("era=\"{label}\"}} 1\n"),
            "venus_chain_info{process=\"node\",network=\"mainnet\"} 1\n".to_owned(),
            "venus_chain_base_fee_attofil{process=\"node\"} 100\n".to_owned(),
            "venus_node_peers{process=\"node\"} 42\n".to_owned(),
            format!("venus_wallet_balance_fil{{address=\"{sender}\"}} 50.0\n"),
            "venus_miner_available_balance_fil{miner=\"f01000\"} 123.456789012345678901\n".to_owned(),
            "venus_miner_mining{process=\"miner\",miner=\"f01000\"} 1\n".to_owned(),
            "venus_gateway_miner_connections{process=\"gateway\",miner=\"f01000\"} 1\n".to_owned(),
            format!("venus_gateway_signer_available{{address=\"{sender}\"}} 1\n"),
            format!("venus_messager_messages{{address=\"{sender}\",state=\"unfilled\"}} 0\n"),
            format!("venus_messager_nonce_gap{{address=\"{sender}\"}} 0\n"),
            "venus_messager_list_truncated{state=\"filled\"} 0\n".to_owned(),
            "venus_auth_users{process=\"auth\",state=\"enabled\"} 1\n".to_owned(),
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
async fn one_list_that_is_looked_at_twice_shows_no_missing_nonce() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm.sender(&json!({"at": 1, "trouble": "nonce_gap"})).unwrap();
    room.round().await;
    let wallets = room
        .collector
        .parts()
        .into_iter()
        .find(|part| part.name == WALLETS)
        .unwrap();
    for _ in 0..3 {
        room.rounds += 1;
        let reading = room.collector.read(&wallets).await.unwrap();
        let now = room.now();
        room.collector.absorb(&mut room.snapshot, reading, now);
        let found = room.diagnosis().findings;
        assert!(
            found.iter().all(|one| one.symptom.name != "venus_nonce_missing"),
            "{found:?}"
        );
    }
    let sender = room.sender(1);
    assert_eq!(room.ill().await, one("venus_nonce_missing", &sender));
}

#[tokio::test]
async fn until_a_nonce_is_surely_missing_nothing_is_told_in_its_place() {
    for era in ERAS {
        let mut room = Room::of(era, Perm::Admin).await;
        room.farm.sender(&json!({"at": 1, "trouble": "nonce_gap"})).unwrap();
        room.round().await;
        assert_eq!(room.diagnosis().findings, [], "{era}");
        room.round().await;
        let found = room.diagnosis().findings;
        assert_eq!(found.len(), 1, "{era}: {found:?}");
        assert_eq!(found[0].symptom.name, "venus_nonce_missing", "{era}");
    }
}

#[tokio::test]
async fn a_missing_nonce_of_yesterday_does_not_hide_what_is_stuck_today() {
    for by_age in [true, false] {
        let mut room = Room::of("c", Perm::Admin).await;
        room.farm.sender(&json!({"at": 1, "trouble": "nonce_gap"})).unwrap();
        let sender = room.sender(1);
        assert_eq!(room.ill().await, one("venus_nonce_missing", &sender));
        let part = |name: &str| {
            room.collector
                .parts()
                .into_iter()
                .find(|part| part.name == name)
                .unwrap()
        };
        let (wallets, messager) = (part(WALLETS), part(MESSAGER));
        if by_age {
            room.collector.expire(&mut room.snapshot, &wallets);
        } else {
            // The list has moved on, and the chain was not asked since.
            let row =
                json!([{"ID": "new", "From": sender, "State": 2, "Nonce": 1000, "CreatedAt": "2024-01-01T00:00:00Z"}]);
            let results = json!({"results": {"Message.ListBlockedMessage": row}});
            room.farm.messager.set(results).await.unwrap();
            let reading = room.collector.read(&messager).await.unwrap();
            let now = room.now();
            room.collector.absorb(&mut room.snapshot, reading, now);
        }
        let found = room.diagnosis().findings;
        let found: Vec<_> = found.iter().map(|one| (one.symptom.name, one.entity.clone())).collect();
        assert_eq!(found, one("venus_message_filled_stuck", &sender), "{by_age}");
    }
}

#[tokio::test]
async fn a_stuck_message_is_told_with_the_errors_of_those_that_take_its_place() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm.set(&json!({"by_hand": true})).unwrap();
    room.farm.put(&json!({"sender": 0, "age_s": 2400, "state": 1})).unwrap();
    let failing = json!({"sender": 0, "count": 2, "age_s": 400, "state": 1, "error": "gas estimate: exit 16"});
    room.farm.put(&failing).unwrap();
    let sender = room.sender(0);
    assert_eq!(room.ill().await, one("venus_message_unfilled_stuck", &sender));
    let evidence = room.evidence();
    assert!(
        evidence.contains("; of this sender 2 with an error (2 gas_estimate, illegal_argument); the oldest is"),
        "{evidence}"
    );
}

#[tokio::test]
async fn a_full_selection_is_told_and_not_what_waits_for_it() {
    for (method, symptom) in [(7, "venus_nonce_gap_full"), (5, "venus_window_post_pending")] {
        let mut room = Room::of("c", Perm::Admin).await;
        room.farm.set(&json!({"by_hand": true})).unwrap();
        room.farm.sender(&json!({"at": 0, "nonce": 1020})).unwrap();
        room.farm
            .put(&json!({"sender": 0, "age_s": 2400, "state": 1, "method": method}))
            .unwrap();
        let sender = room.sender(0);
        assert_eq!(room.ill().await, one(symptom, &sender));
        let evidence = room.evidence();
        let gap = "20 messages with a nonce are not on chain (limit 20)";
        assert!(evidence.contains(gap), "{evidence}");
    }
}

#[tokio::test]
async fn what_nobody_signs_is_told_with_the_gateway_or_the_wallet_however_old_it_is() {
    for (incident, symptom) in [("down", "venus_instance_down"), ("lost_wallet", "venus_signer_missing")] {
        let mut room = Room::of("c", Perm::Admin).await;
        room.farm.set(&json!({"by_hand": true})).unwrap();
        let unsigned = json!({"sender": 0, "age_s": 2400, "state": 1, "error": "sign message failed: no connection"});
        room.farm.put(&unsigned).unwrap();
        room.farm.gateway.set(json!({"incident": incident})).await.unwrap();
        let ill = room.ill().await;
        assert!(
            ill.iter().all(|(name, _)| *name == symptom) && !ill.is_empty(),
            "{ill:?}"
        );
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
        let gone = "venus_gateway_wallet_connections{process=\"gateway\",account=\"li\"} 0\n";
        assert!(room.page().contains(gone), "{era}\n{}", room.page());
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
async fn an_error_of_signing_is_explained_only_by_the_wallet_that_it_names() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm.set(&json!({"users": [{}, {"name": "wu"}]})).unwrap();
    room.farm.sender(&json!({"at": 1, "account": "wu"})).unwrap();
    room.farm
        .gateway
        .set(json!({"incident": "lost_wallet", "lost": ["wu"]}))
        .await
        .unwrap();
    let missing = ("venus_signer_missing", room.sender(1));
    let errors = ("venus_miner_errors", "f01000".to_owned());
    let own = room.sender(1).replacen('f', "t", 1);
    for (text, told) in [
        (format!("scratching ticket failed: wallet {own} not exit"), false),
        (
            format!("failed to sign block: wallet {} is locked", room.sender(0)),
            true,
        ),
        ("failed to sign block: wallet is locked".to_owned(), true),
    ] {
        let trouble = json!({"at": 0, "trouble": "errors", "errors": [&text]});
        room.farm.one_miner(&trouble).unwrap();
        let mut expected = vec![missing.clone()];
        expected.extend(told.then(|| errors.clone()));
        assert_eq!(room.ill().await, expected, "{text}");
    }
}

#[tokio::test]
async fn the_queue_of_one_connection_is_full_and_not_the_sum_of_many() {
    let mut room = Room::of("c", Perm::Admin).await;
    // Of two users with five wallets each, a connection of the second holds more than it should.
    for (requests, told) in [(20, false), (21, true)] {
        let users =
            json!({"users": [{"wallets": 5, "requests": 15}, {"name": "wu", "wallets": 5, "requests": requests}]});
        room.farm.set(&users).unwrap();
        let expected = one("venus_gateway_queue_full", "gateway/wallet");
        let ill = room.ill().await;
        assert_eq!(ill, if told { expected } else { Vec::new() }, "{requests}");
    }
    assert_eq!(
        room.evidence(),
        "21 requests are not taken by one connection of wu (limit 20)"
    );
}

#[tokio::test]
async fn a_second_miner_service_that_mines_for_one_miner_is_found() {
    let mut room = Room::with("c", Perm::Admin, &["miner-2"], |_| ()).await;
    assert_eq!(room.ill().await, one("venus_miner_mined_twice", "f01000"));
    assert_eq!(
        room.evidence(),
        "miner and miner-2 mine for it at the same time (unless that is one service under two names)"
    );
    room.more[0].set(json!({"only": []})).await.unwrap();
    assert_eq!(room.ill().await, []);
}

#[tokio::test]
async fn a_dead_auth_and_a_wrong_token_are_two_faults_in_every_era() {
    for era in ERAS {
        let mut room = Room::of(era, Perm::Admin).await;
        room.round().await;
        room.farm.auth.set(json!({"incident": "down"})).await.unwrap();
        let lost = room.round().await;
        let reasons: Vec<_> = lost
            .iter()
            .map(|(part, fault)| (*part, fault.reason().label()))
            .collect();
        assert!(reasons.contains(&("auth", "unreachable")), "{era}: {reasons:?}");
        assert!(reasons.contains(&("messager", "auth_down")), "{era}: {reasons:?}");
        assert_eq!(room.ill().await, one("venus_instance_down", "auth/auth"), "{era}");
        room.farm.auth.set(json!({"incident": "healthy"})).await.unwrap();
        assert_eq!(room.ill().await, [], "{era}");
        room.farm.regenerate(Perm::Admin).unwrap();
        let lost = room.round().await;
        assert!(
            lost.iter()
                .any(|(part, fault)| *part == "messager" && fault.reason() == Reason::Unauthorized),
            "{era}: {lost:?}"
        );
        let ill = room.ill().await;
        assert!(
            ill.iter().all(|(name, _)| *name == "venus_token_refused"),
            "{era}: {ill:?}"
        );
        for process in ["node/node", "messager/messager", "gateway/gateway"] {
            assert!(
                ill.contains(&("venus_token_refused", process.to_owned())),
                "{era}: {ill:?}"
            );
        }
        std::fs::write(room.directory.path().join("token"), room.farm.token(Perm::Admin)).unwrap();
        assert_eq!(room.ill().await, [], "{era}");
    }
}
