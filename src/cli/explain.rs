//! `farmwarden explain`: what a symptom means, where it begins, what to do, and where it is seen now.

use std::path::PathBuf;
use std::process::ExitCode;

use super::running::{self, At, Seen, Told};
use super::source::{CONFIG_VARIABLE, Refused};
use super::terminal::{Text, Tone};
use super::{EXIT_USAGE, complain, near, runtime};
use crate::collectors::{self, Sections, Symptom};
use crate::config::{Secrets, Settings};
use crate::relations;
use crate::values::{self, Name};

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden explain
      List every symptom.
  farmwarden explain mount_stuck
      One of them, and where it is seen now.
  farmwarden explain --config.file /etc/farmwarden.yml node_stuck
      With the thresholds of your targets.

Where it is seen is asked of the farmwarden that runs on this machine.
Exit code: 0, also when nobody answers; 2 wrong arguments or configuration.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The value of the label `symptom`; none given lists all.
    symptom: Option<String>,
    /// Configuration file whose thresholds are shown beside the defaults.
    #[arg(long = "config.file", value_name = "FILE", env = CONFIG_VARIABLE, hide_env_values = true)]
    config_file: Option<PathBuf>,
    #[command(flatten)]
    at: At,
}

/// Farms have hundreds of targets; a list of them all would hide the rest.
const MOST_SHOWN: usize = 20;
/// The same for targets that share a value.
const MOST_NAMES: usize = 5;

pub(super) fn run(args: &Args) -> ExitCode {
    let mut text = Text::for_stdout();
    match write(args, &mut text) {
        Ok(()) => match text.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(code) => code,
        },
        Err(words) => {
            complain(&words);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn write(args: &Args, text: &mut Text) -> Result<(), Refused> {
    let all = all();
    let Some(wanted) = &args.symptom else {
        list(&all, text);
        return Ok(());
    };
    let Some(symptom) = all.iter().find(|symptom| symptom.name == wanted) else {
        let known = all.iter().map(|symptom| symptom.name);
        return Err(near::unknown("symptom", wanted, known, "that farmwarden knows"));
    };
    let configured = match &args.config_file {
        Some(file) => Some(
            Settings::read(file, Secrets::Ignored)
                .map_err(|mistakes| mistakes.to_string())?
                .collectors,
        ),
        None => None,
    };
    definition(symptom, configured.as_ref(), text);
    runtime(async {
        evidence(symptom, running::symptoms(&args.at.places()).await, text);
        Ok(ExitCode::SUCCESS)
    });
    Ok(())
}

fn all() -> Vec<&'static Symptom> {
    let relations = relations::SYMPTOMS.iter().copied();
    collectors::symptoms().into_iter().chain(relations).collect()
}

fn list(all: &[&Symptom], text: &mut Text) {
    for symptom in all {
        text.word(Tone::Heading, symptom.name).line_end();
        text.plain("  ").wrapped(2, &bare(symptom.meaning));
    }
    text.line_end();
    text.wrapped(
        0,
        "One of them with its thresholds, and where it is seen: farmwarden explain SYMPTOM",
    );
}

/// Marks of Markdown are for documents.
fn bare(words: &str) -> String {
    words.replace('`', "")
}

fn definition(symptom: &Symptom, configured: Option<&Sections>, text: &mut Text) {
    text.word(Tone::Heading, symptom.name).line_end();
    paragraph("means", &bare(symptom.meaning), text);
    paragraph("what to do", symptom.advice, text);
    if symptom.takes_time {
        paragraph("shows", "over time; one look (farmwarden doctor) cannot tell it", text);
    }
    if symptom.hint {
        paragraph("breaks", "nothing: it is worth a look, and holds no repair back", text);
    }
    if !symptom.thresholds.is_empty() {
        text.plain("  begins at").line_end();
    }
    for threshold in symptom.thresholds {
        let Some((kind, key)) = threshold.split_once('.') else {
            continue;
        };
        text.plain(&format!("    {key} of {kind}")).line_end();
        let default = Sections::default_setting(kind, key).unwrap_or_else(|| "none".to_owned());
        text.plain("      ").wrapped(8, &format!("default {default}"));
        for (value, names) in grouped(configured.map(|all| all.settings(kind, key)).unwrap_or_default()) {
            let mut shown: Vec<&str> = names.iter().take(MOST_NAMES).map(Name::as_str).collect();
            let more = format!("and {} more", names.len().saturating_sub(MOST_NAMES));
            if names.len() > MOST_NAMES {
                shown.push(&more);
            }
            text.plain("      ")
                .wrapped(8, &format!("{value} for {}", shown.join(", ")));
        }
    }
}

fn paragraph(title: &str, words: &str, text: &mut Text) {
    const COLUMN: usize = 14;
    text.plain(&format!("  {title:<12}")).wrapped(COLUMN, words);
}

/// Targets by value, in the order of the configuration.
fn grouped(settings: Vec<(Name, String)>) -> Vec<(String, Vec<Name>)> {
    let mut groups: Vec<(String, Vec<Name>)> = Vec::new();
    for (name, value) in settings {
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, names)) => names.push(name),
            None => groups.push((value, vec![name])),
        }
    }
    groups
}

fn evidence(symptom: &Symptom, asked: Result<(String, Told), String>, text: &mut Text) {
    text.plain("  seen now").line_end();
    let (place, told) = match asked {
        Ok(answer) => answer,
        Err(words) => {
            text.plain("    ").wrapped(4, &format!("nobody to ask: {words}"));
            return;
        }
    };
    let here: Vec<&Seen> = told.seen.iter().filter(|seen| seen.symptom == symptom.name).collect();
    if here.is_empty() {
        let words = format!("nowhere, says the farmwarden at {place}");
        text.plain("    ").wrapped(4, &words);
    }
    for seen in here.iter().take(MOST_SHOWN) {
        text.plain("    ")
            .word(Tone::Bad, &printable(&seen.target))
            .plain("  ")
            .wrapped(6, &seen.evidence);
    }
    if here.len() > MOST_SHOWN {
        text.plain("    ").wrapped(
            4,
            &format!("and {} more; see farmwarden_symptom", here.len() - MOST_SHOWN),
        );
    }
    cannot_be_told(&told.in_the_dark, text);
}

/// Unknown is not well.
fn cannot_be_told(targets: &[String], text: &mut Text) {
    if targets.is_empty() {
        return;
    }
    let named: Vec<String> = targets.iter().take(MOST_SHOWN).map(|name| printable(name)).collect();
    let more = match targets.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let words = format!(
        "cannot be told of {}{more}, whose data is missing in part",
        named.join(", ")
    );
    text.plain("    ").wrapped(4, &words);
}

/// Whoever answers at an address may be anybody.
fn printable(name: &str) -> String {
    values::clean(name).into_owned()
}
