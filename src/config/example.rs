//! The commented example configuration and the JSON Schema, both from the types: doc comments are the explanations,
//! defaults the values, and `#[schemars(example = ..)]` beside a key is shown where it has no default or one that says
//! little. What should not be copied unseen has `x-off` and is commented out.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::Raw;

/// Columns of the example.
const WIDTH: usize = 112;

const HEAD: &str = "\
# farmwarden, every key. `farmwarden example-config` writes this, `farmwarden check-config FILE` checks yours.
#
# Values are the defaults, except names, addresses and what is said to be an example; only what differs need be
# written. A key right behind a `#` is off and has no default.
# Durations: 500ms, 15s, 5m, 1h30m, 7d. Sizes: 512MiB, 108.9GB. In patterns `*` stays within a directory and `**`
# crosses them. `name` is what metrics, alerts and repairs call a target; it is unique over the whole file.

";

/// The JSON Schema of the file, for editors.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Raw>().into()
}

/// The example: every key of every kind.
pub fn example() -> String {
    let mut out = Writer { text: HEAD.to_owned() };
    out.keys(&schema(), None, 0);
    out.text
}

struct Writer {
    text: String,
}

impl Writer {
    /// Every key of a schema, with what is given instead of its own example.
    fn keys(&mut self, schema: &Value, given: Option<&Map<String, Value>>, indent: usize) {
        for (key, schema) in properties(schema).into_iter().flatten() {
            let value = match given {
                Some(given) => given.get(key),
                None => shown(schema),
            };
            self.key(key, schema, value, indent);
        }
    }

    fn key(&mut self, key: &str, schema: &Value, value: Option<&Value>, indent: usize) {
        if is_list_of_maps(schema) && value.and_then(Value::as_array).is_none_or(Vec::is_empty) {
            // A kind of target: the explanation is that of its type.
            self.text.push('\n');
            let items = items(schema);
            self.comment(text(items.get("description")), indent);
            let mut inner = Self { text: String::new() };
            inner.line(indent, &format!("{key}:"));
            inner.entry(items, None, indent + 2);
            let more = schema.get("x-more").and_then(Value::as_array);
            inner.short_entries(
                items,
                more.into_iter().flatten().filter_map(Value::as_object),
                indent + 2,
            );
            if is_off(schema) {
                self.off(&inner.text);
            } else {
                self.text.push_str(&inner.text);
            }
            return;
        }
        self.comment(&explanation(schema), indent);
        if is_off(schema) && (properties(schema).is_some() || is_list_of_maps(schema)) {
            let mut inner = Self { text: String::new() };
            inner.shown(key, schema, value, indent);
            self.off(&inner.text);
        } else {
            self.shown(key, schema, value, indent);
        }
    }

    /// Commented out; without the marks it stands as it should.
    fn off(&mut self, block: &str) {
        for line in block.lines() {
            let rest = line.trim_start();
            let mark = if rest.starts_with('#') { "" } else { "#" };
            self.line(line.len() - rest.len(), &format!("{mark}{rest}"));
        }
    }

    fn shown(&mut self, key: &str, schema: &Value, value: Option<&Value>, indent: usize) {
        match (value, properties(schema)) {
            (_, Some(_)) => {
                self.line(indent, &format!("{key}:"));
                self.keys(schema, None, indent + 2);
            }
            (Some(Value::Array(entries)), None) if is_list_of_maps(schema) => {
                self.line(indent, &format!("{key}:"));
                self.entries(items(schema), entries, indent + 2);
            }
            (Some(Value::Array(entries)), None) => self.list(key, entries, is_off(schema), indent),
            (Some(value), None) => {
                let off = if is_off(schema) { "#" } else { "" };
                self.line(indent, &format!("{off}{key}: {}", scalar(value)));
            }
            (None, None) => self.line(indent, &format!("#{key}:")),
        }
    }

    /// Entries that are mappings: the first with explanations, the others only with what is theirs.
    fn entries(&mut self, schema: &Value, entries: &[Value], indent: usize) {
        let mut entries = entries.iter().filter_map(Value::as_object);
        if let Some(first) = entries.next() {
            self.entry(schema, Some(first), indent);
        }
        self.short_entries(schema, entries, indent);
    }

    fn short_entries<'a>(
        &mut self,
        schema: &Value,
        entries: impl Iterator<Item = &'a Map<String, Value>>,
        indent: usize,
    ) {
        for entry in entries {
            let usual = |key: &str, value: &Value| {
                value.is_null() || property(schema, key).and_then(|schema| schema.get("default")) == Some(value)
            };
            let mut mark = "- ";
            for (key, value) in entry.iter().filter(|(key, value)| !usual(key, value)) {
                self.line(indent, &format!("{mark}{key}: {}", scalar(value)));
                mark = "  ";
            }
        }
    }

    /// One entry; its dash stands before its first key, and explanations of that before it.
    fn entry(&mut self, schema: &Value, given: Option<&Map<String, Value>>, indent: usize) {
        let mut inner = Self { text: String::new() };
        inner.keys(schema, given, indent + 2);
        let mut dashed = false;
        for line in inner.text.lines() {
            let rest = line.trim_start();
            if dashed {
                self.line(0, line);
            } else if rest.starts_with('#') {
                self.line(indent, rest);
            } else {
                self.line(indent, &format!("- {rest}"));
                dashed = true;
            }
        }
    }

    /// `key: [a, b]`, on as many lines as it takes.
    fn list(&mut self, key: &str, entries: &[Value], off: bool, indent: usize) {
        let off = if off { "#" } else { "" };
        let all: Vec<String> = entries.iter().map(scalar).collect();
        let short = format!("{off}{key}: [{}]", all.join(", "));
        if indent + short.len() <= WIDTH {
            self.line(indent, &short);
            return;
        }
        self.line(indent, &format!("{key}: ["));
        for line in filled(&all.join(", "), WIDTH - indent - 2) {
            self.line(indent + 2, &line);
        }
        self.line(indent, "]");
    }

    fn comment(&mut self, words: &str, indent: usize) {
        for line in filled(words, WIDTH - indent - 2) {
            self.line(indent, &format!("# {line}"));
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(text);
        self.text.push('\n');
    }
}

/// The example of a key where it has one, or its default.
fn shown(schema: &Value) -> Option<&Value> {
    let example = schema.get("examples").and_then(|examples| examples.get(0));
    example.or_else(|| schema.get("default"))
}

/// The doc comment, and that the default is another one than what is shown.
fn explanation(schema: &Value) -> String {
    let mut words = text(schema.get("description")).to_owned();
    let is_empty = |default: &Value| default.as_array().is_some_and(Vec::is_empty);
    if schema.get("examples").is_some() && schema.get("default").is_some_and(is_empty) {
        words.push_str(" An example; by default none.");
    }
    words
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

fn property<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    properties(schema).and_then(|properties| properties.get(key))
}

fn items(schema: &Value) -> &Value {
    schema.get("items").unwrap_or(&Value::Null)
}

fn is_list_of_maps(schema: &Value) -> bool {
    properties(items(schema)).is_some()
}

fn is_off(schema: &Value) -> bool {
    schema.get("x-off").is_some()
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// As YAML: quotes only around what would be read as something else.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else {
        return value.to_string();
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | '*');
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let is_word = text.parse::<f64>().is_err() && !matches!(text.as_str(), "true" | "false" | "null");
    if begins_well && is_word && text.chars().all(plain) && !text.ends_with(':') {
        text.clone()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Words on lines of at most `width` columns.
fn filled(words: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn the_example_is_read_back_and_has_the_defaults() {
        let settings = Settings::parse("example.yml", &example()).unwrap();
        let mounts = settings.collectors.mounts.first().unwrap();
        let local = crate::collectors::mounts::Target::local("/proc".into(), "/".into());
        assert_eq!(
            (&mounts.exclude, &mounts.plot_sizes),
            (&local.exclude, &local.plot_sizes)
        );
        assert_eq!(mounts.thresholds, local.thresholds);
    }

    #[test]
    fn what_is_commented_out_stands_where_it_belongs() {
        let uncommented = |line: &str| {
            let rest = line.trim_start();
            let indent = line.len() - rest.len();
            match rest
                .strip_prefix('#')
                .filter(|rest| !rest.is_empty() && !rest.starts_with(' '))
            {
                Some(rest) => " ".repeat(indent) + rest + "\n",
                None => line.to_owned() + "\n",
            }
        };
        // Of other kinds not all keys go together.
        let text = example();
        let (before, rest) = text.split_once("\n  prb:\n").unwrap();
        let (prb, after) = rest.split_once("\n  venus:\n").unwrap();
        let prb: String = prb.lines().map(uncommented).collect();
        // A PRB has one door.
        let doors = [
            "worker_manager: ",
            "legacy_monitor: ",
            "solo:",
            "- name: solo-1",
            "pruntime: ",
        ];
        let kept = |line: &&str| !doors.iter().any(|door| line.trim_start().starts_with(door));
        let prb: String = prb.lines().filter(kept).map(|line| line.to_owned() + "\n").collect();
        let one_way = format!("{before}\n  prb:\n{prb}\n  venus:\n{after}");
        let settings = Settings::parse("example.yml", &one_way).unwrap();
        let prb = settings.collectors.prb.first().unwrap();
        assert_eq!(prb.queues.len(), 1);
        assert!(prb.pruntimes.is_some() && prb.node.is_some());
    }

    /// Of every mapping, however deep.
    fn all_keys(schema: &Value, found: &mut Vec<String>) {
        for (key, schema) in properties(schema).into_iter().flatten() {
            found.push(key.clone());
            all_keys(schema, found);
            all_keys(items(schema), found);
        }
    }

    #[test]
    fn the_example_names_and_explains_every_key() {
        let (text, mut keys) = (example(), Vec::new());
        all_keys(&schema(), &mut keys);
        assert!(keys.len() > 40, "{keys:?}");
        for key in keys {
            let shown = |line: &&str| line.trim_start_matches([' ', '-', '#']).starts_with(&format!("{key}:"));
            assert!(text.lines().any(|line| shown(&line)), "{key}");
        }
        assert!(
            text.lines().all(|line| line.len() <= 120 && line.trim_end() == line),
            "{text}"
        );
    }

    #[test]
    fn a_text_is_quoted_where_yaml_would_read_something_else() {
        let of = |text: &str| scalar(&Value::from(text));
        for plain in ["15s", "/mnt/**", "//nas/d", "ws://h:1", "k32-c0"] {
            assert_eq!(of(plain), plain);
        }
        assert_eq!(
            (of("007"), of("*"), of("it's"), of("true")),
            (
                "'007'".to_owned(),
                "'*'".to_owned(),
                "'it''s'".to_owned(),
                "'true'".to_owned(),
            )
        );
    }
}
