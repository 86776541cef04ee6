//! Nodes of this machine: what listens on the usual ports and answers like a Substrate node.

use std::time::Duration;

use super::{Chain, Target, recognise};
use crate::collectors::{Discovery, Key, Proposal, Tools};
use crate::upstream::Fault;
use crate::values::{Endpoint, Name};

/// A local node answers within milliseconds.
const WITHIN: Duration = Duration::from_secs(2);

/// Where a Phala node listens: parachain and relay chain. Older images take HTTP on other ports and websocket here.
pub const USUAL_PORTS: [(Chain, u16); 2] = [(Chain::Para, 9944), (Chain::Relay, 9945)];

/// Tried one after another: HTTP leaves no connection behind.
const SCHEMES: [&str; 2] = ["http", "ws"];

/// The node that answers on a port of this machine, with the name of its chain.
async fn find(port: u16, tools: &Tools) -> Result<(Endpoint, String), Option<Fault>> {
    let mut last = None;
    for scheme in SCHEMES {
        let Ok(endpoint) = format!("{scheme}://127.0.0.1:{port}").parse::<Endpoint>() else {
            continue;
        };
        match recognise(&endpoint, tools, WITHIN).await {
            Ok(chain_name) => return Ok((endpoint, chain_name)),
            Err(fault) => last = Some(fault),
        }
    }
    Err(last)
}

/// A node on a usual port of this machine as a target of its own, `node-9944`.
pub async fn on_this_machine(chain: Chain, port: u16, tools: &Tools) -> Option<Target> {
    let name: Name = format!("node-{port}").parse().ok()?;
    match find(port, tools).await {
        Ok((endpoint, chain_name)) => {
            tracing::info!(target = %name, "found a node of {chain_name} at {endpoint}; it is now target {name}");
            Some(Target::single(name, chain, endpoint))
        }
        Err(fault) => {
            let why = fault.map_or_else(String::new, |fault| fault.to_string());
            tracing::debug!("no chain node on port {port}: {why}");
            None
        }
    }
}

/// Both ports of a node in one entry.
pub(super) async fn discover(ports: [(Chain, u16); 2], tools: &Tools) -> Discovery {
    let mut discovery = Discovery::default();
    let mut keys = Vec::new();
    let mut found = Vec::new();
    for (chain, port) in ports {
        match find(port, tools).await {
            Ok((endpoint, chain_name)) => {
                discovery
                    .looked
                    .push(format!("{endpoint}: a node of {chain_name} answers"));
                found.push(format!("{chain_name} at {endpoint}"));
                keys.push(Key::text(chain.name(), endpoint.to_string()).about(chain_name));
            }
            Err(fault) => {
                let why = fault.map_or_else(String::new, |fault| format!(" ({})", fault.why));
                let schemes = SCHEMES.join(", ");
                discovery
                    .looked
                    .push(format!("127.0.0.1:{port}, {schemes}: no chain node{why}"));
            }
        }
    }
    if !keys.is_empty() {
        keys.insert(0, Key::text("name", "node-1").about("What metrics and alerts call it."));
        discovery.proposals.push(Proposal {
            why: format!("A chain node answers: {}.", found.join(", ")),
            keys,
        });
    }
    discovery
}

#[cfg(test)]
mod tests {
    use simfarm::substrate::Node;

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
    async fn both_ports_of_a_node_become_one_entry_by_the_scheme_that_answers() {
        let para = Node::start("127.0.0.1:0").await.unwrap();
        let relay = Node::start("127.0.0.1:0").await.unwrap();
        relay.set(serde_json::json!({"incident": "ws_only"})).await.unwrap();
        let ports = [(Chain::Para, para.addr().port()), (Chain::Relay, relay.addr().port())];
        let found = discover(ports, &tools()).await;
        assert_eq!(found.proposals.len(), 1, "{found:?}");
        let text = |text: String| Setting::Text(text);
        let keys: Vec<_> = found.proposals[0]
            .keys
            .iter()
            .map(|key| (key.name, key.value.clone()))
            .collect();
        assert_eq!(
            keys,
            [
                ("name", text("node-1".to_owned())),
                ("para", text(format!("http://{}", para.addr()))),
                ("relay", text(format!("ws://{}", relay.addr()))),
            ]
        );
        assert_eq!(
            found.looked[0],
            format!("http://{}: a node of Khala answers", para.addr())
        );
    }

    #[tokio::test]
    async fn where_nothing_is_it_is_said() {
        let found = discover([(Chain::Para, 1), (Chain::Relay, 2)], &tools()).await;
        assert_eq!(
            found.looked,
            [
                "127.0.0.1:1, http, ws: no chain node (connection refused)",
                "127.0.0.1:2, http, ws: no chain node (connection refused)"
            ]
        );
        assert!(found.proposals.is_empty());
    }
}
