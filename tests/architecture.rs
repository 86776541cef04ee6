//! Who may use whom: every `use crate::` line of the product against the order of the rooms.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms of one line do not use one another, except where `WITHIN` says so; a line may use the lines below it.
const FLOORS: [&[&str]; 11] = [
    &["cli"],
    &["app"],
    &["config"],
    &["server", "schedule", "once"],
    &["remedy"],
    &["report"],
    &["access", "actions", "relations", "store", "notify"],
    &["collectors"],
    &["upstream", "exposition"],
    &["yaml", "logging", "journal", "alerts"],
    &["process", "values", "clock"],
];

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Rooms that a file names, by `crate::room` anywhere in it (a `use` or a full path), also inside `use crate::{...}`.
fn used(source: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for rest in source.split("crate::").skip(1) {
        let group = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split_once("};"))
            .map(|(group, _)| group);
        for item in group.unwrap_or(rest).split(',') {
            let word: String = item
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if !word.is_empty() {
                rooms.push(word);
            }
            if group.is_none() {
                break;
            }
        }
    }
    rooms
}

#[test]
fn rooms_use_only_rooms_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floor: HashMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor)))
        .collect();
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&source).unwrap();
        let room = relative
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        if matches!(room, "lib" | "main") {
            continue;
        }
        let own = *floor
            .get(room)
            .unwrap_or_else(|| panic!("{room} has no floor; put it in FLOORS and ARCHITECTURE.md"));
        for other in used(&fs::read_to_string(&file).unwrap()) {
            let Some(theirs) = floor.get(other.as_str()) else {
                continue;
            };
            if other != room && *theirs <= own {
                wrong.push(format!("{} uses {other}", relative.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these point upwards or sideways:\n{}",
        wrong.join("\n")
    );
}

/// Collectors never use one another: what needs two targets is a relation.
#[test]
fn collectors_do_not_know_one_another() {
    let collectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collectors");
    let rooms: Vec<String> = fs::read_dir(&collectors)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(rooms.len() >= 2, "{rooms:?}");
    for room in &rooms {
        let mut files = Vec::new();
        rust_files(&collectors.join(room), &mut files);
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            for other in rooms.iter().filter(|other| *other != room) {
                let named =
                    source.contains(&format!("collectors::{other}")) || source.contains(&format!("super::{other}"));
                assert!(!named, "{} uses collector {other}", file.display());
            }
        }
    }
}

#[test]
fn the_rule_itself_sees_what_it_should() {
    assert_eq!(
        used("use crate::server::bind;\nlet x = crate::store::Store;"),
        ["server", "store"]
    );
    assert_eq!(used("use crate::{relations, store};"), ["relations", "store"]);
}
