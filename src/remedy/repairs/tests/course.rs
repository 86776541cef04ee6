//! What holds, what is said of it, and what the loop does.

use super::*;

#[tokio::test]
async fn what_holds_is_told_as_it_is_now_and_not_as_it_was_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let (repairs, until) = (&running.repairs, Clock::system().now().wall.plus(minutes(60)));
    repairs.pause(Scope::All, "li", "first", until).await.unwrap();
    repairs.order(&key("node-1"), "ada").await.unwrap();
    running
        .until("the hold", |overview| held_by(overview, Guard::Pause))
        .await;
    let target = Scope::Target("node-1".parse().unwrap());
    repairs.pause(target, "wang", "second", until).await.unwrap();
    repairs.resume(Scope::All, "li").await.unwrap();
    let overview = repairs.overview();
    let words = overview.incidents.first().unwrap().course();
    assert!(words.contains("paused by wang") && words.contains("second"), "{words}");
    // Another cause under the same guard is recorded and told as well.
    let recorded = |state: &State| {
        let mut held = state.incidents().filter_map(|incident| incident.held.as_ref());
        held.any(|held| held.words.contains("second"))
    };
    running
        .until("the record", |_| repairs.open().unwrap().runner.ledger().with(recorded))
        .await;
    running.stop().await;
}

#[tokio::test]
async fn other_policies_hold_from_the_next_decision_on_and_incidents_stay() {
    let directory = tempfile::tempdir().unwrap();
    let (running, id) = waiting_for_approval(directory.path()).await;
    let journal = JournalSection {
        directory: Some(directory.path().join("journal")),
        ..JournalSection::default()
    };
    let later = running.repairs.change_to(&journal, remedies(RESTART));
    assert_eq!(later, None);
    let overview = running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    assert_eq!(overview.incidents.first().unwrap().id, id);
    let elsewhere = JournalSection::default();
    let later = running.repairs.change_to(&elsewhere, remedies(RESTART));
    assert_eq!(later, Some("the change of `journal` takes effect at the next start"));
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_heard_without_a_journal_and_it_says_so() {
    let repairs = Repairs::new(Parts {
        store: Arc::new(Store::default()),
        clock: Clock::system(),
        journal: JournalSection::default(),
        remedies: remedies(RESTART),
        hands: AnyHands::new(Arc::new(Counting::default())),
        links: Links::new(&Approvals::default()).unwrap(),
        tell: Arc::new(()),
    });
    let delivery = crate::alerts::parse(br#"{"version": "4", "status": "firing", "groupKey": "{}", "alerts": []}"#);
    let words = repairs.hear(&delivery.unwrap()).await.unwrap_err();
    assert!(words.contains("journal.directory"), "{words}");
    let declined = repairs.order(&key("node-1"), "ada").await.unwrap_err();
    assert!(matches!(declined, Declined::Unrecorded(_)), "{declined}");
    assert!(!repairs.overview().journal.up);
}

#[tokio::test]
async fn a_journal_that_is_back_is_found_without_an_alert() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), APPROVED).await;
    running.repairs.order(&key("node-1"), "ada").await.unwrap();
    let (journal, away) = (directory.path().join("journal"), directory.path().join("away"));
    std::fs::rename(&journal, &away).unwrap();
    let until = Clock::system().now().wall.plus(minutes(60));
    let declined = running
        .repairs
        .pause(Scope::All, "ada", "why", until)
        .await
        .unwrap_err();
    assert!(matches!(declined, Declined::Unrecorded(_)), "{declined}");
    running.repairs.try_the_journal().await;
    let seen = running.repairs.overview().journal;
    assert!(!seen.up && seen.words.unwrap().contains("journal"));
    std::fs::rename(&away, &journal).unwrap();
    running.repairs.try_the_journal().await;
    assert!(running.repairs.overview().journal.up);
    running.stop().await;
}

#[tokio::test]
async fn every_family_and_label_value_is_there_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let mut text = String::new();
    let page = running.repairs.page();
    write_families(FAMILIES, [&page], Format::Text, &mut text);
    for family in FAMILIES {
        assert!(
            text.contains(&format!("# TYPE {} ", family.name)),
            "{}: {text}",
            family.name
        );
    }
    for guard in Guard::ALL {
        let line = format!(
            "farmwarden_remediation_decisions_total{{guard=\"{}\"}} 0\n",
            guard.label()
        );
        assert!(text.contains(&line), "{line}");
    }
    for line in [
        "farmwarden_remediation_actions_total{action=\"restart-node\",outcome=\"timed_out\"} 0\n",
        "farmwarden_remediation_actions_total{action=\"restart-node\",outcome=\"refused\"} 0\n",
        "farmwarden_remediation_action_duration_seconds_count{action=\"restart-node\"} 0\n",
        "farmwarden_remediation_incidents{phase=\"escalated\"} 0\n",
        "farmwarden_remediation_incidents_closed_total{why=\"forgotten\"} 0\n",
        "farmwarden_remediation_deliveries_total{result=\"not_recorded\"} 0\n",
        "farmwarden_remediation_alerts_total{result=\"refused\"} 0\n",
        "farmwarden_remediation_budget_left{policy=\"restart_node\",within=\"24h\"} 40\n",
        "farmwarden_journal_up 1\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    running.stop().await;
}

#[tokio::test]
async fn while_an_action_hangs_others_of_its_target_say_that_they_wait_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let held = running.acted.1.write().await;
    let first = running.repairs.order(&key("node-1"), "ada").await.unwrap().id;
    running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    let relay = Key {
        entity: "relay".to_owned(),
        ..key("node-1")
    };
    let second = running.repairs.order(&relay, "ada").await.unwrap().id;
    let overview = running
        .until("the hold", |overview| held_by(overview, Guard::Concurrency))
        .await;
    let waits = overview
        .incidents
        .iter()
        .find(|incident| incident.id == second)
        .unwrap();
    let action = format!("restart-node of incident {first} (restart_node for para of node-1)");
    assert!(waits.course().contains(&action), "{}", waits.course());
    drop(held);
    running
        .until("the second", |_| running.acted.0.load(Ordering::Relaxed) == 2)
        .await;
    running.stop().await;
}

fn alert(number: usize, remedy: &str, ends: &str) -> serde_json::Value {
    let status = if ends.is_empty() { "firing" } else { "resolved" };
    let ends = if ends.is_empty() { "0001-01-01T00:00:00Z" } else { ends };
    serde_json::json!({
        "status": status, "fingerprint": format!("{number:016x}"), "startsAt": "2026-01-01T00:00:00Z", "endsAt": ends,
        "labels": {"alertname": "Any", "remedy": remedy, "target": "node-1", "entity": format!("e{number}")}
    })
}

#[tokio::test]
async fn only_an_alert_that_finds_no_room_is_said_to_find_none() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let delivery = |alerts: Vec<serde_json::Value>| {
        let payload = serde_json::json!({"version": "4", "status": "firing", "groupKey": "{}", "alerts": alerts});
        crate::alerts::parse(payload.to_string().as_bytes()).unwrap()
    };
    // Of what is not allowed fewer are remembered.
    let strange = (1..=1000).map(|number| alert(number, "reboot", ""));
    let ended = alert(0, "restart_node", "2026-01-02T00:00:00Z");
    let heard = delivery(strange.chain([ended]).collect());
    running.repairs.hear(&heard).await.unwrap();
    let alerts = vec![alert(0, "restart_node", ""), alert(1001, "reboot", "")];
    let said = running.repairs.foresee(&delivery(alerts)).unwrap();
    let words = |nth: usize| said.alerts.get(nth).unwrap().words.clone();
    assert!(words(0).contains("from before its end"), "{}", words(0));
    assert!(words(1).contains("finds no room"), "{}", words(1));
    running.stop().await;
}

#[tokio::test]
async fn a_plan_that_changes_while_it_waits_is_told_anew() {
    let directory = tempfile::tempdir().unwrap();
    let (running, id) = waiting_for_approval(directory.path()).await;
    let repairs = &running.repairs;
    let changed = APPROVED.replace("true", "true, \"within\": \"7m\"");
    repairs.change_to(&JournalSection::default(), remedies(&changed));
    running
        .until("another record", |_| {
            let open = repairs.open().unwrap();
            let waits = |state: &State| state.incident(id)?.held.as_ref()?.plan.clone();
            let told = open.runner.ledger().with(waits);
            told.is_some_and(|plan| plan.within.get() == minutes(7))
        })
        .await;
    running.stop().await;
}
