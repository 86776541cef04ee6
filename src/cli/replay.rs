//! `farmwarden decide --replay`: what the policies would have done with the past that a Prometheus kept.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration as StdDuration;

use super::report::{of_policy, row};
use super::source::CONFIG_VARIABLE;
use super::terminal::{self, Text, Tone};
use super::{EXIT_USAGE, complain, runtime};
use crate::clock::{Clock, UnixTime};
use crate::config::{Secrets, Settings};
use crate::remedy::{Glimpse, Illness, Moment, Remedies, Replayed, Rerun};
use crate::upstream::{MOST_POINTS, Prometheus, Series, Token, Upstream};
use crate::values::{Duration, Endpoint, Scheme, SecretSource};

#[derive(Debug, clap::Args)]
#[group(id = "past")]
pub(super) struct Args {
    /// Say what the policies of a configuration would have done with the past that a Prometheus kept.
    #[arg(long, requires = "prometheus", conflicts_with = "payload")]
    pub(super) replay: bool,
    /// The Prometheus that scrapes farmwarden and knows its alerts.
    #[arg(long, value_name = "URL", value_parser = http, requires = "replay")]
    prometheus: Option<Endpoint>,
    /// A file with the token that this Prometheus, or what is before it, wants.
    #[arg(long = "prometheus.token-file", value_name = "FILE", requires = "replay")]
    token_file: Option<PathBuf>,
    /// Of what time, with --replay; at most 31d.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = last)]
    last: Duration,
    /// Between two looks at the past, with --replay; from 15s to 5m.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = step)]
    step: Duration,
    /// Where that time ends, with --replay, like 2026-11-21T09:00:00Z. Without it: now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<UnixTime>,
    /// Configuration file with the policies, with --replay.
    #[arg(long = "config.file", value_name = "FILE", env = CONFIG_VARIABLE, hide_env_values = true)]
    config_file: Option<PathBuf>,
}

/// Beyond this Prometheus would be asked some hundred times for what it usually does not keep.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
/// Nobody scrapes more often; and a decision wants a view that is younger than a minute, several of which a longer step
/// would leave out.
const STEPS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(300));

fn http(text: &str) -> Result<Endpoint, String> {
    let url: Endpoint = text.parse()?;
    match url.scheme() {
        Scheme::Http | Scheme::Https => Ok(url),
        Scheme::Ws | Scheme::Wss => Err("an address like http://127.0.0.1:9090 is expected".to_owned()),
    }
}

fn last(text: &str) -> Result<Duration, String> {
    let last: Duration = text.parse()?;
    if last > LONGEST {
        return Err(format!("at most {LONGEST}"));
    }
    Ok(last)
}

fn step(text: &str) -> Result<Duration, String> {
    let (step, (shortest, longest)): (Duration, _) = (text.parse()?, STEPS);
    let is_whole = step.get().subsec_nanos() == 0;
    if step < shortest || step > longest || !is_whole {
        return Err(format!("whole seconds from {shortest} to {longest}"));
    }
    Ok(step)
}

fn time(text: &str) -> Result<UnixTime, String> {
    UnixTime::from_rfc3339(text).ok_or_else(|| "a time like 2026-11-21T09:00:00Z is expected".to_owned())
}

pub(super) fn run(args: &Args, json: bool) -> ExitCode {
    let (settings, prometheus) = match prepared(args) {
        Ok(prepared) => prepared,
        Err(words) => {
            complain(&words);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    runtime(async {
        let replayed = replay(args, &settings, &prometheus).await?;
        if json {
            let text = serde_json::to_string_pretty(&replayed).map_err(|e| e.to_string())?;
            return Ok(terminal::print(&(text + "\n")).err().unwrap_or(ExitCode::SUCCESS));
        }
        let mut text = Text::for_stdout();
        write(&replayed, &mut text);
        Ok(text.print().err().unwrap_or(ExitCode::SUCCESS))
    })
}

fn prepared(args: &Args) -> Result<(Settings, Prometheus), String> {
    let file = args.config_file.as_ref();
    let file = file.ok_or("which policies? name the configuration by --config.file")?;
    let settings = Settings::read(file, Secrets::Ignored).map_err(|mistakes| mistakes.to_string())?;
    if settings.remedies.policies.is_empty() {
        return Err(format!(
            "{}: there are no `remedies.policies` (docs/repairs.md)",
            file.display()
        ));
    }
    let address = args
        .prometheus
        .as_ref()
        .ok_or("which Prometheus? name it by --prometheus")?;
    let token = args.token_file.clone().map(SecretSource::File);
    let token = token.map(|source| Token::read("prometheus", source)).transpose();
    let token = token.map_err(|fault| fault.to_string())?;
    let upstream = Upstream::from_system()?;
    Ok((settings, Prometheus::new(&upstream, address, token)))
}

/// Piece by piece, so that a long time of a large farm is never in memory as a whole.
async fn replay(args: &Args, settings: &Settings, prometheus: &Prometheus) -> Result<Replayed, String> {
    let step = args.step.get();
    // Of what is to come nothing was seen.
    let now = Clock::system().now().wall;
    let until = args.until.map_or(now, |until| until.min(now));
    // In whole steps of the clock, so that the same time gives the same answer.
    let align = |time: UnixTime| {
        let seconds = time.since_epoch().as_secs();
        UnixTime::from_duration(StdDuration::from_secs(seconds - seconds % step.as_secs()))
    };
    let (from, until) = (align(until.minus(args.last.get())), align(until));
    let mut rerun = Rerun::new(&settings.remedies, &settings.links, from, step);
    let symptoms = symptoms(&settings.remedies);
    let mut begins = from;
    while begins <= until {
        let ends = begins.plus(step * (MOST_POINTS - 1)).min(until);
        let mut moments = BTreeMap::new();
        let questions: [(&str, Take); 2] = [(&symptoms, sight), (ALERTS, alert)];
        for (query, take) in questions {
            let found = prometheus.range(query, (begins, ends), step).await;
            for series in found.map_err(|fault| fault.to_string())? {
                for (time, value) in &series.points {
                    take(&series, *value, moments.entry(time.in_millis()).or_default());
                }
            }
        }
        let mut now = begins;
        while now <= ends {
            rerun.at(now, &moments.remove(&now).unwrap_or_default());
            now = now.plus(step);
        }
        begins = now;
    }
    Ok(rerun.end(until))
}

/// Puts what a series was at a time into that moment.
type Take = fn(&Series, f64, &mut Moment);

/// Those that ask for a repair.
const ALERTS: &str = r#"ALERTS{alertstate="firing",remedy!="",target!=""}"#;

fn symptoms(remedies: &Remedies) -> String {
    let mut names: Vec<&str> = remedies
        .policies
        .iter()
        .map(|policy| policy.symptom.get().name)
        .collect();
    names.sort_unstable();
    names.dedup();
    format!("farmwarden_symptom{{symptom=~\"{}\"}}", names.join("|"))
}

fn sight(series: &Series, value: f64, moment: &mut Moment) {
    let label = |name: &str| series.labels.get(name).map_or("", String::as_str);
    if let Ok(target) = label("target").parse() {
        moment.sights.push(Glimpse {
            target,
            symptom: label("symptom").to_owned(),
            entity: label("entity").to_owned(),
            is_ill: value > 0.5,
        });
    }
}

fn alert(series: &Series, _: f64, moment: &mut Moment) {
    let own = series
        .labels
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "__name__" | "alertstate"));
    moment
        .alerts
        .push(own.map(|(name, value)| (name.clone(), value.clone())).collect());
}

fn write(replayed: &Replayed, text: &mut Text) {
    let step = Duration::from_secs(replayed.step_seconds);
    let (from, until) = (replayed.from, replayed.until);
    text.wrapped(
        0,
        &format!("What would have been done from {from} to {until}, looked at every {step}: a dry run of every policy, whatever its `mode`. Nothing was done now."),
    );
    if replayed.seen < replayed.moments {
        let (seen, all) = (replayed.seen, replayed.moments);
        text.wrapped(
            0,
            &format!(
                "Of {all} looks {seen} found symptoms that these policies cure; for the others Prometheus has none."
            ),
        );
    }
    for policy in &replayed.policies {
        text.line_end();
        of_policy(&policy.retrospect, text);
        row("ill", &ill(policy.illness), text);
    }
    text.line_end();
    text.word(Tone::Heading, "What cannot be known from this").line_end();
    for words in &replayed.not_known {
        text.plain("- ").wrapped(2, words);
    }
}

fn ill(illness: Illness) -> String {
    let span = |seconds| Duration::from_secs(seconds);
    let all = span(illness.seconds);
    if illness.acted_on == 0 {
        return format!("{all} in all, all entities together");
    }
    format!(
        "{all} in all, all entities together; {} of it after an action that would have been begun, over {} illnesses, {} the longest: as much could have been saved",
        span(illness.after_action_seconds),
        illness.acted_on,
        span(illness.longest_seconds)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_steps_are_bounded() {
        assert!(last("31d").is_ok() && last("32d").is_err());
        for (text, is_good) in [
            ("15s", true),
            ("5m", true),
            ("14s", false),
            ("6m", false),
            ("15500ms", false),
        ] {
            assert_eq!(step(text).is_ok(), is_good, "{text}");
        }
        assert!(http("ws://127.0.0.1:9090").is_err() && http("https://p/prometheus/").is_ok());
    }
}
