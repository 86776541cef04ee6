//! Which target hangs on which: as the configuration says, and where it says nothing, what is obvious.

use crate::collectors::{Checked, Link};
use crate::values::Name;

/// One link per target, in the order of the file.
pub(super) fn links(targets: &[Checked]) -> Vec<Link> {
    targets.iter().map(|target| link(target, targets)).collect()
}

fn link(target: &Checked, all: &[Checked]) -> Link {
    Link {
        target: target.name.clone(),
        collector: target.collector,
        farm: farm(target),
        depends_on: target.depends_on.clone().unwrap_or_else(|| obvious(target, all)),
    }
}

fn farm(target: &Checked) -> Name {
    target.farm.clone().unwrap_or_else(Link::default_farm)
}

/// Of every kind that this kind hangs on, the one target in the same farm; of several the one whose address it asks as
/// well. Else none: a wrong guess would blame the wrong machine.
fn obvious(target: &Checked, all: &[Checked]) -> Vec<Name> {
    let mut found = Vec::new();
    for kind in target.hangs_on {
        let candidates: Vec<&Checked> = all
            .iter()
            .filter(|other| other.collector == *kind && other.name != target.name && farm(other) == farm(target))
            .collect();
        let is_asked = |other: &&&Checked| other.endpoints.iter().any(|own| target.endpoints.contains(own));
        let asked: Vec<&Checked> = candidates.iter().filter(is_asked).copied().collect();
        if let [only] = candidates[..] {
            found.push(only.name.clone());
        } else if let [only] = asked[..] {
            found.push(only.name.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(collector: &'static str, name: &str, farm: &str, depends_on: Option<&[&str]>) -> Checked {
        let hangs_on: &[&str] = match collector {
            "messager" => &["gateway", "node"],
            "gateway" => &["auth"],
            _ => &[],
        };
        Checked {
            collector,
            number: 0,
            name: name.parse().unwrap(),
            farm: (!farm.is_empty()).then(|| farm.parse().unwrap()),
            depends_on: depends_on.map(|names| names.iter().map(|name| name.parse().unwrap()).collect()),
            hangs_on,
            endpoints: Vec::new(),
            contradictions: Vec::new(),
            secrets: Vec::new(),
        }
    }

    fn inferred(targets: &[Checked]) -> Vec<String> {
        let links = links(targets);
        let shown = links.iter().map(|link| {
            let needed: Vec<&str> = link.depends_on.iter().map(Name::as_str).collect();
            format!("{}/{}: {}", link.farm, link.target, needed.join(" "))
        });
        shown.collect()
    }

    #[test]
    fn what_is_obvious_is_linked() {
        let farm = [
            target("auth", "a", "", None),
            target("gateway", "g", "", None),
            target("node", "n", "", None),
            target("messager", "m", "", None),
        ];
        assert_eq!(
            inferred(&farm),
            ["default/a: ", "default/g: a", "default/n: ", "default/m: g n"]
        );
    }

    #[test]
    fn of_two_candidates_the_one_that_is_asked_is_meant() {
        let asks = |collector: &'static str, name: &str, url: &str| Checked {
            endpoints: vec![url.parse().unwrap()],
            ..target(collector, name, "", None)
        };
        let farm = [
            asks("node", "n1", "http://10.0.0.1:9944"),
            asks("node", "n2", "http://10.0.0.2:9944"),
            asks("messager", "m", "http://10.0.0.2:9944"),
        ];
        assert_eq!(inferred(&farm).get(2).unwrap(), "default/m: n2");
    }

    #[test]
    fn of_two_candidates_none_is_guessed_and_other_farms_do_not_count() {
        let farm = [
            target("node", "n1", "east", None),
            target("node", "n2", "east", None),
            target("gateway", "g", "west", None),
            target("messager", "m", "east", None),
            target("messager", "said", "east", Some(&["n2"])),
            target("messager", "alone", "west", Some(&[])),
        ];
        let linked = inferred(&farm);
        assert_eq!(linked.get(3..).unwrap(), ["east/m: ", "east/said: n2", "west/alone: "]);
    }
}
