//! `farmwarden audit`: the journal of repairs, for people and for proof. It is read where it lies; no farmwarden need run.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::journal::{Place, unreadable};
use super::terminal::{self, Text, Tone};
use super::{EXIT_USAGE, complain};
use crate::clock::{Clock, UnixTime};
use crate::journal::{self, Hash, JournalError, Verified};
use crate::remedy::{Account, IncidentId, Mark, Recounted, Story, Told, replay};
use crate::values::Duration;

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden audit show --config.file /etc/farmwarden.yml
      What was heard, decided and done in the last 24 hours.
  farmwarden audit verify --config.file /etc/farmwarden.yml
      Whether anything in it was changed.

It is read where it lies, while farmwarden runs or not; nothing is changed.";

const SHOW_EXAMPLES: &str = "Examples:
  farmwarden audit show --last 6h
      This night, of the journal that FARMWARDEN_CONFIG_FILE names.
  farmwarden audit show --incident 412.0
      All of one incident, from the alert that opened it to its end.
  farmwarden audit show --journal.directory /backup/journal --last 365d --json
      A copy, as one JSON object a line.

Exit code: 0; 1 if the journal cannot be read or its chain does not hold, or
there is no such incident; 2 wrong arguments or configuration.";

const VERIFY_EXAMPLES: &str = "Examples:
  farmwarden audit verify --config.file /etc/farmwarden.yml
      Every line against the SHA-256 of the line before.
  farmwarden audit verify --journal.directory /backup/journal --head 5f3c...
      The same, and that the record is still there whose SHA-256 somebody noted
      (farmwarden_journal_head_info): then nothing before it was changed, either.

Exit code: 0 the chain holds; 1 it does not, or the noted head is not in it;
2 wrong arguments or configuration.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what was heard, decided and done.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Prove that nothing was changed or taken out.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    place: Place,
    /// Only what is younger. Without it: 24h, and all that is kept of one incident.
    #[arg(long, value_name = "DURATION")]
    last: Option<Duration>,
    /// Only this incident, by its number.
    #[arg(long, value_name = "ID")]
    incident: Option<IncidentId>,
    /// One JSON object a line: the record as it was written, its number, its time and whom it is about.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Verify {
    #[command(flatten)]
    place: Place,
    /// The SHA-256 of the last record at some time, as it was noted elsewhere.
    #[arg(long, value_name = "HASH")]
    head: Option<Hash>,
}

/// What is shown when nothing is said.
const A_DAY: Duration = Duration::from_secs(86_400);

pub(super) fn run(args: &Args) -> ExitCode {
    let place = match &args.what {
        What::Show(show) => &show.place,
        What::Verify(verify) => &verify.place,
    };
    let directory = match place.directory() {
        Ok(directory) => directory,
        Err(words) => {
            complain(&words);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match &args.what {
        What::Show(args) => show(args, &directory),
        What::Verify(args) => verify(args, &directory),
    }
}

fn show(args: &Show, directory: &Path) -> ExitCode {
    let from = match (args.last, args.incident) {
        (None, Some(_)) => UnixTime::default(),
        (last, _) => Clock::system().now().wall.minus(last.unwrap_or(A_DAY).get()),
    };
    let mut of = args.incident.map_or_else(Story::default, Story::incident);
    let (mut shown, mut first, mut code) = (0_u64, None, ExitCode::SUCCESS);
    let read = replay(directory, |told| {
        first = first.or(Some(told.head.sequence));
        if !of.has(told) || told.time < from {
            return ControlFlow::Continue(());
        }
        shown += 1;
        let printed = if args.json { line(told) } else { paragraph(told, &of) };
        match printed {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                code = failure;
                ControlFlow::Break(())
            }
        }
    });
    if let Err(error) = read {
        complain(&unreadable(&error));
        return ExitCode::FAILURE;
    }
    if shown == 0 {
        return nothing(args, first);
    }
    code
}

/// Silence would look like a defect.
fn nothing(args: &Show, first: Option<u64>) -> ExitCode {
    let kept = first.map_or_else(
        || "the journal is empty".to_owned(),
        |first| format!("the first record that is kept is {first}"),
    );
    if let Some(id) = args.incident {
        complain(&format!("nothing is recorded of incident {id}; {kept}"));
        return ExitCode::FAILURE;
    }
    let last = args.last.unwrap_or(A_DAY);
    complain(&format!("nothing was recorded in the last {last}; {kept}"));
    ExitCode::SUCCESS
}

fn line(told: &Told<'_>) -> Result<(), ExitCode> {
    let text = serde_json::to_string(&Recounted::new(told)).map_err(|e| {
        complain(&format!("record {}: {e}", told.head.sequence));
        ExitCode::FAILURE
    })?;
    terminal::print(&(text + "\n"))
}

fn paragraph(told: &Told<'_>, of: &Story) -> Result<(), ExitCode> {
    let mut text = Text::for_stdout();
    write(told, &of.account(told), &mut text);
    text.print()
}

fn write(told: &Told<'_>, account: &Account, text: &mut Text) {
    text.word(Tone::Faint, &format!("{}  record {}", told.time, told.head.sequence));
    if let Some(id) = account.incident {
        text.word(Tone::Faint, &format!("  incident {id}"));
    }
    text.line_end();
    let tone = match account.mark {
        Mark::Good => Tone::Good,
        Mark::Bad => Tone::Bad,
        Mark::Plain => Tone::Heading,
    };
    text.plain("  ").word(tone, &account.what).line_end();
    for words in account.whom.iter().chain(&account.words) {
        text.plain("    ").wrapped(6, words);
    }
}

fn verify(args: &Verify, directory: &Path) -> ExitCode {
    let mut text = Text::for_stdout();
    let is_good = match journal::verify(directory, args.head) {
        Ok(verified) => holds(&verified, args.head, &mut text),
        Err(error) => {
            broken(&error, &mut text);
            false
        }
    };
    match text.print() {
        Err(code) => code,
        Ok(()) if is_good => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
    }
}

fn holds(verified: &Verified, noted: Option<Hash>, text: &mut Text) -> bool {
    let Verified {
        files,
        records,
        first,
        head,
        found,
        torn,
    } = verified;
    if *records == 0 {
        text.word(Tone::Good, "ok").plain("    ").wrapped(6, "no record yet");
    } else {
        let files = if *files == 1 {
            "1 file".to_owned()
        } else {
            format!("{files} files")
        };
        let words = format!(
            "{records} records, {first} to {}, in {files}: every line fits the line before",
            head.sequence
        );
        text.word(Tone::Good, "ok").plain("    ").wrapped(6, &words);
    }
    if *torn {
        text.plain("      ").wrapped(
            6,
            "The last line ends in the middle: it is being written, or farmwarden stopped while it was. It counts as never \
             written.",
        );
    }
    let is_found = match (noted, found) {
        (None, _) => true,
        (Some(_), Some(record)) => {
            let words = format!("the noted head is record {record}: nothing up to it was changed");
            text.word(Tone::Good, "ok").plain("    ").wrapped(6, &words);
            true
        }
        (Some(hash), None) => {
            let words = format!(
                "no record that is kept has the SHA-256 {hash}: the end was cut off or changed after it was noted, or it is \
                 older than record {first}"
            );
            text.word(Tone::Bad, "FAIL").plain("  ").wrapped(6, &words);
            false
        }
    };
    text.plain("head  ").wrapped(6, &head.hash.to_string());
    text.plain("      ").wrapped(
        6,
        "Note it elsewhere: a chain cannot show by itself that its end was cut off.",
    );
    is_found
}

fn broken(error: &JournalError, text: &mut Text) {
    text.word(Tone::Bad, "FAIL").plain("  ").wrapped(6, &unreadable(error));
    if matches!(error, JournalError::Broken { .. }) {
        text.plain("      ").wrapped(
            6,
            "From there on nothing is proven. Keep a copy of the directory before anything else is done, and compare it \
             with a backup and with heads that were noted (farmwarden_journal_head_info in Prometheus).",
        );
    }
}
