//! What people are told, and how messages that wait become one text.

use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;

/// One thing to tell. Texts that came from outside must be [`escaped`] before they go into `markdown`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// One line.
    pub title: String,
    /// Plain words, in lines.
    pub text: String,
    /// The same as Markdown; without it the plain words are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
    pub severity: Severity,
    /// What it is about: messages of one incident have the same.
    pub thread: String,
    /// When it was said; it may arrive much later.
    pub time: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    /// Somebody must get up.
    Critical,
}

/// Of the few words that are added here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "zh")]
    Chinese,
}

/// Messages that go out together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// At least one. Those of one thread stand together, otherwise in the order in which they came.
    pub messages: Vec<Message>,
    /// Messages before these that nobody will get.
    pub lost: u64,
}

const LONGEST_TITLE: usize = 200;
const LONGEST_THREAD: usize = 200;
/// Without it one message could fill the queue.
const LONGEST_TEXT: usize = 64 << 10;

impl Message {
    /// With everything cut to its limit, and the title on one line.
    pub(super) fn bounded(mut self) -> Self {
        self.title = self.title.replace(char::is_control, " ");
        cut(&mut self.title, LONGEST_TITLE);
        cut(&mut self.thread, LONGEST_THREAD);
        cut(&mut self.text, LONGEST_TEXT);
        if let Some(markdown) = &mut self.markdown {
            cut(markdown, LONGEST_TEXT);
        }
        self
    }

    /// Bytes that it takes.
    pub(super) fn len(&self) -> usize {
        let markdown = self.markdown.as_ref().map_or(0, String::len);
        self.title.len() + self.thread.len() + self.text.len().max(markdown)
    }
}

impl Batch {
    pub(super) fn severity(&self) -> Severity {
        let severities = self.messages.iter().map(|message| message.severity);
        severities.max().unwrap_or(Severity::Info)
    }

    /// The first title of the worst messages, and how many more there are.
    pub(super) fn title(&self) -> String {
        let worst = self.severity();
        let first = self.messages.iter().find(|message| message.severity == worst);
        let title = first.map_or("", |message| &message.title);
        match self.messages.len() {
            0 | 1 => title.to_owned(),
            many => format!("{title} (+{})", many - 1),
        }
    }

    /// Everything as one plain text.
    pub(super) fn text(&self, language: Language) -> String {
        let texts = self.messages.iter().map(|message| {
            let (title, text) = (&message.title, message.text.trim());
            format!("{title}\n{text}").trim_end().to_owned()
        });
        let lost = self.lost_words(language);
        texts.chain(lost).collect::<Vec<_>>().join("\n\n")
    }

    /// Everything as one Markdown text, with the subset that chats show.
    pub(super) fn markdown(&self, language: Language) -> String {
        let texts = self.messages.iter().map(|message| {
            let body = match &message.markdown {
                Some(markdown) => markdown.trim().to_owned(),
                None => escaped(message.text.trim()),
            };
            format!("#### {}\n\n{body}", escaped(&message.title))
                .trim_end()
                .to_owned()
        });
        let lost = self.lost_words(language);
        texts.chain(lost).collect::<Vec<_>>().join("\n\n---\n\n")
    }

    fn lost_words(&self, language: Language) -> Option<String> {
        let lost = self.lost;
        let words = match language {
            Language::English => format!("Messages before this that could not be sent: {lost}"),
            Language::Chinese => format!("此前未能送达的消息：{lost} 条"),
        };
        (lost > 0).then_some(words)
    }
}

/// Plain words inside Markdown: they show as they are, and no part of them is a link or a heading.
pub fn escaped(text: &str) -> String {
    let mut markdown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // A line break of Markdown, which otherwise joins lines.
            '\n' => markdown.push_str("  \n"),
            c if c.is_control() => markdown.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '<' | '>' | '!' | '|' | '~' => {
                markdown.push('\\');
                markdown.push(c);
            }
            c => markdown.push(c),
        }
    }
    markdown
}

/// A link of Markdown. An address that merely stands there is none everywhere, and as plain words it would be another one:
/// what [`escaped`] puts before its marks becomes part of it.
pub fn link(words: &str, url: &str) -> String {
    let url = url.replace('(', "%28").replace(')', "%29");
    format!("[{}]({url})", escaped(words))
}

/// To at most so many bytes, between characters and marked.
pub(super) fn cut(text: &mut String, longest: usize) {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::message;
    use super::*;

    #[test]
    fn messages_that_go_out_together_read_as_one_text() {
        let mut batch = Batch {
            messages: vec![
                message("node-1 is behind", Severity::Info),
                message("node-1 restarted", Severity::Critical),
            ],
            lost: 0,
        };
        batch.messages[1].markdown = Some("**twice**".to_owned());
        assert_eq!(batch.title(), "node-1 restarted (+1)");
        assert_eq!(
            batch.text(Language::English),
            "node-1 is behind\nwords of node-1 is behind\n\nnode-1 restarted\nwords of node-1 restarted"
        );
        assert_eq!(
            batch.markdown(Language::English),
            "#### node-1 is behind\n\nwords of node-1 is behind\n\n---\n\n#### node-1 restarted\n\n**twice**"
        );
        batch.lost = 3;
        assert!(batch.text(Language::English).ends_with("could not be sent: 3"));
        assert!(batch.markdown(Language::Chinese).ends_with("消息：3 条"));
    }

    #[test]
    fn words_from_outside_are_no_markdown() {
        assert_eq!(
            escaped("[pay](http://x) *now*\n# <b>"),
            r"\[pay\]\(http://x\) \*now\*  ".to_owned() + "\n" + r"\# \<b\>"
        );
    }

    #[test]
    fn an_address_stays_what_it_is_in_a_link() {
        assert_eq!(
            link("look [here]", "https://farm.example/a_(b)/~x*"),
            r"[look \[here\]](https://farm.example/a_%28b%29/~x*)"
        );
    }

    #[test]
    fn a_title_is_one_short_line() {
        let bounded = message(&"矿\n".repeat(500), Severity::Info).bounded();
        assert!(bounded.title.len() <= LONGEST_TITLE && !bounded.title.contains('\n'));
        assert!(bounded.title.ends_with('…'));
    }

    proptest! {
        #[test]
        fn any_message_is_bounded(title in ".*", text in ".{0,200}", times in 1_usize..2000) {
            let mut long = message(&title, Severity::Info);
            long.text = text.repeat(times);
            long.markdown = Some(long.text.clone());
            let bounded = long.bounded();
            prop_assert!(bounded.len() <= LONGEST_TITLE + LONGEST_THREAD + LONGEST_TEXT);
        }
    }
}
