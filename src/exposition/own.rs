//! farmwarden about itself, kept with the prometheus-client library and merged into the page.
//!
//! The library writes OpenMetrics; text 0.0.4 differs in header lines only, which are rewritten here.

use std::ops::Deref;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::{Format, ProcessUsage};
use crate::clock::UnixTime;

/// Labels of `farmwarden_http_requests_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route as it is listed, never the path that was asked for.
    pub route: &'static str,
    pub code: u32,
}

/// Why a request was refused, or its answer cut. Only what would otherwise leave no trace: a wrong path is the client's own business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    NoCredentials,
    WrongCredentials,
    /// Too many passwords wait to be checked.
    LoginsWaiting,
    /// Too many answers of the kind are on their way.
    AnswersWaiting,
    /// An answer was cut because it was read slowly and others waited for its place.
    SlowReader,
    RateLimit,
    /// Asked under a name that is not ours, or sent by another site's page.
    Foreign,
}

impl Refused {
    const ALL: [Self; 7] = [
        Self::NoCredentials,
        Self::WrongCredentials,
        Self::LoginsWaiting,
        Self::AnswersWaiting,
        Self::SlowReader,
        Self::RateLimit,
        Self::Foreign,
    ];

    /// The value of the label `reason`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::WrongCredentials => "wrong_credentials",
            Self::LoginsWaiting => "logins_waiting",
            Self::AnswersWaiting => "answers_waiting",
            Self::SlowReader => "slow_reader",
            Self::RateLimit => "rate_limit",
            Self::Foreign => "foreign",
        }
    }
}

/// Labels of `farmwarden_http_requests_refused_total`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    reason: &'static str,
}

/// Labels of `farmwarden_config_last_reload_*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FileLabels {
    file: &'static str,
}

/// Our own counters. Cloning gives another handle to the same ones.
#[derive(Clone, Debug, Default)]
pub struct Own {
    pub requests: Family<RequestLabels, Counter>,
    requests_refused: Family<RefusedLabels, Counter>,
    pub connections: Gauge,
    pub connections_refused: Counter,
    /// By file: `config`, `web`.
    config_successful: Family<FileLabels, Gauge>,
    config_success_time: Family<FileLabels, Gauge<f64, AtomicU64>>,
    pub duplicate_samples: Counter,
    pub probe_children: Gauge,
    pub log_lines_dropped: Counter,
}

impl Own {
    /// A configuration file (`config`, `web`) was read at this time and is in use; or, without a time, it has mistakes and
    /// what was in use before stays.
    pub fn config_read(&self, file: &'static str, in_use_since: Option<UnixTime>) {
        let labels = FileLabels { file };
        let successful = in_use_since.is_some();
        self.config_successful.get_or_create(&labels).set(successful.into());
        if let Some(time) = in_use_since {
            self.config_success_time.get_or_create(&labels).set(time.as_secs_f64());
        }
    }

    /// A request was refused.
    pub fn refused(&self, why: Refused) {
        self.refusals(why).inc();
    }

    fn refusals(&self, why: Refused) -> impl Deref<Target = Counter> {
        let reason = why.reason();
        self.requests_refused.get_or_create(&RefusedLabels { reason })
    }

    /// Appends all of them, and the `# EOF` of OpenMetrics: they come last. `process` says how much of the machine this process uses, where that is known.
    pub fn write(&self, process: Option<ProcessUsage>, format: Format, out: &mut String) {
        let mut text = String::new();
        // Only writing to the string could fail, and a String does not.
        if encode(&mut text, &self.registry(process)).is_ok() {
            match format {
                Format::OpenMetrics => out.push_str(&text),
                Format::Text => to_text(&text, out),
            }
        }
    }

    /// A registry is a list of handles, built per scrape: what is unknown is then simply not in it.
    fn registry(&self, process: Option<ProcessUsage>) -> Registry {
        let mut all = Registry::default();
        let own = all.sub_registry_with_prefix("farmwarden");
        own.register(
            "build",
            "What this binary was built from",
            Info::new([("version", env!("CARGO_PKG_VERSION")), ("arch", std::env::consts::ARCH)]),
        );
        own.register(
            "http_requests",
            "HTTP requests answered, by route and status code",
            self.requests.clone(),
        );
        for why in Refused::ALL {
            // There from the start, so that a first one is seen to be an increase.
            drop(self.refusals(why));
        }
        own.register(
            "http_requests_refused",
            "HTTP requests refused, or cut because their answer was read slowly, by reason; also in farmwarden_http_requests_total, by code",
            self.requests_refused.clone(),
        );
        own.register(
            "http_connections",
            "HTTP connections that are open now",
            self.connections.clone(),
        );
        own.register(
            "http_connections_refused",
            "HTTP connections closed unread because too many were open",
            self.connections_refused.clone(),
        );
        own.register(
            "config_last_reload_successful",
            "1 if the last reading of this configuration file succeeded and is in force; 0 if an older one still is",
            self.config_successful.clone(),
        );
        own.register(
            "config_last_reload_success_timestamp_seconds",
            "When this configuration file was last read with success, since 1970",
            self.config_success_time.clone(),
        );
        own.register(
            "duplicate_samples",
            "Samples left out because the same round had already written their series: an upstream that names two things alike",
            self.duplicate_samples.clone(),
        );
        own.register(
            "probe_children",
            "Child processes that touch mounts, busy or stuck, alive now",
            self.probe_children.clone(),
        );
        own.register(
            "log_lines_dropped",
            "Log lines lost because standard error was not read fast enough, or could not be written",
            self.log_lines_dropped.clone(),
        );
        if let Some(process) = process {
            process.register(all.sub_registry_with_prefix("process"));
        }
        all
    }
}

/// Rewrites the header lines of an OpenMetrics page for text 0.0.4; sample lines are the same.
fn to_text(open_metrics: &str, out: &mut String) {
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                other => ("", other),
            };
            let help = help.take().map(|(_, help)| help).unwrap_or_default();
            for part in [
                "# HELP ",
                name,
                suffix,
                " ",
                help,
                "\n# TYPE ",
                name,
                suffix,
                " ",
                kind,
                "\n",
            ] {
                out.push_str(part);
            }
        } else if !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_has_the_suffixes_that_openmetrics_leaves_out() {
        let own = Own::default();
        own.requests
            .get_or_create(&RequestLabels {
                route: "/metrics",
                code: 200,
            })
            .inc();
        let mut text = String::new();
        own.write(None, Format::Text, &mut text);
        assert!(text.contains("# TYPE farmwarden_http_requests_total counter\nfarmwarden_http_requests_total{route=\"/metrics\",code=\"200\"} 1\n"), "{text}");
        assert!(
            text.contains("# TYPE farmwarden_build_info gauge\nfarmwarden_build_info{"),
            "{text}"
        );
        assert!(!text.contains("EOF") && !text.contains("process_"), "{text}");
        let mut open_metrics = String::new();
        own.write(None, Format::OpenMetrics, &mut open_metrics);
        assert!(
            open_metrics.contains("# TYPE farmwarden_http_requests counter\n"),
            "{open_metrics}"
        );
        assert!(open_metrics.ends_with("# EOF\n"), "{open_metrics}");
    }
}
