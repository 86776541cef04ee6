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
            let connected = self.snapshot.prover_connected(miner);
            diagnosis.judge(&PROVER_MISSING, miner.as_str(), connected.map(|one| !one), || {
                "nobody who proves for it is connected to a gateway".to_owned()
            });
        }
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
        if services.current().next().is_none() {
            return;
        }
        let listed = services.current().flat_map(|(_, seen)| seen.miners.keys());
        let expected: BTreeSet<&Address> = self.snapshot.expected().into_iter().collect();
        let all: BTreeSet<&Address> = listed.chain(expected.iter().copied()).collect();
        for miner in all {
            self.mined_twice(miner, diagnosis);
            if expected.contains(miner) {
                self.not_mining(miner, diagnosis);
            }
            self.miner_errors(miner, diagnosis);
        }
    }

    fn mined_twice(&self, miner: &Address, diagnosis: &mut Diagnosis) {
        let views = self.snapshot.miners.views().iter();
        let told = views.map(|view| (&*view.label, view.says(|seen| seen.mines_for(miner))));
        let told: Vec<(&str, Option<bool>)> = told.collect();
        let mining: Vec<&str> = told
            .iter()
            .filter(|(_, mines)| *mines == Some(true))
            .map(|(label, _)| *label)
            .collect();
        // One that mined for it and does not answer may go on mining: what was seen is not cured by that.
        let twice = mining.len() > 1;
        let twice = (twice || told.iter().all(|(_, mines)| mines.is_some())).then_some(twice);
        diagnosis.judge(&DOUBLE_MINING, miner.as_str(), twice, || {
            format!("{} mine for it at the same time", mining.join(" and "))
        });
    }

    /// An idle service that is away hides nothing; one that mined for it may do so still.
    fn not_mining(&self, miner: &Address, diagnosis: &mut Diagnosis) {
        let services = &self.snapshot.miners;
        let mined = services.any(|seen| seen.mines_for(miner));
        diagnosis.judge(&NOT_MINING, miner.as_str(), mined.map(|mined| !mined), || {
            let of_each = services.views().iter().map(|view| {
                let why = match view.current() {
                    Some(seen) => why_idle(seen.miners.get(miner)),
                    None => "does not answer, and did not mine for it when it last did",
                };
                format!("{}: {why}", view.label)
            });
            of_each.collect::<Vec<_>>().join("; ")
        });
    }

    fn miner_errors(&self, miner: &Address, diagnosis: &mut Diagnosis) {
        let of_each = self.snapshot.miners.current();
        let seen: Vec<(&str, &Mining)> = of_each
            .filter_map(|(view, seen)| Some((&*view.label, seen.miners.get(miner)?)))
            .collect();
        let failing = seen.iter().find(|(_, of)| !of.errors.is_empty());
        let unproved = self.snapshot.prover_connected(miner) == Some(false);
        let judged = !self.behind && !self.no_gateway && !unproved;
        let judged = judged && !failing.is_some_and(|(_, of)| self.is_unsigned(of));
        let ill = (judged && !seen.is_empty()).then_some(failing.is_some());
        diagnosis.judge(&MINER_ERRORS, miner.as_str(), ill, || {
            let words = failing.map(|(label, of)| {
                let last = of.errors.last().map(String::as_str).unwrap_or_default();
                format!("{label}: {} errors, the last: {last}", of.errors.len())
            });
            words.unwrap_or_default()
        });
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
