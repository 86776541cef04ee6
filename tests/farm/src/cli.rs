//! The command line: which stand-ins to start, and when to stop.
//!
//! Parsed by hand, since the options are the entries of [`KINDS`] and there is little else.

use std::{fmt::Write as _, io::Read as _, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::sleep,
};

use crate::{
    control::{self, Farm},
    demo,
    standin::{KINDS, Kind},
};

/// Long enough for any test, short enough that a forgotten farm is gone by the next one.
const LIFETIME: Duration = Duration::from_mins(15);

/// What was asked for.
struct Plan {
    control: String,
    lifetime: Duration,
    exit_with_parent: bool,
    stand_ins: Vec<(&'static Kind, String, String)>,
}

enum Command {
    Help,
    Serve(Plan),
    Demo(demo::Options),
}

/// Runs the program with the arguments after its name.
#[expect(
    clippy::print_stdout,
    reason = "the ready line and the help text are this program's output"
)]
#[expect(
    clippy::print_stderr,
    reason = "there is no log: one sentence says why the farm could not start"
)]
pub fn main(args: Vec<String>) -> ExitCode {
    let command = match parse(args) {
        Ok(Command::Help) => {
            print!("{}", help());
            return ExitCode::SUCCESS;
        }
        Ok(command) => command,
        Err(words) => {
            eprintln!("simfarm: {words}; see simfarm --help");
            return ExitCode::from(2);
        }
    };
    let ran = Runtime::new().map_err(|error| error.to_string()).and_then(|runtime| {
        let ran = match command {
            Command::Help => Ok(()),
            Command::Serve(plan) => runtime.block_on(run(plan, |line| println!("{line}"))),
            Command::Demo(options) => runtime.block_on(demo::play(options)),
        };
        // A thread of the runtime that hangs must not keep the farm alive.
        runtime.shutdown_timeout(Duration::from_secs(1));
        ran
    });
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("simfarm: {words}");
            ExitCode::FAILURE
        }
    }
}

async fn run(plan: Plan, ready: impl FnOnce(&Value)) -> Result<(), String> {
    // Before anything is started: a signal that comes early must not leave mounts behind.
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut farm = Farm::default();
    for (kind, name, spec) in plan.stand_ins {
        let mut started = (kind.start)(spec)
            .await
            .map_err(|words| format!("{} {name}: {words}", kind.name))?;
        for (suffix, other) in started.others() {
            farm.add(kind.name, format!("{name}-{suffix}"), other)?;
        }
        farm.add(kind.name, name, started)?;
    }
    let listener = control::listen(&plan.control).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let mut line = Map::from_iter([("control".to_owned(), Value::String(address.to_string()))]);
    line.extend(farm.places());
    ready(&Value::Object(line));
    tokio::select! {
        () = control::serve(listener, Arc::new(farm)) => (),
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
        () = sleep(plan.lifetime) => (),
        () = parent_gone(), if plan.exit_with_parent => (),
    }
    Ok(())
}

/// Ends when standard input does. A thread of its own: the runtime would wait for one of its threads at exit.
async fn parent_gone() {
    let (gone, wait) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let mut bytes = [0; 64];
        while std::io::stdin().lock().read(&mut bytes).is_ok_and(|count| count > 0) {}
        drop(gone);
    });
    drop(wait.await);
}

fn parse(args: Vec<String>) -> Result<Command, String> {
    let mut args = args.into_iter();
    match args.next().as_deref() {
        Some("serve") => (),
        Some("demo") => return parse_demo(args),
        Some("help" | "--help" | "-h") => return Ok(Command::Help),
        Some(other) => return Err(format!("unknown command {other}")),
        None => return Err("no command given".to_owned()),
    }
    let mut plan = Plan {
        control: "127.0.0.1:0".to_owned(),
        lifetime: LIFETIME,
        exit_with_parent: false,
        stand_ins: Vec::new(),
    };
    while let Some(option) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{option} needs a value"));
        match option.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--exit-with-parent" => plan.exit_with_parent = true,
            "--control" => plan.control = value()?,
            "--lifetime" => {
                let seconds = value()?;
                plan.lifetime = seconds
                    .parse()
                    .map(Duration::from_secs)
                    .map_err(|_| format!("{seconds} is not seconds"))?;
            }
            _ => {
                let kind = KINDS.iter().find(|kind| option.strip_prefix("--") == Some(kind.name));
                let kind = kind.ok_or_else(|| format!("unknown option {option}"))?;
                let value = value()?;
                let (name, spec) = value
                    .split_once('=')
                    .ok_or_else(|| format!("{option}: {value} is not NAME=..."))?;
                plan.stand_ins.push((kind, name.to_owned(), spec.to_owned()));
            }
        }
    }
    Ok(Command::Serve(plan))
}

fn parse_demo(mut args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut options = demo::Options {
        farmwarden: PathBuf::new(),
        listen: "127.0.0.1:0".to_owned(),
        stay: false,
        share: false,
        language: demo::Language::English,
    };
    while let Some(option) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{option} needs a value"));
        match option.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--stay" => options.stay = true,
            "--share" => options.share = true,
            "--farmwarden" => options.farmwarden = PathBuf::from(value()?),
            "--listen" => options.listen = value()?,
            "--language" => {
                options.language = match value()?.as_str() {
                    "en" => demo::Language::English,
                    "zh" => demo::Language::Chinese,
                    other => return Err(format!("--language: {other} is neither en nor zh")),
                }
            }
            _ => return Err(format!("unknown option {option}")),
        }
    }
    if options.farmwarden.as_os_str().is_empty() {
        return Err("--farmwarden is missing: the path of the program".to_owned());
    }
    Ok(Command::Demo(options))
}

fn help() -> String {
    let mut text = String::from(concat!(
        "A simulated farm with scripted incidents.\n\n",
        "simfarm serve [--control ADDRESS] [--lifetime SECONDS] [--exit-with-parent] [STAND-IN]...\n",
        "simfarm demo --farmwarden PROGRAM [--stay] [--share] [--listen ADDRESS] [--language en|zh]\n\n",
        "Prints one line of JSON with every address when all is up. Stops on SIGTERM and SIGINT, after its\n",
        "lifetime (900 s unless told otherwise), and with --exit-with-parent when standard input ends.\n\n",
        "The demo plays incidents before a real farmwarden and tells what it does, about two minutes; --stay goes on\n",
        "until Ctrl-C. --share mounts a share that hangs later: root or a user namespace, and /dev/fuse.\n\n",
        "Stand-ins of serve, each as often as needed:\n",
    ));
    for kind in KINDS {
        writeln!(text, "  --{} NAME={}\n      {}", kind.name, kind.spec, kind.about).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn a_mistake_on_the_command_line_is_named() {
        let cases = [
            ("", "no command given"),
            ("sreve", "unknown command sreve"),
            ("serve --lifetime soon", "soon is not seconds"),
            ("serve --chai a=1", "unknown option --chai"),
            (
                "serve --substrate 127.0.0.1:0",
                "--substrate: 127.0.0.1:0 is not NAME=...",
            ),
            ("serve --control", "--control needs a value"),
            ("demo", "--farmwarden is missing: the path of the program"),
            ("demo --language de", "--language: de is neither en nor zh"),
        ];
        for (line, expected) in cases {
            assert_eq!(words(line).err().as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn stand_ins_are_named_and_counted() {
        let Ok(Command::Serve(plan)) = words("serve --substrate a=127.0.0.1:0 --substrate b=[::1]:1 --lifetime 5")
        else {
            panic!("not a plan")
        };
        let list: Vec<_> = plan
            .stand_ins
            .iter()
            .map(|(kind, name, spec)| (kind.name, &**name, &**spec))
            .collect();
        assert_eq!(list, [("substrate", "a", "127.0.0.1:0"), ("substrate", "b", "[::1]:1")]);
        assert_eq!(plan.lifetime, Duration::from_secs(5));
    }
}
