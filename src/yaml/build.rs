//! From text to a tree: the parser's events, aliases written out, and bounds on what they cost.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::LARGEST;
use super::merge;
use super::mistake::{Mistake, Place, shown_key};
use super::syntax;
use super::tree::{Entry, Id, Node, Tree, Value, join};

/// A configuration of ten thousand targets has a tenth of that; without it a few lines of aliases could fill the memory.
const MOST_NODES: usize = 1_000_000;
/// Bytes of text with every alias written out; without it one long text and many aliases of it could do the same.
const MOST_TEXT: usize = 64 << 20;
/// Nothing that is configured lies so deep; without it a file of brackets would overflow the stack.
const DEEPEST: usize = 64;
/// What a tag (`!name`) means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    /// A mistake: there are none in our configuration.
    Refused,
    /// Nothing: other programs write some.
    Skipped,
}

/// A whole file. Keys that stand twice do not end the reading; the first one holds.
pub(super) fn parse(file: &str, text: &str, tags: Tags) -> Result<(Tree, Vec<Mistake>), Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if u64::try_from(text.len()).is_ok_and(|size| size > LARGEST) {
        return Err(Mistake::of_file(
            file,
            "it is larger than 16 MiB; is it a configuration?",
        ));
    }
    let mut builder = Builder {
        file,
        tags,
        tree: Tree::default(),
        anchors: HashMap::new(),
        repeated: Vec::new(),
        text: 0,
        events: Parser::new_from_str(text),
    };
    builder.document()?;
    let repeated = builder.repeated.iter().map(|repeated| {
        let mut path = builder.tree.path(repeated.map);
        join(&mut path, &repeated.key);
        let words = format!(
            "the key `{}` stands twice (first in line {})",
            shown_key(&repeated.key),
            repeated.first
        );
        Mistake::new(file, Some(repeated.place), &path, words)
    });
    let repeated = repeated.collect();
    Ok((builder.tree, repeated))
}

struct Builder<'a> {
    file: &'a str,
    tags: Tags,
    tree: Tree,
    anchors: HashMap<usize, Id>,
    repeated: Vec<Repeated>,
    /// Bytes so far, as `MOST_TEXT` counts them.
    text: usize,
    events: Parser<'a, granit_parser::StrInput<'a>>,
}

/// A key that stood before in the same map.
struct Repeated {
    map: Id,
    key: String,
    place: Place,
    /// The line in which it stood first.
    first: usize,
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
                Some(Err(error)) => Err(self.wrong(place_of(&error), syntax::words(error.kind()))),
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
        self.refuse_depth(place, depth)?;
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
                let mut repeated = Vec::new();
                let value = self.map(depth, &mut repeated)?;
                let id = self.finished(place, value, anchor)?;
                self.repeated
                    .extend(repeated.into_iter().map(|again| Repeated { map: id, ..again }));
                Ok(id)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(id) => self.copy(*id, place, depth),
                None => Err(self.wrong(place, "this alias (`*name`) lies inside of what it stands for")),
            },
            _ => Err(self.wrong(place, "a value is expected here")),
        }
    }

    fn refuse_depth(&self, place: Place, depth: usize) -> Result<(), Mistake> {
        if depth > DEEPEST {
            return Err(self.wrong(place, format!("more than {DEEPEST} levels lie in one another here")));
        }
        Ok(())
    }

    fn refuse_tag(&self, tagged: bool, place: Place) -> Result<(), Mistake> {
        if tagged && self.tags == Tags::Refused {
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

    /// Keys that stand twice are put into `repeated`, whose map has no number yet.
    fn map(&mut self, depth: usize, repeated: &mut Vec<Repeated>) -> Result<Value, Mistake> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
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
            if let Some(first) = lines.get(&key).copied() {
                repeated.push(Repeated {
                    map: 0,
                    key,
                    place,
                    first,
                });
                continue;
            }
            lines.insert(key.clone(), place.line);
            entries.push(Entry { key, place, value });
        }
        for (place, value) in merged {
            merge::into(&mut entries, &self.tree, value).map_err(|words| self.wrong(place, words))?;
        }
        Ok(Value::Map(entries))
    }

    fn finished(&mut self, place: Place, value: Value, anchor: usize) -> Result<Id, Mistake> {
        self.text += match &value {
            Value::Scalar { text, .. } => text.len(),
            Value::List(_) => 0,
            Value::Map(entries) => entries.iter().map(|entry| entry.key.len()).sum(),
        };
        if self.tree.len() >= MOST_NODES || self.text > MOST_TEXT {
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

    /// What an alias stands for, as nodes of its own: taking a piece out here leaves the other places alone. Aliases of
    /// aliases can lie deeper than anything that is written.
    fn copy(&mut self, id: Id, alias: Place, depth: usize) -> Result<Id, Mistake> {
        self.refuse_depth(alias, depth)?;
        let Some(Node { place, value, .. }) = self.tree.get(id).cloned() else {
            return Err(self.wrong(alias, "this alias stands for nothing"));
        };
        let value = match value {
            Value::List(entries) => {
                let copies: Result<Vec<Id>, Mistake> =
                    entries.iter().map(|id| self.copy(*id, alias, depth + 1)).collect();
                Value::List(copies?)
            }
            Value::Map(entries) => {
                let mut copies = Vec::with_capacity(entries.len());
                for entry in entries {
                    let value = self.copy(entry.value, alias, depth + 1)?;
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
