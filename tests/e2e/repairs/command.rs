//! Programs of the operator's, with fixed arguments: one that helps, one that fails, one that hangs.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::mounts::Places;
use super::super::support::{LONG, Simfarm, wait_for};
use super::stage::{CHAT, Stage, told};
use super::{kinds, of_kind, story};

/// Every one writes a line for each time it is run.
const MEND: &str = r#"readlink /proc/$$/fd/0 >"$0.input"; pwd >"$0.directory"
tr '\0' '\n' </proc/$$/environ >"$0.environment"; tr '\0' '\n' </proc/$$/cmdline >"$0.arguments"
echo "token=nobody-may-see"; exec mount -t tmpfs e2e "$1""#;
const FAIL: &str = "echo 'the rack does not answer' >&2; exit 3";
const HANG: &str =
    r#"setsid sh -c 'echo $$ >"$0.new"; mv "$0.new" "$0.child"; exec sleep 600' "$0" & echo waiting; wait"#;

/// A mount that is missing, and the program that is run for it, of the same name.
const COMMANDS: [(&str, &str); 3] = [("mend", MEND), ("fail", FAIL), ("hang", HANG)];

fn program(places: &Places, name: &str, script: &str) -> PathBuf {
    let path = places.root().join(format!("{name}-it"));
    let text = format!("#!/bin/sh\necho run >>\"$0.runs\"\n{script}\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What a program left behind.
fn left(program: &Path, what: &str) -> Result<String, String> {
    let path = format!("{}.{what}", program.display());
    std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))
}

fn runs(program: &Path) -> usize {
    left(program, "runs").unwrap_or_default().lines().count()
}

/// A mount, who mends it, and his arguments.
struct Case {
    name: &'static str,
    mount: String,
    program: PathBuf,
}

impl Case {
    fn argv(&self) -> Vec<String> {
        let arguments = [&self.mount, "$HOME; touch /nowhere", "two words"];
        let program = self.program.display().to_string();
        std::iter::once(program).chain(arguments.map(str::to_owned)).collect()
    }
}

fn config(cases: &[Case], well: &str) -> Value {
    let expected = cases.iter().map(|case| case.mount.as_str()).chain([well]);
    let policies = cases.iter().map(|case| {
        json!({
            "name": case.name, "symptom": "mount_missing", "targets": ["host"], "mode": "act", "ill_for": "1s",
            "rungs": [{
                "action": "run-command", "with": {"command": case.name}, "within": "30s", "timeout": "6s",
                "gone_for": "4s",
            }],
        })
    });
    json!({
        "collectors": {"mounts": [{
            "name": "host", "interval": "2s", "probe_timeout": "500ms",
            "expected": expected.map(|mount| json!({"mount": mount})).collect::<Vec<_>>(),
        }]},
        "commands": {
            "enabled": true,
            "allowed": cases.iter().map(|case| json!({"name": case.name, "argv": case.argv()})).collect::<Vec<_>>(),
        },
        "remedies": {"warm_up": "1s", "policies": policies.collect::<Vec<_>>()},
    })
}

#[test]
fn commands_are_run_once_for_their_symptom_with_nothing_of_ours_and_are_ended_when_they_hang() {
    let mut places = Places::new();
    let well = places.mount("well", &["-t", "tmpfs", "e2e"]);
    let cases = COMMANDS.map(|(name, script)| Case {
        name,
        mount: places.point(name),
        program: program(&places, name, script),
    });
    let farm = Simfarm::start(&CHAT);
    let exprs = cases.each_ref().map(|case| {
        let mount = &case.mount;
        format!("farmwarden_symptom{{symptom=\"mount_missing\",entity=\"{mount}\"}} == 1")
    });
    let names = cases.each_ref().map(|case| case.name);
    let asked: Vec<(&str, &str)> = exprs.iter().map(String::as_str).zip(names).collect();
    let stage = Stage::start(&farm, config(&cases, &well), &asked);
    // Whoever can reach Alertmanager can say this; nobody sees it.
    stage.alert(&json!({
        "alertname": "Ill", "remedy": "mend", "target": "host", "entity": well, "symptom": "mount_missing",
    }));

    let [mend, fail, hang] = &cases;
    wait_for("each command was run and came to its end", 2 * LONG, || {
        let journal = stage.journal();
        let ends = of_kind(&journal, "cured").len() + of_kind(&journal, "escalated").len();
        if ends == cases.len() {
            Ok(())
        } else {
            Err(format!("{journal:#?}"))
        }
    });
    check_what_it_saw(mend);
    ended(hang);
    let journal = stage.journal();
    for (case, outcome, words, end) in [
        (mend, "done", "exit code 0; wrote: token=<secret>", "cured"),
        (
            fail,
            "failed",
            "exit code 3; and to standard error: the rack does not answer",
            "escalated",
        ),
        (
            hang,
            "failed",
            "not done within 15s; it was killed with all that it had started; wrote: waiting",
            "escalated",
        ),
    ] {
        said(&journal, case, outcome, words, end);
    }
    not_seen(&journal, &well);
    // All alerts are said again and again; none of them begins anything.
    let repeats = of_kind(&journal, "received").len() + 1;
    wait_for("alerts are repeated", LONG, || {
        let received = of_kind(&stage.journal(), "received").len();
        if received >= repeats { Ok(()) } else { Err(received) }
    });
    for case in &cases {
        assert_eq!(runs(&case.program), 1, "{}", case.name);
    }
    let counted = |family: &str, labels: &[(&str, &str)], count: f64| {
        let family = format!("farmwarden_remediation_{family}_total");
        stage.farmwarden.samples().is(&family, labels, count).unwrap();
    };
    let action = ("action", "run-command");
    counted("actions_begun", &[action], 3.0);
    counted("actions", &[action, ("outcome", "done")], 1.0);
    counted("actions", &[action, ("outcome", "failed")], 2.0);
    check_chat(&farm, fail);
    stage.verify_journal();
}

/// Its own arguments as they were written, two variables, no input, and nothing of farmwarden or the alert.
fn check_what_it_saw(case: &Case) {
    assert!(
        std::env::var_os("E2E_FARMWARDEN").is_some(),
        "farmwarden itself has more"
    );
    let environment = left(&case.program, "environment").unwrap();
    let names: BTreeSet<&str> = environment
        .lines()
        .map(|line| line.split_once('=').unwrap().0)
        .collect();
    assert_eq!(names, BTreeSet::from(["LANG", "PATH"]), "{environment}");
    let arguments = left(&case.program, "arguments").unwrap();
    let arguments: Vec<&str> = arguments.lines().skip(1).collect();
    assert_eq!(arguments, case.argv());
    assert_eq!(left(&case.program, "input").unwrap(), "/dev/null\n");
    assert_eq!(left(&case.program, "directory").unwrap(), "/\n");
}

/// What a program had started is gone, or waits for whoever adopted it.
fn ended(case: &Case) {
    let child = left(&case.program, "child").unwrap();
    let stat = format!("/proc/{}/stat", child.trim());
    wait_for("what it had started is ended", LONG, || {
        match std::fs::read_to_string(&stat) {
            Ok(stat) if !stat.contains(") Z ") => Err(stat),
            Ok(_) | Err(_) => Ok(()),
        }
    });
}

/// How the only action on a mount went, and its incident.
#[track_caller]
fn said(journal: &[Value], case: &Case, outcome: &str, words: &str, end: &str) {
    let mut begun = of_kind(journal, "started");
    begun.retain(|record| record["data"]["plan"]["entity"] == case.mount);
    let [begun] = begun[..] else {
        panic!("{}: {journal:#?}", case.name)
    };
    assert_eq!(begun["data"]["plan"]["policy"], case.name);
    let story = story(journal, &begun["data"]["incident"]);
    let finished = story.iter().find(|record| record["kind"] == "finished").unwrap();
    let data = &finished["data"];
    assert_eq!(data["outcome"], outcome, "{data}");
    assert!(data["words"].as_str().unwrap().contains(words), "{words}: {data}");
    assert_eq!(kinds(&story).last(), Some(&end));
    assert!(!format!("{story:?}").contains("nobody-may-see"), "{story:#?}");
}

/// What was said to be ill and is not was held for just that, and nothing begun.
fn not_seen(journal: &[Value], mount: &str) {
    let about = |record: &&Value| record["data"]["words"].as_str().unwrap().contains(mount);
    let decided = of_kind(journal, "decided").into_iter().filter(about);
    let mut held = decided.map(|record| &record["data"]["guard"]);
    assert!(held.any(|guard| guard == "still_ill"), "{journal:#?}");
    let mut begun = of_kind(journal, "started").into_iter();
    assert!(
        begun.all(|record| record["data"]["plan"]["entity"] != mount),
        "{journal:#?}"
    );
}

/// Messages that come at once are told as one.
fn check_chat(farm: &Simfarm, case: &Case) {
    let title = format!("host {}: the repair failed", case.mount);
    wait_for("the failure is told", LONG, || {
        let told = told(farm);
        let texts = told.iter().filter_map(|(_, text)| text.split_once(&title));
        let mut texts = texts.map(|(_, text)| text);
        let is_told = texts.any(|text| text.contains("exit code 3"));
        if is_told { Ok(()) } else { Err(format!("{told:#?}")) }
    });
}
