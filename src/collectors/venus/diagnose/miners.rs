//! Whether every expected miner is mined for, once, and can be proved for.

use std::collections::BTreeSet;

use super::Look;
use crate::collectors::Diagnosis;
use crate::collectors::venus::address::Address;
use crate::collectors::venus::gateway::GatewaySeen;
use crate::collectors::venus::miner::{Cause, MinerSeen, Mining};
use crate::collectors::venus::role::View;
use crate::collectors::venus::symptoms::{DOUBLE_MINING, GATEWAY_QUEUE, MINER_ERRORS, NOT_MINING, PROVER_MISSING};

impl Look<'_> {
    pub(super) fn gateways(&self, diagnosis: &mut Diagnosis) {
        let limit = self.thresholds.gateway_pending;
        for (view, seen) in self.snapshot.gateways.current() {
            for (kind, fullest) in seen.fullest() {
                let entity = format!("{}/{kind}", view.label);
                let is_full = fullest.map(|(_, pending)| pending > limit);
                diagnosis.judge(&GATEWAY_QUEUE, &entity, is_full, || {
                    let (whose, pending) = fullest.unwrap_or_default();
                    format!("{pending} requests are not taken by one connection of {whose} (limit {limit})")
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

    /// Which errors of a miner only follow from something that is told by itself.
    fn explained(&self, miner: &Address) -> impl Fn(&str) -> bool {
        let unproved = self.snapshot.prover_connected(miner) == Some(false);
        let unsigned = self.unsigned();
        let no_gateway = self.no_gateway;
        let no_prover = no_gateway || unproved || self.snapshot.prover_is_away(miner);
        move |error| match Cause::of(error) {
            Cause::Signing => no_gateway || unsigned(error),
            Cause::Proving => no_prover,
            Cause::Timeout => unproved,
            Cause::Other => false,
        }
    }

    /// Whether an error of signing follows from a wallet that is missed: it names the address, or there is no wallet at all.
    /// Which sender is a miner's worker is not asked.
    fn unsigned(&self) -> impl Fn(&str) -> bool {
        let senders = self.snapshot.current_book().map_or(&[][..], |(book, _)| &book.senders);
        let active = senders.iter().filter(|view| view.is_active() == Some(true));
        let missed = active.filter(|view| self.snapshot.signer_available(&view.address) == Some(false));
        let missed: BTreeSet<&Address> = missed.map(|view| &view.address).collect();
        let has_wallets = |seen: &GatewaySeen| seen.wallets.as_ref().map(|wallets| !wallets.is_empty());
        let nobody = !missed.is_empty() && self.snapshot.gateways.any(has_wallets) == Some(false);
        move |error| {
            let words = error.split(|letter: char| !letter.is_ascii_alphanumeric());
            let mut named = words.filter_map(Address::read);
            nobody || named.any(|address| missed.contains(&address) || self.snapshot.signer_is_away(&address))
        }
    }

    pub(super) fn miners(&self, diagnosis: &mut Diagnosis) {
        let services = &self.snapshot.miners;
        let there: Vec<&MinerSeen> = services.views().iter().filter_map(View::unless_gone).collect();
        if there.is_empty() {
            return;
        }
        let listed = there.iter().flat_map(|seen| seen.miners.keys());
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
        // One that mined for it and is slow goes on mining, as its rounds keep its answers waiting.
        let says = |view: &View<MinerSeen>| {
            let there = view.unless_gone().and_then(|seen| seen.mines_for(miner));
            there.or_else(|| view.says(|seen| seen.mines_for(miner)))
        };
        let told: Vec<(&View<MinerSeen>, Option<bool>)> = views.map(|view| (view, says(view))).collect();
        let mining = told.iter().filter(|(_, mines)| *mines == Some(true));
        let mining: Vec<String> = mining.map(|(view, _)| mines_still(view)).collect();
        // One that mined for it and is gone may go on mining: what was seen is not cured by that.
        let twice = mining.len() > 1;
        let twice = (twice || told.iter().all(|(_, mines)| mines.is_some())).then_some(twice);
        diagnosis.judge(&DOUBLE_MINING, miner.as_str(), twice, || {
            format!(
                "{} mine for it at the same time (unless that is one service under two names)",
                mining.join(" and ")
            )
        });
    }

    /// An idle service that is away hides nothing; one that mined for it may do so still.
    fn not_mining(&self, miner: &Address, diagnosis: &mut Diagnosis) {
        let services = &self.snapshot.miners;
        let idle = services.any(|seen| seen.mines_for(miner)).map(|any| !any);
        diagnosis.judge(&NOT_MINING, miner.as_str(), idle, || {
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

    /// What is not explained by something else; errors that are say neither that it is ill nor that it is well.
    fn miner_errors(&self, miner: &Address, diagnosis: &mut Diagnosis) {
        let of_each = self.snapshot.miners.current();
        let seen: Vec<(&str, &Mining)> = of_each
            .filter_map(|(view, seen)| Some((&*view.label, seen.miners.get(miner)?)))
            .collect();
        let explained = self.explained(miner);
        let own = |of: &Mining| -> Vec<String> {
            let errors = of.errors.iter().filter(|error| !explained(error));
            errors.cloned().collect()
        };
        let failing = seen
            .iter()
            .map(|(label, of)| (*label, own(of)))
            .find(|(_, errors)| !errors.is_empty());
        let well = seen.iter().all(|(_, of)| of.errors.is_empty());
        let told = failing.is_some() || well;
        let ill = (told && !self.behind && !seen.is_empty()).then_some(failing.is_some());
        diagnosis.judge(&MINER_ERRORS, miner.as_str(), ill, || {
            let words = failing.as_ref().map(|(label, errors)| {
                let last = errors.last().map(String::as_str).unwrap_or_default();
                format!("{label}: {} errors, the last: {last}", errors.len())
            });
            words.unwrap_or_default()
        });
    }
}

fn mines_still(view: &View<MinerSeen>) -> String {
    match view.current() {
        Some(_) => view.label.to_string(),
        None => format!("{} (slow now; when it last answered)", view.label),
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
