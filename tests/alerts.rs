//! The shipped rules against what farmwarden knows, and against their runbooks. That they fire, and where they are sent, is
//! asked of promtool and amtool: `./test alerts`.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use farmwarden::collectors::{self, Symptom};
use farmwarden::config::{Secrets, Settings};
use farmwarden::relations;
use farmwarden::yaml::Document;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Boards that alerts lead to.
const BOARDS: [&str; 12] = [
    "overview",
    "nodes",
    "prb",
    "worker",
    "venus",
    "messager",
    "miners",
    "chia",
    "harvester",
    "mounts",
    "repairs",
    "self",
];

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TestFile {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    promql_expr_test: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    expr: String,
    exp_samples: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    labels: String,
}

/// An alert with what stands around it in its file.
struct Alert {
    name: String,
    /// Name of its file without the ending, which is that of its runbook.
    system: String,
    rule: Rule,
    /// Comment lines right above it.
    comment: String,
}

impl Alert {
    fn annotation(&self, name: &str) -> &str {
        self.rule.annotations.get(name).map_or("", String::as_str)
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.rule.labels.get(name).map(String::as_str)
    }

    /// The value that its expression asks of the label `symptom`.
    fn symptom(&self) -> Option<&str> {
        let (_, rest) = self.rule.expr.split_once("farmwarden_symptom{symptom=\"")?;
        rest.split('"').next()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap();
    let read = Document::parse(&path.display().to_string(), &text).unwrap().read::<T>();
    assert!(read.mistakes.is_empty(), "{:?}", read.mistakes);
    read.value.unwrap()
}

fn files(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    assert!(!files.is_empty(), "{directory} is empty");
    files
}

fn rules() -> Vec<(PathBuf, Rule)> {
    let rules_of = |path: PathBuf| {
        let rules = read::<RuleFile>(&path).groups.into_iter().flat_map(|group| group.rules);
        rules.map(|rule| (path.clone(), rule)).collect::<Vec<_>>()
    };
    files("alerts/rules").into_iter().flat_map(rules_of).collect()
}

fn alerts() -> Vec<Alert> {
    let alert = |(path, rule): (PathBuf, Rule)| {
        let name = rule.alert.clone()?;
        let text = fs::read_to_string(&path).unwrap();
        let before = text.split(&format!("- alert: {name}\n")).next().unwrap();
        let above = before.lines().rev().skip(1).map(str::trim);
        let mut comment: Vec<&str> = above.take_while(|line| line.starts_with('#')).collect();
        comment.reverse();
        Some(Alert {
            name,
            system: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            rule,
            comment: comment.join("\n"),
        })
    };
    rules().into_iter().filter_map(alert).collect()
}

fn symptoms() -> Vec<&'static Symptom> {
    collectors::symptoms()
        .into_iter()
        .chain(relations::SYMPTOMS.iter().copied())
        .collect()
}

/// `node_stuck` is `NodeStuck`.
fn camel_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('_').filter_map(word).collect()
}

/// Words that could be names of metrics or of recorded series.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | ':'))
}

#[test]
fn every_symptom_has_one_alert_of_its_name() {
    let alerts = alerts();
    for symptom in symptoms() {
        let its: Vec<&Alert> = alerts
            .iter()
            .filter(|alert| alert.symptom() == Some(symptom.name))
            .collect();
        let names: Vec<&str> = its.iter().map(|alert| alert.name.as_str()).collect();
        assert_eq!(names, [camel_case(symptom.name)], "{}", symptom.name);
        let for_boards = its.iter().all(|alert| alert.label("severity") == Some("info"));
        assert_eq!(for_boards, symptom.hint, "{}: told, or a hint", symptom.name);
    }
}

#[test]
fn no_alert_waits_for_a_symptom_that_nothing_shows() {
    let known: BTreeSet<&str> = symptoms().iter().map(|symptom| symptom.name).collect();
    for alert in alerts() {
        let asked = alert.rule.expr.split("symptom=\"").skip(1);
        for symptom in asked.filter_map(|rest| rest.split('"').next()) {
            assert!(known.contains(symptom), "{}: {symptom}", alert.name);
        }
    }
}

#[test]
fn every_alert_says_why_how_severe_and_where_to_read_on() {
    let mut names = BTreeSet::new();
    for alert in alerts() {
        let name = &alert.name;
        assert!(names.insert(name.clone()), "{name} stands twice");
        assert!(
            alert.comment.starts_with("# Ground: "),
            "{name} needs the ground of its threshold above it"
        );
        let severity = alert.label("severity");
        assert!(
            matches!(severity, Some("critical" | "warning" | "info" | "none")),
            "{name}: {severity:?}"
        );
        assert_eq!(alert.label("system"), Some(alert.system.as_str()), "{name}");
        let summary = alert.annotation("summary");
        assert!(summary.ends_with('.') && !summary.contains("{{"), "{name}: {summary}");
        let description = alert.annotation("description");
        assert!(
            description.trim_end_matches("{{ end }}").ends_with('.') && description != summary,
            "{name}: {description}"
        );
        assert!(
            !description.contains("$value") || alert.symptom().is_none(),
            "{name}: a symptom is always 1"
        );
        assert!(
            !alert.rule.labels.values().any(|value| value.contains("$value")),
            "{name}: an alert for every value"
        );
        check_runbook(&alert);
        let board = alert
            .annotation("dashboard_url")
            .split(['/', '?'])
            .find_map(|part| part.strip_prefix("farmwarden-"));
        assert!(BOARDS.contains(&board.unwrap_or_default()), "{name}: {board:?}");
    }
}

fn check_runbook(alert: &Alert) {
    let (name, system) = (&alert.name, &alert.system);
    let expected = format!(
        "{{{{ $externalLabels.runbooks }}}}/{system}.md#{}",
        name.to_ascii_lowercase()
    );
    assert_eq!(alert.annotation("runbook_url"), expected);
    let page = fs::read_to_string(root().join(format!("docs/runbooks/{system}.md"))).unwrap();
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(&format!("{name}\n")));
    let section = section.unwrap_or_default();
    for part in ["**Ground.**", "**farmwarden**", "**You:**\n\n1. "] {
        assert!(
            section.contains(part),
            "docs/runbooks/{system}.md: {name} has no {part:?}"
        );
    }
    for word in [
        alert.label("severity").filter(|severity| *severity != "none"),
        alert.symptom(),
        alert.label("remedy"),
    ] {
        let head = section.lines().nth(2).unwrap_or_default();
        assert!(
            head.contains(word.unwrap_or_default()),
            "docs/runbooks/{system}.md: {name}: {head} lacks {word:?}"
        );
    }
}

#[test]
fn every_section_of_a_runbook_is_of_an_alert() {
    let alerts = alerts();
    for alert in &alerts {
        let page = fs::read_to_string(root().join(format!("docs/runbooks/{}.md", alert.system))).unwrap();
        for title in page.lines().filter_map(|line| line.strip_prefix("## ")) {
            let known = alerts.iter().any(|alert| alert.name == title);
            assert!(known, "docs/runbooks/{}.md: there is no alert {title}", alert.system);
        }
    }
}

#[test]
fn every_name_that_a_rule_uses_is_a_metric_or_is_recorded() {
    let list = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let known: BTreeSet<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let rules = rules();
    let recorded: BTreeSet<&str> = rules.iter().filter_map(|(_, rule)| rule.record.as_deref()).collect();
    let symptoms: BTreeSet<&str> = symptoms().iter().map(|symptom| symptom.name).collect();
    let mut used = BTreeSet::new();
    for (path, rule) in &rules {
        let texts = std::iter::once(&rule.expr).chain(rule.annotations.get("description"));
        for word in texts.flat_map(|text| words(text)) {
            let is_metric = [
                "phala_",
                "venus_",
                "chia_",
                "mount_",
                "farmwarden_",
                "process_",
                "probe_",
            ]
            .iter()
            .any(|prefix| word.starts_with(prefix));
            let is_symptom = symptoms.contains(&word);
            // Thresholds are named with their keys, which stand in backticks.
            if is_metric && !is_symptom && !word.contains(':') {
                assert!(known.contains(word), "{}: {word} is no metric", path.display());
            }
            if word.contains(':') && word.starts_with("farmwarden:") {
                assert!(recorded.contains(word), "{}: nothing records {word}", path.display());
                used.insert(word);
            }
        }
    }
    assert_eq!(recorded, used, "what is recorded is used");
}

#[test]
fn every_alert_is_tested_firing_alone_and_silent() {
    let cases: Vec<Case> = files("alerts/tests")
        .iter()
        .flat_map(|path| read::<TestFile>(path).tests)
        .collect();
    for alert in alerts() {
        let name = &alert.name;
        let case = cases.iter().find(|case| case.name == *name);
        let asked = &case
            .unwrap_or_else(|| panic!("alerts/tests has no case `{name}`"))
            .promql_expr_test;
        let its = format!("alertname=\"{name}\"");
        // Of all alerts, or the switch, which always fires.
        let all = |asked: &&Asked| asked.expr.starts_with("ALERTS{alertstate=\"firing\"");
        let fires = |asked: &Asked| matches!(&asked.exp_samples[..], [only] if only.labels.contains(&its));
        assert!(asked.iter().filter(all).any(fires), "{name} never fires alone");
        let silent = asked
            .iter()
            .filter(all)
            .filter(|asked| asked.exp_samples.is_empty())
            .count();
        assert!(silent >= 2, "{name}: silent before and after");
    }
}

#[test]
fn every_remedy_has_a_policy_that_cures_its_symptom_and_keeps_the_labels() {
    let settings = Settings::read(&root().join("alerts/remedies.yml"), Secrets::Ignored).unwrap();
    let policies = settings.remedies.policies.iter();
    let mut policies: BTreeMap<String, String> = policies
        .map(|policy| (policy.name.to_string(), policy.symptom.to_string()))
        .collect();
    for alert in alerts() {
        let Some(remedy) = alert.label("remedy") else { continue };
        let symptom = alert.symptom().unwrap();
        assert_eq!(
            policies.remove(remedy).as_deref(),
            Some(symptom),
            "{}: {remedy}",
            alert.name
        );
        // Target and entity are what a repair is asked for with.
        let plain = format!("max_over_time(farmwarden_symptom{{symptom=\"{symptom}\"}}[1m]) == 1");
        let with_machine = |machine: &str, more: &str| {
            format!(
                "(\n  {plain}\n    unless on (job, instance, target, entity) {machine}\n)\nor on (job, instance, target, entity)\n\
                 (\n  ({plain})\n    * on (job, instance, target, entity) group_left (machine{more}) {machine}\n)"
            )
        };
        let expr = alert.rule.expr.trim_end();
        let known = [
            plain.clone(),
            with_machine("farmwarden:harvester:machine", ", node, told_by"),
            with_machine("farmwarden:mount:machine", ""),
        ];
        assert!(known.iter().any(|known| known == expr), "{}: {expr}", alert.name);
    }
    assert_eq!(policies, BTreeMap::new(), "policies that no alert asks for");
}
