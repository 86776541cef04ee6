//! `farmwarden report`: what each policy did or would have done, and what to do next. From the journal where it lies.

use std::ops::ControlFlow;
use std::process::ExitCode;

use super::journal::{Place, unreadable};
use super::terminal::{self, Text, Tone};
use super::{EXIT_USAGE, complain};
use crate::clock::Clock;
use crate::remedy::settings::Mode;
use crate::remedy::{AtMost, Hindsight, Looking, Retrospect, Tried, replay};
use crate::values::Duration;

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden report --config.file /etc/farmwarden.yml
      What was repaired in the last 7 days, what a dry run would have done, what
      held it back, and what to do next.
  farmwarden report --last 30d --json
      For programs, of the configuration that FARMWARDEN_CONFIG_FILE names.

It reads the journal where it lies, while farmwarden runs or not.
Exit code: 0; 1 if the journal cannot be read or its chain does not hold;
2 wrong arguments or configuration.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Of what time.
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    last: Duration,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let known = args
        .place
        .directory()
        .and_then(|directory| Ok((directory, args.place.remedies()?)));
    let (directory, remedies) = match known {
        Ok(known) => known,
        Err(words) => {
            complain(&words);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let now = Clock::system().now().wall.in_millis();
    let mut looking = Looking::from(now.minus(args.last.get()));
    let read = replay(&directory, |told| {
        looking.take(told);
        ControlFlow::Continue(())
    });
    if let Err(error) = read {
        complain(&unreadable(&error));
        return ExitCode::FAILURE;
    }
    let is_configured = remedies.is_some();
    let hindsight = looking.end(now, &remedies.unwrap_or_default());
    match printed(&hindsight, is_configured, args.json) {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}

fn printed(hindsight: &Hindsight, is_configured: bool, json: bool) -> Result<(), ExitCode> {
    if json {
        let text = serde_json::to_string_pretty(hindsight).map_err(|e| {
            complain(&e.to_string());
            ExitCode::FAILURE
        })?;
        return terminal::print(&(text + "\n"));
    }
    let mut text = Text::for_stdout();
    write(hindsight, is_configured, &mut text);
    text.print()
}

/// Where words begin behind their heading.
const COLUMN: usize = 14;
/// Of a list; --json has all.
const MOST_SHOWN: usize = 20;

fn write(hindsight: &Hindsight, is_configured: bool, text: &mut Text) {
    let (from, until) = (hindsight.from, hindsight.until);
    text.wrapped(0, &format!("{} records from {from} to {until}", hindsight.records));
    if hindsight.policies.is_empty() {
        text.wrapped(
            0,
            "No policy is configured, and no alert asked for one (docs/repairs.md).",
        );
    }
    for policy in &hindsight.policies {
        text.line_end();
        if is_configured {
            of_policy(policy, text);
        } else {
            text.word(Tone::Heading, &policy.name).line_end();
            counts(policy, text);
            row(
                "next",
                "name the configuration with --config.file to compare it with",
                text,
            );
        }
    }
}

pub(super) fn of_policy(policy: &Retrospect, text: &mut Text) {
    let mode = match policy.mode {
        None => "not in the configuration",
        Some(_) if !policy.enabled => "switched off",
        Some(Mode::DryRun) => "dry run",
        Some(Mode::Act) => "acts",
    };
    text.word(Tone::Heading, &policy.name)
        .plain("  ")
        .word(Tone::Faint, mode);
    if let Some(symptom) = &policy.symptom {
        text.word(Tone::Faint, &format!(", cures {symptom}"));
    }
    text.line_end();
    counts(policy, text);
    for words in &policy.next {
        row("next", words, text);
    }
}

fn counts(policy: &Retrospect, text: &mut Text) {
    let ends = [
        (policy.cured, "cured"),
        (policy.well, "well by themselves"),
        (policy.forgotten, "not heard of again"),
        (policy.open, "open now"),
    ];
    let ends = listed(&ends);
    let comma = if ends.is_empty() { "" } else { ", " };
    row("incidents", &format!("{} opened{comma}{ends}", policy.incidents), text);
    tried("would do", &policy.rehearsed, text);
    tried("did", &policy.begun, text);
    let went = [
        (policy.refused, "actions refused"),
        (policy.failed, "actions failed"),
        (policy.timed_out, "took too long"),
        (policy.interrupted, "interrupted"),
        (policy.did_not_help, "rungs did not help"),
        (policy.escalated, "times a person was called"),
        (policy.storms, "storms"),
    ];
    let went = listed(&went);
    if !went.is_empty() {
        row("went wrong", &went, text);
    }
    for held in policy.held.iter().take(MOST_SHOWN) {
        let lasted = Duration::from_secs(held.seconds);
        let often = match held.times {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let words = format!("{often} by {}, {lasted} in all", held.guard.label());
        row("held back", &words, text);
    }
    if let Some(used) = policy.used {
        let words = format!(
            "at most {} on one target, {} in one group, {} in all",
            share(used.target),
            share(used.group),
            share(used.farm)
        );
        row("budget", &words, text);
    }
}

/// `1 cured, 2 open now`: those that are not zero.
fn listed(counts: &[(u64, &str)]) -> String {
    let seen = counts.iter().filter(|(count, _)| *count > 0);
    let seen: Vec<String> = seen.map(|(count, what)| format!("{count} {what}")).collect();
    seen.join(", ")
}

fn tried(title: &str, all: &[Tried], text: &mut Text) {
    for tried in all.iter().take(MOST_SHOWN) {
        let words = format!("{} on {}: {}", tried.action, tried.target, tried.count);
        row(title, &words, text);
    }
    if let Some(more @ 1..) = all.len().checked_sub(MOST_SHOWN) {
        row(title, &format!("and {more} more; --json has all"), text);
    }
}

/// `2 of 3 an hour (5 of 10 a day)`.
fn share(AtMost { hour, day, allowed }: AtMost) -> String {
    format!("{hour} of {} an hour and {day} of {} a day", allowed.hour, allowed.day)
}

pub(super) fn row(title: &str, words: &str, text: &mut Text) {
    text.plain(&format!("  {title:<12}")).wrapped(COLUMN, words);
}
