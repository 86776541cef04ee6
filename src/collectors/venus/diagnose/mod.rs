//! When a chain service is ill: pure, its picture against thresholds.
//!
//! What follows from something else that is ill is told with that and not by itself: of a sender the first cause, of a
//! process that is down nothing but that. Only what came in the last round is judged.

mod chain;
mod miners;
mod processes;
mod senders;

use super::snapshot::Snapshot;
use super::symptoms::Thresholds;
use super::{AUTH, GATEWAY, MESSAGER, MINER, NODE, STATE, WALLETS};
use crate::clock::Now;
use crate::collectors::Diagnosis;
use crate::values::Duration;

/// A look at the picture.
struct Look<'a> {
    snapshot: &'a Snapshot,
    thresholds: &'a Thresholds,
    now: Now,
    /// Every node is too far behind to say what is on chain, or none answers.
    behind: bool,
    /// No node answers: nothing can be estimated, pushed or mined.
    no_node: bool,
    /// No gateway answers: nobody can be asked to sign or prove.
    no_gateway: bool,
}

pub(super) fn diagnose(snapshot: &Snapshot, thresholds: &Thresholds, now: Now) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    let mut look = Look {
        snapshot,
        thresholds,
        now,
        behind: false,
        no_node: !snapshot.heads.views().is_empty() && snapshot.heads.current().next().is_none(),
        no_gateway: !snapshot.gateways.views().is_empty() && snapshot.gateways.current().next().is_none(),
    };
    look.behind = look.no_node || look.all_behind();
    look.processes(&mut diagnosis);
    look.nodes(&mut diagnosis);
    diagnosis.belongs_to(NODE);
    look.senders(&mut diagnosis);
    diagnosis.belongs_to(MESSAGER);
    look.wallets(&mut diagnosis);
    diagnosis.belongs_to(WALLETS);
    look.gateways(&mut diagnosis);
    diagnosis.belongs_to(GATEWAY);
    look.miners(&mut diagnosis);
    diagnosis.belongs_to(MINER);
    look.claims(&mut diagnosis);
    diagnosis.belongs_to(STATE);
    look.users(&mut diagnosis);
    diagnosis.belongs_to(AUTH);
    diagnosis
}

/// For people: milliseconds are noise here.
fn whole_seconds(duration: std::time::Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}
