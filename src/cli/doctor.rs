//! `farmwarden doctor`: walks to targets step by step and says what to do.

mod repairs;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use super::source::{self, Source};
use super::terminal::{Text, Tone};
use super::{EXIT_USAGE, complain, near, runtime};
use crate::clock::Clock;
use crate::collectors::{self, Finding, Sections, Symptom};
use crate::config::Settings;
use crate::once::{Looked, Once, PartSeen, Plan, Target, Went};
use crate::relations;
use crate::values::Duration;

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden doctor
      This machine: its mounts and chain nodes.
  farmwarden doctor --config.file /etc/farmwarden.yml
      Every target of the file, with the steps of those that are not well; the
      journal's disk, the containers and units that repairs may touch, tokens,
      and whether other farmwardens would take what they are asked for.
  farmwarden doctor --config.file /etc/farmwarden.yml node-1 nas-2
      Two of them, every step shown.
  farmwarden doctor --as phala http://10.0.0.11:9944
      A node that is in no file.
  farmwarden doctor --for 2m node-9944
      Look for two minutes: does its height rise?

Exit code: 0 all is well, 1 something is wrong, 2 wrong arguments or
configuration.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Targets by name; none given is all.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Take TARGET for an address of this kind instead of a name.
    #[arg(long = "as", value_name = "KIND", requires = "targets")]
    kind: Option<String>,
    /// Go on looking for this long; what shows only over time needs it.
    #[arg(long = "for", value_name = "DURATION", value_parser = lasting)]
    lasting: Option<Duration>,
    /// Show every step, also of parts that are well. So it is for targets that are named.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    source: Source,
}

impl Args {
    /// The configuration, where all of it is asked about.
    fn whole_file(&self) -> Result<Option<Settings>, source::Refused> {
        if !self.targets.is_empty() {
            return Ok(None);
        }
        self.source.settings()
    }
}

/// Whoever wants to look longer wants the service.
const LONGEST: Duration = Duration::from_secs(3600);

fn lasting(text: &str) -> Result<Duration, String> {
    let lasting: Duration = text.parse()?;
    if lasting > LONGEST {
        return Err(format!("{lasting} is too long to wait for; at most {LONGEST}"));
    }
    Ok(lasting)
}

pub(super) fn run(args: &Args) -> ExitCode {
    runtime(async {
        let tools = source::tools()?;
        let sections = match sections(args, &tools).await {
            Ok(sections) => sections,
            Err(words) => {
                complain(&words);
                return Ok(ExitCode::from(EXIT_USAGE));
            }
        };
        let plan = Plan {
            walk: true,
            lasting: args.lasting.map(Duration::get).unwrap_or_default(),
        };
        let settings = args.whole_file()?;
        let upstream = tools.upstream.clone();
        let mut once = Once::new(tools, Clock::system(), plan);
        sections.clone().visit(&mut once);
        if let Some(lasting) = args.lasting
            && std::io::stderr().is_terminal()
        {
            complain(&format!("looking for {lasting}"));
        }
        let looked = once.look().await;
        let equipped = match &settings {
            Some(settings) => repairs::look(settings, &upstream).await,
            None => Vec::new(),
        };
        let mut text = Text::for_stdout();
        report(&looked, &equipped, &sections, args, &mut text);
        if let Err(code) = text.print() {
            return Ok(code);
        }
        Ok(if looked.is_well() && repairs::are_well(&equipped) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

async fn sections(args: &Args, tools: &collectors::Tools) -> Result<Sections, source::Refused> {
    let Some(kind) = &args.kind else {
        let mut sections = args.source.targets(tools).await?;
        source::only(&mut sections, &args.targets, &args.source)?;
        return Ok(sections);
    };
    let [address] = args.targets.as_slice() else {
        return Err("--as takes one address".to_owned());
    };
    match Sections::ad_hoc(kind, address, &args.source.here()) {
        Some(target) => target.map_err(|words| format!("{kind}: {words}")),
        None => Err(near::unknown(
            "kind",
            kind,
            Sections::KINDS.iter().copied(),
            "of target",
        )),
    }
}

/// Where the words of a step begin.
const COLUMN: usize = 22;

fn report(looked: &Looked, equipped: &[repairs::Line], sections: &Sections, args: &Args, text: &mut Text) {
    let every_step = args.verbose || !args.targets.is_empty();
    for fault in &looked.faults {
        text.word(Tone::Bad, "FAIL").plain("  ").wrapped(6, &fault.to_string());
    }
    for target in &looked.targets {
        block(target, every_step, text);
    }
    repairs::tell(equipped, text);
    summary(looked, sections, args, text);
}

fn block(target: &Target, every_step: bool, text: &mut Text) {
    text.word(Tone::Heading, target.name.as_str())
        .plain("  ")
        .word(Tone::Faint, target.collector)
        .line_end();
    let width = target
        .parts
        .iter()
        .map(|part| part.name.len())
        .max()
        .unwrap_or_default();
    for part in &target.parts {
        if every_step || !part.is_well() {
            steps(part, text);
        } else {
            well(part, width, text);
        }
    }
    findings(&target.findings, text);
    text.line_end();
}

/// Of each symptom so many are told; what to do is the same for all of them.
const MOST_FINDINGS: usize = 10;

fn findings(all: &[Finding], text: &mut Text) {
    let mut told: Vec<&str> = Vec::new();
    for finding in all {
        let symptom = finding.symptom;
        if told.contains(&symptom.name) {
            continue;
        }
        told.push(symptom.name);
        text.plain("  ")
            .word(Tone::Bad, "ILL ")
            .plain(&format!(" {}", symptom.name))
            .line_end();
        let same: Vec<&Finding> = all.iter().filter(|other| other.symptom == symptom).collect();
        for finding in same.iter().take(MOST_FINDINGS) {
            let of = match finding.entity.as_str() {
                // Where the evidence begins with it, it is said.
                entity if entity.is_empty() || finding.evidence.starts_with(entity) => String::new(),
                entity => format!("{entity}: "),
            };
            text.plain("        ").wrapped(8, &format!("{of}{}", finding.evidence));
        }
        if let Some(more @ 1..) = same.len().checked_sub(MOST_FINDINGS) {
            text.plain(&format!("        and {more} more")).line_end();
        }
        advice(8, symptom.advice, text);
    }
}

/// A part that is well, in a line.
fn well(part: &PartSeen, width: usize, text: &mut Text) {
    text.plain("  ")
        .word(Tone::Good, "ok")
        .plain(&format!("    {:<width$}  ", part.name));
    let endpoint = part.endpoint.as_ref().map(ToString::to_string);
    let gist = part
        .round
        .as_ref()
        .and_then(|round| round.outcome.as_ref().ok()?.as_ref().ok());
    let words: Vec<String> = endpoint.into_iter().chain(gist.cloned()).collect();
    text.wrapped(10 + width, &words.join(" - "));
}

fn steps(part: &PartSeen, text: &mut Text) {
    let endpoint = part.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
    text.plain(&format!("  {}  {endpoint}", part.name)).line_end();
    let steps = part.steps();
    for step in steps.iter().filter(|step| step.went != Went::Untried) {
        let words = match step.went {
            Went::Unused => "not used",
            _ => &step.words,
        };
        let words = format!("{words}{}", step.took.map(time).unwrap_or_default());
        line(step.name, step.went, &words, text);
    }
    let untried: Vec<&str> = steps
        .iter()
        .filter(|step| step.went == Went::Untried)
        .map(|step| step.name)
        .collect();
    if !untried.is_empty() {
        line("not tried", Went::Untried, &untried.join(", "), text);
    }
    if let Some(words) = part.advice {
        advice(4, words, text);
    }
}

fn line(name: &str, went: Went, words: &str, text: &mut Text) {
    let (tone, mark) = match went {
        Went::Well => (Tone::Good, "ok  "),
        Went::Wrong => (Tone::Bad, "FAIL"),
        Went::Unused | Went::Untried => (Tone::Faint, "-   "),
    };
    text.plain(&format!("    {name:<12}"))
        .word(tone, mark)
        .plain("  ")
        .wrapped(COLUMN, words);
}

fn advice(column: usize, words: &str, text: &mut Text) {
    const BEGINS: &str = "what to do: ";
    text.plain(&" ".repeat(column))
        .word(Tone::Heading, BEGINS.trim_end())
        .plain(" ")
        .wrapped(column + BEGINS.len(), words);
}

/// Behind the words of a step; nothing for what took no time.
fn time(took: std::time::Duration) -> String {
    match took.as_millis() {
        0 => String::new(),
        millis @ 1..=999 => format!(" ({millis}ms)"),
        _ => format!(" ({:.1}s)", took.as_secs_f64()),
    }
}

fn summary(looked: &Looked, sections: &Sections, args: &Args, text: &mut Text) {
    let all = looked.targets.len() + looked.faults.len();
    let well = looked.targets.iter().filter(|target| target.is_well()).count();
    let targets = if all == 1 { "target" } else { "targets" };
    if all == 0 {
        text.wrapped(0, &format!("There is no target to look at in {}.", args.source.words()));
        return;
    }
    if well == all {
        text.word(Tone::Good, &format!("{all} {targets}, all well.")).line_end();
    } else {
        text.word(Tone::Bad, &format!("{} of {all} {targets} not well.", all - well))
            .line_end();
    }
    if args.kind.is_none() && !args.source.has_file() {
        text.wrapped(
            0,
            "This machine was looked at, with the chain nodes that answer on 127.0.0.1:9944 and :9945. Another farm \
             needs its file: --config.file FILE.",
        );
    }
    let slow = over_time(looked);
    if let (None, [first, ..]) = (args.lasting, slow.as_slice()) {
        let all: Vec<&str> = slow.iter().map(|symptom| symptom.name).collect();
        let all = all.join(", ");
        let longer = long_enough(sections, &slow)
            .map(|lasting| format!("look longer with --for {lasting}, or "))
            .unwrap_or_default();
        let ask = format!("ask the farmwarden that runs: farmwarden explain {}.", first.name);
        text.wrapped(0, &format!("Only time can tell {all}: {longer}{ask}"));
    }
}

/// The longest time that one of them takes to show with the thresholds of these targets, and a fifth more for the rounds
/// around it; nothing where that is longer than one may look, or no threshold is a time.
fn long_enough(sections: &Sections, symptoms: &[&Symptom]) -> Option<Duration> {
    let keys = symptoms
        .iter()
        .flat_map(|symptom| symptom.thresholds)
        .filter_map(|key| key.split_once('.'));
    let times = keys
        .flat_map(|(kind, key)| sections.settings(kind, key))
        .filter_map(|(_, value)| value.parse::<Duration>().ok());
    let whole_minutes = (times.max()?.get().as_secs() * 6).div_ceil(5 * 60);
    let lasting = Duration::from_secs(whole_minutes * 60);
    (lasting <= LONGEST).then_some(lasting)
}

/// Symptoms of what answers that one look cannot tell.
fn over_time(looked: &Looked) -> Vec<&'static Symptom> {
    let answers = |target: &&Target| target.parts.iter().any(|part| part.fault().is_none());
    let kinds: Vec<&str> = looked
        .targets
        .iter()
        .filter(answers)
        .map(|target| target.collector)
        .collect();
    let all = collectors::symptoms()
        .into_iter()
        .chain(relations::SYMPTOMS.iter().copied());
    let of_these = all.filter(|symptom| {
        let mut kinds_of = symptom.thresholds.iter().filter_map(|key| key.split('.').next());
        symptom.takes_time && kinds_of.any(|kind| kinds.contains(&kind))
    });
    of_these.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_proposed_follows_the_thresholds() {
        static SLOW: Symptom = Symptom {
            thresholds: &["phala.thresholds.stuck_after", "phala.thresholds.min_peers"],
            ..Symptom::bare("slow")
        };
        let proposed = |stuck_after: &str| {
            let text = format!(
                "collectors: {{phala: [{{name: n, para: 'http://h', thresholds: {{stuck_after: {stuck_after}}}}}]}}"
            );
            let sections = Settings::parse("farm.yml", &text).unwrap().collectors;
            long_enough(&sections, &[&SLOW]).map(|lasting| lasting.to_string())
        };
        assert_eq!(proposed("5m").as_deref(), Some("6m"));
        assert_eq!(proposed("20s").as_deref(), Some("1m"));
        assert_eq!(proposed("40m").as_deref(), Some("48m"));
        assert_eq!(proposed("2h"), None);
    }
}
