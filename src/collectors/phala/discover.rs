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
            tracing::debug!("no chain node on port {port}: {}", fault_words(fault.as_ref()));
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
            Err(fault) => discovery.looked.push(fault_words(fault.as_ref())),
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

fn fault_words(fault: Option<&Fault>) -> String {
    fault.map_or_else(String::new, |fault| format!("{}: {}", fault.who, fault.why))
}
