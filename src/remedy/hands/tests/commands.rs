use std::collections::BTreeSet;

use super::*;
use crate::actions::keeper::Keeper;
use crate::process::Program;
use crate::remedy::settings::{Each, Meaning, Remedies};

fn listed(enabled: bool) -> Settings {
    let commands = json!({"enabled": enabled, "allowed": [
        {"name": "greet", "argv": ["/bin/echo", "$HOME;", "it's", "me"]},
        {"name": "fail", "argv": ["/bin/false"]},
        {"name": "gone", "argv": ["/nowhere/at/all"]}
    ]});
    Settings {
        commands: serde_json::from_value(commands).unwrap(),
        ..Settings::default()
    }
}

/// In the place of the keeper: writes down whom it was to run, of which `/bin/false` alone fails. The real one is tested with
/// the binary (`tests/commands.rs`).
const KEEPER: &str = r#"read -r asked
mark=$(expr "$asked" : '.*"mark":"\([^"]*\)"'); expr "$asked" : '.*"argv":\(\[.*\]\)'
case $asked in *false*) code=1 ;; *) code=0 ;; esac
printf '%s{"how":{"code":%s},"is_left":false}' "$mark" "$code" >&2"#;

async fn run(settings: &Settings, command: &str) -> Result<String, Undone> {
    let order = plan("run-command", "node-1", "para; rm -rf /", &[("command", command)]);
    let hands = hands(settings, &Arc::default());
    let tools = Tools::new(settings, &Upstream::from_system().unwrap()).unwrap();
    let keeper = Keeper::by(Program::new("/bin/sh", ["-c", KEEPER]));
    hands.replace(Prepared(tools.with_keeper(keeper)));
    hands.run(&order, &Book::default()).await
}

#[tokio::test]
async fn a_command_gets_its_own_arguments_as_they_are_and_nothing_of_an_alert() {
    let words = run(&listed(true), "greet").await.unwrap();
    assert_eq!(
        words,
        r#"command greet: exit code 0; wrote: ["/bin/echo","$HOME;","it's","me"]"#
    );
}

#[tokio::test]
async fn what_is_off_not_listed_or_not_there_is_refused_and_what_fails_has_failed() {
    for (settings, command, words) in [
        (listed(false), "greet", "nothing was done: commands are switched off"),
        (
            listed(true),
            "reboot",
            "nothing was done: no command is called `reboot`",
        ),
        (listed(true), "gone", "nothing was changed"),
    ] {
        let said = refused(run(&settings, command).await.unwrap_err());
        assert!(said.contains(words), "{said}");
    }
    let failed = run(&listed(true), "fail").await.unwrap_err();
    assert!(
        matches!(&failed, Undone::Failed(words) if words.contains("exit code 1")),
        "{failed}"
    );
}

#[test]
fn a_policy_with_a_command_that_is_off_or_for_several_targets_is_a_mistake() {
    let remedies = |within: &str| -> Remedies {
        let policies = json!([{
            "name": "greet", "symptom": "node_stuck", "targets": ["node-1", "node-2"],
            "rungs": [{"action": "run-command", "with": {"command": "greet"}, "within": within}]
        }]);
        Remedies {
            policies: serde_json::from_value(policies).unwrap(),
            ..Remedies::default()
        }
    };
    let wrong = |settings: &Settings, within| -> Vec<(String, String)> {
        let found = settings.contradictions(&remedies(within), |_| true);
        found.into_iter().map(|one| (one.key, one.words)).collect()
    };
    let off = wrong(&listed(false), "1m");
    assert_eq!(off.len(), 1, "{off:?}");
    assert!(off[0].1.contains("switched off"), "{off:?}");
    let on = wrong(&listed(true), "5s");
    let keys: Vec<&str> = on.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["rungs[0].within", "targets"], "{on:?}");
}

#[test]
fn commands_without_an_absolute_path_or_with_the_same_name_are_mistakes() {
    let commands = json!({"allowed": [
        {"name": "a", "argv": ["/bin/true"]}, {"name": "a", "argv": ["true"]}, {"name": "b", "argv": []}
    ]});
    let settings = Settings {
        commands: serde_json::from_value(commands).unwrap(),
        ..Settings::default()
    };
    let wrong = settings.misplaced(|_| true);
    let keys: Vec<&str> = wrong.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["allowed[1].name", "allowed[1].argv", "allowed[2].argv"]);
}

/// What a rung of a policy for `node-1` and `node-2` is on each of them.
fn meanings(settings: &Settings, rung: &serde_json::Value) -> BTreeMap<Name, Meaning> {
    let targets = ["node-1", "node-2"];
    let policies = json!([{"name": "greet", "symptom": "node_stuck", "targets": targets, "rungs": [rung]}]);
    let mut remedies = Remedies {
        policies: serde_json::from_value(policies).unwrap(),
        ..Remedies::default()
    };
    settings.spell_out(&mut remedies);
    remedies.policies[0].rungs[0].meanings.clone()
}

fn spelled(settings: &Settings, rung: &serde_json::Value) -> Option<String> {
    meanings(settings, rung)[&"node-1".parse().unwrap()].does.clone()
}

#[test]
fn what_a_person_approves_is_the_program_with_its_arguments_and_no_other() {
    let with = |argv: serde_json::Value| {
        let commands = json!({"enabled": true, "allowed": [{"name": "x", "argv": argv}]});
        let settings = Settings {
            commands: serde_json::from_value(commands).unwrap(),
            ..Settings::default()
        };
        spelled(&settings, &json!({"action": "run-command", "with": {"command": "x"}})).unwrap()
    };
    let one = with(json!(["/bin/power", "cycle", "rack 3", "--password=hunter2"]));
    assert!(one.starts_with("runs `/bin/power` `cycle` `rack 3` "), "{one}");
    assert!(!one.contains("hunter2"), "{one}");
    // What is not shown counts as well.
    assert_ne!(
        one,
        with(json!(["/bin/power", "cycle", "rack 3", "--password=hunter3"]))
    );
    let long = |last: &str| with(json!(["/bin/power", "x".repeat(5000), last]));
    assert!(long("a").len() < 1000 && long("a") != long("b"));
    assert_eq!(spelled(&Settings::default(), &json!({"action": "notify"})), None);
}

#[tokio::test]
async fn what_a_person_approves_are_the_members_of_a_stack() {
    let stack = |members: serde_json::Value| {
        let sections = json!({"stacks": [{
            "name": "farm-1", "node": {"target": "node-1", "container": "node"}, "group": members
        }]});
        let settings = settings(&Engine::with(&["node", "a", "b"]), &sections);
        spelled(&settings, &json!({"action": "restart-stack"})).unwrap()
    };
    let words = stack(json!([{"container": "a"}]));
    assert!(
        words.starts_with("stack farm-1: node node at farm-1, a at farm-1 "),
        "{words}"
    );
    assert!(stack(json!([{"container": "a"}, {"container": "b"}])).contains("b at farm-1"));
}

#[tokio::test]
async fn a_stack_means_what_it_is_on_each_target() {
    let stack = |name: &str, node: &str, group: &str| json!({"name": name, "node": {"target": node, "container": name}, "group": [{"container": group}]});
    let sections = json!({"stacks": [stack("one", "node-1", "shared"), stack("two", "node-2", "shared")]});
    let settings = settings(&Engine::with(&["one", "two", "shared"]), &sections);
    let meanings = meanings(&settings, &json!({"action": "restart-stack"}));
    for (target, own, other) in [("node-1", "one", "two"), ("node-2", "two", "one")] {
        let meaning = &meanings[&target.parse().unwrap()];
        let does = meaning.does.as_ref().unwrap();
        assert!(does.contains(own) && !does.contains(other), "{does}");
        let touches: Vec<&str> = meaning.touches.iter().map(String::as_str).collect();
        let node = format!("{own} at farm-1");
        assert!(
            touches.contains(&&*node) && touches.contains(&"shared at farm-1"),
            "{touches:?}"
        );
        assert_eq!(touches.len(), 2);
        // A node is known by its target, whoever shows that it is ill.
        let law = meaning.law.as_ref().unwrap();
        assert_eq!((&*law.deed, law.each), (&*format!("restart node {target}"), Each::Deed));
    }
}

#[tokio::test]
async fn what_was_decided_by_another_configuration_is_not_done() {
    let engine = Engine::with(&["a", "b"]);
    let group =
        |container: &str| json!({"stacks": [{"name": "one", "node": {"target": "node-1", "container": container}}]});
    let decided = {
        let settings = settings(&engine, &group("a"));
        let order = catalogue::read(&"restart-stack".parse().unwrap(), &BTreeMap::new(), &settings).unwrap();
        let meaning = settings.meaning(&order, &"node-1".parse().unwrap());
        Plan {
            does: meaning.does,
            deed: meaning.law.map(|law| law.deed("")),
            touches: meaning.touches,
            ..plan("restart-stack", "node-1", "", &[])
        }
    };
    let hands = hands(&settings(&engine, &group("b")), &Arc::default());
    let refused = runner::Hands::run(&hands, &decided, &Book::default()).await;
    let Err(Undone::Refused(words)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        words.contains("nothing was done: the configuration was read anew"),
        "{words}"
    );
    assert!(engine.did().is_empty());
}

/// What a rung touches on `one` and on `two`.
fn touches(sections: &serde_json::Value, rung: &serde_json::Value, entity: &str) -> Vec<BTreeSet<String>> {
    let policies = json!([{"name": "mend", "symptom": "node_stuck", "targets": ["one", "two"], "rungs": [rung]}]);
    let mut remedies = Remedies {
        policies: serde_json::from_value(policies).unwrap(),
        ..Remedies::default()
    };
    settings_of(sections).spell_out(&mut remedies);
    let meanings = remedies.policies[0].rungs[0].meanings.values();
    meanings.map(|meaning| meaning.touched(entity)).collect()
}

#[tokio::test]
async fn two_entries_of_one_daemon_or_one_machine_touch_the_same() {
    let farm = |name: &str| json!({"name": name, "root": "/home/chia/.chia/mainnet", "daemon": "127.0.0.1:55400"});
    let machine = |name: &str| json!({"name": name, "expected": [{"mount": "/mnt/a"}]});
    let sections = json!({
        "chia": [farm("one"), farm("two")],
        "machines": [machine("one"), machine("two")],
        "units": {"allowed": ["mnt-a.mount", "harvester.service"]},
        "commands": {"enabled": true, "allowed": [{"name": "cycle", "argv": ["/bin/true"]}]},
    });
    let of = |rung: serde_json::Value| touches(&sections, &rung, "/mnt/a");
    let shared = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.intersection(other).next().is_some();
    let service = of(json!({"action": "restart-chia-service", "with": {"service": "chia_harvester"}}));
    let unit = of(json!({
        "action": "restart-unit", "with": {"unit": "harvester.service", "process": "chia_harvester"},
    }));
    let (remount, mount) = (
        of(json!({"action": "remount"})),
        of(json!({"action": "start-unit", "with": {"unit": "mnt-a.mount"}})),
    );
    let command = of(json!({"action": "run-command", "with": {"command": "cycle"}}));
    for (one, other) in [
        (&service[0], &service[1]),
        (&service[0], &unit[1]),
        (&remount[0], &remount[1]),
        (&remount[0], &mount[1]),
        (&command[0], &command[1]),
    ] {
        assert!(shared(one, other), "{one:?} {other:?}");
    }
    assert!(!shared(&service[0], &remount[0]) && !shared(&unit[0], &mount[0]));
}
