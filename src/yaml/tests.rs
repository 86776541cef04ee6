//! Whole documents: what is read, and every mistake with its place and words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use super::*;
use crate::values::{Duration, Name};

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Farm {
    name: Name,
    #[serde(default)]
    nodes: Vec<Node>,
    #[serde(default)]
    mood: Mood,
    #[serde(default)]
    users: BTreeMap<String, Duration>,
    interval: Option<Duration>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mood {
    #[default]
    Calm,
    Stormy,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Node {
    name: String,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    ratio: f64,
    #[serde(default)]
    on: bool,
    interval: Option<Duration>,
    token_age: Option<Duration>,
}

fn read(text: &str) -> Read<Farm> {
    Document::parse("f.yml", text).unwrap().read()
}

/// All mistakes, one a line.
fn wrong(text: &str) -> String {
    match Document::parse("f.yml", text) {
        Ok(document) => Mistakes(document.read::<Farm>().mistakes).to_string(),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[test]
fn scalars_are_what_the_type_makes_of_them() {
    let text = "name: a\nmood: stormy\nnodes:\n  - {name: 007, port: 0080, ratio: 1, on: true}\n  - name: 'null'\n    port: ~\n";
    let farm = read(text).value.unwrap();
    assert_eq!((farm.nodes[0].name.as_str(), farm.nodes[0].port), ("007", Some(80)));
    assert_eq!((farm.nodes[1].name.as_str(), farm.nodes[1].port), ("null", None));
    assert_eq!(farm.mood, Mood::Stormy);
    assert!((farm.nodes[0].ratio - 1.0).abs() < f64::EPSILON && farm.nodes[0].on);
}

#[test]
fn json_is_read_as_well_and_a_byte_order_mark_is_skipped() {
    let farm = read("\u{feff}{\"name\": \"a\", \"nodes\": [{\"name\": \"b\", \"port\": 1}]}")
        .value
        .unwrap();
    assert_eq!(farm.nodes[0].port, Some(1));
}

#[test]
fn a_key_whose_entries_are_all_commented_out_is_an_empty_list() {
    assert_eq!(read("name: a\nnodes:\n  # - name: b\n").value.unwrap().nodes, []);
}

#[test]
fn all_mistakes_come_at_once_in_the_order_of_the_file() {
    let text = "nodes:\n  - name: a\n    port: many\n    prot: 1\n  - port: 1\n  - name: b\n    on: yes\n    ratio: [1]\nname: a b\nmood: sunny\n";
    let expected = [
        "f.yml:3:11: nodes[0].port: a whole number is expected here, not `many`",
        "f.yml:4:5: nodes[0].prot: unknown key `prot`; did you mean `port`?",
        "f.yml:5:5: nodes[1]: `name` is missing",
        "f.yml:7:9: nodes[2].on: true or false is expected here, not `yes`",
        "f.yml:8:12: nodes[2].ratio: a number is expected here",
        "f.yml:9:7: name: `a b` is not a name; use 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit",
        "f.yml:10:7: mood: one of calm, stormy is expected here, not `sunny`",
    ];
    assert_eq!(wrong(text), expected.join("\n"));
}

#[test]
fn a_required_key_that_was_wrong_is_not_missing_as_well() {
    let read = read("name: ok\nnodes:\n  - name: [x]\n    interval: soon\n  - name: good\n");
    let words = Mistakes(read.mistakes.clone()).to_string();
    assert_eq!(words.lines().count(), 2, "{words}");
    assert_eq!(read.value.as_ref().unwrap().nodes.len(), 1);
    assert_eq!(read.path_of("nodes", 0), "nodes[1]");
    assert!(
        read.is_wrong("nodes[0]") && !read.is_wrong("nodes[1]") && read.is_wrong("nodes") && !read.is_wrong("node")
    );
}

#[test]
fn wrong_forms_say_what_was_expected() {
    for (text, words) in [
        (
            "name: a\nnodes: 5",
            "f.yml:2:8: nodes: a list is expected here, not `5`; begin each entry with `- `",
        ),
        (
            "name: a\nnodes:\n  name: b",
            "f.yml:3:3: nodes: a list is expected here; begin each entry with `- `",
        ),
        (
            "name: a\nnodes:\n  - b",
            "f.yml:3:5: nodes[0]: keys and values are expected here, like `key: value`, not `b`",
        ),
        ("- a", "f.yml:1:1: keys and values are expected here, like `key: value`"),
        ("name:", "f.yml:1:5: name: a value is expected here, and there is none"),
        (
            "name: a\nnodes: [{name: b, port: -1}]",
            "f.yml:2:25: nodes[0].port: a whole number from 0 is expected here, not `-1`",
        ),
        (
            "name: a\nnodes: [{name: b, port: 70000}]",
            "f.yml:2:25: nodes[0].port: a smaller number is expected here, not `70000`",
        ),
        (
            "name: a\nmood: {a: b}",
            "f.yml:2:7: mood: one of calm, stormy is expected here",
        ),
        ("", "f.yml: `name` is missing"),
        ("# nothing", "f.yml: `name` is missing"),
    ] {
        assert_eq!(wrong(text), words, "{text}");
    }
}

#[test]
fn an_unknown_key_far_from_all_others_lists_them() {
    assert_eq!(
        wrong("name: a\nbananas: 1"),
        "f.yml:2:1: bananas: unknown key `bananas`; known here: name, nodes, mood, users, interval"
    );
}

#[test]
fn a_key_that_stands_twice_is_a_mistake_and_the_first_one_holds() {
    let read = read("name: a\nname: b\n");
    assert_eq!(
        Mistakes(read.mistakes).to_string(),
        "f.yml:2:1: name: the key `name` stands twice (first in line 1)"
    );
    assert_eq!(read.value.unwrap().name.as_str(), "a");
}

#[test]
fn what_is_no_yaml_has_a_place_and_a_hint() {
    for (text, place, words) in [
        (
            "name: a\n\tnodes: []",
            "f.yml:",
            "a tab stands here; indent with spaces",
        ),
        ("name: a: b", "f.yml:1:8: ", "Put a text that has `: ` in it in quotes"),
        ("name: [a", "f.yml:1:7: ", "the `[` that opens here is never closed"),
        ("name: 'a", "f.yml:1:7: ", "the quote that opens here is never closed"),
        ("name: a\n nodes: []", "f.yml:2:", "indented like"),
        ("name: a\n---\nname: b", "f.yml:2:1: ", "a second document begins here"),
        ("name: !x a", "f.yml:1:", "tags"),
        ("? [a]\n: b", "f.yml:1:", "a key must be a word"),
        ("name: *nowhere", "f.yml:1:7: ", "no anchor (`&name`)"),
    ] {
        let said = wrong(text);
        assert!(said.starts_with(place) && said.contains(words), "{text}: {said}");
    }
}

#[test]
fn aliases_and_merged_keys_are_read_and_each_place_is_its_own() {
    let text =
        "name: a\nnodes:\n  - &first {name: b, port: 1, on: true}\n  - {<<: *first, name: c, port: x}\n  - *first\n";
    let read = read(text);
    assert_eq!(
        Mistakes(read.mistakes).to_string(),
        "f.yml:4:33: nodes[1].port: a whole number is expected here, not `x`"
    );
    let nodes = read.value.unwrap().nodes;
    let seen: Vec<_> = nodes
        .iter()
        .map(|node| (node.name.as_str(), node.port, node.on))
        .collect();
    assert_eq!(seen, [("b", Some(1), true), ("c", None, true), ("b", Some(1), true)]);
    assert!(wrong("name: a\nnodes: [{<<: 5}]").contains("`<<` takes keys and values"));
}

#[test]
fn what_would_grow_without_end_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let alias = format!("*a{}", level - 1);
        writeln!(bomb, "a{level}: &a{level} [{}]", [alias.as_str(); 10].join(", ")).unwrap();
    }
    assert!(wrong(&bomb).contains("too large"));
    let long = format!("name: &n {}\nusers: [{}]", "x".repeat(1 << 20), "*n, ".repeat(100));
    assert!(wrong(&long).contains("too large"));
    let mut deep = String::from("a0: &a0 [[[[[[[[x]]]]]]]]\n");
    for level in 1..10 {
        writeln!(deep, "a{level}: &a{level} [[[[[[[[*a{}]]]]]]]]", level - 1).unwrap();
    }
    assert!(wrong(&deep).contains("more than 64 levels"));
    assert!(wrong(&("name: ".to_owned() + &"[".repeat(100) + &"]".repeat(100))).contains("more than 64 levels"));
    assert!(wrong("name: a\nnodes: &n [*n]").contains("lies inside of what it stands for"));
    assert!(wrong(&" ".repeat((16 << 20) + 1)).contains("larger than 16 MiB"));
}

#[test]
fn a_value_that_may_be_a_secret_is_not_repeated() {
    let said = wrong("name: a\nusers: {bob: s3cret}\nnodes: [{name: b, token_age: s3cret}]");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn text_of_the_file_is_shown_short_and_on_one_line() {
    for key in ["mood", "interval"] {
        let long = format!("name: a\n{key}: \"{}\\n\\e[31m\"", "x".repeat(1000));
        let said = wrong(&long);
        assert!(said.len() < 250 && !said.chars().any(char::is_control), "{said}");
    }
    let said = wrong("name: http://u:s3cret@h\nmood: http://u:s3cret@h");
    assert!(said.lines().count() == 2 && !said.contains("s3cret"), "{said}");
}

#[test]
fn mistakes_end_at_a_hundred() {
    let text = String::from("name: a\nnodes:\n") + &"  - {}\n".repeat(1000);
    assert_eq!(wrong(&text).lines().count(), MOST_MISTAKES);
}

#[test]
fn a_mistake_across_keys_is_placed_at_the_nearest_thing_there_is() {
    let document = Document::parse("f.yml", "name: a\nnodes:\n  - name: b\n    port: 1\n").unwrap();
    let at = |path: &str| document.mistake(path, "x").to_string();
    assert_eq!(at("nodes[0].port"), "f.yml:4:11: nodes[0].port: x");
    assert_eq!(at("nodes[0].on"), "f.yml:3:5: nodes[0].on: x");
    assert_eq!(at("nodes[7].on"), "f.yml:3:3: nodes[7].on: x");
    assert_eq!(document.texts_in("nodes", "name"), ["b"]);
}

proptest::proptest! {
    #[test]
    fn any_text_gives_a_value_or_mistakes(text in "[-a-z:\\[\\]{}&*<'\"#, \n\t!|>?~0-9]{0,80}") {
        if let Ok(document) = Document::parse("f.yml", &text) {
            let read = document.read::<Farm>();
            proptest::prop_assert!(read.value.is_some() || !read.mistakes.is_empty());
            drop(document.read::<serde_json::Value>());
        }
    }
}

#[test]
fn tags_of_other_programs_are_skipped_and_ours_are_mistakes() {
    let text = "a: !!set {}\nb: !x &anchor 7\nc: *anchor\nd: !!set\n  ? one\n";
    assert!(Document::parse("f", text).is_err());
    let document = Document::of_another("f", text).unwrap();
    let read = document.read::<serde_json::Value>();
    let expected = serde_json::json!({"a": {}, "b": 7, "c": 7, "d": {"one": null}});
    assert_eq!((read.value, read.mistakes.len()), (Some(expected), 0));
}
