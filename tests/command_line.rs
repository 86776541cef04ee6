//! The binary as a person starts it: exit codes, what it says, and what its log lines look like.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "the binary itself is under test")]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use farmwarden::clock::Clock;
use farmwarden::journal::{Journal, JournalSettings};
use farmwarden::remedy::Step;

fn farmwarden(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farmwarden"));
    command.args(arguments);
    command
}

fn ended(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = farmwarden(arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn wrong_arguments_and_configurations_end_with_2_and_say_what_was_expected() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("farm.yml");
    std::fs::write(&file, "collectors:\n  phala:\n    - name: a b\n").unwrap();
    let file = file.to_str().unwrap();
    let web = directory.path().join("web.yml");
    std::fs::write(&web, "basic_auth_users:\n  ada: hunter2\n").unwrap();
    let web = web.to_str().unwrap();
    for (arguments, words) in [
        (
            ["--config.file", file],
            "farm.yml:3:13: collectors.phala[0].name: `a b` is not a name",
        ),
        (
            ["--config.file", "/no/such/file"],
            "/no/such/file: cannot be read: no such file or directory",
        ),
        (["--web.listen-address", "19977"], "like 127.0.0.1:19977"),
        (["--web.telemetry-path", "//host"], "a path like /metrics"),
        (["--log.level", "loud"], "error, warn, info, debug or trace"),
        (["--path.procfs", "--config.file"], "--path.procfs"),
        (
            ["--web.config.file", web],
            "web.yml:2:8: basic_auth_users.ada: not a bcrypt hash",
        ),
        (
            ["--web.config.file", "/no/such/file"],
            "/no/such/file: cannot be read: no such file or directory",
        ),
        (["--web.allowed-host", "https://farm"], "a name like farm.example"),
        (
            ["--web.listen-address=0.0.0.0:0", "--web.enable-lifecycle"],
            "--web.enable-lifecycle on 0.0.0.0:0 would let everybody",
        ),
    ] {
        let (code, said) = ended(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains(words) && !said.contains("hunter2"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn a_web_configuration_is_checked_like_any_other() {
    let directory = tempfile::tempdir().unwrap();
    let web = directory.path().join("web.yml");
    let check = |text: String, more: &[&str]| {
        std::fs::write(&web, text).unwrap();
        let arguments = [&["check-config", "--web.config.file", web.to_str().unwrap()], more].concat();
        let output = farmwarden(&arguments)
            .env_remove("FARMWARDEN_CONFIG_FILE")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        let prefix = format!("{}/", directory.path().display());
        (output.status.code(), said.replace(&prefix, ""))
    };
    let users = format!("basic_auth_users: {{ada: '{}'}}\n", bcrypt::hash("right", 4).unwrap());
    let good = format!("{users}rate_limit: {{interval: 1s}}\n");
    let words = "web.yml: good; plain HTTP; scrape: 1 user\n\
        warning: web.yml:2:13: rate_limit.burst: with a burst of 0 every request is refused; set burst to 20 or so\n";
    assert_eq!(check(good, &[]), (Some(0), words.to_owned()));
    let tls = "tls_server_config:\n  cert_file: no.crt\n  key_file: no.key\n";
    let words = "web.yml:2:14: tls_server_config.cert_file: no.crt: cannot be read: no such file or directory\n\
        web.yml:3:13: tls_server_config.key_file: no.key: cannot be read: no such file or directory\n";
    assert_eq!(check(tls.to_owned(), &[]), (Some(2), words.to_owned()));
    let elsewhere = check(tls.to_owned(), &["--syntax-only"]);
    assert_eq!(elsewhere, (Some(0), "web.yml: good\n".to_owned()));
    let farm = directory.path().join("farm.yml");
    std::fs::write(&farm, "collectors: {phala: [{name: a}]}\n").unwrap();
    let (code, said) = check(users, &[farm.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("farm.yml:1:22: ") && said.contains("web.yml: good; "),
        "{said}"
    );
}

#[test]
fn a_remote_that_would_keep_farmwarden_from_starting_is_a_mistake() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).display().to_string();
    let config = format!(
        "journal: {{directory: {}}}\nremotes:\n  - {{name: rack-2, address: 'https://10.0.0.12:19977', caller: control,\n     \
         key_file: {}, certificate_file: {}}}\n",
        place("journal"),
        place("no.key"),
        place("no.pem")
    );
    std::fs::write(place("farm.yml"), config).unwrap();
    let (code, said) = ended(&["check-config", &place("farm.yml")]);
    assert_eq!(code, Some(2), "{said}");
    for words in [
        "farm.yml:4:16: remotes[0].key_file: ",
        "remotes[0].certificate_file: ",
        "no.pem cannot be read: no such file",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_control_socket_that_cannot_be_had_ends_the_start_only_if_it_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let flag = format!("--web.control-socket={}", path.display());
    let (code, said) = ended(&["--web.listen-address=127.0.0.1:0", &flag]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another farmwarden listens there"), "{said}");
    let mut child = farmwarden(&["--web.listen-address=127.0.0.1:0"])
        .env("RUNTIME_DIRECTORY", directory.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let said: Vec<String> = lines.take_while(|line| !line.contains("serves http://")).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.join("\n").contains("going on without it"), "{said:?}");
}

#[test]
fn a_port_in_use_ends_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = ended(&["--web.listen-address", &address]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("another program"), "{said}");
}

/// The first log lines of a farmwarden that watches this directory's mount only.
fn log_lines(format: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("farm.yml");
    let config = "collectors: {phala: [{name: dead, para: 'http://127.0.0.1:1'}]}";
    std::fs::write(&file, config).unwrap();
    let arguments = [
        "--config.file",
        file.to_str().unwrap(),
        "--web.listen-address",
        "127.0.0.1:0",
        "--web.control-socket=",
        "--log.format",
        format,
    ];
    let mut child = farmwarden(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .take(2)
        .map(Result::unwrap)
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

#[test]
fn json_log_lines_name_every_key_once() {
    let lines = log_lines("json");
    let fault = lines.last().unwrap();
    for key in ["target", "collector", "part", "reason", "message", "level", "timestamp"] {
        assert_eq!(fault.matches(&format!("\"{key}\":")).count(), 1, "{key}: {fault}");
    }
    assert!(fault.contains("\"target\":\"dead\""), "{fault}");
}

#[test]
fn logfmt_lines_name_target_and_reason() {
    let lines = log_lines("logfmt");
    let fault = lines.last().unwrap();
    assert!(
        fault.contains("target=dead") && fault.contains("reason=unreachable"),
        "{fault}"
    );
}

/// A journal with one incident that was rehearsed, and the directory that it lives in.
fn journal() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("journal");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let steps = [
        r#"{"kind": "received", "data": {"from": "http://am:9093", "alerts": [{"status": "firing",
            "fingerprint": "0000000000000007", "starts_at": "2026-11-21T09:00:00Z", "labels":
            {"alertname": "NodeStuck", "remedy": "restart_node", "target": "node-1", "entity": "para"}}]}}"#,
        r#"{"kind": "decided", "data": {"incident": "1.0", "guard": "warm_up", "words": "it only watches"}}"#,
        r#"{"kind": "rehearsed", "data": {"incident": "1.0", "words": "restart_node for para of node-1: no block for 4m",
            "plan": {"policy": "restart_node", "target": "node-1", "group": "default", "entity": "para", "rung": 0,
            "action": "restart-node", "within": "2m"}}}"#,
        r#"{"kind": "closed", "data": {"incident": "1.0", "why": "well", "words": "its alerts have ended"}}"#,
    ];
    let settings = JournalSettings::in_directory(place.clone());
    let (journal, _) = Journal::<Step>::open(settings, Clock::system(), drop).unwrap();
    for step in steps {
        let step: Step = serde_json::from_str(step).unwrap();
        runtime.block_on(journal.append(&step)).unwrap();
    }
    journal.close();
    (directory, place.display().to_string())
}

/// What a command without a configuration in its environment says, on both ways.
fn said(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = farmwarden(arguments)
        .env_remove("FARMWARDEN_CONFIG_FILE")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Without the times of this run.
fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("  record ") {
        Some((_, rest)) => format!("record {rest}"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_journal_is_told_in_words_without_a_running_farmwarden() {
    let (_guard, place) = journal();
    let at = ["--journal.directory", &place];
    let (code, out, err) = said(&[&["audit", "show", "--incident", "1.0"], &at[..]].concat());
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let expected = "record 1\n  1 alert from http://am:9093\n    firing NodeStuck: restart_node for para of node-1; opens incident 1.0\n\
        record 2  incident 1.0\n  held back by warm_up\n    restart_node for para of node-1\n    it only watches\n\
        record 3  incident 1.0\n  dry run: would do restart-node (rung 1)\n    restart_node for para of node-1\n    no block for 4m\n\
        record 4  incident 1.0\n  over: well again\n    restart_node for para of node-1\n    its alerts have ended";
    assert_eq!(without_times(&out), expected);
    let (code, out, _) = said(&[&["audit", "show", "--json"], &at[..]].concat());
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!((code, out.lines().count()), (Some(0), 4), "{out}");
    assert_eq!(
        (&last["kind"], &last["about"]["target"]),
        (&"closed".into(), &"node-1".into())
    );
    let (code, _, err) = said(&[&["audit", "show", "--incident", "9.9"], &at[..]].concat());
    assert_eq!(code, Some(1), "{err}");
    assert!(
        err.contains("nothing is recorded of incident 9.9; the first record that is kept is 1"),
        "{err}"
    );
    let (code, _, err) = said(&["audit", "show"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("--journal.directory"), "{err}");
}

#[test]
fn a_changed_journal_is_refused_with_file_and_line() {
    let (_guard, place) = journal();
    let verify = |more: &[&str]| said(&[&["audit", "verify", "--journal.directory", &place], more].concat());
    let (code, out, _) = verify(&[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.starts_with("ok    4 records, 1 to 4, in 1 file: every line fits the line before\nhead  "),
        "{out}"
    );
    let head = out.lines().find_map(|line| line.strip_prefix("head  ")).unwrap();
    let (code, out, _) = verify(&["--head", head]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("the noted head is record 4"), "{out}");
    let (code, out, _) = verify(&["--head", &"0".repeat(64)]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("FAIL  no record that is kept has the SHA-256"), "{out}");
    let file = std::path::Path::new(&place).join("journal-00000000000000000001.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("it only watches", "it only sleeps!")).unwrap();
    let (code, out, _) = verify(&[]);
    assert_eq!(code, Some(1), "{out}");
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("journal-00000000000000000001.jsonl: line 3: expected prev ") && words.contains("Keep a copy"),
        "{out}"
    );
    let (code, out, err) = said(&["audit", "show", "--journal.directory", &place]);
    assert_eq!((code, out.matches("record ").count()), (Some(1), 2), "{out}");
    assert!(err.contains("line 3: expected prev"), "{err}");
    let (code, out, _) = said(&["audit", "verify", "--journal.directory", "/no/such/place"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("the directory cannot be read: no such file or\n"), "{out}");
}

#[test]
fn a_report_says_what_a_dry_run_would_have_done_and_what_to_do_next() {
    let (guard, place) = journal();
    let file = guard.path().join("farm.yml");
    let config = format!(
        "collectors: {{phala: [{{name: node-1, para: 'http://127.0.0.1:1'}}]}}\njournal: {{directory: {place}}}\n\
         remedies:\n  policies:\n    - {{name: restart_node, symptom: node_stuck, targets: [node-1], rungs: [{{action: notify}}]}}\n"
    );
    std::fs::write(&file, config).unwrap();
    let (code, out, err) = said(&["report", "--last", "1h", "--config.file", file.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let (first, rest) = out.split_once('\n').unwrap();
    assert!(first.starts_with("4 records from 20"), "{out}");
    let expected = "
restart_node  dry run, cures node_stuck
  incidents   1 opened, 1 well by themselves
  would do    restart-node on node-1: 1
  held back   once by warm_up, 0s in all
  budget      at most 1 of 3 an hour and 1 of 10 a day on one target, 1 of 6 an
              hour and 1 of 20 a day in one group, 1 of 10 an hour and 1 of 40 a
              day in all
  next        it would have acted once on 1 target, never more than its budget;
              set `mode: act` if that is what you want
  next        1 of 1 incidents were well again by themselves; a longer `ill_for`
              waits for that
";
    assert_eq!(rest, expected);
    let (_, out, _) = said(&["report", "--json", "--journal.directory", &place]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let policy = &report["policies"][0];
    assert_eq!(
        (&policy["rehearsed"][0]["count"], policy.get("mode")),
        (&1.into(), None),
        "{out}"
    );
}
