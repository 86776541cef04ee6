//! The families of a chain service, and the pure map from its picture to samples.

use super::node::Claims;
use super::role::Role;
use super::snapshot::Snapshot;
use super::{auth, gateway, messager, miner, node};
use crate::exposition::{Desc, Family, Page};
use crate::upstream::VenusService;

static INFO: Desc<4> = Desc::info(
    "venus_instance_info",
    "A process of the chain service with its version and era: incubation (2021), venus (2022 to 2023), sophon (since July 2023), or lotus for a Lotus node (Version, GET /version).",
    &["component", "process", "version", "era"],
);
static UP: Desc<2> = Desc::gauge(
    "venus_instance_up",
    "1 if this process told what it was asked for in the last round of its component; 0 also when it refused our token or answered something else.",
    &["component", "process"],
);
static MISSED: Desc<4> = Desc::gauge(
    "venus_call_failed",
    "1 for a call that this process did not answer in the last round although it answered others; what it would have told is absent. forbidden: the token may not ask it. instance is empty where any node may answer.",
    &["component", "process", "method", "reason"],
);
static LEFT_OUT: Desc<1> = Desc::gauge(
    "venus_left_out",
    "Senders or miners that are neither shown nor judged, because there are more than most_senders or most_miners. Kept are senders with messages or errors first; of miners those of the configuration, all of them, then those that are ill, then those that shall mine. Accounts (of most_senders) and markets (of most_miners) are left out of their families only.",
    &["kind"],
);

pub(super) const FAMILIES: &[&Family] = &[
    INFO.family(),
    UP.family(),
    MISSED.family(),
    LEFT_OUT.family(),
    node::samples::INFO.family(),
    node::samples::HEAD.family(),
    node::samples::EXPECTED.family(),
    node::samples::BEHIND.family(),
    node::samples::HEAD_TIME.family(),
    node::samples::BLOCKS.family(),
    node::samples::BASE_FEE.family(),
    node::samples::SYNCS.family(),
    node::samples::PEERS.family(),
    node::samples::PUBLISH_PEERS.family(),
    node::samples::BALANCE.family(),
    node::samples::CHAIN_NONCE.family(),
    node::samples::POWER.family(),
    node::samples::HAS_POWER.family(),
    node::samples::SECTORS.family(),
    node::samples::AVAILABLE.family(),
    node::samples::DEADLINE.family(),
    node::samples::DEADLINE_CLOSE.family(),
    messager::samples::MESSAGES.family(),
    messager::samples::OLDEST.family(),
    messager::samples::WITH_ERROR.family(),
    messager::samples::ERRORS.family(),
    messager::samples::UNDERPRICED.family(),
    messager::samples::WINDOW_POSTS.family(),
    messager::samples::NONCE.family(),
    messager::samples::GAP.family(),
    messager::samples::LIMIT.family(),
    messager::samples::ACTIVE.family(),
    messager::samples::CUT.family(),
    messager::samples::MALFORMED.family(),
    messager::samples::MAX_FEE.family(),
    messager::samples::FEE_CAP.family(),
    messager::samples::SHARED_LIMIT.family(),
    miner::samples::EXPECTED.family(),
    miner::samples::MINING.family(),
    miner::samples::OPEN.family(),
    miner::samples::ERRORS.family(),
    miner::wins::WON.family(),
    miner::wins::BLOCKS.family(),
    gateway::samples::WALLETS.family(),
    gateway::samples::ADDRESSES.family(),
    gateway::samples::SIGNER.family(),
    gateway::samples::PROVERS.family(),
    gateway::samples::MARKETS.family(),
    gateway::samples::PENDING.family(),
    gateway::samples::SINCE.family(),
    auth::samples::USERS.family(),
    auth::samples::TOKEN.family(),
    auth::samples::PERMISSION.family(),
    auth::samples::PARTIAL.family(),
];

pub(super) fn samples(snapshot: &Snapshot, page: &mut Page) {
    role(VenusService::Node, &snapshot.heads, page);
    missed(VenusService::Node, &snapshot.networks, page);
    role(VenusService::Messager, &snapshot.messagers, page);
    role(VenusService::Miner, &snapshot.miners, page);
    role(VenusService::Gateway, &snapshot.gateways, page);
    role(VenusService::Auth, &snapshot.auths, page);
    claims(snapshot.wallets.as_deref(), page);
    claims(snapshot.states.as_deref(), page);
    left_out(snapshot, page);
    node::samples::samples(snapshot, page);
    messager::samples::samples(snapshot, page);
    miner::samples::samples(snapshot, page);
    snapshot.tallies.samples(page);
    gateway::samples::samples(snapshot, page);
    auth::samples::samples(snapshot, page);
}

fn role<T>(service: VenusService, role: &Role<T>, page: &mut Page) {
    for view in role.views() {
        let component = service.label();
        page.add(&UP, [component, &view.label], view.up());
        if let Some(about) = view.about.as_ref().filter(|_| view.seen().is_some()) {
            let labels = [component, &*view.label, about.version.as_str(), about.era.label()];
            page.add(&INFO, labels, true);
        }
    }
    missed(service, role, page);
}

fn missed<T>(service: VenusService, role: &Role<T>, page: &mut Page) {
    for (view, _) in role.seen() {
        for missed in &view.missed {
            let reason = missed.fault.reason().label();
            page.add(&MISSED, [service.label(), &view.label, missed.method, reason], true);
        }
    }
}

fn claims<T>(claims: Option<&Claims<T>>, page: &mut Page) {
    for missed in claims.iter().flat_map(|claims| &claims.missed) {
        let reason = missed.fault.reason().label();
        let component = VenusService::Node.label();
        page.add(&MISSED, [component, "", missed.method, reason], true);
    }
}

fn left_out(snapshot: &Snapshot, page: &mut Page) {
    if let Some((book, _)) = snapshot.book() {
        page.add(&LEFT_OUT, ["senders"], book.left_out);
    }
    let of_services = snapshot.miners.seen().map(|_| snapshot.miners_left_out());
    let of_gateways = snapshot.gateways.seen().map(|(_, seen)| seen.left_out);
    let of_state = snapshot.states.iter().map(|claims| claims.left_out);
    for (index, kind) in ["accounts", "markets"].into_iter().enumerate() {
        let of_gateways = snapshot
            .gateways
            .seen()
            .filter_map(|(view, _)| snapshot.shown_at(&view.label));
        let of_kind = of_gateways.filter_map(|shown| shown.left_out().get(index).copied());
        page.add(&LEFT_OUT, [kind], of_kind.max());
    }
    page.add(
        &LEFT_OUT,
        ["miners"],
        of_services.chain(of_gateways).chain(of_state).max(),
    );
}

#[cfg(test)]
mod tests;
