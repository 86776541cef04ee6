//! A PRB on this machine: what answers like one of its doors on their usual ports.

use std::time::Duration;

use super::door;
use super::peer::{Peer, Role};
use crate::collectors::{Discovery, Key, Proposal, Tools};
use crate::upstream::{Fault, Reason};
use crate::values::Endpoint;

/// Of the monitors of v2 and v0; of v3 only pages are there.
pub(super) const MONITOR_PORT: u16 = 3000;
/// Of the worker manager of v3.
pub(super) const MANAGER_PORT: u16 = 3001;

/// A list of peers comes within milliseconds.
const WITHIN: Duration = Duration::from_secs(2);
/// A monitor of v0 whose fetcher is down says so after 5 s.
const LEGACY_WITHIN: Duration = Duration::from_secs(7);

pub(super) async fn discover(monitor_port: u16, manager_port: u16, tools: &Tools) -> Discovery {
    let mut discovery = Discovery::default();
    if let Some(endpoint) = local(monitor_port) {
        monitor(&endpoint, tools, &mut discovery).await;
    }
    if let Some(endpoint) = local(manager_port) {
        manager(&endpoint, tools, &mut discovery).await;
    }
    discovery
}

fn local(port: u16) -> Option<Endpoint> {
    format!("http://127.0.0.1:{port}").parse().ok()
}

/// The monitor of v2 with its peers, or that of v0, which has no such list.
async fn monitor(endpoint: &Endpoint, tools: &Tools, discovery: &mut Discovery) {
    match door::v2_at(&tools.upstream, endpoint, WITHIN, None).discover().await {
        Ok(peers) => found(discovery, endpoint, "monitor", "PRB v2 monitor", &counted(&peers)),
        Err(fault) if fault.reason() == Reason::NotFound && is_legacy(endpoint, tools).await => {
            found(discovery, endpoint, "legacy_monitor", "PRB v0 monitor", "");
        }
        Err(fault) => not_found(discovery, endpoint, "PRB v2 monitor", &fault),
    }
}

async fn is_legacy(endpoint: &Endpoint, tools: &Tools) -> bool {
    let asked = door::v0_at(&tools.upstream, endpoint, LEGACY_WITHIN).provider().await;
    // It is one also when it says that nobody answers it.
    asked.map_or_else(|fault| fault.reason() == Reason::Upstream, |_| true)
}

async fn manager(endpoint: &Endpoint, tools: &Tools, discovery: &mut Discovery) {
    const WHAT: &str = "PRB v3 worker manager";
    match door::v3_at(&tools.upstream, endpoint, WITHIN).revision().await {
        Ok(_) => found(discovery, endpoint, "worker_manager", WHAT, ""),
        Err(fault) => not_found(discovery, endpoint, WHAT, &fault),
    }
}

fn counted(peers: &[Peer]) -> String {
    let of = |role: Role| peers.iter().filter(|peer| peer.role == role).count();
    format!(
        " (data providers: {}, lifecycles: {})",
        of(Role::DataProvider),
        of(Role::Lifecycle)
    )
}

fn found(discovery: &mut Discovery, endpoint: &Endpoint, key: &'static str, what: &str, more: &str) {
    let name = format!("prb-{}", discovery.proposals.len() + 1);
    discovery.looked.push(format!("{endpoint}: a {what} answers{more}"));
    discovery.proposals.push(Proposal {
        why: format!("A {what} answers at {endpoint}{more}."),
        keys: vec![
            Key::text("name", name).about("What metrics and alerts call it."),
            Key::text(key, endpoint.to_string()),
        ],
    });
}

fn not_found(discovery: &mut Discovery, endpoint: &Endpoint, what: &str, fault: &Fault) {
    let place = format!("{}:{}", endpoint.host(), endpoint.port());
    discovery
        .looked
        .push(format!("{place}, http: no {what} ({})", fault.why));
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::testing::recorded;
    use super::*;
    use crate::collectors::Setting;
    use crate::exposition::Own;
    use crate::upstream::Upstream;

    fn tools() -> Tools {
        Tools {
            upstream: Upstream::from_system().unwrap(),
            own: Own::default(),
        }
    }

    #[tokio::test]
    async fn a_monitor_becomes_an_entry() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).await.unwrap();
            assert!(asked[..read].starts_with(b"GET /ptp/discover HTTP/1.1\r\n"));
            let body = recorded("discover-peers");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.into_bytes(), body].concat()).await.unwrap();
        });
        let found = discover(port, 1, &tools()).await;
        assert_eq!(
            found.looked,
            [
                format!("http://127.0.0.1:{port}: a PRB v2 monitor answers (data providers: 1, lifecycles: 4)"),
                "127.0.0.1:1, http: no PRB v3 worker manager (connection refused)".to_owned(),
            ]
        );
        let keys = found.proposals[0].keys.iter();
        let told: Vec<_> = keys.map(|key| (key.name, key.value.clone())).collect();
        let text = |text: &str| Setting::Text(text.to_owned());
        assert_eq!(
            told,
            [
                ("name", text("prb-1")),
                ("monitor", text(&format!("http://127.0.0.1:{port}")))
            ]
        );
    }

    /// A server that gives each request the answer to its path, anything else 404.
    async fn server(answers: &'static [(&'static str, &'static str)]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = vec![0; 4096];
                let read = stream.read(&mut asked).await.unwrap();
                let asked = String::from_utf8_lossy(&asked[..read]).into_owned();
                let known = answers
                    .iter()
                    .find(|(path, _)| asked.contains(&format!(" {path} HTTP")));
                let (head, body) = known.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", *body));
                let length = body.len();
                let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        port
    }

    #[tokio::test]
    async fn a_worker_manager_and_an_old_monitor_become_entries_with_their_keys() {
        let manager = server(&[("/wm/status", r#"{"git_revision":"654b1b6"}"#)]).await;
        let legacy = server(&[("/api/query_fetcher", r#"{"content":{"fetcherStateUpdate":{}}}"#)]).await;
        let found = discover(legacy, manager, &tools()).await;
        assert_eq!(
            found.looked,
            [
                format!("http://127.0.0.1:{legacy}: a PRB v0 monitor answers"),
                format!("http://127.0.0.1:{manager}: a PRB v3 worker manager answers"),
            ]
        );
        let keys = found.proposals.iter().map(|proposal| proposal.keys[1].name);
        assert_eq!(keys.collect::<Vec<_>>(), ["legacy_monitor", "worker_manager"]);
    }

    #[tokio::test]
    async fn where_nothing_is_it_is_said() {
        let found = discover(1, 1, &tools()).await;
        assert_eq!(
            found.looked,
            [
                "127.0.0.1:1, http: no PRB v2 monitor (connection refused)",
                "127.0.0.1:1, http: no PRB v3 worker manager (connection refused)",
            ]
        );
        assert!(found.proposals.is_empty());
    }
}
