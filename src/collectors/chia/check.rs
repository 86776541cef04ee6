//! What spans several keys of an entry and cannot be.

use super::target::{Pick, Target, address};
use crate::upstream::chia::NodeId;
use crate::values::{Duration, Name};

pub(super) fn contradictions(target: &Target) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    wrong.extend(target.wrong_files());
    wrong.extend(target.wrong_harvesters());
    if !target.asks_something() {
        let words = "it names nothing to ask; give `farmer`, `full_node`, `daemon`, `wallet`, or a harvester's `rpc`";
        wrong.push(("", words.to_owned()));
    }
    if target.wallet_amounts && target.wallet.is_none() {
        wrong.push(("wallet_amounts", "there is no `wallet` to ask for them".to_owned()));
    }
    let second = Duration::from_secs(1);
    for (key, every) in [
        ("interval", target.interval),
        ("events_interval", target.events_interval),
        ("details_interval", target.details_interval),
        ("plots_interval", target.plots_interval),
    ] {
        if every < second {
            wrong.push((key, format!("{every} is too short; at least 1s")));
        } else if target.timeout >= every && key != "events_interval" {
            let words = format!(
                "the timeout of {} must be shorter than {key} of {every}",
                target.timeout
            );
            wrong.push(("timeout", words));
        }
    }
    wrong
}

impl Target {
    fn wrong_files(&self) -> Option<(&'static str, String)> {
        if (self.cert_file.is_some()) != (self.key_file.is_some()) {
            return Some((
                "cert_file",
                "`cert_file` and `key_file` belong together; give both".to_owned(),
            ));
        }
        let given = self.root.is_some() || (self.ca_file.is_some() && self.cert_file.is_some());
        let words = "it has no certificates; give `root` (CHIA_ROOT), or `ca_file`, `cert_file` and `key_file`";
        (!given).then(|| ("", words.to_owned()))
    }

    fn wrong_harvesters(&self) -> Option<(&'static str, String)> {
        let mut names: Vec<&Name> = self.harvesters.iter().map(|pick| &pick.name).collect();
        names.sort();
        let twice = names.windows(2).find(|pair| pair.first() == pair.last());
        if let Some(name) = twice.and_then(|pair| pair.first()) {
            return Some(("harvesters", format!("two harvesters are called `{name}`")));
        }
        let unsound = |text: &&String| text.parse::<NodeId>().is_err() && !is_beginning(text);
        let ids = self.harvesters.iter().filter_map(|pick| pick.node_id.as_ref());
        if let Some(text) = ids.clone().find(unsound) {
            let words = format!("`{text}` is no node id; give all of its 64 digits, or eight at least");
            return Some(("harvesters", words));
        }
        let hosts = self.harvesters.iter().filter_map(|pick| pick.host.as_ref());
        if let Some(text) = hosts.clone().find(|text| address(text).is_none()) {
            let words = format!(
                "`{text}` is no IP address; give the one that the harvester dials the farmer from, as the farmer sees no names"
            );
            return Some(("harvesters", words));
        }
        let untold = self
            .harvesters
            .iter()
            .filter(|pick| pick.is_here() && !pick.is_told(None));
        if let [first, second, ..] = untold.collect::<Vec<_>>().as_slice() {
            let words = format!(
                "nothing tells `{}` and `{}` apart: both are on this machine; give each its `node_id`",
                first.name, second.name
            );
            return Some(("harvesters", words));
        }
        let nobody = |pick: &&Pick| pick.node_id.is_none() && pick.host.is_none() && pick.rpc.is_none();
        let nobody = self.harvesters.iter().find(nobody)?;
        let words = format!(
            "nothing says which harvester `{}` is; give `host`, `node_id` or `rpc`",
            nobody.name
        );
        Some(("harvesters", words))
    }
}

fn is_beginning(text: &str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    (8..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        let target: Target = serde_json::from_str(text).unwrap();
        let mistakes = contradictions(&target).into_iter();
        mistakes.map(|(key, words)| format!("{key}: {words}")).collect()
    }

    #[test]
    fn a_farm_needs_certificates_and_something_to_ask() {
        assert!(wrong(r#"{"name": "c", "root": "/r", "farmer": "127.0.0.1:8559"}"#).is_empty());
        let files = r#"{"name": "c", "ca_file": "/a", "cert_file": "/b", "key_file": "/c", "daemon": "h:55400"}"#;
        assert!(wrong(files).is_empty());
        let bare = wrong(r#"{"name": "c"}"#);
        assert!(
            bare[0].contains("no certificates") && bare[1].contains("nothing to ask"),
            "{bare:?}"
        );
        let half = r#"{"name": "c", "root": "/r", "key_file": "/k", "farmer": "h:1"}"#;
        assert!(wrong(half)[0].contains("belong together"));
    }

    #[test]
    fn harvesters_that_cannot_be_told_apart_are_mistakes() {
        let of = |list: &str| {
            wrong(&format!(
                r#"{{"name": "c", "root": "/r", "farmer": "h:1", "harvesters": {list}}}"#
            ))
        };
        let twice = of(r#"[{"name": "a", "host": "::1"}, {"name": "a", "host": "::2"}]"#);
        assert_eq!(twice, ["harvesters: two harvesters are called `a`"]);
        assert!(of(r#"[{"name": "a"}]"#)[0].contains("which harvester `a` is"));
        assert!(of(r#"[{"name": "a", "node_id": "0xab"}]"#)[0].contains("no node id"));
        for host in ["nas-9.lan", ""] {
            let named = of(&format!(r#"[{{"name": "a", "host": "{host}"}}]"#));
            assert!(
                named[0].starts_with(&format!("harvesters: `{host}` is no IP address")),
                "{named:?}"
            );
        }
        let both = |more: &str| {
            of(&format!(
                r#"[{{"name": "a", "rpc": "127.0.0.1:1"}}, {{"name": "b", "rpc": "127.0.0.1:2"{more}}}]"#
            ))
        };
        assert!(both("")[0].contains("nothing tells `a` and `b` apart"));
        assert!(both(r#", "node_id": "abababab""#).is_empty());
    }
}
