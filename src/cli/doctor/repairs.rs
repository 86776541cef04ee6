//! Whether repairs could be recorded and done, by this user: the journal's directory, what is listed for them, what other
//! farmwardens would take, tokens, and who else has their secrets.

use std::time::Duration;

use super::super::terminal::{Text, Tone};
use crate::clock::Clock;
use crate::config::Settings;
use crate::journal::{self, JournalSettings};
use crate::remedy::hands;
use crate::upstream::Upstream;

/// A disk that hangs is not waited for.
const JOURNAL_WITHIN: Duration = Duration::from_secs(15);

/// What was looked at, and what is to be said of it.
pub(super) struct Line {
    what: String,
    said: Result<String, String>,
    /// It does not stand in the way.
    doubts: Vec<String>,
}

/// Nothing where nothing of repairs is configured.
pub(super) async fn look(settings: &Settings, upstream: &Upstream) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(journal) = settings.journal.settings() {
        lines.push(recorded(journal).await);
    }
    let doubts = settings.exposed();
    if !doubts.is_empty() {
        lines.push(Line {
            what: "keys and tokens".to_owned(),
            said: Ok("not all of them are kept".to_owned()),
            doubts,
        });
    }
    match hands::reach(&settings.hands, &settings.remedies, upstream, &Clock::system()).await {
        Ok(all) => lines.extend(all.into_iter().map(|reached| Line {
            what: reached.thing,
            said: reached.said,
            doubts: Vec::new(),
        })),
        Err(words) => lines.push(Line {
            what: "what repairs need".to_owned(),
            said: Err(words),
            doubts: Vec::new(),
        }),
    }
    lines
}

pub(super) fn are_well(lines: &[Line]) -> bool {
    lines.iter().all(|line| line.said.is_ok())
}

async fn recorded(settings: JournalSettings) -> Line {
    let what = format!("journal {}", settings.directory.display());
    let inspecting = tokio::task::spawn_blocking(move || journal::inspect(&settings));
    let found = match tokio::time::timeout(JOURNAL_WITHIN, inspecting).await {
        Ok(Ok(found)) => found.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("it could not be looked at: a defect of farmwarden, please report it".to_owned()),
        Err(_) => Err(format!("its disk has not answered within {JOURNAL_WITHIN:?}")),
    };
    let doubts = found.as_ref().map(|found| found.doubts.clone()).unwrap_or_default();
    let said = found.map(|found| {
        let records = match found.verified {
            Some(verified) => format!("{} records, the chain holds", verified.records),
            None => "not there yet, it will be made".to_owned(),
        };
        format!("{records}; {} free", found.free)
    });
    Line { what, said, doubts }
}

pub(super) fn tell(lines: &[Line], text: &mut Text) {
    if lines.is_empty() {
        return;
    }
    text.word(Tone::Heading, "repairs").line_end();
    for line in lines {
        let (tone, mark, words) = match &line.said {
            Ok(words) => (Tone::Good, "ok  ", words),
            Err(words) => (Tone::Bad, "FAIL", words),
        };
        text.plain("  ")
            .word(tone, mark)
            .plain("  ")
            .wrapped(8, &format!("{}: {words}", line.what));
        for doubt in &line.doubts {
            text.plain("        ").wrapped(8, doubt);
        }
    }
    text.line_end();
}
