//! A chain service in one line for each part, for people.

use super::messager::{Sight, Waiting};
use super::role::{Role, View};
use super::snapshot::Snapshot;
use super::target::Target;
use crate::clock::Now;

/// What each process of a role said, joined; an error when one of them does not answer.
fn joined<T>(role: &Role<T>, words: impl Fn(&View<T>, &T) -> String) -> Result<String, String> {
    let mut wrong = false;
    let each = role.views().iter().map(|view| {
        let said = match (&view.fault, view.seen()) {
            (Some(fault), _) => {
                wrong = true;
                fault.why.to_string()
            }
            (None, Some(seen)) => {
                let about = view.about.as_ref().map(|about| format!(" {about}"));
                format!("{}{}", words(view, seen), about.unwrap_or_default())
            }
            (None, None) => "nothing yet".to_owned(),
        };
        format!("{}: {said}", view.label)
    });
    let words = each.collect::<Vec<_>>().join("; ");
    if wrong { Err(words) } else { Ok(words) }
}

pub(super) fn heads(snapshot: &Snapshot, now: Now) -> Result<String, String> {
    joined(&snapshot.heads, |_, seen| {
        let behind = match seen.behind(now.wall) {
            Some(behind) => format!(", {behind} epochs behind the clock"),
            None => String::new(),
        };
        let network = seen.chain.network.as_deref().unwrap_or("an unknown network");
        format!("{network} at {}{behind},", seen.head.epoch)
    })
}

pub(super) fn networks(snapshot: &Snapshot) -> Result<String, String> {
    joined(&snapshot.networks, |_, seen| match seen.peers {
        Some(peers) => counted(peers, "peer"),
        None => "peers unknown".to_owned(),
    })
}

pub(super) fn messagers(snapshot: &Snapshot) -> Result<String, String> {
    joined(&snapshot.messagers, |view, seen| {
        let Some(book) = &seen.book else {
            return "answers".to_owned();
        };
        let waiting = |state: Waiting| {
            let sum: u64 = book.senders.iter().map(|view| view.queue.pile(state).count).sum();
            let label = state.label();
            match book.sees.of(state) {
                None => format!("{label} unknown"),
                Some(Sight::Whole) => format!("{sum} {label}"),
                Some(Sight::Cut { .. }) => format!("at least {sum} {label}"),
            }
        };
        let hidden = if view.missed.is_empty() {
            ""
        } else {
            " (not all may be seen)"
        };
        format!(
            "{}, {} and {} waiting{hidden}",
            counted(u64::try_from(book.senders.len()).unwrap_or(u64::MAX), "sender"),
            waiting(Waiting::Unfilled),
            waiting(Waiting::Filled),
        )
    })
}

pub(super) fn miners(snapshot: &Snapshot) -> Result<String, String> {
    joined(&snapshot.miners, |_, seen| {
        let mining = seen
            .miners
            .values()
            .filter(|mining| mining.mining == Some(true))
            .count();
        format!("{mining} of {} miners mined for", seen.miners.len())
    })
}

pub(super) fn gateways(snapshot: &Snapshot) -> Result<String, String> {
    joined(&snapshot.gateways, |_, seen| {
        let number = |count: Option<usize>| count.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
        let provers = seen.provers.as_ref();
        let connected = provers.map(|all| all.keys().filter(|miner| seen.proves_for(miner) == Some(true)).count());
        let accounts = number(seen.wallets.as_ref().map(std::collections::BTreeMap::len));
        format!("wallet accounts {accounts}, miners with a prover {}", number(connected))
    })
}

pub(super) fn auths(snapshot: &Snapshot) -> Result<String, String> {
    joined(&snapshot.auths, |_, seen| match &seen.users {
        Some(users) => counted(u64::try_from(users.len()).unwrap_or(u64::MAX), "user"),
        None => "answers, users may not be seen".to_owned(),
    })
}

/// Who is asked about is told by the messager: before it has, nobody is, which is no number of wallets.
pub(super) fn wallets(snapshot: &Snapshot, target: &Target) -> String {
    let senders = snapshot.book().map(|(book, _)| book.senders.len());
    let none = match senders {
        _ if target.messagers.is_empty() => "none asked for: there is neither a messager nor `wallets`",
        None => "none asked for: which there are is not known until the messager says it",
        Some(0) => "none: the messager has no senders, and `wallets` names none",
        Some(_) => "none asked for until the next round, which knows the senders",
    };
    match snapshot.wallets.as_ref().map_or(0, |claims| claims.rows.len()) {
        0 => none.to_owned(),
        known => counted(u64::try_from(known).unwrap_or(u64::MAX), "wallet"),
    }
}

/// Likewise of the miners that a part is about, where it was asked for none.
fn no_miners(snapshot: &Snapshot, target: &Target) -> &'static str {
    if target.miner_services.is_empty() {
        "none asked for: there is neither a miner service nor `miners`"
    } else if snapshot.miners.seen().next().is_none() {
        "none asked for: which miners there are is not known until the miner service says it"
    } else if snapshot.expected().is_empty() {
        "none asked for: the miner service mines for none, and `miners` names none"
    } else {
        "none asked for until the next round, which knows the miners"
    }
}

pub(super) fn wins(snapshot: &Snapshot, target: &Target) -> String {
    match snapshot.tallies.miners() {
        0 if snapshot.expected().is_empty() => no_miners(snapshot, target).to_owned(),
        0 => "nothing counted yet, or no miner service keeps wins or blocks".to_owned(),
        known => format!(
            "counted for {}",
            counted(u64::try_from(known).unwrap_or(u64::MAX), "miner")
        ),
    }
}

pub(super) fn states(snapshot: &Snapshot, target: &Target) -> String {
    match snapshot.states.as_ref().map_or(0, |claims| claims.rows.len()) {
        0 => no_miners(snapshot, target).to_owned(),
        known => counted(u64::try_from(known).unwrap_or(u64::MAX), "miner"),
    }
}

fn counted(number: u64, thing: &str) -> String {
    if number == 1 {
        format!("1 {thing}")
    } else {
        format!("{number} {thing}s")
    }
}
