//! Where log lines go and how they look: standard error, one line per event. `queue.rs` keeps its reader from stopping us.

mod queue;

use std::io;
use std::str::FromStr;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use queue::Queue;

use crate::values;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Logfmt,
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "logfmt" => Ok(Self::Logfmt),
            "json" => Ok(Self::Json),
            other => Err(format!("{} is no log format; logfmt or json", values::repeated(other))),
        }
    }
}

/// Which lines are written: `error`, `warn`, `info`, `debug`, `trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(tracing::Level);

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "error" | "warn" | "info" | "debug" | "trace" => text
                .parse()
                .map(Self)
                .map_err(|_| format!("{} is no log level", values::repeated(text))),
            other => Err(format!(
                "{} is no log level; error, warn, info, debug or trace",
                values::repeated(other)
            )),
        }
    }
}

/// What the last lines get to be written when the process ends: a reader that has stopped cannot hold up the end.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Logging while it runs. Dropping it writes what still waits, or gives up after a second.
#[derive(Debug)]
pub struct Log {
    queue: Queue,
}

impl Log {
    /// One line for a person, in no format: why the process does not start.
    pub fn say(&self, words: &str) {
        self.queue.push(format!("farmwarden: {words}\n").into_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.close(CLOSE_WITHIN);
    }
}

/// Sets up logging for the process, and writes panics of tasks as log lines. Lines that could not be written are counted
/// in `lost`.
pub fn start(level: Level, format: Format, lost: Counter) -> io::Result<Log> {
    let queue = Queue::start(io::stderr(), lost, |lines| {
        tracing::warn!("{lines} log lines are missing here: standard error was not read, or could not be written");
    })?;
    // Libraries talk about their own insides; only ours is of use at 3 a.m.
    let filter = EnvFilter::new(format!("warn,farmwarden={}", level.0));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = queue.clone();
    let writer = move || lines.clone();
    let started = match format {
        Format::Logfmt => {
            let layer = tracing_logfmt::builder().with_target(false).layer().with_writer(writer);
            registry.with(layer).try_init()
        }
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                // Its own key for the module is `target`, which is ours for what is watched.
                .with_target(false)
                .with_writer(writer);
            registry.with(layer).try_init()
        }
    };
    // Only a second call can fail, and the first one's set-up then stands.
    drop(started);
    std::panic::set_hook(Box::new(|info| {
        tracing::error!("a defect of farmwarden, please report it: {info}");
    }));
    Ok(Log { queue })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_levels_and_formats_say_what_is_known() {
        assert!("info".parse::<Level>().is_ok() && "json".parse::<Format>() == Ok(Format::Json));
        assert!("loud".parse::<Level>().unwrap_err().contains("debug"));
        assert!("xml".parse::<Format>().unwrap_err().contains("logfmt"));
    }
}
