//! The files against their source, and the languages against each other.

use std::fs;

use farmwarden_dashboards::{Language, all};
use serde_json::Value;

use super::support::{boards, folder, texts, visit};

#[test]
fn the_files_are_what_the_source_says() {
    let update = std::env::var_os("UPDATE_DASHBOARDS").is_some();
    for language in Language::ALL {
        let folder = folder(language);
        fs::create_dir_all(&folder).unwrap();
        let mut expected = Vec::new();
        for board in all() {
            let name = format!("{}.json", board.uid());
            let file = folder.join(&name);
            let text = format!("{:#}\n", board.render(language));
            if update {
                fs::write(&file, &text).unwrap();
            }
            let stale = fs::read_to_string(&file).unwrap_or_default() != text;
            assert!(
                !stale,
                "{} is stale: UPDATE_DASHBOARDS=1 cargo test -p farmwarden-dashboards",
                file.display()
            );
            expected.push(name);
        }
        expected.sort();
        let mut there: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        assert_eq!(there, expected, "{}: a board too many or too few", folder.display());
    }
}

#[test]
fn uids_are_those_that_links_of_alerts_and_people_know() {
    let uids: Vec<String> = boards(Language::En)
        .iter()
        .map(|board| board["uid"].as_str().unwrap().to_owned())
        .collect();
    let expected = [
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
    assert_eq!(uids, expected.map(|name| format!("farmwarden-{name}")));
}

/// With every text taken out.
fn bones(board: &Value) -> Value {
    let mut bones = board.clone();
    for path in texts(board) {
        *bones.pointer_mut(&path).unwrap() = Value::Null;
    }
    bones
}

#[test]
fn boards_differ_between_languages_in_their_texts_only() {
    for (en, zh) in boards(Language::En).iter().zip(&boards(Language::Zh)) {
        assert_eq!(texts(en), texts(zh), "{}", en["uid"]);
        assert_eq!(bones(en), bones(zh), "{}", en["uid"]);
    }
}

/// Texts that are the same everywhere: labels that the linter wants, placeholders, names of coins, figures and programs.
fn may_be_the_same(text: &str) -> bool {
    const NAMES: [&str; 24] = [
        "",
        "Data source",
        "Job",
        "Instance",
        "PHA",
        "XCH",
        "FIL",
        "V",
        "Ve",
        "farmwarden",
        "PRB",
        "SHA-256",
        "CPU",
        "p50",
        "p95",
        "UUID",
        "URL",
        "All",
        "pRuntime",
        "HTTP",
        "P",
        "Worker",
        "Harvester",
        "farmer",
    ];
    let rest = without_placeholders(text);
    NAMES.contains(&rest.trim())
}

/// `{{target}} answers` without what Prometheus fills in.
fn without_placeholders(text: &str) -> String {
    let mut rest = String::new();
    for (number, piece) in text.split("{{").enumerate() {
        rest.push_str(if number == 0 {
            piece
        } else {
            piece.split_once("}}").unwrap().1
        });
    }
    rest
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
}

#[test]
fn no_text_is_left_untranslated() {
    let mut translated = 0;
    for (en, zh) in boards(Language::En).iter().zip(&boards(Language::Zh)) {
        for path in texts(en) {
            let [english, chinese] = [en, zh].map(|board| board.pointer(&path).unwrap().as_str().unwrap());
            let at = format!("{}{path}", en["uid"]);
            assert!(!is_chinese(english), "{at}: {english}");
            assert!(
                is_chinese(chinese) || (chinese == english && may_be_the_same(english)),
                "{at}: {chinese}"
            );
            translated += 1;
        }
    }
    assert!(
        translated > 500,
        "only {translated} texts: are they looked for in the right places?"
    );
}

#[test]
fn nothing_that_is_a_text_is_missed_when_texts_are_compared() {
    for board in boards(Language::Zh) {
        let known = texts(&board);
        visit(&board, &mut |path, value| {
            if value.as_str().is_some_and(is_chinese) {
                assert!(known.iter().any(|text| text == path), "{}{path}: {value}", board["uid"]);
            }
        });
    }
}
