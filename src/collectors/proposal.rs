//! What a look around on this machine found: targets that could be configured, as keys and values with comments.

/// What one kind of collector found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Where it looked and what was there, a line each; also where nothing was.
    pub looked: Vec<String>,
    pub proposals: Vec<Proposal>,
}

/// One target that could be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What speaks for it, in a sentence.
    pub why: String,
    pub keys: Vec<Key>,
}

/// A key of the entry of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub value: Setting,
    /// Stands above the key.
    pub comment: Option<String>,
    /// Whether it is proposed only: such a key is written as a comment. So is everything about credentials.
    pub only_proposed: bool,
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    Text(String),
    Flag(bool),
    /// A list of entries with keys of their own.
    List(Vec<Vec<Key>>),
}

impl Key {
    /// A key with its value.
    pub fn text(name: &'static str, value: impl Into<String>) -> Self {
        Self::new(name, Setting::Text(value.into()))
    }

    /// A key that is on or off.
    pub const fn flag(name: &'static str, value: bool) -> Self {
        Self::new(name, Setting::Flag(value))
    }

    /// A list of entries.
    pub fn list(name: &'static str, entries: Vec<Vec<Self>>) -> Self {
        Self::new(name, Setting::List(entries))
    }

    const fn new(name: &'static str, value: Setting) -> Self {
        Self {
            name,
            value,
            comment: None,
            only_proposed: false,
        }
    }

    /// With a sentence above it.
    #[must_use]
    pub fn about(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Written as a comment: for a person to look at and enable.
    #[must_use]
    pub fn only_proposed(mut self) -> Self {
        self.only_proposed = true;
        self
    }
}
