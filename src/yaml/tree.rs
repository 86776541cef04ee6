//! The text as nodes with places. Scalars stay text: what `007` means is for the type that is read.

use std::collections::HashMap;
use std::fmt::Write as _;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::merge;
use super::mistake::{Mistake, Place, shown, smells_of_a_secret};

/// The number of a node.
pub(super) type Id = usize;

#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    root: Option<Id>,
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

/// A configuration of ten thousand targets has a tenth of that; without it a few lines of aliases could fill the memory.
const MOST_NODES: usize = 1_000_000;
/// Nothing that is configured lies so deep; without it a file of brackets would overflow the stack.
const DEEPEST: usize = 64;
/// A file of this size is not a configuration.
const LARGEST: usize = 16 << 20;

/// A whole file. Keys that stand twice do not end the reading; the first one holds.
pub(super) fn parse(file: &str, text: &str) -> Result<(Tree, Vec<Mistake>), Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > LARGEST {
        return Err(Mistake::of_file(
            file,
            "it is larger than 16 MiB; is it a configuration?",
        ));
    }
    let mut builder = Builder {
        file,
        tree: Tree::default(),
        anchors: HashMap::new(),
        mistakes: Vec::new(),
        events: Parser::new_from_str(text),
    };
    builder.document()?;
    Ok((builder.tree, builder.mistakes))
}

struct Builder<'a> {
    file: &'a str,
    tree: Tree,
    anchors: HashMap<usize, Id>,
    mistakes: Vec<Mistake>,
    events: Parser<'a, granit_parser::StrInput<'a>>,
}

impl<'a> Builder<'a> {
    fn wrong(&self, place: Place, words: impl Into<String>) -> Mistake {
        Mistake::new(self.file, Some(place), "", words)
    }

    /// The next event that is no comment.
    fn next(&mut self) -> Result<(Event<'a>, Place), Mistake> {
        loop {
            return match self.events.next_event() {
                None => Ok((Event::StreamEnd, Place { line: 1, column: 1 })),
                Some(Ok((Event::Comment(..), _))) => continue,
                Some(Ok((event, span))) => Ok((event, place(&span))),
                Some(Err(error)) => Err(self.wrong(place_of(&error), form(&error))),
            };
        }
    }

    fn document(&mut self) -> Result<(), Mistake> {
        loop {
            let (event, place) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::DocumentStart(..) if self.tree.root.is_some() => {
                    return Err(self.wrong(place, "a second document begins here; one file holds one configuration"));
                }
                Event::StreamStart | Event::DocumentEnd | Event::DocumentStart(..) => {}
                event => self.tree.root = Some(self.node(event, place, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Id, Mistake> {
        if depth > DEEPEST {
            return Err(self.wrong(place, format!("more than {DEEPEST} levels lie in one another here")));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place)?;
                let value = Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.finished(place, value, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place)?;
                let value = self.list(depth)?;
                self.finished(place, value, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), place)?;
                let value = self.map(depth)?;
                self.finished(place, value, anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(id) => self.copy(*id, place),
                None => Err(self.wrong(place, "this alias (`*name`) lies inside of what it stands for")),
            },
            _ => Err(self.wrong(place, "a value is expected here")),
        }
    }

    fn refuse_tag(&self, tagged: bool, place: Place) -> Result<(), Mistake> {
        if tagged {
            return Err(self.wrong(place, "tags (`!name`) have no meaning here; leave it out"));
        }
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Value, Mistake> {
        let mut entries = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(entries)),
                (event, place) => entries.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Mistake> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, place) = self.next()?;
            let (key, plain) = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, style, ..) => (text.into_owned(), style == ScalarStyle::Plain),
                _ => return Err(self.wrong(place, "a key must be a word, not a list or keys and values")),
            };
            let (event, value_place) = self.next()?;
            let value = self.node(event, value_place, depth + 1)?;
            if plain && key == "<<" {
                merged.push((place, value));
                continue;
            }
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let words = format!(
                    "the key `{}` stands twice (first in line {})",
                    shown(&key),
                    first.place.line
                );
                self.mistakes.push(self.wrong(place, words));
                continue;
            }
            entries.push(Entry { key, place, value });
        }
        for (place, value) in merged {
            merge::into(&mut entries, &self.tree, value).map_err(|words| self.wrong(place, words))?;
        }
        Ok(Value::Map(entries))
    }

    fn finished(&mut self, place: Place, value: Value, anchor: usize) -> Result<Id, Mistake> {
        if self.tree.nodes.len() >= MOST_NODES {
            return Err(self.wrong(
                place,
                "the file has become too large here; do its aliases repeat one another?",
            ));
        }
        let id = self.tree.add(place, value);
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }

    /// What an alias stands for, as nodes of its own: taking a piece out here leaves the other places alone. The depth
    /// is bounded where the original was read.
    fn copy(&mut self, id: Id, alias: Place) -> Result<Id, Mistake> {
        let Some(Node { place, value, .. }) = self.tree.nodes.get(id).cloned() else {
            return Err(self.wrong(alias, "this alias stands for nothing"));
        };
        let value = match value {
            Value::List(entries) => {
                let copies: Result<Vec<Id>, Mistake> = entries.iter().map(|id| self.copy(*id, alias)).collect();
                Value::List(copies?)
            }
            Value::Map(entries) => {
                let mut copies = Vec::with_capacity(entries.len());
                for entry in entries {
                    let value = self.copy(entry.value, alias)?;
                    copies.push(Entry { value, ..entry });
                }
                Value::Map(copies)
            }
            scalar @ Value::Scalar { .. } => scalar,
        };
        self.finished(place, value, 0)
    }
}

fn place(span: &Span) -> Place {
    Place {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn place_of(error: &ScanError) -> Place {
    Place {
        line: error.marker().line(),
        column: error.marker().col() + 1,
    }
}

/// The scanner's own sentence, with what an operator can do where it is known.
fn form(error: &ScanError) -> String {
    use granit_parser::ErrorKind as Kind;
    if error.info().contains(" tab") {
        return "a tab stands where YAML wants spaces; indent with spaces only".to_owned();
    }
    let hint = match error.kind() {
        Kind::MappingValueNotAllowed => {
            "; is this line indented like the keys beside it, or does a value hold `: ` without quotes?"
        }
        Kind::ExpectedBlockMappingKey | Kind::InvalidIndentation | Kind::ExpectedBlockSequenceEntry => {
            "; is this line indented like its neighbours?"
        }
        Kind::SimpleKeyExpected => "; a line `key: value` is expected, with a space behind the colon",
        _ => "",
    };
    format!("this is no YAML: {}{hint}", error.info())
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

    pub(super) const fn root(&self) -> Option<Id> {
        self.root
    }

    fn add(&mut self, place: Place, value: Value) -> Id {
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
                    .strip_prefix(&shown(&entry.key))?;
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

pub(super) fn join(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(&shown(key));
}
