//! Configuration files as the binary sees them: every kind of mistake beside its exact message, and everything that the
//! documents show.
//!
//! `UPDATE_GOLDEN=1 cargo test --test configuration` rewrites the messages; the diff is what a reviewer reads first.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "the binary itself is under test")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Started beside the file, so that no message has a path of this machine.
fn check(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_farmwarden"))
        .arg("check-config")
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {}", directory.display());
    files
}

/// Compares what is said of every file with the text beside it.
fn all_say(directory: &str, code: i32, said: impl Fn(Output) -> Vec<u8>) {
    let directory = root().join("tests/config").join(directory);
    let mut wrong = Vec::new();
    for file in files(&directory) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let output = check(&directory, &[name]);
        assert_eq!(output.status.code(), Some(code), "{name}: {output:?}");
        let said = String::from_utf8(said(output)).unwrap();
        let golden = file.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said).unwrap();
        }
        if fs::read_to_string(&golden).unwrap_or_default() != said {
            wrong.push(format!("{name}:\n{said}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "not what stands beside them (UPDATE_GOLDEN=1 cargo test --test configuration):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_mistake_has_its_message_and_ends_with_2() {
    all_say("bad", 2, |output| {
        assert!(output.stdout.is_empty(), "{output:?}");
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains("hunter2"),
            "{output:?}"
        );
        output.stderr
    });
}

#[test]
fn what_is_good_is_summed_up_and_ends_with_0() {
    all_say("good", 0, |output| {
        // What is missing on the machine of the test is warned of, and no mistake.
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.lines().all(|line| line.contains(": warning: ")), "{output:?}");
        output.stdout
    });
}

#[test]
fn several_files_are_checked_and_one_mistake_among_them_is_enough() {
    let directory = root().join("tests/config");
    let output = check(&directory, &["good/empty.yml", "bad/tab.yml", "good/aliases.yml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("good/empty.yml: good") && said.contains("good/aliases.yml: good"),
        "{said}"
    );
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("bad/tab.yml:3:"));
    assert_eq!(check(&directory, &[]).status.code(), Some(2));
    let none = check(&directory, &["no-such-file.yml"]);
    assert_eq!(
        String::from_utf8(none.stderr).unwrap(),
        "no-such-file.yml: cannot be read: no such file or directory\n"
    );
}

#[test]
fn standard_input_is_a_file_called_so() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_farmwarden"))
        .args(["check-config", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"collectors: []").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .starts_with("standard input:1:13: collectors: ")
    );
}

#[test]
fn the_example_is_good() {
    let output = check(root(), &["docs/example.yml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// A block of YAML is a configuration of ours if it begins with our key.
/// The block with token files that are there: those of a document lie on nobody's machine.
fn with_tokens(block: &str, directory: &Path) -> String {
    let token = directory.join("token");
    fs::write(&token, "t0ken").unwrap();
    let line = |line: &str| match line.split_once("token_file: /") {
        Some((before, _)) if !before.contains('#') => format!("{before}token_file: {}", token.display()),
        _ => line.to_owned(),
    };
    block.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_configuration_that_a_document_shows_is_good() {
    let mut checked = 0;
    let directory = tempfile::tempdir().unwrap();
    for documents in [root().to_owned(), root().join("docs")] {
        for entry in fs::read_dir(documents).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let blocks = text
                .split("```yaml\n")
                .skip(1)
                .filter_map(|rest| rest.split("```").next());
            for block in blocks.filter(|block| block.starts_with("collectors:")) {
                fs::write(directory.path().join("block.yml"), with_tokens(block, directory.path())).unwrap();
                let output = check(directory.path(), &["block.yml"]);
                assert_eq!(output.status.code(), Some(0), "{}: {output:?}", path.display());
                checked += 1;
            }
        }
    }
    assert!(
        checked >= 3,
        "only {checked} found: is this test looking at the right place?"
    );
}
