//! YAML text into any type, with every mistake of a file at once and each at its place.
//!
//! Libraries stop at the first mistake. Here the text becomes a tree (`build.rs`, `tree.rs`), a type is read from the tree
//! (`read.rs`), and when that fails the mistake is noted, the piece that was wrong is taken out, and it is read again.

mod build;
mod merge;
mod mistake;
mod read;
mod syntax;
mod tree;
mod wrong;

use serde::de::DeserializeOwned;

use build::Tags;
pub use mistake::{Mistake, Mistakes};
use tree::Tree;

/// In bytes: a file beyond this is not a configuration, and is not read to its end.
pub const LARGEST: u64 = 16 << 20;

/// A file that has the form of YAML.
#[derive(Clone, Debug)]
pub struct Document {
    file: String,
    tree: Tree,
    /// Mistakes of form that do not end the reading: keys that stand twice.
    early: Vec<Mistake>,
}

/// What a document gave.
#[derive(Debug)]
pub struct Read<T> {
    /// What could be read, without the pieces that were wrong; `None` if nothing is left.
    pub value: Option<T>,
    pub mistakes: Vec<Mistake>,
    /// What is left of the document.
    tree: Tree,
}

/// More help nobody; whoever mends so many looks again anyway. Every further one costs another reading.
const MOST_MISTAKES: usize = 100;

impl Document {
    /// `file` is the name that stands in front of every mistake.
    pub fn parse(file: &str, text: &str) -> Result<Self, Mistakes> {
        Self::build(file, text, Tags::Refused)
    }

    /// The file of another program, which may have tags: they are skipped.
    pub fn of_another(file: &str, text: &str) -> Result<Self, Mistakes> {
        Self::build(file, text, Tags::Skipped)
    }

    fn build(file: &str, text: &str, tags: Tags) -> Result<Self, Mistakes> {
        let (tree, early) = build::parse(file, text, tags).map_err(|mistake| Mistakes(vec![mistake]))?;
        Ok(Self {
            file: file.to_owned(),
            tree,
            early,
        })
    }

    /// Reads the whole document as one value.
    pub fn read<T: DeserializeOwned>(&self) -> Read<T> {
        let mut tree = self.tree.clone();
        let mut mistakes = self.early.clone();
        let value = loop {
            let wrong = match read::whole::<T>(&tree) {
                Ok(value) => break Some(value),
                Err(wrong) => wrong,
            };
            mistakes.extend(wrong.mistake(&self.file, &tree));
            if mistakes.len() >= MOST_MISTAKES || !wrong.take_out(&mut tree) {
                break None;
            }
        };
        let Mistakes(mistakes) = Mistakes::in_order(mistakes);
        Read { value, mistakes, tree }
    }

    /// A mistake that reading cannot see, at the nearest place there is: of the path itself, or of what it lies in.
    pub fn mistake(&self, path: &str, words: impl Into<String>) -> Mistake {
        Mistake::new(&self.file, self.tree.nearest(path), path, words)
    }

    /// The texts under a key, for every entry of a list: `names_in("collectors.phala", "name")`. Also of entries that
    /// cannot be read as a whole.
    pub fn texts_in(&self, list: &str, key: &str) -> Vec<String> {
        self.tree.texts_in(list, key)
    }
}

impl<T> Read<T> {
    /// The path of an entry that was read, by its number among those that were: wrong ones are left out of the value.
    pub fn path_of(&self, list: &str, number: usize) -> String {
        self.tree.path_of_entry(list, number).unwrap_or_else(|| list.to_owned())
    }

    /// Whether something at or below the path was wrong.
    pub fn is_wrong(&self, path: &str) -> bool {
        self.mistakes.iter().any(|mistake| mistake.lies_in(path))
    }
}

/// The path of a key below another, as messages show it.
pub fn below(path: &str, key: &str) -> String {
    let mut path = path.to_owned();
    tree::join(&mut path, key);
    path
}

#[cfg(test)]
mod tests;
