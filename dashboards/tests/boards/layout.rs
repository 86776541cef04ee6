//! What we ask of boards beyond the linter: where panels are, where links lead, what stands in an empty panel.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use farmwarden_dashboards::Language;
use serde_json::{Value, json};

use super::support::{boards, panels, variables, visit};

/// Columns of Grafana's grid.
const WIDTH: u64 = 24;
/// Rows of a timeline that can be told apart.
const ROWS: u64 = 20;

#[test]
fn no_panel_covers_another_or_has_its_id() {
    for board in boards(Language::En) {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeMap::new();
        for panel in board["panels"].as_array().unwrap() {
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{}: {}",
                board["uid"],
                panel["id"]
            );
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(w > 0 && h > 0 && x + w <= WIDTH, "{}: {}", board["uid"], panel["title"]);
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                let other = taken.insert(cell, panel["title"].clone());
                assert_eq!(other, None, "{}: {} lies on it", board["uid"], panel["title"]);
            }
        }
    }
}

#[test]
fn every_panel_says_why_it_may_be_empty_and_what_it_shows() {
    for language in Language::ALL {
        for board in boards(language) {
            let mut titles = BTreeSet::new();
            for panel in panels(&board) {
                let title = panel["title"].as_str().unwrap();
                assert!(titles.insert(title), "{}: two panels are called {title}", board["uid"]);
                let empty = panel["fieldConfig"]["defaults"]["noValue"].as_str().unwrap();
                assert!(empty.chars().count() >= 6, "{title}: {empty}");
                let description = panel["description"].as_str().unwrap();
                assert!(description.chars().count() >= 5, "{title}: {description}");
            }
        }
    }
}

#[test]
fn timelines_are_paged() {
    let mut seen = 0;
    for board in boards(Language::En) {
        for panel in panels(&board)
            .into_iter()
            .filter(|panel| panel["type"] == "state-timeline")
        {
            let rows = panel["options"]["perPage"].as_u64().unwrap();
            assert!((1..=ROWS).contains(&rows), "{}: {}", board["uid"], panel["title"]);
            seen += 1;
        }
    }
    assert!(seen >= 12, "{seen} timelines");
}

#[test]
fn tables_show_columns_that_are_asked_for_and_the_worst_first() {
    for board in boards(Language::En) {
        for panel in panels(&board).into_iter().filter(|panel| panel["type"] == "table") {
            let at = format!("{} {}", board["uid"], panel["title"]);
            let targets = panel["targets"].as_array().unwrap();
            let one = targets.len() == 1;
            let value = |target: &Value| {
                if one {
                    "Value".to_owned()
                } else {
                    format!("Value #{}", target["refId"].as_str().unwrap())
                }
            };
            let values: BTreeSet<String> = targets.iter().map(value).collect();
            let transformations = panel["transformations"].as_array().unwrap();
            let option = |pointer: &str| transformations.iter().find_map(|step| step["options"].pointer(pointer));
            let names = option("/include/names").unwrap().as_array().unwrap();
            for name in names.iter().map(|name| name.as_str().unwrap()) {
                let asked = if name.starts_with("Value") {
                    values.contains(name)
                } else {
                    targets
                        .iter()
                        .any(|target| target["expr"].as_str().unwrap().contains(name))
                };
                assert!(asked, "{at}: {name} is not asked for");
            }
            for column in panel["fieldConfig"]["overrides"].as_array().unwrap() {
                let own = column["properties"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|property| property["id"] == "noValue");
                assert!(own, "{at}: an empty cell says what is about the table: {column}");
            }
            // What a link hands over must still be there when all but the columns is gone.
            visit(&panel["fieldConfig"]["overrides"], &mut |_, value| {
                let url = value.as_str().filter(|url| url.starts_with("/d/")).unwrap_or_default();
                for handed in url.split("${__data.fields.").skip(1) {
                    let field = handed.split('}').next().unwrap();
                    assert!(names.contains(&json!(field)), "{at}: {url}: {field} is no column");
                }
            });
            if let Some(field) = option("/sort/0/field") {
                assert!(values.contains(field.as_str().unwrap()), "{at}: {field}");
            }
        }
    }
}

/// The kinds of targets as a link finds their boards.
const KINDS: [&str; 5] = ["nodes", "prb", "venus", "chia", "mounts"];

#[test]
fn links_lead_to_boards_and_hand_over_variables_that_these_have() {
    let all = boards(Language::En);
    let find = |uid: &str| all.iter().find(|board| board["uid"] == uid);
    let mut links = 0;
    for board in &all {
        visit(board, &mut |path, value| {
            let Some(url) = value.as_str().filter(|url| url.starts_with("/d/")) else {
                return;
            };
            let (uid, query) = url.strip_prefix("/d/").unwrap().split_once('?').unwrap();
            let uids: Vec<String> = match uid.strip_suffix("${__data.fields.board}") {
                Some(beginning) => KINDS.iter().map(|kind| format!("{beginning}{kind}")).collect(),
                None => vec![uid.to_owned()],
            };
            for kept in ["${__url_time_range}", "${datasource:queryparam}", "${job:queryparam}"] {
                assert!(query.contains(kept), "{url}");
            }
            let whose = ["${instance:queryparam}", "var-instance=${__data.fields.instance}"];
            let told = whose.iter().filter(|instance| query.contains(*instance)).count();
            assert_eq!(told, 1, "{url}");
            for uid in uids {
                let there = find(&uid).unwrap_or_else(|| panic!("{}{path}: there is no board {uid}", board["uid"]));
                for handed in query.split("&var-").skip(1) {
                    let name = handed.split('=').next().unwrap();
                    assert!(
                        variables(there).iter().any(|variable| variable["name"] == name),
                        "{url}: {uid} has no {name}"
                    );
                }
            }
            links += 1;
        });
        let menu = &board["links"][0];
        assert_eq!(
            (&menu["tags"], &menu["keepTime"], &menu["includeVars"]),
            (&json!(["farmwarden"]), &json!(true), &json!(true))
        );
        assert!(board["tags"].as_array().unwrap().contains(&json!("farmwarden")));
    }
    assert!(links >= 20, "only {links} links were seen");
}

#[test]
fn links_of_alerts_lead_to_boards_and_hand_over_variables_that_these_have() {
    let all = boards(Language::En);
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts/rules");
    let mut links = 0;
    for file in std::fs::read_dir(rules).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for url in text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("dashboard_url: "))
        {
            let rest = url.split_once("/d/").unwrap().1.trim_end_matches('\'');
            let (uid, query) = rest.split_once('?').unwrap_or((rest, ""));
            let there = all.iter().find(|board| board["uid"] == uid);
            let there = there.unwrap_or_else(|| panic!("{url}: there is no board {uid}"));
            for handed in query.split('&').filter_map(|part| part.strip_prefix("var-")) {
                let name = handed.split('=').next().unwrap();
                let known = variables(there).iter().any(|variable| variable["name"] == name);
                assert!(known, "{url}: {uid} has no {name}");
            }
            links += 1;
        }
    }
    assert!(links >= 80, "only {links} links were seen");
}

/// What is for boards only makes nobody ill: it is not among what the overview counts and lists.
#[test]
fn hints_are_not_counted_as_findings() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts/rules");
    let mut hints = BTreeSet::new();
    for file in std::fs::read_dir(rules).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for alert in text.split("- alert: ").filter(|alert| alert.contains("severity: info")) {
            let symptoms = alert
                .split("symptom=\"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next());
            hints.extend(symptoms.map(str::to_owned));
        }
    }
    assert!(hints.len() >= 5, "{hints:?}");
    let overview = &boards(Language::En)[0];
    let findings = panels(overview).into_iter().find(|panel| panel["title"] == "Findings");
    let query = findings.unwrap()["targets"][0]["expr"].as_str().unwrap();
    let left_out = query.split("symptom!~\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(left_out.split('|').map(str::to_owned).collect::<BTreeSet<_>>(), hints);
}

/// Which colour stands for which word. Yes and no are good or bad by what is asked.
#[test]
fn the_same_state_has_the_same_colour_everywhere() {
    let mut colours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for board in boards(Language::En) {
        visit(&board, &mut |_, value| {
            if let (Some(word), Some(colour)) = (value["text"].as_str(), value["color"].as_str())
                && !["yes", "no"].contains(&word)
            {
                colours.entry(word.to_owned()).or_default().insert(colour.to_owned());
            }
        });
    }
    assert!(colours.len() >= 25, "{colours:?}");
    for (word, colours) in colours {
        assert_eq!(colours.len(), 1, "{word}: {colours:?}");
    }
}

#[test]
fn alerts_and_repairs_are_marked_on_every_board() {
    for board in boards(Language::En) {
        let list = board["annotations"]["list"].as_array().unwrap();
        for metric in ["ALERTS{", "farmwarden_remediation_actions_total{"] {
            let marked = |annotation: &&Value| annotation["expr"].as_str().is_some_and(|expr| expr.contains(metric));
            assert_eq!(list.iter().filter(marked).count(), 1, "{}: {metric}", board["uid"]);
        }
        assert_eq!(
            (&board["timezone"], &board["time"]["from"]),
            (&json!("browser"), &json!("now-6h"))
        );
    }
}
