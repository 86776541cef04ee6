use super::*;
use crate::remedy::settings::Remedies;

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

async fn run(settings: &Settings, command: &str) -> Result<String, Undone> {
    let order = plan("run-command", "node-1", "para; rm -rf /", &[("command", command)]);
    hands(settings, &Arc::default()).run(&order, &Book::default()).await
}

#[tokio::test]
async fn a_command_gets_its_own_arguments_as_they_are_and_nothing_of_an_alert() {
    let words = run(&listed(true), "greet").await.unwrap();
    assert_eq!(words, "command greet: exit code 0; wrote: $HOME; it's me");
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
