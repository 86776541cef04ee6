//! What the sections say of themselves and of targets that cannot be.

use std::collections::HashSet;

use super::settings::{Engine, Settings, Stack, Thing, Units};
use crate::values::Name;

/// A mistake in one of the sections, where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The section.
    pub list: &'static str,
    /// By its number among those that could be read; nothing in `units`.
    pub number: Option<usize>,
    /// Below it; empty for the entry as a whole.
    pub key: String,
    pub words: String,
}

/// Whether it is by its name what feeds workers with blocks: a restart of that while it does has destroyed checkpoints.
fn feeds_workers(thing: &Thing) -> bool {
    let mut words = thing.word().split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word.contains("lifecycle") || word == "wm")
}

impl Settings {
    /// An empty list when all is well. `is_unread` knows targets that are written and could not be read.
    pub fn misplaced(&self, is_unread: impl Fn(&Name) -> bool) -> Vec<Misplaced> {
        let mut found = self.units.wrong();
        found.extend(self.commands.wrong());
        let mut names = HashSet::new();
        for (number, engine) in self.engines.iter().enumerate() {
            let mut own = engine.wrong();
            if !names.insert(&engine.name) {
                own.push(("name".to_owned(), twice("engine", &engine.name)));
            }
            // Its containers are known apart by the name of their engine.
            let is_same = |other: &&Engine| other.place().is_some() && other.place() == engine.place();
            if let Some(other) = self.engines.iter().take(number).find(is_same) {
                let words = format!("this is the engine `{}`: list its containers there", other.name);
                own.push((String::new(), words));
            }
            found.extend(placed("engines", number, own));
        }
        let mut names = HashSet::new();
        for (number, stack) in self.stacks.iter().enumerate() {
            let mut own = self.wrong_stack(stack, &is_unread);
            if !names.insert(&stack.name) {
                own.push(("name".to_owned(), twice("stack", &stack.name)));
            }
            found.extend(placed("stacks", number, own));
        }
        let mut names = HashSet::new();
        for (number, remote) in self.remotes.iter().enumerate() {
            let mut own = remote.wrong();
            if !names.insert(&remote.name) {
                own.push(("name".to_owned(), twice("farmwarden", &remote.name)));
            }
            found.extend(placed("remotes", number, own));
        }
        found
    }

    fn wrong_stack(&self, stack: &Stack, is_unread: &impl Fn(&Name) -> bool) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let is = |name: &Name, kind: &str| is_unread(name) || self.targets.get(name) == Some(&kind);
        if let Some(node) = &stack.node
            && !is(&node.target, "phala")
        {
            let words = format!("no target of the kind `phala` is called `{}`", node.target);
            wrong.push(("node.target".to_owned(), words));
        }
        if let Some(prb) = &stack.prb {
            let solo = self.prb(prb).is_some_and(|target| !target.solo.is_empty());
            if !is(prb, "prb") {
                wrong.push((
                    "prb".to_owned(),
                    format!("no target of the kind `prb` is called `{prb}`"),
                ));
            } else if solo {
                let words = format!("`{prb}` has workers without a PRB; leave it out");
                wrong.push(("prb".to_owned(), words));
            }
        }
        if stack.node.is_none() && stack.group.is_empty() {
            wrong.push((String::new(), "a stack needs a `node` or a `group`".to_owned()));
        }
        if stack.node.is_none() && stack.prb.is_none() {
            let words = "without a `node` a stack needs its `prb`: a target must show that something is ill";
            wrong.push(("prb".to_owned(), words.to_owned()));
        }
        wrong.extend(self.wrong_parts(stack));
        wrong
    }

    fn wrong_parts(&self, stack: &Stack) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut seen: Vec<(Thing, String)> = Vec::new();
        for (place, written) in stack.parts() {
            match self.thing(written) {
                Err((key, words)) => wrong.push((below(&place, key), words)),
                Ok(thing) => {
                    // What is restarted last may be one of the group.
                    let before = seen
                        .iter()
                        .find(|(other, at)| *other == thing && same_order(at, &place));
                    if let Some((_, before)) = before {
                        wrong.push((place.clone(), format!("{thing} is also {before}")));
                    }
                    if let Some(words) = thing.belongs_elsewhere() {
                        wrong.push((place.clone(), words));
                    }
                    if feeds_workers(&thing) && stack.prb.is_none() {
                        let words = format!(
                            "say by `prb` which target watches {thing}: it is not stopped while it feeds blocks"
                        );
                        wrong.push((place.clone(), words));
                    }
                    seen.push((thing, place));
                }
            }
        }
        for (place, member) in stack.others().filter(|(_, member)| member.works_within.is_some()) {
            if stack.prb.is_none() {
                let words = "name the stack's `prb`: its data providers are what is waited for";
                wrong.push((below(&place, "works_within"), words.to_owned()));
            } else if !stack.group.contains(member) {
                let words = "nothing comes after what is restarted last";
                wrong.push((below(&place, "works_within"), words.to_owned()));
            }
        }
        wrong
    }

    /// Why this must not be stopped by itself, if it must not.
    pub(super) fn stands_in_the_way(&self, thing: &Thing) -> Option<String> {
        let mut stacks = self.stacks_with(thing).peekable();
        let unguarded = feeds_workers(thing) && stacks.peek().is_none();
        if let Some((stack, _)) = stacks.find(|(_, is_node)| *is_node) {
            return Some(format!(
                "{thing} is the node of the stack `{}`: `restart-stack` keeps the order",
                stack.name
            ));
        }
        unguarded.then(|| {
            format!(
                "{thing} is a lifecycle by its name, which is never stopped while it feeds blocks: put it in a stack with its `prb`"
            )
        })
    }
}

impl Engine {
    /// Nothing where neither is said.
    fn place(&self) -> Option<String> {
        let socket = self.socket.as_ref().map(|socket| socket.display().to_string());
        socket.or_else(|| self.address.as_ref().map(ToString::to_string))
    }

    fn wrong(&self) -> Vec<(String, String)> {
        let mut wrong: Vec<(&str, &str)> = Vec::new();
        let files = [
            ("ca_file", &self.ca_file),
            ("cert_file", &self.cert_file),
            ("key_file", &self.key_file),
        ];
        match (&self.socket, &self.address) {
            (Some(_), Some(_)) => wrong.push(("address", "either a `socket` or an `address`")),
            (None, None) => wrong.push((
                "",
                "say where it is: a `socket`, like /var/run/docker.sock, or an `address`",
            )),
            (Some(socket), None) => {
                if !socket.is_absolute() {
                    wrong.push(("socket", "the absolute path of a socket is expected here"));
                }
                let given = files.iter().filter(|(_, file)| file.is_some());
                wrong.extend(given.map(|(key, _)| (*key, "a socket has no certificates")));
            }
            (None, Some(_)) => {
                let missing = files.iter().filter(|(_, file)| file.is_none());
                let words = "an engine is reached over the network only with certificates on both sides: whoever reaches it \
                             without owns the machine";
                wrong.extend(missing.map(|(key, _)| (*key, words)));
            }
        }
        if self.containers.is_empty() {
            wrong.push(("containers", "list the containers that may be touched"));
        }
        wrong
            .into_iter()
            .map(|(key, words)| (key.to_owned(), words.to_owned()))
            .collect()
    }
}

impl Units {
    fn wrong(&self) -> Vec<Misplaced> {
        if self.socket.is_absolute() {
            return Vec::new();
        }
        vec![Misplaced {
            list: "units",
            number: None,
            key: "socket".to_owned(),
            words: "the absolute path of a socket is expected here".to_owned(),
        }]
    }
}

fn twice(what: &str, name: &Name) -> String {
    format!("the {what} `{name}` stands twice")
}

/// Both in the procedure proper, or both at its end.
fn same_order(one: &str, other: &str) -> bool {
    one.starts_with("restarted_last") == other.starts_with("restarted_last")
}

fn below(place: &str, key: &str) -> String {
    if key.is_empty() {
        place.to_owned()
    } else {
        format!("{place}.{key}")
    }
}

fn placed(list: &'static str, number: usize, own: Vec<(String, String)>) -> impl Iterator<Item = Misplaced> {
    own.into_iter().map(move |(key, words)| Misplaced {
        list,
        number: Some(number),
        key,
        words,
    })
}
