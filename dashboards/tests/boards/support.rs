//! Boards as files have them, and ways through their JSON.

use std::path::{Path, PathBuf};

use farmwarden_dashboards::{Language, all};
use serde_json::Value;

pub(crate) fn folder(language: Language) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(language.folder())
}

pub(crate) fn boards(language: Language) -> Vec<Value> {
    all().iter().map(|board| board.render(language)).collect()
}

/// Every value with its JSON pointer.
pub(crate) fn visit(value: &Value, seen: &mut impl FnMut(&str, &Value)) {
    fn below(path: &str, value: &Value, seen: &mut impl FnMut(&str, &Value)) {
        seen(path, value);
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    below(&format!("{path}/{at}"), item, seen);
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    below(&format!("{path}/{key}"), field, seen);
                }
            }
            _ => (),
        }
    }
    below("", value, seen);
}

/// Pointers of all that people read.
pub(crate) fn texts(board: &Value) -> Vec<String> {
    let mut texts = Vec::new();
    visit(board, &mut |path, value| {
        let key = path.rsplit('/').next().unwrap();
        let below = path.rsplit('/').nth(1).unwrap_or_default();
        let shown = match key {
            "title" | "description" | "noValue" | "legendFormat" => true,
            "label" => path.starts_with("/templating"),
            "name" => path.starts_with("/annotations"),
            "text" => path.contains("/mappings/") || path.contains("/properties/"),
            "value" => path.contains("/properties/") && property_of(board, path) == Some("displayName"),
            _ => false,
        };
        if shown && value.is_string() && below != "datasource" {
            texts.push(path.to_owned());
        }
    });
    texts
}

/// The id of the property that a pointer to `.../properties/N/value` is of.
fn property_of<'a>(board: &'a Value, path: &str) -> Option<&'a str> {
    let property = path.strip_suffix("/value")?;
    board.pointer(property)?.get("id")?.as_str()
}

/// Panels of a board without rows.
pub(crate) fn panels(board: &Value) -> Vec<&Value> {
    let panels = board["panels"].as_array().unwrap().iter();
    panels.filter(|panel| panel["type"] != "row").collect()
}

/// Every query of a board with where it is: panels, then variables.
pub(crate) fn queries(board: &Value) -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for panel in panels(board) {
        for target in panel["targets"].as_array().unwrap() {
            let place = format!("{} / {} / {}", board["uid"], panel["title"], target["refId"]);
            queries.push((place, target["expr"].as_str().unwrap().to_owned()));
        }
    }
    queries
}

pub(crate) fn variables(board: &Value) -> &Vec<Value> {
    board["templating"]["list"].as_array().unwrap()
}
