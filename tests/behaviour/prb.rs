//! A PRB v2 monitor, with answers recorded from the real one: well, hanging, dead behind it, restarted.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::Warden;

const PROVIDER: &str = "QmQQmTPZH3gt7LyFLj1rs6TFUxRJGSHjbsV2gR3uqDJg2Q";
/// The lifecycle with workers.
const FIRST: &str = "QmPRswqCacAvqPU4YVvpX2eYZvAEQMTQiBwrRYH9BfbkeU";
const SECOND: &str = "QmetdKS2XuTZ2h26omDkDoPZuQL89XdG3fQVRYEUNG36uZ";

fn recorded(name: &str) -> String {
    let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collectors/prb/fixtures/v2");
    std::fs::read_to_string(room.join(format!("{name}.json"))).unwrap()
}

/// What the monitor answers and what it saw.
struct State {
    /// By `discover`, `<peer>/<method>` or `<method>`; a call without an answer hangs.
    answers: Mutex<HashMap<String, String>>,
    methods: Mutex<HashSet<String>>,
    under_way: Mutex<HashMap<String, usize>>,
    overlapped: Mutex<bool>,
    calls: Mutex<usize>,
}

struct Monitor {
    address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Monitor {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answers = [
            ("discover", "discover-peers"),
            ("GetDataProviderInfo", "GetDataProviderInfo-idle"),
            ("GetWorkerStatus", "GetWorkerStatus-empty"),
            ("ListWorker", "ListWorker-empty"),
            ("ListPool", "ListPool-empty"),
        ];
        let state = Arc::new(State {
            answers: Mutex::new(answers.map(|(call, name)| (call.to_owned(), recorded(name))).into()),
            methods: Mutex::default(),
            under_way: Mutex::default(),
            overlapped: Mutex::default(),
            calls: Mutex::default(),
        });
        let monitor = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::clone(&state),
            serving: tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&state)));
                }
            }),
        };
        monitor.answer(
            &format!("{FIRST}/GetWorkerStatus"),
            &recorded("GetWorkerStatus-several"),
        );
        monitor.answer(&format!("{FIRST}/ListWorker"), &recorded("ListWorker-several"));
        monitor.answer(&format!("{FIRST}/ListPool"), &recorded("ListPool-two"));
        monitor
    }

    fn answer(&self, call: &str, body: &str) {
        self.state
            .answers
            .lock()
            .unwrap()
            .insert(call.to_owned(), body.to_owned());
    }

    /// An entry that asks everything often.
    fn config(&self) -> String {
        format!(
            "collectors:\n  prb:\n    - name: prb-1\n      monitor: http://{}\n      interval: 1s\n      \
             workers_interval: 1s\n      inventory_interval: 1s\n      timeout: 500ms\n",
            self.address
        )
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => request.extend_from_slice(&part[..read]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let path = head.split(' ').nth(1).unwrap();
    let call = path.trim_start_matches("/ptp/").trim_start_matches("proxy/").to_owned();
    let (peer, method) = call.split_once('/').unwrap_or(("", &call));
    state.methods.lock().unwrap().insert(method.to_owned());
    {
        let mut under_way = state.under_way.lock().unwrap();
        let calls = under_way.entry(peer.to_owned()).or_default();
        *calls += 1;
        *state.overlapped.lock().unwrap() |= !peer.is_empty() && *calls > 1;
    }
    let answer = {
        let answers = state.answers.lock().unwrap();
        answers.get(&call).or_else(|| answers.get(method)).cloned()
    };
    let Some(body) = answer.filter(|body| body != "hang") else {
        return std::future::pending().await;
    };
    // As long as calls of a real monitor take at least: shorter ones would never meet.
    tokio::time::sleep(Duration::from_millis(50)).await;
    *state.under_way.lock().unwrap().get_mut(peer).unwrap() -= 1;
    *state.calls.lock().unwrap() += 1;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\nConnection: \
         close\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(answer.as_bytes()).await);
}

fn up(part: &str) -> String {
    format!("farmwarden_target_up{{collector=\"prb\",target=\"prb-1\",part=\"{part}\"}} 1\n")
}

fn peer_up(peer: &str, role: &str, up: u8) -> String {
    format!("phala_prb_peer_up{{target=\"prb-1\",peer=\"{peer}\",role=\"{role}\"}} {up}\n")
}

fn symptom(name: &str, entity: &str) -> String {
    format!("farmwarden_symptom{{target=\"prb-1\",symptom=\"{name}\",entity=\"{entity}\"}} 1\n")
}

#[tokio::test]
async fn a_prb_is_read_through_its_monitor_by_reading_calls_alone() {
    let monitor = Monitor::start().await;
    let warden = Warden::start(&monitor.config()).await;
    let page = warden
        .page_where("all three parts", |page| {
            ["peers", "workers", "inventory"]
                .iter()
                .all(|part| page.contains(&up(part)))
                && page.contains("phala_prb_workers_configured")
                && page.contains("phala_worker_para_lag_blocks")
        })
        .await;
    for expected in [
        "phala_prb_data_provider_block_height{target=\"prb-1\",peer=\"data_provider\",chain=\"para\",stage=\"processed\"} 2905268\n",
        "phala_worker_state{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"88\",worker=\"192.168.2.3\",state=\"error\"} 1\n",
        "phala_worker_stake_pha{target=\"prb-1\",lifecycle=\"lifecycle\",pool=\"88\",worker=\"192.168.2.1\"} 10.0\n",
        "phala_prb_workers_enabled{target=\"prb-1\",lifecycle=\"lifecycle\"} 13\n",
        &peer_up("lifecycle_2", "lifecycle", 1),
        &peer_up("data_provider", "data_provider", 1),
    ] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    warden
        .page_with(&symptom("worker_error", "lifecycle/192.168.2.3"))
        .await;
    warden
        .page_with(&symptom("worker_missing_from_runner", "lifecycle/192.168.2.14"))
        .await;
    // Of pools there are owners' keystores in the answers, which nobody may see.
    let status = warden.get("/api/v1/targets").await;
    assert!(!page.contains("0a1044") && !status.text().contains("0a1044"));
    let asked = monitor.state.methods.lock().unwrap().clone();
    let reading = [
        "discover",
        "GetDataProviderInfo",
        "GetWorkerStatus",
        "ListWorker",
        "ListPool",
    ];
    assert_eq!(asked, reading.map(ToOwned::to_owned).into());
}

#[tokio::test]
async fn one_peer_is_never_called_twice_at_once() {
    let monitor = Monitor::start().await;
    let _warden = Warden::start(&monitor.config()).await;
    let many = async {
        while *monitor.state.calls.lock().unwrap() < 60 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::harness::PATIENCE, many).await.unwrap();
    assert!(!*monitor.state.overlapped.lock().unwrap());
}

#[tokio::test]
async fn a_lifecycle_that_never_answers_costs_only_its_own_samples() {
    let monitor = Monitor::start().await;
    monitor.answer(&format!("{SECOND}/GetWorkerStatus"), "hang");
    monitor.answer(&format!("{SECOND}/ListWorker"), "hang");
    let warden = Warden::start(&monitor.config()).await;
    let page = warden.page_with(&peer_up("lifecycle_2", "lifecycle", 0)).await;
    assert!(page.contains(&up("workers")), "{page}");
    assert!(page.contains(&peer_up("lifecycle", "lifecycle", 1)), "{page}");
    assert!(page.contains("worker=\"192.168.2.1\""), "{page}");
    warden.page_with(&symptom("prb_peer_down", "lifecycle_2")).await;
}

#[tokio::test]
async fn a_lost_call_is_a_peer_that_is_down_and_not_a_lifecycle_without_workers() {
    let monitor = Monitor::start().await;
    let warden = Warden::start(&monitor.config()).await;
    warden.page_with("worker=\"192.168.2.1\"").await;
    let lost = recorded("GetWorkerStatus-peer_dies_during_call");
    monitor.answer(&format!("{FIRST}/GetWorkerStatus"), &lost);
    warden.page_with(&peer_up("lifecycle", "lifecycle", 0)).await;
    // Its workers are not judged by what they were, and vanish when that is too old.
    let page = warden.page_with(&symptom("prb_peer_down", "lifecycle")).await;
    assert!(
        !page.contains(&symptom("worker_error", "lifecycle/192.168.2.3")),
        "{page}"
    );
    warden
        .page_where("no workers", |page| !page.contains("worker=\"192.168.2.1\""))
        .await;
}

#[tokio::test]
async fn a_monitor_that_was_restarted_and_knows_nobody_yet_is_told() {
    let monitor = Monitor::start().await;
    let warden = Warden::start(&monitor.config()).await;
    warden.page_with(&peer_up("lifecycle", "lifecycle", 1)).await;
    monitor.answer("discover", &recorded("discover-empty"));
    let page = warden.page_with(&symptom("prb_peer_down", "lifecycles")).await;
    assert!(page.contains(&up("peers")), "{page}");
    warden.page_with(&peer_up("lifecycle", "lifecycle", 0)).await;
    monitor.answer("discover", &recorded("discover-peers"));
    warden.page_with(&peer_up("lifecycle", "lifecycle", 1)).await;
    warden
        .page_where("well again", |page| {
            !page.contains(&symptom("prb_peer_down", "lifecycles"))
        })
        .await;
}

#[tokio::test]
async fn what_is_no_monitor_is_a_fault_of_every_part() {
    let monitor = Monitor::start().await;
    monitor.answer("discover", "<!DOCTYPE html><html>bottom drive obey lake</html>");
    let warden = Warden::start(&monitor.config()).await;
    for part in ["peers", "workers", "inventory"] {
        let failures = format!(
            "farmwarden_target_failures_total{{collector=\"prb\",target=\"prb-1\",part=\"{part}\",reason=\"malformed\"}} "
        );
        warden
            .page_where("a fault", |page| {
                page.contains(&failures) && !page.contains(&format!("{failures}0\n"))
            })
            .await;
    }
    assert!(!monitor.state.methods.lock().unwrap().contains("GetWorkerStatus"));
}

#[test]
fn the_recorded_peers_are_those_that_are_named_here() {
    let found = recorded("discover-peers");
    assert!([PROVIDER, FIRST, SECOND].iter().all(|peer| found.contains(peer)));
}
