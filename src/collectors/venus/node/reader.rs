//! Asks nodes.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::answers::{self, Actor, Deadline, Head};
use super::chain_state::{self, Claims, MinerState, Unusable, WalletSaid};
use super::picture::{Chain, HeadSeen, NetworkSeen};
use crate::collectors::venus::address::Address;
use crate::collectors::venus::known::{Known, KnownSender};
use crate::collectors::venus::server::{Asking, Said, Server};
use crate::upstream::{Fault, VenusCall, Why};

/// All nodes of a target.
pub(in crate::collectors::venus) struct Nodes {
    nodes: Vec<Node>,
    known: Known,
}

struct Node {
    server: Server,
    /// Asked once, and again after the node did not answer: it may come back on another network.
    chain: Mutex<Option<Chain>>,
}

impl Nodes {
    pub(in crate::collectors::venus) fn new(servers: Vec<Server>, known: Known) -> Self {
        let node = |server| Node {
            server,
            chain: Mutex::default(),
        };
        Self {
            nodes: servers.into_iter().map(node).collect(),
            known,
        }
    }

    /// The head of every node.
    pub(in crate::collectors::venus) async fn heads(&self) -> Vec<Said<HeadSeen>> {
        let said = join_all(self.nodes.iter().map(Node::head)).await;
        let mut heads: Vec<(&Head, &Arc<str>)> = said
            .iter()
            .filter_map(|one| Some((&one.outcome.as_ref().ok()?.head, &one.label)))
            .collect();
        heads.sort_by_key(|(head, _)| Reverse(head.epoch));
        let base_fee = heads.first().and_then(|(head, _)| head.base_fee.clone());
        let labels = heads.iter().map(|(_, label)| Arc::clone(label)).collect();
        let epoch = heads.first().map(|(head, _)| head.epoch);
        self.known.publish_heads(labels, epoch, base_fee);
        said
    }

    /// Peers and synchronisation of every node.
    pub(in crate::collectors::venus) async fn networks(&self) -> Vec<Said<NetworkSeen>> {
        join_all(self.nodes.iter().map(|node| node.server.ask(network))).await
    }

    /// Balances and nonces of `wallets` and of every sender, at most so many, as the first node that answers has them. The
    /// first list of senders is waited for so long; without one the round goes on with `wallets`.
    pub(in crate::collectors::venus) async fn wallets(
        &self,
        wallets: &[Address],
        senders_within: Option<Duration>,
        most: usize,
    ) -> Result<Claims<WalletSaid>, Fault> {
        let senders = match senders_within {
            Some(within) => self.known.senders(within).await,
            None => Arc::default(),
        };
        let of = |address: &Address| senders.iter().find(|sender| sender.address == *address).cloned();
        let mut asked: Vec<(Address, Option<KnownSender>)> =
            wallets.iter().map(|address| (address.clone(), of(address))).collect();
        for sender in senders.iter().filter(|sender| !wallets.contains(&sender.address)) {
            asked.push((sender.address.clone(), Some(sender.clone())));
        }
        let left_out = asked.len().saturating_sub(most);
        asked.truncate(most);
        let mut best = Best::default();
        for server in self.by_head() {
            if best.is_whole_with(server, chain_state::wallets(server, &asked, left_out).await) {
                break;
            }
        }
        best.claims()
    }

    /// Power, sectors, balance and deadline of miners.
    pub(in crate::collectors::venus) async fn miners(
        &self,
        miners: &[Address],
        most: usize,
    ) -> Result<Claims<MinerState>, Fault> {
        let shown = miners.get(..most).unwrap_or(miners);
        let left_out = miners.len() - shown.len();
        let mut best = Best::default();
        for server in self.by_head() {
            if best.is_whole_with(server, chain_state::miners(server, shown, left_out).await) {
                break;
            }
        }
        best.claims()
    }

    /// Balance and nonce of one address.
    pub(in crate::collectors::venus) async fn actor(&self, address: &Address) -> Result<Actor, Fault> {
        let mut lost = None;
        for server in self.by_head() {
            match chain_state::actor(server, address).await {
                Ok(actor) => return Ok(actor),
                Err(refusal) => lost = lost.or(Some(refusal.fault)),
            }
        }
        Err(lost.unwrap_or_else(nobody))
    }

    /// The window that is open for one miner.
    pub(in crate::collectors::venus) async fn window(&self, miner: &Address) -> Result<Deadline, Fault> {
        self.of_one(VenusCall::MINER_DEADLINE, miner, answers::deadline).await
    }

    /// The key of a miner's worker, which signs its blocks.
    pub(in crate::collectors::venus) async fn worker(&self, miner: &Address) -> Result<Address, Fault> {
        let number = self.of_one(VenusCall::MINER_INFO, miner, answers::worker).await?;
        self.of_one(VenusCall::ACCOUNT_KEY, &number, answers::address).await
    }

    async fn of_one<T>(
        &self,
        call: VenusCall,
        address: &Address,
        parse: fn(Option<&[u8]>) -> Result<T, Why>,
    ) -> Result<T, Fault> {
        let params = json!([address.as_str(), []]);
        let mut lost = None;
        for server in self.by_head() {
            match server.client.call(call, &params, parse).await {
                Ok(value) => return Ok(value),
                Err(refusal) => lost = lost.or(Some(refusal.fault)),
            }
        }
        Err(lost.unwrap_or_else(nobody))
    }

    /// The node with the best head first; the next one is asked when it does not answer.
    fn by_head(&self) -> Vec<&Server> {
        let heads = self.known.heads();
        let rank = |server: &&Server| heads.iter().position(|label| *label == server.label);
        let mut servers: Vec<&Server> = self.nodes.iter().map(|node| &node.server).collect();
        servers.sort_by_key(|server| rank(server).unwrap_or(usize::MAX));
        servers
    }
}

/// Claims of the first node that tells what matters; where none does, of the first that tells anything.
struct Best<T> {
    claims: Option<Claims<T>>,
    lost: Option<Fault>,
    unusable: Vec<Unusable>,
}

impl<T> Default for Best<T> {
    fn default() -> Self {
        Self {
            claims: None,
            lost: None,
            unusable: Vec::new(),
        }
    }
}

impl<T> Best<T> {
    /// Takes up what the next node said; true when nobody else needs to be asked.
    fn is_whole_with(&mut self, server: &Server, said: Result<Claims<T>, Fault>) -> bool {
        let claims = match said {
            Ok(claims) => claims,
            Err(fault) => {
                self.lost.get_or_insert(fault);
                return false;
            }
        };
        let failed = claims.failed().cloned();
        let is_whole = failed.is_none();
        let unusable = failed.map(|fault| (Arc::clone(&server.label), fault));
        self.unusable.extend(unusable);
        if is_whole || self.claims.is_none() {
            self.claims = Some(claims);
        }
        is_whole
    }

    fn claims(self) -> Result<Claims<T>, Fault> {
        match self.claims {
            Some(claims) => Ok(Claims {
                unusable: self.unusable,
                ..claims
            }),
            None => Err(self.lost.unwrap_or_else(nobody)),
        }
    }
}

fn nobody() -> Fault {
    Fault::new("venus", "node", Why::Internal("no node to be asked".to_owned()))
}

impl Node {
    async fn head(&self) -> Said<HeadSeen> {
        let said = self.server.ask(async |asking| {
            let chain = self.chain(asking).await?;
            let head = asking.must(VenusCall::CHAIN_HEAD, json!([]), answers::head).await?;
            Ok(HeadSeen { head, chain })
        });
        let said = said.await;
        if said.outcome.is_err() {
            *self.known_chain() = None;
        }
        said
    }

    async fn chain(&self, asking: &mut Asking<'_>) -> Result<Chain, Fault> {
        let known = self.known_chain().clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let chain = Chain {
            network: asking.may(VenusCall::NETWORK_NAME, json!([]), answers::text).await?,
            genesis: asking
                .may(VenusCall::CHAIN_GENESIS, json!([]), answers::genesis)
                .await?,
            epoch: asking
                .may(VenusCall::BLOCK_TIME, json!([]), answers::block_time)
                .await?,
        };
        let chain = chain.completed();
        if chain.network.is_some() && chain.genesis.is_some() {
            *self.known_chain() = Some(chain.clone());
        }
        Ok(chain)
    }

    fn known_chain(&self) -> std::sync::MutexGuard<'_, Option<Chain>> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn network(asking: &mut Asking<'_>) -> Result<NetworkSeen, Fault> {
    let mut peers = asking.may(VenusCall::NET_PEERS, json!([]), answers::peers).await?;
    if peers.is_none() && !asking.about.since(7) {
        let without_details = json!([false, false, false]);
        peers = asking
            .may(VenusCall::NETWORK_PEERS, without_details, answers::older_peers)
            .await?;
    }
    Ok(NetworkSeen {
        peers,
        syncs: asking
            .try_to(VenusCall::SYNC_STATE, json!([]), answers::sync_targets)
            .await?,
        // With `true` it would walk 900 tipsets.
        publish: asking
            .try_to(VenusCall::NODE_STATUS, json!([false]), answers::publish_peers)
            .await?,
    })
}
