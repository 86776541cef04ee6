//! Processes that do not answer, refuse our token, or hide something from it; and users of auth.

use std::collections::{BTreeMap, BTreeSet};

use super::Look;
use crate::collectors::Diagnosis;
use crate::collectors::venus::auth::Standing;
use crate::collectors::venus::gateway::GatewaySeen;
use crate::collectors::venus::role::Role;
use crate::collectors::venus::server::Missed;
use crate::collectors::venus::snapshot::Snapshot;
use crate::collectors::venus::symptoms::{
    INSTANCE_DOWN, INSTANCE_UNUSABLE, TOKEN_REFUSED, TOKEN_TOO_WEAK, USER_DISABLED,
};
use crate::collectors::venus::{AUTH, GATEWAY, MESSAGER, MINER, NODE};
use crate::upstream::{Fault, Reason, VenusCall, VenusService, Why};

/// Named at once; an administrator who disables more has a reason.
const MOST_USERS: usize = 20;

impl Look<'_> {
    pub(super) fn processes(&self, diagnosis: &mut Diagnosis) {
        let snapshot = self.snapshot;
        let itself = Told {
            no_node: self.no_node,
            ..Told::default()
        };
        let told = Told {
            away: silent(&snapshot.gateways),
            no_node: self.no_node,
            ..Told::default()
        };
        let of_nodes = Told {
            away: silent(&snapshot.gateways),
            no_node: self.no_node,
            unusable: unusable(snapshot),
        };
        role(VenusService::Node, &snapshot.heads, NODE, &of_nodes, diagnosis);
        role(VenusService::Messager, &snapshot.messagers, MESSAGER, &told, diagnosis);
        role(VenusService::Miner, &snapshot.miners, MINER, &told, diagnosis);
        role(VenusService::Gateway, &snapshot.gateways, GATEWAY, &itself, diagnosis);
        role(VenusService::Auth, &snapshot.auths, AUTH, &told, diagnosis);
    }

    pub(super) fn users(&self, diagnosis: &mut Diagnosis) {
        let mut current = self.snapshot.auths.current();
        let Some(users) = current.find_map(|(_, seen)| seen.users.as_ref()) else {
            return;
        };
        diagnosis.look_at(&USER_DISABLED);
        let enabled = users.iter().filter(|user| user.standing == Standing::Enabled);
        diagnosis.among(
            &USER_DISABLED,
            u64::try_from(enabled.clone().count()).unwrap_or_default(),
        );
        for user in enabled {
            diagnosis.seen_well(&USER_DISABLED, &user.name);
        }
        let disabled = users
            .iter()
            .filter(|user| user.standing == Standing::Disabled && self.snapshot.was_enabled(&user.name));
        for user in disabled.take(MOST_USERS) {
            diagnosis.judge(&USER_DISABLED, &user.name, Some(true), || {
                "it was enabled and is disabled now; its miners drop out of the miner service".to_owned()
            });
        }
    }
}

/// What is told by itself, and explains what others lack.
#[derive(Default)]
struct Told<'a> {
    /// Endpoints of gateways that do not answer.
    away: BTreeSet<&'a str>,
    no_node: bool,
    /// By label, nodes that answer and do not tell what matters of wallets or miners.
    unusable: BTreeMap<&'a str, &'a Fault>,
}

/// What it means that a process brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// No answer.
    Silent,
    /// An answer, but not what was asked for.
    Useless,
    /// A dead auth is told of auth itself, a token that may not ask as such; what a service that refuses everybody does is
    /// not known, nor is it when the mistake is ours.
    Unknown,
}

impl Trouble {
    const fn of(why: &Why) -> Self {
        match why.reason() {
            // A balancer or the gateway's proxy says that nobody is behind it.
            Reason::Status if matches!(why, Why::Status(502..=504, _)) => Self::Silent,
            Reason::Unreachable | Reason::Timeout | Reason::Tls | Reason::ClientCertRefused => Self::Silent,
            Reason::NotFound | Reason::Status | Reason::TooLarge | Reason::Malformed | Reason::Upstream => {
                Self::Useless
            }
            Reason::AuthDown | Reason::Unauthorized | Reason::Forbidden | Reason::InProgress | Reason::Internal => {
                Self::Unknown
            }
        }
    }
}

/// Where nobody may ask, or auth is away, that is told as such.
fn unusable(snapshot: &Snapshot) -> BTreeMap<&str, &Fault> {
    let all = snapshot.unusable.values().flatten();
    let of_the_node = all.filter(|(_, fault)| {
        let is_slow = matches!(fault.why, Why::Timeout(_));
        is_slow || Trouble::of(&fault.why) == Trouble::Useless
    });
    of_the_node.map(|(label, fault)| (&**label, fault)).collect()
}

/// Endpoints of gateways that do not answer: of what is asked through them nothing is known.
fn silent(gateways: &Role<GatewaySeen>) -> BTreeSet<&str> {
    let faults = gateways.views().iter().filter_map(|view| view.fault.as_ref());
    let silent = faults.filter(|fault| Trouble::of(&fault.why) == Trouble::Silent);
    silent.map(|fault| fault.who.as_str()).collect()
}

/// What a process must tell: without an answer, of its service nothing can be said to be well.
const fn essential(service: VenusService) -> &'static [VenusCall] {
    match service {
        VenusService::Messager => &[
            VenusCall::LIST_SENDERS,
            VenusCall::LIST_BLOCKED,
            VenusCall::LIST_BY_STATE,
        ],
        VenusService::Gateway => &[VenusCall::LIST_WALLETS, VenusCall::LIST_PROVERS],
        // Without one of theirs nothing of a round of these is left; what nodes are asked by and by is in the picture.
        VenusService::Auth | VenusService::Node | VenusService::Miner => &[],
    }
}

/// The first of them that failed; what the token may not ask is told as such, and a node that does not answer by itself:
/// the messager asks it for this one.
fn failed_essential(service: VenusService, missed: &[Missed], no_node: bool) -> Option<&Missed> {
    let mut calls = essential(service)
        .iter()
        .filter(|call| !(no_node && **call == VenusCall::LIST_BY_STATE));
    calls.find_map(|call| {
        let mut failed = missed.iter().filter(|missed| !missed.is_forbidden());
        failed.find(|missed| missed.method == call.method())
    })
}

fn role<T>(service: VenusService, role: &Role<T>, part: &'static str, told: &Told<'_>, diagnosis: &mut Diagnosis) {
    for view in role.views() {
        let entity = format!("{}/{}", service.label(), view.label);
        let fault = view.fault.as_ref();
        let reason = fault.map(Fault::reason);
        let failed = failed_essential(service, &view.missed, told.no_node).map(|missed| &missed.fault);
        let failed = failed.or_else(|| told.unusable.get(&*view.label).copied());
        let words = || fault.or(failed).map(ToString::to_string).unwrap_or_default();
        let trouble = fault.map(|fault| {
            if told.away.contains(fault.who.as_str()) {
                Trouble::Unknown
            } else {
                Trouble::of(&fault.why)
            }
        });
        let is = |of: Trouble| match trouble {
            Some(Trouble::Unknown) => None,
            // Another trouble hides whether this one is over.
            Some(trouble) => (trouble == of).then_some(true),
            None => view.up().map(|_| of == Trouble::Useless && failed.is_some()),
        };
        diagnosis.judge(&INSTANCE_DOWN, &entity, is(Trouble::Silent), words);
        diagnosis.judge(&INSTANCE_UNUSABLE, &entity, is(Trouble::Useless), words);
        if reason == Some(Reason::Forbidden) {
            diagnosis.judge(&TOKEN_TOO_WEAK, &entity, Some(true), words);
        }
        // auth answers some routes whatever the token.
        let missed = view
            .missed
            .iter()
            .find(|missed| missed.fault.reason() == Reason::Unauthorized);
        let refused = match reason {
            Some(Reason::Unauthorized) => Some(true),
            Some(_) => None,
            None => view.up().map(|_| missed.is_some()),
        };
        let words = || {
            let fault = fault.or(missed.map(|missed| &missed.fault));
            fault.map(ToString::to_string).unwrap_or_default()
        };
        diagnosis.judge(&TOKEN_REFUSED, &entity, refused, words);
        if view.current().is_some() {
            let forbidden: Vec<&Missed> = view
                .missed
                .iter()
                .filter(|missed| missed.fault.reason() == Reason::Forbidden)
                .collect();
            diagnosis.judge(&TOKEN_TOO_WEAK, &entity, Some(!forbidden.is_empty()), || {
                hidden(&forbidden)
            });
        }
    }
    diagnosis.belongs_to(part);
}

fn hidden(forbidden: &[&Missed]) -> String {
    let mut methods: Vec<&str> = forbidden.iter().map(|missed| missed.method).collect();
    methods.dedup();
    let why = forbidden.first().map(|missed| missed.fault.why.to_string());
    format!("{}: {}", methods.join(", "), why.unwrap_or_default())
}
