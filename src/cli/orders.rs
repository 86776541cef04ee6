//! `farmwarden pause`, `resume`, `approve` and `run`: what a person orders of the running farmwarden. It records who did.

use std::process::ExitCode;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::running::{self, At};
use super::terminal::Text;
use super::{complain, runtime};
use crate::remedy::{IncidentId, Scope};
use crate::values::{Duration, Name};

pub(super) const PAUSE_EXAMPLES: &str = "Examples:
  farmwarden pause all --for 2h --reason 'moving the rack'
      Nothing is changed anywhere; people are still told.
  farmwarden pause group east --for 1d --reason 'new switch, ticket 77'
      The targets with `farm: east`.
  farmwarden pause target node-1 --for 30m --reason 'resync by hand'

A pause survives restarts and ends by itself, after 30 days at most. To stop all
repairs even when nothing answers, make the file of `remedies.freeze_file`.
Exit code: 0 it is recorded, 1 it is not, or not known to be (the words say
which), 2 wrong arguments.";

pub(super) const RESUME_EXAMPLES: &str = "Examples:
  farmwarden resume all
      Ends the pause of everything; those of groups and targets hold on.
  farmwarden resume target node-1

Exit code: 0 it is recorded, 1 it is not, or not known to be (the words say
which), 2 wrong arguments.";

pub(super) const APPROVE_EXAMPLES: &str = "Examples:
  farmwarden incidents
      What waits for an approval, and what it would do.
  farmwarden approve 412.0 --plan 1f3a09c2
      Allow just what was shown, once, within the next hour.
  farmwarden approve 412.0
      Allow whatever waits now; the answer says what that is.

Exit code: 0 it is recorded, 1 it is not, or not known to be (the words say
which), 2 wrong arguments.";

pub(super) const RUN_EXAMPLES: &str = "Examples:
  farmwarden run restart_node node-1 para
      Ask for the repair as an alert would; every guard holds for it.
  farmwarden run restart_stuck_worker prb-1 w17
      For one worker.
      It is asked for until it is well, at most 15 minutes for each rung.
  farmwarden run --take-back restart_stuck_worker prb-1 w17
      Ask for it no more.
  farmwarden incidents
      How it goes on.

Exit code: 0 it is recorded, 1 it is not, or not known to be (the words say
which), 2 wrong arguments.";

/// The words of the command line: `all`, `group NAME`, `target NAME`.
#[derive(Debug, clap::Args)]
struct Scoped {
    /// What is meant: all, group or target.
    #[arg(value_name = "all|group|target", value_parser = ["all", "group", "target"])]
    what: String,
    /// The name of the group or the target.
    #[arg(required_if_eq_any([("what", "group"), ("what", "target")]))]
    name: Option<Name>,
}

impl Scoped {
    fn scope(&self) -> Result<Scope, String> {
        match (self.what.as_str(), &self.name) {
            ("group", Some(name)) => Ok(Scope::Group(name.clone())),
            ("target", Some(name)) => Ok(Scope::Target(name.clone())),
            (_, None) => Ok(Scope::All),
            (_, Some(name)) => Err(format!(
                "`all` has no name; is `target {name}` or `group {name}` meant?"
            )),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Pause {
    #[command(flatten)]
    scoped: Scoped,
    /// How long, like 30m or 2h.
    #[arg(long = "for", value_name = "DURATION")]
    lasting: Duration,
    /// Why, for whoever finds it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    #[command(flatten)]
    scoped: Scoped,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Approve {
    /// The number of the incident.
    #[arg(value_name = "ID")]
    incident: IncidentId,
    /// Only if this rung is the one that waits; the first is 1.
    #[arg(long, value_name = "N")]
    rung: Option<std::num::NonZeroUsize>,
    /// Only if just this is what waits: the mark that stands in the message and in `incidents`.
    #[arg(long, value_name = "MARK")]
    plan: Option<String>,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The policy.
    policy: Name,
    /// The target.
    target: Name,
    /// The worker, chain or mount; without it the target as a whole.
    entity: Option<String>,
    /// Ask for it no more.
    #[arg(long)]
    take_back: bool,
    #[command(flatten)]
    at: At,
}

pub(super) fn pause(args: &Pause) -> ExitCode {
    scoped(&args.scoped, |scope| {
        let order = json!({"scope": scope, "for": args.lasting, "reason": args.reason});
        ask(&args.at, "/-/repairs/pause", &order)
    })
}

pub(super) fn resume(args: &Resume) -> ExitCode {
    scoped(&args.scoped, |scope| {
        ask(&args.at, "/-/repairs/resume", &json!({"scope": scope}))
    })
}

pub(super) fn approve(args: &Approve) -> ExitCode {
    let order = json!({"incident": args.incident, "rung": args.rung, "plan": args.plan});
    ask(&args.at, "/-/repairs/approve", &order)
}

pub(super) fn run(args: &Run) -> ExitCode {
    let entity = args.entity.as_deref().unwrap_or_default();
    let order = json!({"policy": args.policy, "target": args.target, "entity": entity, "take_back": args.take_back});
    ask(&args.at, "/-/repairs/run", &order)
}

fn scoped(scoped: &Scoped, order: impl FnOnce(Scope) -> ExitCode) -> ExitCode {
    match scoped.scope() {
        Ok(scope) => order(scope),
        Err(words) => {
            complain(&words);
            ExitCode::from(super::EXIT_USAGE)
        }
    }
}

fn ask(at: &At, path: &'static str, order: &Value) -> ExitCode {
    runtime(async {
        let answered = running::order(&at.places(), path, order.to_string().into()).await;
        let (status, words) = answered.map_err(|words| format!("nobody to ask: {words}"))?;
        if status != StatusCode::OK {
            return Err(words);
        }
        let mut text = Text::for_stdout();
        text.wrapped(0, &words);
        Ok(text.print().err().unwrap_or(ExitCode::SUCCESS))
    })
}
