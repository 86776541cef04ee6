//! `farmwarden incidents`: what the running farmwarden repairs, or would, and why it does not.

use std::process::ExitCode;

use super::running::{self, At};
use super::runtime;
use super::terminal::{Text, Tone};
use crate::remedy::{IncidentSeen, Overview};
use crate::values;

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden incidents
      What is open: what is seen, what holds it back, what happens next and when.
  farmwarden incidents --all
      Every one, where there are many.
  farmwarden audit show --incident 412.0
      How one of them went.

It asks the farmwarden that runs on this machine.
Exit code: 0 it answered, 1 nobody did, 2 wrong arguments.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Show every incident.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    at: At,
}

/// A storm opens thousands; a list of them all would hide the rest.
const MOST_SHOWN: usize = 30;
/// Where words begin behind their heading.
const COLUMN: usize = 12;

pub(super) fn run(args: &Args) -> ExitCode {
    runtime(async {
        let asked = running::read::<Overview>(&args.at.places(), "/api/v1/incidents").await;
        let (_, overview) = asked.map_err(|words| format!("nobody to ask: {words}"))?;
        let mut text = Text::for_stdout();
        write(&overview, args.all, &mut text);
        Ok(text.print().err().unwrap_or(ExitCode::SUCCESS))
    })
}

fn write(overview: &Overview, all: bool, text: &mut Text) {
    for words in overview.holds() {
        text.word(Tone::Bad, "HOLD").plain("  ").wrapped(6, &words);
    }
    text.wrapped(0, &format!("{}.", overview.policies_in_words()));
    if overview.incidents.is_empty() {
        text.word(Tone::Good, "No incident is open.").line_end();
    }
    let most = if all { usize::MAX } else { MOST_SHOWN };
    for incident in overview.incidents.iter().take(most) {
        text.line_end();
        block(incident, text);
    }
    if let Some(more @ 1..) = overview.incidents.len().checked_sub(most) {
        text.line_end();
        text.plain(&format!("and {more} more; --all shows them")).line_end();
    }
    rests(overview, most, text);
}

/// What may relapse.
fn rests(overview: &Overview, most: usize, text: &mut Text) {
    if !overview.resting.is_empty() {
        text.line_end();
    }
    for resting in overview.resting.iter().take(most) {
        text.wrapped(2, &resting.words());
    }
    if let Some(more @ 1..) = overview.resting.len().checked_sub(most) {
        text.plain(&format!("and {more} more; --all shows them")).line_end();
    }
}

fn block(incident: &IncidentSeen, text: &mut Text) {
    text.word(Tone::Heading, &incident.id.to_string())
        .plain("  ")
        .wrapped(2, &incident.whom());
    let asked = match &incident.ordered_by {
        Some(by) => format!("asked for by {}", values::clean(by)),
        None if incident.fires => "its alert fires".to_owned(),
        None if incident.requested => "another farmwarden asks for it".to_owned(),
        None => "nobody asks for it any more".to_owned(),
    };
    row(
        "opened",
        &format!("{}; {asked}, last heard at {}", incident.opened, incident.heard),
        text,
    );
    row("seen", &incident.sight(), text);
    row("next", &incident.course(), text);
    if let Some(deed) = incident.deed() {
        row("action", &deed, text);
    }
}

fn row(title: &str, words: &str, text: &mut Text) {
    text.plain(&format!("  {title:<10}")).wrapped(COLUMN, words);
}
