//! Asks one endpoint of a node. Calls are light (about a millisecond each) and come one after another, over one
//! connection: measuring a node must not be what loads it.
//!
//! Source of methods and answers: polkadot-sdk, `substrate/client/rpc-api` (system, chain, state).

use subxt_rpcs::client::{RpcParams, rpc_params};

use super::snapshot::{self as parse, Chain, Head};
use crate::upstream::{Fault, Substrate, Why};

/// What a round brings.
pub struct Reading {
    pub(super) chain: Chain,
    pub(super) head: Head,
}

/// Storage key of `Timestamp.Now`: twox128("Timestamp") ++ twox128("Now"), the same on every Substrate chain.
const TIMESTAMP_NOW: &str = "0xf0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb";

/// A call that fails costs the round; a method that the node does not offer costs only its own figure.
pub(super) async fn read(chain: Chain, node: &Substrate) -> Result<Reading, Fault> {
    let nothing = RpcParams::new;
    let height = ask(node, "chain_getHeader", nothing(), parse::header).await?;
    let timestamp = ask(node, "state_getStorage", rpc_params![TIMESTAMP_NOW], parse::timestamp).await?;
    let sync = ask(node, "system_syncState", nothing(), parse::sync_state).await?;
    let health = ask(node, "system_health", nothing(), parse::health).await?;
    let finalized = match ask(node, "chain_getFinalizedHead", nothing(), parse::hash).await? {
        Some(hash) => ask(node, "chain_getHeader", rpc_params![hash], parse::header).await?,
        None => None,
    };
    let version = ask(node, "state_getRuntimeVersion", nothing(), parse::runtime_version).await?;
    let genesis = ask(node, "chain_getBlockHash", rpc_params![0], parse::hash).await?;
    let node_version = ask(node, "system_version", nothing(), parse::text).await?;
    let node_name = ask(node, "system_name", nothing(), parse::text).await?;
    let chain_name = ask(node, "system_chain", nothing(), parse::text).await?;
    let Some(best) = height.or(sync.map(|sync| sync.current)) else {
        let words = "it offers neither chain_getHeader nor system_syncState; is it a Substrate node?";
        return Err(Fault::new(node.who(), "chain_getHeader", Why::malformed(words)));
    };
    let head = Head {
        best,
        highest: sync.and_then(|sync| sync.highest),
        starting: sync.map(|sync| sync.starting),
        finalized,
        timestamp: timestamp.flatten(),
        health,
        version,
        genesis,
        node_version,
        node_name,
        chain_name,
    };
    Ok(Reading { chain, head })
}

/// The chain's name, as a sign that a Substrate node answers.
pub(super) async fn chain_name(node: &Substrate) -> Result<String, Fault> {
    let name = ask(node, "system_chain", RpcParams::new(), parse::text).await?;
    name.ok_or_else(|| Fault::new(node.who(), "system_chain", Why::malformed("it is no Substrate node")))
}

pub(super) fn no_such_part(part: &str) -> Fault {
    Fault::new(
        "phala",
        part,
        Why::Internal("a round of a part that this target does not have".to_owned()),
    )
}

async fn ask<T>(
    node: &Substrate,
    method: &'static str,
    params: RpcParams,
    parse: fn(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, Fault> {
    let Some(answer) = node.call(method, params).await? else {
        return Ok(None);
    };
    match parse(answer.get().as_bytes()) {
        Ok(value) => Ok(Some(value)),
        Err(words) => Err(Fault::new(node.who(), method, Why::malformed(words))),
    }
}
