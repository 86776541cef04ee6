//! Words on standard output: colour where a person reads them, lines of one width everywhere.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use super::complain;
use crate::values;

/// Wide enough for a sentence, narrow enough for a small terminal; the same in a pipe, so that both read alike.
const WIDTH: usize = 80;

/// What a word means for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Heading,
    Faint,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Heading => "1",
            Self::Faint => "2",
        }
    }
}

/// A text that is being written.
#[derive(Debug)]
pub(super) struct Text {
    text: String,
    colour: bool,
}

impl Text {
    /// With colour only for a terminal that can, and for a person who did not say `NO_COLOR`.
    pub(super) fn for_stdout() -> Self {
        let said = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = said("TERM").is_none_or(|terminal| terminal == "dumb");
        Self::new(std::io::stdout().is_terminal() && said("NO_COLOR").is_none() && !dumb)
    }

    pub(super) const fn new(colour: bool) -> Self {
        Self {
            text: String::new(),
            colour,
        }
    }

    /// A word in its tone.
    pub(super) fn word(&mut self, tone: Tone, word: &str) -> &mut Self {
        if self.colour {
            self.text.push_str("\u{1b}[");
            self.text.push_str(tone.code());
            self.text.push('m');
            self.text.push_str(word);
            self.text.push_str("\u{1b}[0m");
        } else {
            self.text.push_str(word);
        }
        self
    }

    /// Plain words.
    pub(super) fn plain(&mut self, words: &str) -> &mut Self {
        self.text.push_str(words);
        self
    }

    /// Words that begin at a column, go on there on the next lines, and end the line. Words of strangers may hold
    /// control characters, which a terminal would obey.
    pub(super) fn wrapped(&mut self, column: usize, words: &str) -> &mut Self {
        let mut used = column;
        let mut first = true;
        for word in words.split_whitespace() {
            let clean: String = word.chars().filter(|c| !values::is_unseen(*c)).collect();
            let length = clean.chars().count();
            if !first && used + 1 + length > WIDTH {
                self.text.push('\n');
                self.text.push_str(&" ".repeat(column));
                used = column;
            } else if !first {
                self.text.push(' ');
                used += 1;
            }
            self.text.push_str(&clean);
            used += length;
            first = false;
        }
        self.line_end()
    }

    pub(super) fn line_end(&mut self) -> &mut Self {
        let end = self.text.trim_end_matches(' ').len();
        self.text.truncate(end);
        self.text.push('\n');
        self
    }

    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn print(&self) -> Result<(), ExitCode> {
        print(&self.text)
    }
}

/// To standard output. A reader that has seen enough (`| head`) is no failure worth words.
pub(super) fn print(text: &str) -> Result<(), ExitCode> {
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|e| {
        if e.kind() != ErrorKind::BrokenPipe {
            complain(&format!("standard output: {}", values::io_words(&e)));
        }
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_go_on_under_their_beginning_and_control_characters_do_not_pass() {
        let mut text = Text::new(false);
        text.plain("    name  ")
            .wrapped(10, &format!("{} \u{1b}[31mred", "word ".repeat(15)));
        let lines: Vec<_> = text.as_str().lines().collect();
        assert_eq!(lines.len(), 2, "{text:?}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{text:?}");
        assert!(
            lines[1].starts_with("          word") && lines[1].ends_with("[31mred"),
            "{text:?}"
        );
        assert!(!text.as_str().contains('\u{1b}'));
    }

    #[test]
    fn colour_is_written_only_where_it_is_wanted() {
        let mut text = Text::new(true);
        text.word(Tone::Bad, "FAIL").line_end();
        assert_eq!(text.as_str(), "\u{1b}[1;31mFAIL\u{1b}[0m\n");
    }
}
