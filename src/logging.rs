//! Where log lines go and how they look: standard error, one line per event.

use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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
            other => Err(format!("`{other}` is no log format; logfmt or json")),
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
            "error" | "warn" | "info" | "debug" | "trace" => {
                text.parse().map(Self).map_err(|_| format!("`{text}` is no log level"))
            }
            other => Err(format!("`{other}` is no log level; error, warn, info, debug or trace")),
        }
    }
}

/// Sets up logging for the process, and writes panics of tasks as log lines.
pub fn start(level: Level, format: Format) {
    // Libraries talk about their own insides; only ours is of use at 3 a.m.
    let filter = EnvFilter::new(format!("warn,farmwarden={}", level.0));
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        Format::Logfmt => {
            let layer = tracing_logfmt::builder()
                .with_target(false)
                .layer()
                .with_writer(std::io::stderr);
            registry.with(layer).try_init()
        }
        Format::Json => {
            let layer = tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                // Its own key for the module is `target`, which is ours for what is watched.
                .with_target(false)
                .with_writer(std::io::stderr);
            registry.with(layer).try_init()
        }
    };
    // Only a second call can fail, and the first one's set-up then stands.
    drop(started);
    std::panic::set_hook(Box::new(|info| {
        tracing::error!("a defect of farmwarden, please report it: {info}");
    }));
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
