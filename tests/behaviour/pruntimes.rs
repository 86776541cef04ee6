//! pRuntimes asked directly: three generations, those that hang, lie or fail, and addresses that must not be asked.

use serde_json::{Value, json};
use simfarm::prb_v2::Monitor;
use simfarm::pruntime::Runtime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::Warden;

/// Where the farm's own pRuntimes are; whatever else is on this machine lies outside.
const INSIDE: &str = "127.0.0.2";

async fn runtime(host: &str, settings: Value) -> Runtime {
    let runtime = Runtime::start(format!("{host}:0")).await.unwrap();
    runtime.set(settings).await.unwrap();
    runtime
}

fn address(runtime: &Runtime) -> String {
    format!("http://{}", runtime.addr())
}

/// A monitor whose one lifecycle has a worker for each address: 10.1.0.1, 10.1.0.2, ...
async fn monitor(addresses: &[String]) -> Monitor {
    let states = addresses.iter().zip(1..).map(|(address, number)| {
        let patch = json!({"worker": {"endpoint": address}});
        (format!("10.1.0.{number}"), patch)
    });
    let states: serde_json::Map<String, Value> = states.collect();
    let monitor = Monitor::start("127.0.0.1:0").await.unwrap();
    let lifecycle = json!({"workers": addresses.len(), "states": states});
    monitor
        .set(json!({"dial_ms": 20, "lifecycles": [lifecycle]}))
        .await
        .unwrap();
    monitor
}

async fn watched(monitor: &Monitor, detail: &str) -> Warden {
    Warden::start(&format!(
        "collectors:\n  prb:\n    - name: prb-1\n      monitor: http://{}\n      detail: {detail}\n      interval: 1s\n      \
         workers_interval: 1s\n      inventory_interval: 1s\n      timeout: 900ms\n      pruntimes:\n        networks: \
         [{INSIDE}]\n        interval: 2s\n      thresholds: {{correlated_workers: 100}}\n",
        monitor.addr()
    ))
    .await
}

/// The beginning of a sample of a worker.
fn sample(family: &str, number: u8) -> String {
    format!("{family}{{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"88\",worker=\"10.1.0.{number}\"")
}

fn up(number: u8, up: u8) -> String {
    format!("{}}} {up}\n", sample("phala_pruntime_up", number))
}

fn symptom(name: &str, number: u8) -> String {
    format!("farmwarden_symptom{{target=\"prb-1\",symptom=\"{name}\",entity=\"lifecycle/10.1.0.{number}\"}} 1\n")
}

#[tokio::test]
async fn three_generations_are_read_beside_one_that_hangs() {
    let old = runtime(INSIDE, json!({"generation": "0.2"})).await;
    let middle = runtime(INSIDE, json!({"generation": "2.0", "missing_status": 405})).await;
    let new = runtime(INSIDE, json!({"para_height": 2_905_270, "block_time_ms": 0})).await;
    let hanging = runtime(INSIDE, json!({"incident": "silent"})).await;
    let all = [&old, &middle, &new, &hanging].map(address);
    let monitor = monitor(&all).await;
    let warden = watched(&monitor, "full").await;
    let page = warden
        .page_where("an outcome of everybody", |page| {
            [up(1, 1), up(2, 1), up(3, 1), up(4, 0)]
                .iter()
                .all(|line| page.contains(line))
        })
        .await;
    for (number, version) in [(1, "0.2.5"), (2, "2.0.1"), (3, "2.2.1")] {
        let info = format!("{},version=\"{version}\"", sample("phala_pruntime_info", number));
        assert!(page.contains(&info), "{info}\n{page}");
    }
    // The number that it expects next is one more.
    let height = format!("{}}} 2905270\n", sample("phala_pruntime_block_height", 3));
    assert!(page.contains(&height), "{page}");
    assert!(
        page.contains(&sample("phala_pruntime_start_timestamp_seconds", 3)),
        "{page}"
    );
    assert!(
        !page.contains(&sample("phala_pruntime_start_timestamp_seconds", 1)),
        "{page}"
    );
    let page = warden.page_with(&symptom("pruntime_down", 4)).await;
    assert!(!page.contains(&symptom("pruntime_down", 1)), "{page}");
    // Whoever hangs is asked as often as the others, not more.
    for runtime in [&old, &middle, &new, &hanging] {
        let asked = runtime.calls().methods;
        let known = ["prpc/PhactoryAPI.GetInfo", "prpc/PhactoryAPI.Statistics", "get_info"];
        assert!(asked.keys().all(|call| known.contains(&call.as_str())), "{asked:?}");
    }
    hanging.set(json!({"incident": "healthy"})).await.unwrap();
    warden.page_with(&up(4, 1)).await;
}

#[tokio::test]
async fn what_lies_outside_is_never_connected_to() {
    let inside = runtime(INSIDE, json!({})).await;
    let outside = runtime("127.0.0.1", json!({})).await;
    let port = outside.addr().port();
    let redirecting = runtime(
        INSIDE,
        json!({"incident": "redirect", "redirect_to": address(&outside)}),
    )
    .await;
    let monitor = monitor(&[
        address(&inside),
        address(&outside),
        format!("http://localhost:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
        format!("http://2130706433:{port}"),
        format!("http://user:s3cret@{}", inside.addr()),
        address(&redirecting),
    ])
    .await;
    let warden = watched(&monitor, "full").await;
    let page = warden
        .page_where("an outcome of everybody", |page| {
            let refused = (2..=6).all(|number| page.contains(&symptom("pruntime_not_asked", number)));
            refused && page.contains(&up(1, 1)) && page.contains(&up(7, 0))
        })
        .await;
    // Whether they run is not known.
    for number in 2..=6 {
        assert!(!page.contains(&sample("phala_pruntime_up", number)), "{page}");
    }
    let refused = "phala_prb_pruntimes{target=\"prb-1\",lifecycle=\"lifecycle\",state=\"not_asked\"} 5\n";
    assert!(page.contains(refused), "{page}");
    let told = warden.get("/api/v1/targets").await;
    let told = told.text();
    assert!(told.contains("127.0.0.1 is a loopback address"), "{told}");
    assert!(told.contains("`pruntimes.networks`"), "{told}");
    assert!(told.contains("the name `localhost`"), "{told}");
    assert!(told.contains("points elsewhere, which is never followed"), "{told}");
    assert_eq!(outside.calls().connections, 0);
}

/// Answers everything with this, as JSON with status 200.
async fn saying(text: &'static str) -> String {
    let listener = TcpListener::bind((INSIDE, 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            drop(stream.read(&mut request).await);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                text.len()
            );
            drop(stream.write_all((head + text).as_bytes()).await);
        }
    });
    address
}

#[tokio::test]
async fn failures_are_told_in_words_and_wrong_types_cost_only_themselves() {
    let wrong_types = json!({"info": {
        "initialized": "yes", "blocknum": -1, "pending_messages": [], "memory_usage": 7, "gatekeeper": null, "score": 1234,
    }});
    let wrong = runtime(INSIDE, wrong_types).await;
    let error = json!({"incident": "error", "error_message": "Runtime not initialized"});
    let failing = runtime(INSIDE, error.clone()).await;
    let old_failing = runtime(INSIDE, error).await;
    old_failing.set(json!({"generation": "0.2"})).await.unwrap();
    let huge = runtime(INSIDE, json!({"incident": "huge"})).await;
    let down = runtime(INSIDE, json!({"incident": "down"})).await;
    let page = runtime(INSIDE, json!({"incident": "html"})).await;
    let monitor = monitor(&[
        address(&wrong),
        saying("{\"error\": \"Failed to lock Phactory\"").await,
        address(&failing),
        address(&old_failing),
        address(&huge),
        address(&down),
        address(&page),
    ])
    .await;
    let warden = watched(&monitor, "full").await;
    let page = warden
        .page_where("an outcome of everybody", |page| {
            page.contains(&up(1, 1)) && (2..=7).all(|number| page.contains(&symptom("pruntime_down", number)))
        })
        .await;
    let score = format!("{}}} 1234\n", sample("phala_pruntime_score", 1));
    assert!(page.contains(&score), "{page}");
    for family in ["initialized", "block_height", "pending_messages", "memory_bytes"] {
        let absent = sample(&format!("phala_pruntime_{family}"), 1);
        assert!(!page.contains(&absent), "{absent}\n{page}");
    }
    let told = warden.get("/api/v1/targets").await;
    for words in [
        "it reports an error: Failed to lock Phactory",
        "it reports an error: Runtime not initialized",
        "the answer is larger than",
        "connection refused",
        "not what was asked for: no JSON",
    ] {
        assert!(told.text().contains(words), "{words}: {}", told.text());
    }
}

#[tokio::test]
async fn a_summary_names_only_whom_something_ails() {
    let well = runtime(INSIDE, json!({})).await;
    let safe = runtime(INSIDE, json!({"info": {"safe_mode_level": 1, "dev_mode": true}})).await;
    let monitor = monitor(&[&well, &safe].map(address)).await;
    let warden = watched(&monitor, "summary").await;
    let page = warden.page_with(&symptom("pruntime_safe_mode", 2)).await;
    assert!(page.contains(&symptom("pruntime_dev_mode", 2)), "{page}");
    assert!(
        page.contains("phala_prb_pruntimes{target=\"prb-1\",lifecycle=\"lifecycle\",state=\"up\"} 2\n"),
        "{page}"
    );
    assert!(page.contains(&up(2, 1)) && !page.contains(&up(1, 1)), "{page}");
}

#[tokio::test]
async fn workers_without_a_prb_are_watched_by_their_pruntimes() {
    let active = runtime("127.0.0.1", json!({"name": "10.9.0.1"})).await;
    let new = runtime("127.0.0.1", json!({"info": {"registered": false, "system": null}})).await;
    let starting = runtime("127.0.0.1", json!({"generation": "0.2", "initialized": false})).await;
    let gone = runtime("127.0.0.1", json!({"incident": "down"})).await;
    let entries = [&active, &new, &starting, &gone].into_iter().zip(1..);
    let entries = entries.map(|(runtime, number)| format!("{{name: solo-{number}, pruntime: {}}}", address(runtime)));
    let entries = entries.collect::<Vec<_>>().join(", ");
    let warden = Warden::start(&format!(
        "collectors:\n  prb:\n    - name: room-a\n      timeout: 900ms\n      pruntimes: {{interval: 1s}}\n      \
         solo: [{entries}]\n"
    ))
    .await;
    let state = |number: u8, state: &str| {
        format!(
            "phala_worker_state{{target=\"room-a\",lifecycle=\"solo\",pool=\"\",worker=\"solo-{number}\",state=\"{state}\"}} 1\n"
        )
    };
    let page = warden.page_with(&state(1, "active")).await;
    assert!(
        page.contains(&state(2, "pre_active")) && page.contains(&state(3, "starting")),
        "{page}"
    );
    assert!(!page.contains("worker=\"solo-4\",state="), "{page}");
    let down = "phala_pruntime_up{target=\"room-a\",lifecycle=\"solo\",pool=\"\",worker=\"solo-4\"} 0\n";
    assert!(page.contains(down), "{page}");
    assert!(!page.contains("phala_prb_peer_up{target=\"room-a\""), "{page}");
    warden
        .page_with("farmwarden_symptom{target=\"room-a\",symptom=\"pruntime_down\",entity=\"solo/solo-4\"} 1\n")
        .await;
    gone.set(json!({"incident": "healthy"})).await.unwrap();
    warden.page_with(&state(4, "active")).await;
}

#[tokio::test]
async fn what_a_monitor_invents_is_asked_nothing_but_what_is_fixed() {
    let inside = runtime(INSIDE, json!({"kick_api": true})).await;
    let monitor = monitor(&[
        format!("{}/kick", address(&inside)),
        format!("{}/bin_api/dispatch_block?x=", address(&inside)),
        format!("{}/#", address(&inside)),
    ])
    .await;
    let warden = watched(&monitor, "full").await;
    warden
        .page_where("all of them up", |page| {
            (1..=3).all(|number| page.contains(&up(number, 1)))
        })
        .await;
    let asked = inside.calls().methods;
    let known = ["prpc/PhactoryAPI.GetInfo", "prpc/PhactoryAPI.Statistics"];
    assert!(asked.keys().all(|call| known.contains(&call.as_str())), "{asked:?}");
}
