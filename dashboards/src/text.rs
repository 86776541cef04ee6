//! Words in every language, side by side, so that none is forgotten.

/// A language that boards are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// The folder below `dashboards/`.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

/// One text in all languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    en: &'static str,
    zh: &'static str,
}

impl Text {
    pub(crate) const fn of(self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Zh => self.zh,
        }
    }
}

pub(crate) const fn t(en: &'static str, zh: &'static str) -> Text {
    Text { en, zh }
}

/// What is written alike everywhere: names, labels, units.
pub(crate) const fn same(text: &'static str) -> Text {
    Text { en: text, zh: text }
}
