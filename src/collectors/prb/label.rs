//! Names on the page, made unique: hostnames of containers are the same on every machine.

use std::collections::{HashMap, HashSet};

use super::peer::Peer;
use super::target::Pick;
use super::worker::Worker;

/// A label for each peer: its configured name or its hostname; where several share one, with the address behind it, and
/// where that is shared too, with the end of the peer id.
pub(super) fn peers<'a>(peers: impl Iterator<Item = &'a Peer> + Clone, picks: &[Pick]) -> Vec<String> {
    let plain = |peer: &Peer| {
        let alias = picks.iter().find(|pick| pick.means(peer)).and_then(Pick::alias);
        match alias {
            Some(alias) => alias.to_owned(),
            None if peer.hostname.is_empty() => peer.id.tail(),
            None => peer.hostname.clone(),
        }
    };
    let first: Vec<String> = peers.clone().map(plain).collect();
    let with_address = peers.clone().map(|peer| match peer.address.as_str() {
        "" => String::new(),
        address => format!("@{address}"),
    });
    let second = lengthened(first, with_address);
    numbered(lengthened(second, peers.map(|peer| format!("#{}", peer.id.tail()))))
}

/// A label for each worker of one lifecycle: its name; where several share one, with the beginning of the uuid.
pub(super) fn workers(workers: &[Box<Worker>]) -> Vec<String> {
    let names = workers.iter().map(|worker| worker.identity.name.clone()).collect();
    let beginnings = workers.iter().map(|worker| {
        let beginning: String = worker.identity.uuid.chars().take(8).collect();
        format!("#{beginning}")
    });
    numbered(lengthened(names, beginnings))
}

/// The last resort: whatever still stands more than once gets its number, also where that hits upon another one.
fn numbered(labels: Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let unique = labels.into_iter().map(|label| {
        let others = (2_usize..).map(|number| format!("{label}~{number}"));
        let mut candidates = std::iter::once(label.clone()).chain(others);
        // There are more numbers than labels.
        let free = candidates.find(|candidate| !taken.contains(candidate)).unwrap_or(label);
        taken.insert(free.clone());
        free
    });
    unique.collect()
}

/// Adds the ending where a label stands more than once.
fn lengthened(labels: Vec<String>, endings: impl Iterator<Item = String>) -> Vec<String> {
    let mut times: HashMap<String, usize> = HashMap::new();
    for label in &labels {
        *times.entry(label.clone()).or_default() += 1;
    }
    let shared = |label: &String| times.get(label).is_some_and(|times| *times > 1);
    labels
        .into_iter()
        .zip(endings)
        .map(|(label, ending)| if shared(&label) { label + &ending } else { label })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::peer::{PeerId, Role};
    use super::*;

    fn peer(id: &str, hostname: &str, address: &str) -> Peer {
        Peer {
            id: PeerId::read(id).unwrap(),
            role: Role::Lifecycle,
            hostname: hostname.to_owned(),
            address: address.to_owned(),
            bridge: String::new(),
            chain: String::new(),
        }
    }

    #[test]
    fn what_nothing_tells_apart_gets_a_number() {
        let labels = ["same#1", "same#1", "other", "same#1~2"].map(str::to_owned).to_vec();
        assert_eq!(numbered(labels), ["same#1", "same#1~2", "other", "same#1~2~2"]);
    }

    #[test]
    fn a_label_is_as_long_as_it_must_be_to_be_unique() {
        let all = [
            peer("Qm000001", "lifecycle", "10.0.0.1"),
            peer("Qm000002", "lifecycle", "10.0.0.2"),
            peer("Qm000003", "lifecycle", "10.0.0.2"),
            peer("Qm000004", "data_provider", "10.0.0.2"),
            peer("Qm000005", "", ""),
            peer("Qm000006", "lifecycle", "10.0.0.6"),
        ];
        let pick = Pick::new("10.0.0.6", Some("east"));
        assert_eq!(
            peers(all.iter(), &[pick]),
            [
                "lifecycle@10.0.0.1",
                "lifecycle@10.0.0.2#000002",
                "lifecycle@10.0.0.2#000003",
                "data_provider",
                "000005",
                "east",
            ]
        );
    }
}
