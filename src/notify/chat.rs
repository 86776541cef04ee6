//! Alerts as a message: Alertmanager itself cannot talk to every chat, so it hands them to a way of ours.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::message::{Language, Message, Severity, escaped, link};
use crate::alerts::{Alert, Delivery, Status};
use crate::clock::UnixTime;
use crate::values;

/// Alerts of one group that are told each by itself; of the others the number is told.
const MOST_TOLD: usize = 20;

/// One message for a group of alerts.
pub fn message(delivery: &Delivery, language: Language, time: UnixTime) -> Message {
    let (firing, resolved): (Vec<&Alert>, Vec<&Alert>) =
        delivery.alerts.iter().partition(|alert| alert.status == Status::Firing);
    let severity = firing.iter().map(|alert| severity(alert)).max();
    let mut words = Words::default();
    for alert in firing.iter().chain(&resolved).take(MOST_TOLD) {
        tell(&mut words, alert, language);
    }
    let untold = firing.len() + resolved.len();
    let missing = delivery.missing.saturating_add(count(untold.saturating_sub(MOST_TOLD)));
    if missing > 0 {
        words.line(&match language {
            Language::English => format!("and {missing} more, which stand in Alertmanager"),
            Language::Chinese => format!("另有 {missing} 条，详见 Alertmanager"),
        });
    }
    Message {
        title: title(&firing, &resolved, severity, language),
        text: words.text,
        markdown: Some(words.markdown),
        severity: severity.unwrap_or(Severity::Info),
        thread: delivery.group_key.clone(),
        time,
    }
}

/// The same words twice: as plain lines, and as Markdown with links.
#[derive(Default)]
struct Words {
    text: String,
    markdown: String,
}

impl Words {
    fn line(&mut self, words: &str) {
        self.text.extend([words, "\n"]);
        self.markdown += &escaped(&format!("{words}\n"));
    }

    /// Whatever is no address of a page is mere words.
    fn link(&mut self, name: &str, url: &str) {
        let is_page = |url: &url::Url| matches!(url.scheme(), "http" | "https");
        match url::Url::parse(url).ok().filter(is_page) {
            Some(page) => {
                self.text.extend(["  ", page.as_str(), "\n"]);
                self.markdown.extend(["  ", &link(name, page.as_str()), &escaped("\n")]);
            }
            None => self.line(&format!("  {url}")),
        }
    }
}

/// `critical: NodeStuck on node-1 (3)`.
fn title(firing: &[&Alert], resolved: &[&Alert], severity: Option<Severity>, language: Language) -> String {
    let (alerts, state) = match (severity, language) {
        (Some(Severity::Critical), Language::English) => (firing, "critical: "),
        (Some(Severity::Warning), Language::English) => (firing, "warning: "),
        (Some(Severity::Info), Language::English) => (firing, "info: "),
        (Some(Severity::Critical), Language::Chinese) => (firing, "严重告警："),
        (Some(Severity::Warning), Language::Chinese) => (firing, "告警："),
        (Some(Severity::Info), Language::Chinese) => (firing, "提示："),
        (None, Language::English) => (resolved, "resolved: "),
        (None, Language::Chinese) => (resolved, "已恢复："),
    };
    let first = alerts.first();
    let name = values::clean(first.and_then(|alert| alert.label("alertname")).unwrap_or("?"));
    let mut title = format!("{state}{name}");
    // Writing to a String cannot fail.
    if let Some(target) = same(alerts, "target").map(values::clean) {
        let _infallible = match language {
            Language::English => write!(title, " on {target}"),
            Language::Chinese => write!(title, "，{target}"),
        };
    }
    if alerts.len() > 1 {
        let _infallible = write!(title, " ({})", alerts.len());
    }
    title
}

/// The value that a label has in all of them.
fn same<'a>(alerts: &[&'a Alert], label: &str) -> Option<&'a str> {
    let value = alerts.first()?.label(label)?;
    alerts
        .iter()
        .all(|alert| alert.label(label) == Some(value))
        .then_some(value)
}

fn tell(words: &mut Words, alert: &Alert, language: Language) {
    let state = match (alert.status, language) {
        (Status::Firing, Language::English) => "since",
        (Status::Firing, Language::Chinese) => "开始于",
        (Status::Resolved, Language::English) => "resolved, began",
        (Status::Resolved, Language::Chinese) => "已恢复，开始于",
    };
    let said = |name: &str| alert.annotations.get(name).map(|words| values::clean(words));
    let name = || alert.label("alertname").map(values::clean);
    let what = said("summary").or_else(name).unwrap_or("?".into());
    let whom = [alert.label("target"), alert.label("entity")];
    let whom: Vec<Cow<'_, str>> = whom.into_iter().flatten().map(values::clean).collect();
    let whom = if whom.is_empty() {
        String::new()
    } else {
        format!(" [{}]", whom.join(" "))
    };
    words.line(&format!("- {what}{whom}, {state} {}", alert.starts_at));
    if alert.status == Status::Resolved {
        return;
    }
    if let Some(description) = said("description") {
        words.line(&format!("  {description}"));
    }
    let [runbook, board] = match language {
        Language::English => ["runbook", "board"],
        Language::Chinese => ["处理手册", "看板"],
    };
    for (annotation, name) in [("runbook_url", runbook), ("dashboard_url", board)] {
        if let Some(url) = said(annotation) {
            words.link(name, &url);
        }
    }
}

/// An alert that does not say how severe it is wants to be seen.
fn severity(alert: &Alert) -> Severity {
    match alert.label("severity") {
        Some("critical" | "page" | "emergency") => Severity::Critical,
        Some("info" | "none") => Severity::Info,
        _ => Severity::Warning,
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts;

    fn delivery(alerts: &[(&str, &str, &str)]) -> Delivery {
        let alerts = alerts.iter().enumerate().map(|(number, (status, target, severity))| {
            let ends = if *status == "firing" { "0001-01-01T00:00:00Z" } else { "2026-11-21T12:30:00Z" };
            serde_json::json!({
                "status": status, "startsAt": "2026-11-21T12:00:00Z", "endsAt": ends, "fingerprint": format!("{number:016x}"),
                "labels": {"alertname": "NodeStuck", "target": target, "severity": severity, "entity": "para"},
                "annotations": {"summary": "The node stands still", "description": "No new block for 5m", "other": "x"},
                "generatorURL": "",
            })
        });
        let payload = serde_json::json!({
            "version": "4", "status": "firing", "groupKey": "{}:{target=\"node-1\"}", "receiver": "chat", "truncatedAlerts": 0,
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am", "alerts": alerts.collect::<Vec<_>>(),
        });
        alerts::parse(payload.to_string().as_bytes()).unwrap()
    }

    fn told(delivery: &Delivery, language: Language) -> Message {
        message(delivery, language, UnixTime::from_millis(0))
    }

    #[test]
    fn a_group_is_one_message() {
        let group = delivery(&[("firing", "node-1", "warning"), ("resolved", "node-1", "critical")]);
        let message = told(&group, Language::English);
        assert_eq!(message.title, "warning: NodeStuck on node-1");
        assert_eq!(
            message.text,
            "- The node stands still [node-1 para], since 2026-11-21T12:00:00Z\n  No new block for 5m\n- The node stands still \
             [node-1 para], resolved, began 2026-11-21T12:00:00Z\n"
        );
        assert_eq!(message.severity, Severity::Warning, "what is over is not severe");
        assert_eq!(told(&group, Language::Chinese).title, "告警：NodeStuck，node-1");
    }

    #[test]
    fn pages_are_links_and_other_words_are_none() {
        let mut group = delivery(&[("firing", "node-1", "critical")]);
        let annotations = &mut group.alerts[0].annotations;
        for (name, value) in [
            ("runbook_url", "http://farm.example/nodes.md#node_stuck"),
            ("dashboard_url", "javascript:alert(1)"),
        ] {
            annotations.insert(name.to_owned(), value.to_owned());
        }
        let message = told(&group, Language::English);
        assert_eq!(message.title, "critical: NodeStuck on node-1");
        let markdown = message.markdown.unwrap();
        assert!(
            markdown.contains("[runbook](http://farm.example/nodes.md#node_stuck)"),
            "{markdown}"
        );
        assert!(markdown.contains("javascript:alert\\(1\\)"), "{markdown}");
        assert!(
            message.text.contains("  http://farm.example/nodes.md#node_stuck\n"),
            "{}",
            message.text
        );
    }

    #[test]
    fn the_end_is_told_as_an_end() {
        let group = delivery(&[("resolved", "node-1", "critical"), ("resolved", "node-2", "critical")]);
        let message = told(&group, Language::English);
        assert_eq!(message.title, "resolved: NodeStuck (2)");
        assert_eq!(message.severity, Severity::Info);
        assert!(!message.text.contains("No new block"), "{}", message.text);
    }

    #[test]
    fn hostile_words_do_nothing_to_the_text_around_them() {
        let hostile = "node\u{202e}\u{1b}[2J\nforged: all is well";
        let mut group = delivery(&[("firing", hostile, "page")]);
        for words in group.alerts.iter_mut().flat_map(|alert| alert.annotations.values_mut()) {
            hostile.clone_into(words);
        }
        for language in [Language::English, Language::Chinese] {
            let message = told(&group, language);
            assert!(!message.title.contains(values::is_unseen), "{}", message.title);
            let mut lines = message.text.lines();
            assert!(lines.all(|line| !line.contains(values::is_unseen)), "{}", message.text);
            assert_eq!(message.text.lines().count(), 2, "{}", message.text);
        }
    }

    #[test]
    fn a_storm_is_cut_and_its_size_told() {
        let group = delivery(&vec![("firing", "node-1", "page"); 500]);
        let message = told(&group, Language::English);
        assert_eq!(message.title, "critical: NodeStuck on node-1 (500)");
        assert!(message.text.ends_with("and 480 more, which stand in Alertmanager\n"));
        assert!(message.text.len() < 4000);
        assert_eq!(message.severity, Severity::Critical);
    }
}
