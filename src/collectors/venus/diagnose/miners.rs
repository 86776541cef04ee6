//! Whether every expected miner is mined for, once, and can be proved for.

use std::collections::BTreeSet;

use super::Look;
use crate::collectors::Diagnosis;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::error_class::{ErrorClass, Stage};
use crate::collectors::venus::gateway::samples::kinds;
use crate::collectors::venus::miner::Mining;
use crate::collectors::venus::symptoms::{DOUBLE_MINING, GATEWAY_QUEUE, MINER_ERRORS, NOT_MINING, PROVER_MISSING};

impl Look<'_> {
    pub(super) fn gateways(&self, diagnosis: &mut Diagnosis) {
        let limit = self.thresholds.gateway_pending;
        for (view, seen) in self.snapshot.gateways.current() {
            for (kind, connections) in kinds(seen) {
                let pending = connections.map(|all| all.pending);
                let entity = format!("{}/{kind}", view.label);
                diagnosis.judge(&GATEWAY_QUEUE, &entity, pending.map(|pending| pending > limit), || {
                    format!("{} requests are not taken (limit {limit})", pending.unwrap_or_default())
                });
            }
        }
        for miner in self.snapshot.expected() {
            diagnosis.judge(&PROVER_MISSING, miner.as_str(), self.unproved(miner), || {
                "nobody who proves for it is connected to a gateway".to_owned()
            });
        }
    }

    /// Whether no gateway has a prover of the miner; `None` where that could not be asked of all.
    fn unproved(&self, miner: &Address) -> Option<bool> {
        let gateways = &self.snapshot.gateways;
        let mut counts = Vec::new();
        for (_, seen) in gateways.current() {
            let of_miner = seen.provers.as_ref().and_then(|provers| provers.get(miner));
            counts.push(of_miner.map(|connections| connections.count));
        }
        if counts.iter().flatten().any(|count| *count > 0) {
            return Some(false);
        }
        let told = gateways.is_whole() && counts.iter().all(Option::is_some);
        told.then_some(true)
    }

    /// Whether its errors only say that nobody signs, while that is told of a sender.
    fn is_unsigned(&self, mining: &Mining) -> bool {
        let of_signing = |error: &String| ErrorClass::of(error).stage == Stage::Sign;
        let senders = self.snapshot.current_book().map_or(&[][..], |(book, _)| &book.senders);
        let mut active = senders.iter().filter(|view| view.is_active() == Some(true));
        mining.errors.iter().all(of_signing)
            && active.any(|view| self.snapshot.signer_available(&view.address) == Some(false))
    }

    pub(super) fn miners(&self, diagnosis: &mut Diagnosis) {
        let services = &self.snapshot.miners;
        let listed = services.current().flat_map(|(_, seen)| seen.miners.keys());
        let expected: BTreeSet<&Address> = self.snapshot.expected().into_iter().collect();
        let all: BTreeSet<&Address> = listed.chain(expected.iter().copied()).collect();
        for miner in all {
            let seen: Vec<(&str, Option<&Mining>)> = services
                .current()
                .map(|(view, seen)| (&*view.label, seen.miners.get(miner)))
                .collect();
            if !seen.is_empty() {
                self.miner(miner, &seen, expected.contains(miner), diagnosis);
            }
        }
    }

    fn miner(&self, miner: &Address, seen: &[(&str, Option<&Mining>)], is_expected: bool, diagnosis: &mut Diagnosis) {
        let is_mining = |mining: &Mining| mining.mining == Some(true);
        let mining: Vec<&str> = seen
            .iter()
            .filter(|(_, of)| of.is_some_and(is_mining))
            .map(|(label, _)| *label)
            .collect();
        // A service that does not answer may go on mining: what was seen is not cured by that.
        let twice = mining.len() > 1;
        let twice = (twice || self.snapshot.miners.is_whole()).then_some(twice);
        diagnosis.judge(&DOUBLE_MINING, miner.as_str(), twice, || {
            format!("{} mine for it at the same time", mining.join(" and "))
        });
        // What a service that does not answer does is not known.
        let told = !mining.is_empty() || self.snapshot.miners.is_whole();
        let idle = (is_expected && told).then_some(mining.is_empty());
        diagnosis.judge(&NOT_MINING, miner.as_str(), idle, || {
            let of_each = seen.iter().map(|(label, of)| format!("{label}: {}", why_idle(*of)));
            of_each.collect::<Vec<_>>().join("; ")
        });
        let failing = seen
            .iter()
            .find_map(|(label, of)| Some((*label, of.filter(|of| !of.errors.is_empty())?)));
        let judged = !self.behind && !self.no_gateway && self.unproved(miner) != Some(true);
        let judged = judged && !failing.is_some_and(|(_, of)| self.is_unsigned(of));
        let known = seen.iter().any(|(_, of)| of.is_some());
        diagnosis.judge(
            &MINER_ERRORS,
            miner.as_str(),
            (judged && known).then_some(failing.is_some()),
            || {
                let words = failing.map(|(label, of)| {
                    let last = of.errors.last().map(String::as_str).unwrap_or_default();
                    format!("{label}: {} errors, the last: {last}", of.errors.len())
                });
                words.unwrap_or_default()
            },
        );
    }
}

fn why_idle(mining: Option<&Mining>) -> &'static str {
    match mining {
        None => "not in its list: its user is disabled in auth, or it is not bound there",
        Some(Mining { open: Some(false), .. }) => "closed for mining",
        Some(Mining { open: Some(true), .. }) => {
            "open for mining, but its prover could not be built: node unreachable, or a wrong id"
        }
        Some(_) => "known, but not mined for",
    }
}
