//! A configuration file from what was found on this machine: the reverse of reading one. What comes out is read back
//! by a test.

use std::fmt::Write as _;

use crate::collectors::{Discovery, Key, Setting};
use crate::values;

/// The whole file. What is only proposed, credentials first of all, is in comments.
pub fn proposed(found: &[(&'static str, Discovery)]) -> String {
    let mut out = String::from(
        "# Proposed by `farmwarden discover` from what is on this machine. Nothing else was asked, no credential was\n\
         # opened. Every key: docs/example.yml. A key behind a # is a proposal to look at.\n#\n# Looked at:\n",
    );
    for (kind, discovery) in found {
        for looked in &discovery.looked {
            comment(0, &format!("  {kind}: {looked}"), &mut out);
        }
    }
    let found: Vec<_> = found
        .iter()
        .filter(|(_, discovery)| !discovery.proposals.is_empty())
        .collect();
    if found.is_empty() {
        out.push_str("\n# Nothing was found.\ncollectors: {}\n");
        return out;
    }
    out.push_str("\ncollectors:\n");
    for (kind, discovery) in found {
        // Writing to a String cannot fail.
        let _infallible = writeln!(out, "\n  {kind}:");
        for proposal in &discovery.proposals {
            comment(4, &proposal.why, &mut out);
            entry(4, &proposal.keys, &mut out);
        }
    }
    out
}

/// One entry of a list: a dash before its first key.
fn entry(indent: usize, keys: &[Key], out: &mut String) {
    let mut lines = String::new();
    for key in keys {
        write_key(indent + 2, key, &mut lines);
    }
    // A comment of the first key stands before the dash, or there would be no key to put the dash before.
    let mut dashed = false;
    for line in lines.lines() {
        let text = line.trim_start();
        if !dashed && !text.starts_with('#') {
            dashed = true;
            let _infallible = writeln!(out, "{}- {text}", " ".repeat(indent));
        } else if !dashed {
            comment(indent, text.trim_start_matches('#').trim_start(), out);
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
}

fn write_key(indent: usize, key: &Key, out: &mut String) {
    if let Some(words) = &key.comment {
        comment(indent, words, out);
    }
    let mut lines = String::new();
    match &key.value {
        Setting::Text(text) => {
            let _infallible = writeln!(lines, "{}: {}", key.name, scalar(text));
        }
        Setting::Flag(flag) => {
            let _infallible = writeln!(lines, "{}: {flag}", key.name);
        }
        Setting::List(entries) => {
            let _infallible = writeln!(lines, "{}:", key.name);
            for keys in entries {
                entry(2, keys, &mut lines);
            }
        }
    }
    let hidden = if key.only_proposed { "# " } else { "" };
    for line in lines.lines() {
        let _infallible = writeln!(out, "{}{hidden}{line}", " ".repeat(indent));
    }
}

/// Words of upstreams may hold line ends; behind one they would be configuration.
fn comment(indent: usize, words: &str, out: &mut String) {
    let clean: String = words
        .chars()
        .map(|c| if values::is_unseen(c) { ' ' } else { c })
        .collect();
    let _infallible = writeln!(out, "{}# {}", " ".repeat(indent), clean.trim_end());
}

/// A text as YAML: plain where nobody could take it for something else, else in double quotes.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':');
    let path = text.starts_with('/') || text.contains("://");
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains(':');
    let taken = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let mistaken = taken.iter().any(|taken| taken.eq_ignore_ascii_case(text));
    if text.chars().all(plain) && !text.ends_with(':') && (path || word) && !mistaken {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if values::is_unseen(c) => {
                let _infallible = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::Proposal;
    use crate::config::Settings;

    fn found(mount: &str) -> Vec<(&'static str, Discovery)> {
        let node = Proposal {
            why: "A chain node answers.\n  evil: true".to_owned(),
            keys: vec![
                Key::text("name", "node-1").about("What metrics call it."),
                Key::text("para", "http://127.0.0.1:9944").about("Khala\nevil: true"),
                Key::text("bearer_token_file", "/etc/farmwarden/token").only_proposed(),
            ],
        };
        let expected = vec![
            vec![
                Key::text("mount", mount),
                Key::text("source", "/dev/sdb1").only_proposed(),
            ],
            vec![
                Key::text("mount", "/mnt/plots/nas"),
                Key::text("source", "//nas/plots"),
                Key::flag("read_only", true),
            ],
        ];
        let machine = Proposal {
            why: "This machine.".to_owned(),
            keys: vec![Key::text("name", "host"), Key::list("expected", expected)],
        };
        let discovery = |proposal| Discovery {
            looked: vec!["somewhere".to_owned()],
            proposals: vec![proposal],
        };
        vec![("phala", discovery(node)), ("mounts", discovery(machine))]
    }

    #[test]
    fn the_file_is_what_a_person_would_write() {
        let written = proposed(&found("/mnt/my disk"));
        let (_, body) = written.split_once("\ncollectors:\n").unwrap();
        assert_eq!(
            body,
            "\n  phala:\n    # A chain node answers.   evil: true\n    # What metrics call it.\n    - name: node-1\n      \
             # Khala evil: true\n      para: http://127.0.0.1:9944\n      # bearer_token_file: /etc/farmwarden/token\n\n  \
             mounts:\n    # This machine.\n    - name: host\n      expected:\n        - mount: \"/mnt/my disk\"\n          \
             # source: /dev/sdb1\n        - mount: /mnt/plots/nas\n          source: //nas/plots\n          \
             read_only: true\n"
        );
    }

    #[test]
    fn nothing_found_is_said_and_is_still_a_configuration() {
        let written = proposed(&[("phala", Discovery::default())]);
        assert!(written.contains("Nothing was found"), "{written}");
        assert!(Settings::parse("farm.yml", &written).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_read_back(rest in "\\PC{0,20}|[ -~]{0,20}") {
            let mount = format!("/{rest}");
            let written = proposed(&found(&mount));
            let settings = Settings::parse("farm.yml", &written);
            let read = settings.unwrap_or_else(|mistakes| panic!("{mistakes}\n{written}")).collectors;
            assert_eq!(read.mounts[0].expected[0].mount, std::path::PathBuf::from(mount));
            assert_eq!(read.mounts[0].expected[1].source.as_deref(), Some("//nas/plots"));
            assert_eq!((read.phala.len(), read.phala[0].bearer_token_file.clone()), (1, None));
        }
    }
}
