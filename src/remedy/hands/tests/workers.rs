use simfarm::prb_v2::Monitor;
use simfarm::pruntime::Runtime;

use super::*;

async fn monitor(lifecycle: serde_json::Value) -> Monitor {
    let monitor = Monitor::start("127.0.0.1:0").await.unwrap();
    let patch = json!({"dial_ms": 1, "block_time_ms": 0, "lifecycles": [lifecycle]});
    monitor.set(patch).await.unwrap();
    monitor
}

/// The PRB as the collector reads it, and hands for it.
async fn watched(monitor: &Monitor) -> (Shown<Prb>, Hands) {
    let target = json!({
        "name": "prb-1", "monitor": format!("http://{}", monitor.addr()), "pruntimes": {"networks": ["127.0.0.2"]},
        "thresholds": {"correlated_workers": 2}
    });
    let store = Arc::default();
    let mut shown: Shown<Prb> = Shown::new(&store, &serde_json::from_value(target.clone()).unwrap());
    shown.read().await;
    let settings = Settings {
        prbs: vec![serde_json::from_value(target).unwrap()],
        ..Settings::default()
    };
    (shown, hands(&settings, &store))
}

async fn restart(hands: &Hands, entity: &str) -> Result<String, String> {
    hands
        .run(&plan("restart-worker", "prb-1", entity, &[]), &Book::default())
        .await
        .map_err(|undone| undone.to_string())
}

fn entity(shown: &Shown<Prb>, number: usize) -> String {
    let view = shown.snapshot.lifecycles().next().unwrap();
    let row = &view.workers.as_ref().unwrap().value.rows[number];
    format!("{}/{}", view.label, row.label)
}

#[tokio::test]
async fn a_worker_is_restarted_by_the_name_that_its_symptom_has() {
    let monitor = monitor(json!({"workers": 8, "states": {"10.1.0.3": {"status": "S_ERROR"}}})).await;
    let (shown, hands) = watched(&monitor).await;
    let findings = hands.findings(&"prb-1".parse().unwrap());
    let ill = findings
        .iter()
        .find(|finding| finding.symptom.name == "worker_error")
        .unwrap();
    let words = restart(&hands, &ill.entity).await.unwrap();
    let began = format!("restarted {} of prb-1 (was error ", ill.entity);
    assert!(
        words.starts_with(&began) && words.ends_with("PRB took the command"),
        "{words}"
    );
    assert_eq!(monitor.calls().methods["RestartWorker"], 1);
    assert!(shown.snapshot.turns.is_some(), "calls take turns with the collector");
}

#[tokio::test]
async fn who_is_not_there_is_a_whole_lifecycle_or_rests_is_left_alone() {
    let monitor = monitor(json!({"workers": 3, "cooling": ["10.1.0.2"]})).await;
    let (shown, hands) = watched(&monitor).await;
    for (entity, part) in [
        ("lifecycle", "a whole lifecycle"),
        ("lifecycle/w99", "PRB has loaded no worker `lifecycle/w99`"),
        ("", "PRB has loaded no worker"),
        (&entity(&shown, 1), "was left alone: the worker cools down"),
    ] {
        let words = restart(&hands, entity).await.unwrap_err();
        assert!(words.contains(part), "{words}");
    }
    let elsewhere = plan("restart-worker", "prb-2", "lifecycle/w1", &[]);
    assert!(hands.run(&elsewhere, &Book::default()).await.is_err());
    assert!(!monitor.calls().methods.contains_key("RestartWorker"));
}

#[tokio::test]
async fn what_many_workers_have_in_common_is_not_cured_one_by_one() {
    let monitor = monitor(json!({"workers": 8, "error_percent": 100})).await;
    let (shown, hands) = watched(&monitor).await;
    let words = restart(&hands, &entity(&shown, 0)).await.unwrap_err();
    assert!(words.contains("many workers of lifecycle fail alike"), "{words}");
    assert!(!monitor.calls().methods.contains_key("RestartWorker"));
}

#[tokio::test]
async fn a_kicked_worker_is_restarted_when_its_new_pruntime_answers() {
    let runtime = Runtime::start("127.0.0.2:0").await.unwrap();
    let endpoint = format!("http://{}", runtime.addr());
    let state = json!({"status": "S_ERROR", "worker": {"endpoint": endpoint}});
    let monitor = monitor(json!({"workers": 3, "states": {"10.1.0.1": state}})).await;
    let (mut shown, hands) = watched(&monitor).await;
    let with = [("kick_api", "enabled"), ("restart_policy", "always")];
    let order = plan("kick-worker", "prb-1", &entity(&shown, 0), &with);
    let book = Book::default();
    let running = hands.run(&order, &book);
    let around = async {
        let seen = |method: &str| monitor.calls().methods.get(method).copied().unwrap_or_default();
        while seen("KickWorker") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        runtime.set(json!({"incident": "down"})).await.unwrap();
        shown.read().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(seen("RestartWorker"), 0, "nobody is back yet");
        runtime.set(json!({"incident": "healthy"})).await.unwrap();
        loop {
            shown.read().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let words = tokio::select! {
        outcome = running => outcome.unwrap(),
        () = around => unreachable!(),
    };
    assert!(
        words.starts_with("kicked its pRuntime, which came back, and restarted lifecycle/"),
        "{words}"
    );
    assert_eq!(monitor.calls().methods["RestartWorker"], 1);
}
