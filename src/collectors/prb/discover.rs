//! A PRB monitor on this machine: what answers like one on its usual port.

use std::time::Duration;

use super::ANSWER_CAP;
use super::peer::{Peer, Role};
use super::v2::Reader;
use crate::collectors::{Discovery, Key, Proposal, Tools};
use crate::upstream::{Fault, PrbMonitor};
use crate::values::Endpoint;

/// Of the monitor.
pub(super) const USUAL_PORT: u16 = 3000;

/// A list of peers comes within milliseconds.
const WITHIN: Duration = Duration::from_secs(2);

/// The monitor on a port of this machine with its peers.
async fn find(port: u16, tools: &Tools) -> Result<(Endpoint, Vec<Peer>), Option<Fault>> {
    let Ok(endpoint) = format!("http://127.0.0.1:{port}").parse::<Endpoint>() else {
        return Err(None);
    };
    let monitor = PrbMonitor::new(&tools.upstream, &endpoint, WITHIN, ANSWER_CAP);
    let peers = Reader::new(monitor, None).discover().await.map_err(Some)?;
    Ok((endpoint, peers))
}

pub(super) async fn discover(port: u16, tools: &Tools) -> Discovery {
    let mut discovery = Discovery::default();
    match find(port, tools).await {
        Ok((endpoint, peers)) => {
            let of = |role: Role| peers.iter().filter(|peer| peer.role == role).count();
            let known = format!(
                "data providers: {}, lifecycles: {}",
                of(Role::DataProvider),
                of(Role::Lifecycle)
            );
            discovery
                .looked
                .push(format!("{endpoint}: a PRB v2 monitor answers ({known})"));
            discovery.proposals.push(Proposal {
                why: format!("A PRB v2 monitor answers at {endpoint} ({known})."),
                keys: vec![
                    Key::text("name", "prb-1").about("What metrics and alerts call it."),
                    Key::text("monitor", endpoint.to_string()),
                ],
            });
        }
        Err(fault) => {
            let why = fault.map_or_else(String::new, |fault| format!(" ({})", fault.why));
            discovery
                .looked
                .push(format!("127.0.0.1:{port}, http: no PRB v2 monitor{why}"));
        }
    }
    discovery
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
        let found = discover(port, &tools()).await;
        assert_eq!(
            found.looked,
            [format!(
                "http://127.0.0.1:{port}: a PRB v2 monitor answers (data providers: 1, lifecycles: 4)"
            )]
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

    #[tokio::test]
    async fn where_nothing_is_it_is_said() {
        let found = discover(1, &tools()).await;
        assert_eq!(
            found.looked,
            ["127.0.0.1:1, http: no PRB v2 monitor (connection refused)"]
        );
        assert!(found.proposals.is_empty());
    }
}
