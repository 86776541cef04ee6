//! The text as nodes with places. Scalars stay text: what `007` means is for the type that is read.

use std::fmt::Write as _;

use super::mistake::{Place, shown_key, smells_of_a_secret};

/// The number of a node.
pub(super) type Id = usize;

#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    pub(super) root: Option<Id>,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    parent: Option<(Id, Step)>,
    pub(super) value: Value,
    /// Keys whose values were wrong and are taken out: that they are missing is no mistake of its own.
    pub(super) taken_out: Vec<String>,
}

/// How a node is reached from the one above it, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Entry(usize),
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar { text: String, plain: bool },
    List(Vec<Id>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Id,
}

impl Node {
    /// The number that it had in its list, before others were taken out.
    fn entry(&self) -> Option<usize> {
        match self.parent {
            Some((_, Step::Entry(number))) => Some(number),
            _ => None,
        }
    }
}

impl Tree {
    pub(super) fn get(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id)
    }

    pub(super) const fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) const fn root(&self) -> Option<Id> {
        self.root
    }

    pub(super) fn add(&mut self, place: Place, value: Value) -> Id {
        let id = self.nodes.len();
        match &value {
            Value::Scalar { .. } => {}
            Value::List(entries) => {
                for (number, entry) in entries.iter().enumerate() {
                    self.put_below(*entry, id, Step::Entry(number));
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    self.put_below(entry.value, id, Step::Key(entry.key.clone()));
                }
            }
        }
        self.nodes.push(Node {
            place,
            parent: None,
            value,
            taken_out: Vec::new(),
        });
        id
    }

    fn put_below(&mut self, child: Id, parent: Id, step: Step) {
        if let Some(node) = self.nodes.get_mut(child) {
            node.parent = Some((parent, step));
        }
    }

    /// Like `collectors.phala[0].para`; empty for the root.
    pub(super) fn path(&self, id: Id) -> String {
        let mut steps = Vec::new();
        let mut at = self.get(id);
        while let Some(Node {
            parent: Some((parent, step)),
            ..
        }) = at
        {
            steps.push(step);
            at = self.get(*parent);
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Key(key) => join(&mut path, key),
                Step::Entry(number) => drop(write!(path, "[{number}]")),
            }
        }
        path
    }

    /// The text of a value that may be a secret, by its key.
    pub(super) fn secret(&self, id: Id) -> Option<&str> {
        match &self.get(id)?.value {
            Value::Scalar { text, .. } if !text.is_empty() && self.may_be_secret(id) => Some(text),
            _ => None,
        }
    }

    /// Whether the key that a value stands under, or the one above, may be that of a secret.
    fn may_be_secret(&self, id: Id) -> bool {
        let mut at = self.get(id);
        for _ in 0..3 {
            let Some(Node {
                parent: Some((parent, step)),
                ..
            }) = at
            else {
                return false;
            };
            if matches!(step, Step::Key(key) if smells_of_a_secret(key)) {
                return true;
            }
            at = self.get(*parent);
        }
        false
    }

    fn at(&self, path: &str) -> Option<Id> {
        self.below(self.root?, path)
    }

    /// The node that `rest` of a path leads to. Keys may hold dots, so every key that fits is tried.
    fn below(&self, id: Id, rest: &str) -> Option<Id> {
        if rest.is_empty() {
            return Some(id);
        }
        match &self.get(id)?.value {
            Value::Scalar { .. } => None,
            Value::List(entries) => {
                let (number, rest) = rest.strip_prefix('[')?.split_once(']')?;
                let number: usize = number.parse().ok()?;
                let is_it = |entry: &&Id| self.get(**entry).and_then(Node::entry) == Some(number);
                self.below(*entries.iter().find(is_it)?, rest)
            }
            Value::Map(entries) => entries.iter().find_map(|entry| {
                let rest = rest
                    .strip_prefix('.')
                    .unwrap_or(rest)
                    .strip_prefix(&shown_key(&entry.key))?;
                (rest.is_empty() || rest.starts_with(['.', '['])).then(|| self.below(entry.value, rest))?
            }),
        }
    }

    /// The place of a path or, where that is not in the file, of what it would lie in.
    pub(super) fn nearest(&self, path: &str) -> Option<Place> {
        let mut path = path;
        loop {
            if let Some(node) = self.at(path).and_then(|id| self.get(id)) {
                return Some(node.place);
            }
            let cut = path.rfind(['.', '['])?;
            path = path.get(..cut)?;
        }
    }

    fn entries(&self, list: &str) -> &[Id] {
        match self.at(list).and_then(|id| self.get(id)).map(|node| &node.value) {
            Some(Value::List(entries)) => entries,
            _ => &[],
        }
    }

    pub(super) fn path_of_entry(&self, list: &str, number: usize) -> Option<String> {
        self.entries(list).get(number).map(|id| self.path(*id))
    }

    pub(super) fn texts_in(&self, list: &str, key: &str) -> Vec<String> {
        let text = |id: &Id| {
            let Value::Map(entries) = &self.get(*id)?.value else {
                return None;
            };
            let value = entries.iter().find(|entry| entry.key == key)?.value;
            match &self.get(value)?.value {
                Value::Scalar { text, .. } => Some(text.clone()),
                _ => None,
            }
        };
        self.entries(list).iter().filter_map(text).collect()
    }

    /// Takes a node out of the one above it; false for the root.
    pub(super) fn take_out(&mut self, id: Id) -> bool {
        let Some((parent, step)) = self.get(id).and_then(|node| node.parent.clone()) else {
            return false;
        };
        let Some(parent) = self.nodes.get_mut(parent) else {
            return false;
        };
        match &mut parent.value {
            Value::List(entries) => entries.retain(|entry| *entry != id),
            Value::Map(entries) => entries.retain(|entry| entry.value != id),
            Value::Scalar { .. } => {}
        }
        if let Step::Key(key) = step {
            parent.taken_out.push(key);
        }
        true
    }
}

/// The entries of a map; none if it is something else.
pub(super) fn entries(tree: &Tree, id: Id) -> &[Entry] {
    match tree.get(id).map(|node| &node.value) {
        Some(Value::Map(entries)) => entries,
        _ => &[],
    }
}

/// One key further down.
pub(super) fn join(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(&shown_key(key));
}
