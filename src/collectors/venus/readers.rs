//! All that asks for a target: one reader for each service that it has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::address::Address;
use super::auth::{AuthSeen, Auths, OwnToken};
use super::gateway::{GatewaySeen, Gateways};
use super::known::Known;
use super::messager::{MessagerSeen, Messagers};
use super::miner::{Kept, MinerSeen, MinerServices};
use super::node::{Claims, HeadSeen, MinerState, NetworkSeen, Nodes, WalletSaid};
use super::server::{Said, Server};
use super::snapshot::Snapshot;
use super::target::{Instance, Target};
use super::{AUTH, GATEWAY, MESSAGER, MINER, NETWORK, NODE, STATE, WALLETS, WINS};
use crate::collectors::Tools;
use crate::upstream::{Fault, Token, Upstream, Venus, VenusAuth, VenusPlace, VenusService, Why};

/// For the first list of senders or miners; a messager and a miner service have half a minute for theirs.
const FIRST_LIST_WITHIN: Duration = Duration::from_secs(60);

/// Less than half of a round of who waits for it: the rest is for questions.
fn first_list_within(every: Duration) -> Duration {
    FIRST_LIST_WITHIN.min(every.mul_f64(0.45))
}

/// What a round of one part brings.
pub enum Reading {
    Heads(Vec<Said<HeadSeen>>),
    Networks(Vec<Said<NetworkSeen>>),
    Messagers(Vec<Said<MessagerSeen>>),
    Miners(Vec<Said<MinerSeen>>),
    Gateways(Vec<Said<GatewaySeen>>),
    Auths(Vec<Said<AuthSeen>>),
    Wins(Vec<Said<Kept>>),
    Wallets(Claims<WalletSaid>),
    States(Claims<MinerState>),
}

/// The readers of a target.
pub(super) struct Readers {
    nodes: Nodes,
    messagers: Messagers,
    miners: MinerServices,
    gateways: Gateways,
    auths: Auths,
    known: Known,
    target: Target,
    wallets: Vec<Address>,
    /// What each process of a part said in a round that brought nothing, until that is told.
    lost: Mutex<HashMap<&'static str, Vec<Outcome>>>,
}

type Outcome = (Arc<str>, Fault);

impl Readers {
    /// `before` is what read the same target until the configuration changed.
    pub(super) fn new(target: &Target, tools: &Tools, before: Option<&Self>) -> Result<Self, Fault> {
        let known = before.map(|before| before.known.clone()).unwrap_or_default();
        let (mut making, auths) = Making::new(target, &tools.upstream)?;
        Ok(Self {
            nodes: Nodes::new(making.servers(VenusService::Node)?, known.clone()),
            messagers: Messagers::new(
                making.servers(VenusService::Messager)?,
                known.clone(),
                target.most_senders,
                target.most_messages,
                // Less than the schedule gives a round, which loses what was answered when it gives up.
                target.interval.get().mul_f64(0.9),
            ),
            miners: MinerServices::new(making.servers(VenusService::Miner)?, target.most_miners()),
            gateways: Gateways::new(making.servers(VenusService::Gateway)?, target.most_miners()),
            auths: Auths::new(auths, making.tokens),
            known,
            target: target.clone(),
            wallets: target.wallets.iter().map(|wallet| wallet.address.clone()).collect(),
            lost: Mutex::default(),
        })
    }

    pub(super) async fn read(&self, part: &'static str) -> Result<Reading, Fault> {
        match part {
            NODE => self.answered(part, self.nodes.heads().await).map(Reading::Heads),
            NETWORK => self.answered(part, self.nodes.networks().await).map(Reading::Networks),
            MESSAGER => self.answered(part, self.messagers.read().await).map(Reading::Messagers),
            MINER => self.answered(part, self.miners.read().await).map(Reading::Miners),
            WINS => {
                let (head, seen) = self.known.epochs();
                let said = self.miners.wins(&self.miners(), &seen, head).await;
                self.answered(part, said).map(Reading::Wins)
            }
            GATEWAY => {
                let said = self.gateways.read(&self.miners()).await;
                self.answered(part, said).map(Reading::Gateways)
            }
            AUTH => self.answered(part, self.auths.read().await).map(Reading::Auths),
            WALLETS => {
                let within = first_list_within(self.target.slow_interval.get());
                let within = Some(within).filter(|_| !self.target.messagers.is_empty());
                let claims = self.nodes.wallets(&self.wallets, within, self.most_wallets()).await;
                claims.map(Reading::Wallets)
            }
            STATE => {
                let miners = self.miners_of_the_first_list().await;
                let claims = self.nodes.miners(&miners, self.target.most_miners()).await;
                claims.map(Reading::States)
            }
            other => {
                let words = "a round of a part that this target does not have".to_owned();
                Err(Fault::new("venus", other, Why::Internal(words)))
            }
        }
    }

    /// Those of the configuration are not cut by the senders.
    fn most_wallets(&self) -> usize {
        self.target.most_senders.saturating_add(self.wallets.len())
    }

    fn miners(&self) -> Arc<[Address]> {
        if self.target.miners.is_empty() {
            self.known.miners()
        } else {
            self.target.miners.clone().into()
        }
    }

    /// After a start nobody may have named the miners yet; the next round of who asks is minutes away.
    async fn miners_of_the_first_list(&self) -> Arc<[Address]> {
        if self.target.miners.is_empty() && !self.target.miner_services.is_empty() {
            let within = first_list_within(self.target.state_interval.get());
            self.known.miners_within(within).await
        } else {
            self.miners()
        }
    }

    /// A process that does not answer costs its own outcome; only when none answers is the round lost.
    fn answered<T>(&self, part: &'static str, said: Vec<Said<T>>) -> Result<Vec<Said<T>>, Fault> {
        if said.iter().any(|one| one.outcome.is_ok()) {
            return Ok(said);
        }
        let faults: Vec<Outcome> = said
            .into_iter()
            .filter_map(|one| Some((one.label, one.outcome.err()?)))
            .collect();
        let words = || Why::Internal("no process to be asked".to_owned());
        let first = faults.first().map(|(_, fault)| fault.clone());
        self.memory().insert(part, faults);
        Err(first.unwrap_or_else(|| Fault::new("venus", part, words())))
    }

    /// What each process of a part said in the round that was lost; where it was given up, the same fault for all.
    pub(super) fn lost(&self, part: &'static str, fault: &Fault) -> Vec<Outcome> {
        let own = self.memory().remove(part);
        own.unwrap_or_else(|| {
            let service = super::PARTS.iter().find(|(name, _)| *name == part);
            let instances = service.map_or(&[][..], |(_, service)| self.target.instances(*service));
            let labels = instances.iter().map(|instance| instance.label().into());
            labels.map(|label| (label, fault.clone())).collect()
        })
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Vec<Outcome>>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody of a part answers, so nobody need wait for its first list. A miner service that is slow tells it in a round
    /// soon.
    pub(super) fn no_list(&self, part: &'static str, fault: &Fault) {
        match part {
            MESSAGER => self.known.no_senders(),
            MINER if !matches!(fault.why, Why::Timeout(_)) => self.known.no_miners(),
            _ => {}
        }
    }

    /// What rounds of other parts need; heads are told by those who read them.
    pub(super) fn publish(&self, snapshot: &Snapshot) {
        if let Some((book, at)) = snapshot.book_with_time() {
            self.known.publish_senders(book.known(at.monotonic));
        }
        if snapshot.miners.seen().next().is_some() {
            let miners = snapshot.expected().into_iter().cloned();
            self.known.publish_miners(miners.collect());
        }
        self.known.publish_wins(snapshot.tallies.seen());
    }
}

/// Makes clients and keeps the tokens that they are made with.
pub(super) struct Making<'a> {
    target: &'a Target,
    upstream: &'a Upstream,
    tokens: Vec<OwnToken>,
    auth: Arc<[VenusAuth]>,
}

/// Authorisation services, each with its label.
type AuthServers = Vec<(Arc<str>, VenusAuth)>;

impl<'a> Making<'a> {
    /// Those of auth are made first: the others ask them about tokens.
    pub(super) fn new(target: &'a Target, upstream: &'a Upstream) -> Result<(Self, AuthServers), Fault> {
        let mut making = Self {
            target,
            upstream,
            tokens: Vec::new(),
            auth: Arc::new([]),
        };
        let mut auths = AuthServers::new();
        for instance in &target.auth_services {
            let place = making.place(VenusService::Auth, instance)?;
            auths.push((instance.label().into(), VenusAuth::new(upstream, place)));
        }
        making.auth = auths.iter().map(|(_, auth)| auth.clone()).collect();
        Ok((making, auths))
    }

    pub(super) fn servers(&mut self, service: VenusService) -> Result<Vec<Server>, Fault> {
        let mut servers = Vec::new();
        for instance in self.target.instances(service) {
            let place = self.place(service, instance)?;
            let client = Venus::new(self.upstream, service, place, Arc::clone(&self.auth));
            servers.push(Server::new(instance.label(), client));
        }
        Ok(servers)
    }

    fn place(&mut self, service: VenusService, instance: &Instance) -> Result<VenusPlace, Fault> {
        let who = format!("{} {}/{}", self.target.name, service.label(), instance.label());
        let source = self.target.token(instance);
        let token = source.map(|source| Token::read(&who, source)).transpose()?;
        if token.as_ref().is_some_and(Token::holds_address) {
            let words = "it holds an address behind the token (`JWT:/ip4/..`): keep only what stands before the `:`";
            return Err(Fault::new(who, "its token", Why::Configuration(words.to_owned())));
        }
        if let Some(token) = &token {
            self.tokens.push(OwnToken {
                service,
                instance: instance.label().into(),
                token: token.clone(),
            });
        }
        let deadline = match service {
            VenusService::Miner => self.target.mining_timeout,
            _ => self.target.timeout,
        };
        Ok(VenusPlace {
            endpoint: instance.url.clone(),
            token,
            through_gateway: instance.through_gateway,
            deadline: deadline.get(),
        })
    }
}
