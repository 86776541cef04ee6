//! The terminal: one line for each thing that happens, with the time since the beginning in front of it.

use std::io::{IsTerminal as _, Write as _};

use tokio::time::Instant;

/// Of the demo's own words; what farmwarden says stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    Chinese,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Farm,
    Incident,
    Seen,
    Alert,
    Held,
    Begun,
    Step,
    Done,
    Failed,
    Over,
    Chat,
}

/// Columns before the words.
const INDENT: usize = 18;
/// Where lines end, if no word is longer.
const WIDTH: usize = 110;

pub(super) struct Teller {
    pub(super) language: Language,
    began: Instant,
    colours: bool,
}

impl What {
    /// Its name, and the colour of that as terminals have it.
    fn shown(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Farm => ("farm", "农场", "36"),
            Self::Incident => ("INCIDENT", "事故", "1;31"),
            Self::Seen => ("seen", "发现", "33"),
            Self::Alert => ("alert", "报警", "33"),
            Self::Held => ("held", "暂缓", "35"),
            Self::Begun => ("decided", "决定", "34"),
            Self::Step => ("doing", "执行", "34"),
            Self::Done => ("done", "完成", "32"),
            Self::Failed => ("failed", "失败", "31"),
            Self::Over => ("over", "结束", "1;32"),
            Self::Chat => ("chat", "群消息", "36"),
        }
    }
}

impl Teller {
    pub(super) fn new(language: Language) -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            language,
            began: Instant::now(),
            colours,
        }
    }

    pub(super) fn say<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        match self.language {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }

    /// Seconds since the beginning.
    pub(super) fn now(&self) -> u64 {
        self.began.elapsed().as_secs()
    }

    pub(super) fn line(&self, what: What, words: &str) {
        let (english, chinese, colour) = what.shown();
        let name = self.say(english, chinese);
        // Chinese characters take two columns.
        let columns = if name.is_ascii() {
            name.len()
        } else {
            name.chars().count() * 2
        };
        let padding = " ".repeat(10_usize.saturating_sub(columns));
        let seconds = self.now();
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let name = self.coloured(name, colour);
        let words = wrapped(words, INDENT);
        write(&format!("{minutes:02}:{seconds:02}  {name}{padding} {words}"));
    }

    /// Without time and name.
    pub(super) fn plain(&self, english: &str, chinese: &str) {
        write(&wrapped(self.say(english, chinese), 0));
    }

    /// As it stands.
    pub(super) fn text(text: &str) {
        write(text);
    }

    fn coloured(&self, text: &str, colour: &str) -> String {
        if self.colours {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Whoever does not read any more is told nothing.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).ok();
}

/// Lines after the first begin at the column `indent`. What cannot be shown on a terminal is left out.
fn wrapped(words: &str, indent: usize) -> String {
    let mut text = String::new();
    let mut column = indent;
    for word in words.split_whitespace() {
        let word: String = word.chars().filter(|c| !c.is_control()).collect();
        let columns = word.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
        if column > indent && column + 1 + columns > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(&word);
        column += columns;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_go_on_below_their_beginning() {
        let words = "one ".repeat(40);
        let text = wrapped(&words, 4);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[1].starts_with("    one") && lines[0].len() + 4 <= WIDTH, "{text}");
        assert_eq!(wrapped("a\u{1b}[2Jb\tc", 0), "a[2Jb c");
    }
}
