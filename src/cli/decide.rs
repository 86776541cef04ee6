//! `farmwarden decide`: what would be done about a payload of Alertmanager, asked of the running farmwarden; or what would have
//! been done with the past (`replay.rs`).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hyper::StatusCode;

use super::running::{self, At};
use super::terminal::{self, Text, Tone};
use super::{EXIT_USAGE, complain, replay, runtime};
use crate::alerts::{self, LARGEST_BODY};
use crate::remedy::{Foreseen, Foresight};
use crate::values;

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden decide payload.json
      What would be done about these alerts now: what is seen, which guard holds,
      what happens next.
  farmwarden decide - < payload.json
      From standard input.
  farmwarden decide --replay --prometheus http://127.0.0.1:9090 --last 7d \
      --config.file /etc/farmwarden.yml
      What the policies of this file would have done in the last 7 days with what
      Prometheus kept of symptoms and alerts; no farmwarden has to run.

The payload is that of Alertmanager's webhook, version 4. Nothing is recorded and
nothing is done. It is asked of the farmwarden that runs on this machine, because
only that one knows what is seen and what was done before.
Exit code: 0 it answered, 1 nobody did, 2 wrong arguments or configuration, or
no such payload.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file with the payload; `-` is standard input.
    #[arg(value_name = "PAYLOAD", required_unless_present = "replay")]
    payload: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    past: replay::Args,
    #[command(flatten)]
    at: At,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let Some(payload) = args.payload.as_ref().filter(|_| !args.past.replay) else {
        return replay::run(&args.past, args.json);
    };
    // What is wrong with it is better told before anybody is asked.
    let read = read(payload).and_then(|body| match alerts::parse(&body) {
        Ok(_) => Ok(body),
        Err(error) => Err(format!("{}: {error}", payload.display())),
    });
    let body = match read {
        Ok(body) => body,
        Err(words) => {
            complain(&words);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    runtime(async {
        let asked = running::post(&args.at.places(), "/api/v1/decide", body.into()).await;
        let (status, answer) = asked.map_err(|failed| {
            let words = failed.words;
            format!("only a running farmwarden can tell, and there is nobody to ask: {words}")
        })?;
        if status != StatusCode::OK {
            return Err(running::error_words(&answer));
        }
        if args.json {
            return Ok(terminal::print(&(answer + "\n")).err().unwrap_or(ExitCode::SUCCESS));
        }
        let foresight: Foresight =
            serde_json::from_str(&answer).map_err(|_| "it answers, but not like a farmwarden".to_owned())?;
        let mut text = Text::for_stdout();
        write(&foresight, &mut text);
        Ok(text.print().err().unwrap_or(ExitCode::SUCCESS))
    })
}

fn read(payload: &Path) -> Result<Vec<u8>, String> {
    let shown = payload.display();
    let wrong = |e: std::io::Error| format!("{shown}: cannot be read: {}", values::io_words(&e));
    let reader: Box<dyn Read> = if payload == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(payload).map_err(wrong)?)
    };
    let mut body = Vec::new();
    // A byte more than is taken, so that what is too large is seen to be.
    reader
        .take(LARGEST_BODY.bytes() + 1)
        .read_to_end(&mut body)
        .map_err(wrong)?;
    if u64::try_from(body.len()).is_ok_and(|length| length > LARGEST_BODY.bytes()) {
        return Err(format!("{shown}: a payload of at most {LARGEST_BODY} is taken"));
    }
    Ok(body)
}

/// Where words begin behind their heading.
const COLUMN: usize = 12;

fn write(foresight: &Foresight, text: &mut Text) {
    for alert in &foresight.alerts {
        block(alert, text);
    }
    for refused in &foresight.refused {
        text.word(Tone::Bad, "cannot be used").plain("  ").wrapped(4, refused);
    }
    if foresight.left_out > 0 {
        text.wrapped(
            0,
            &format!("and {} more alerts, of which nothing is said here", foresight.left_out),
        );
    }
    if foresight.alerts.is_empty() && foresight.refused.is_empty() {
        text.wrapped(0, "The payload has no alerts: nothing would be done.");
    }
}

fn block(alert: &Foreseen, text: &mut Text) {
    let state = if alert.firing { "firing" } else { "resolved" };
    text.word(Tone::Heading, &format!("{} ({state})", values::clean(&alert.alert)))
        .line_end();
    if let Some(asks) = &alert.asks {
        let open = alert
            .incident
            .map_or_else(String::new, |id| format!("; incident {id} is open"));
        row("asks for", &format!("{asks}{open}"), text);
    }
    if let Some(seen) = &alert.seen {
        row("seen", seen, text);
    }
    let tone = match alert.decision.as_str() {
        "act" => Tone::Good,
        "hold" => Tone::Bad,
        _ => Tone::Faint,
    };
    let guard = alert
        .guard
        .map_or_else(String::new, |guard| format!(" by {}", guard.label()));
    let until = alert.until.map_or_else(String::new, |until| format!(" until {until}"));
    text.plain(&format!("  {:<10}", "decision"))
        .word(tone, &format!("{}{guard}{until}", alert.decision))
        .line_end();
    row("", &alert.words, text);
}

fn row(title: &str, words: &str, text: &mut Text) {
    text.plain(&format!("  {title:<10}")).wrapped(COLUMN, words);
}
