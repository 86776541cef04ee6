//! `farmwarden serve`, the default.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};

use super::source::CONFIG_VARIABLE;
use super::{EXIT_USAGE, complain, web};
use crate::app::{App, Web};
use crate::clock::Clock;
use crate::config::{Secrets, Settings};
use crate::exposition::Own;
use crate::logging;

pub(super) const EXAMPLES: &str = "Examples:
  farmwarden serve
      This machine, on http://127.0.0.1:19977/.
  farmwarden serve --config.file /etc/farmwarden.yml
      What the file names. FARMWARDEN_CONFIG_FILE=/etc/farmwarden.yml in the
      environment does the same, for this command and all others.

Exit code: 0 after SIGTERM, 1 it could not start, 2 wrong arguments or
configuration.";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file. Without it: this machine's mounts, and chain nodes on 127.0.0.1:9944 and :9945.
    #[arg(long = "config.file", value_name = "FILE", env = CONFIG_VARIABLE, hide_env_values = true)]
    config_file: Option<PathBuf>,
    #[command(flatten)]
    web: web::Args,
    /// Lines to log: error, warn, info, debug or trace.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    log_level: logging::Level,
    /// How log lines look: logfmt or json.
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "logfmt")]
    log_format: logging::Format,
    /// Where the host's /proc is mounted; in a container. With a configuration file, the key `procfs` says it.
    #[arg(
        long = "path.procfs",
        value_name = "DIR",
        default_value = "/proc",
        conflicts_with = "config_file"
    )]
    procfs: PathBuf,
    /// Where the host's / is mounted; in a container. With a configuration file, the key `rootfs` says it.
    #[arg(
        long = "path.rootfs",
        value_name = "DIR",
        default_value = "/",
        conflicts_with = "config_file"
    )]
    rootfs: PathBuf,
}

pub(super) fn run(args: Args) -> ExitCode {
    let settings = match &args.config_file {
        Some(file) => match Settings::read(file, Secrets::MustBeThere) {
            Ok(settings) => settings,
            Err(mistakes) => {
                complain(&mistakes.to_string());
                return ExitCode::from(EXIT_USAGE);
            }
        },
        None => Settings::of_this_machine(args.procfs, args.rootfs),
    };
    let own = Own::default();
    // From here on nothing waits for who reads standard error.
    let log = match logging::start(args.log_level, args.log_format, own.log_lines_dropped.clone()) {
        Ok(log) => log,
        Err(e) => {
            complain(&format!("cannot start: {e}"));
            return ExitCode::FAILURE;
        }
    };
    raise_open_files();
    let web = match args.web.read() {
        Ok(web) => web,
        Err(mistakes) => {
            log.say(&mistakes.to_string());
            return ExitCode::from(EXIT_USAGE);
        }
    };
    // Rounds wait, they do not compute: four threads serve any farm, also on a machine with a hundred cores.
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        // They read files and check passwords, of those one at once. A file on a share that hangs holds one for as long
        // as it hangs, so there are more than are ever busy.
        .max_blocking_threads(16)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => {
            log.say(&format!("cannot start: {e}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(serve(settings, &web, own));
    // Not waited for: whatever still hangs is asked for nothing more and ends with the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            log.say(&words);
            ExitCode::FAILURE
        }
    }
}

/// Connections, probe children and node endpoints need more than the 1,024 files that a service starts with; the hard
/// limit is what the machine's owner allows. Where it cannot be had, the old one stays.
fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        setrlimit(Resource::RLIMIT_NOFILE, hard.min(MOST_OPEN_FILES), hard).ok();
    }
}

/// Beyond all that the bounds of the rooms allow together.
const MOST_OPEN_FILES: u64 = 65_536;

async fn serve(settings: Settings, web: &Web, own: Own) -> Result<(), String> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| format!("signals: {e}"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| format!("signals: {e}"))?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(|e| format!("signals: {e}"))?;
    let app = App::start(settings, web, Clock::system(), own).await?;
    let reloads = app.reloads();
    let scheme = if web.access.tls().is_some() { "https" } else { "http" };
    for address in app.listening() {
        tracing::info!("farmwarden {} serves {scheme}://{address}/", env!("CARGO_PKG_VERSION"));
    }
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            // What becomes of it is logged where it is done.
            drop(reloads.send(oneshot::channel().0).await);
        }
    });
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.send_replace(true);
    });
    app.run(stopped).await;
    Ok(())
}
