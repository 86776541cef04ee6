//! The commands that answer "why": what they print for people, and their exit codes.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "the binary itself is under test")]

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::json;
use simfarm::substrate::Node;
use simfarm::venus::{Perm, Service, Venus};

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the binary, without waiting on the thread that serves the stand-ins.
async fn farmwarden(arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farmwarden"));
    command.args(arguments).env_remove("FARMWARDEN_CONFIG_FILE");
    run(command).await
}

async fn run(mut command: Command) -> Said {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output { status, stdout, stderr } = output.await.unwrap();
    Said {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

async fn node(settings: serde_json::Value) -> Node {
    let node = Node::start("127.0.0.1:0").await.unwrap();
    node.set(settings).await.unwrap();
    node
}

/// A configuration file in a directory that lives as long as the guard.
fn config(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("farm.yml");
    std::fs::write(&file, text).unwrap();
    (directory, file)
}

/// Without what differs from run to run: times, and where the stand-in listens.
fn stable(text: &str, address: &str) -> String {
    let mut out = String::new();
    for line in text.replace(address, "NODE").lines() {
        let line = match line.rsplit_once(" (") {
            Some((words, took)) if took.ends_with("s)") => words,
            _ => line,
        };
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_shows_every_step_of_a_node_that_is_well() {
    let node = node(json!({"block_time_ms": 0, "best": 4242, "finalized": 4239, "highest": 4250, "peers": 7})).await;
    let address = node.addr().to_string();
    node.block(1);
    let said = farmwarden(&["doctor", "--as", "phala", &format!("http://{address}")]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let text = stable(&said.out, &address);
    let head = "  phala\n  para  http://NODE\n    name        ok    an address, nothing to look up\n    \
                connect     ok    to NODE\n    tls         -     not used\n    authorised  -     not used\n    answers     ok\n    \
                parses      ok\n    fresh       ok    Khala: best block 4243, made ";
    assert!(
        text.contains(head) && text.contains("7 peers\n\n1 target, all well.\n"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_tells_a_dead_an_ill_and_a_well_target_apart_and_says_what_to_do() {
    let ill =
        node(json!({"block_time_ms": 0, "best": 50, "peers": 1, "head_timestamp_ms": 1_700_000_000_000_u64})).await;
    let text = format!(
        "collectors:\n  phala:\n    - {{name: ill, para: 'http://{}'}}\n    - {{name: dead, para: 'http://127.0.0.1:1'}}\n",
        ill.addr()
    );
    let (_guard, file) = config(&text);
    let said = farmwarden(&["doctor", "--config.file", file.to_str().unwrap()]).await;
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    for words in [
        "    fresh       FAIL  Khala: best block 50, made ",
        "  ILL  node_head_old\n",
        "  ILL  node_few_peers\n        para: 1 peers (at least 3)\n        what to do: ",
        "    connect     FAIL  connection refused",
        "    not tried   -     tls, authorised, answers, parses, fresh\n    what to do: Nothing listens there.",
        "2 of 2 targets not well.",
    ] {
        assert!(said.out.contains(words), "{words}\n{}", said.out);
    }
    let order = [said.out.find("ill  phala"), said.out.find("dead  phala")];
    assert!(order[0] < order[1] && order[0].is_some(), "{}", said.out);
    assert!(!said.out.contains('\u{1b}'), "no colours in a pipe: {}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_and_check_config_say_what_stands_in_the_way_of_repairs() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path().display();
    std::fs::create_dir(place.path().join("journal")).unwrap();
    std::fs::write(place.path().join("journal/notes.txt"), "").unwrap();
    let text = format!(
        "journal: {{directory: '{at}/journal'}}\nengines: [{{name: here, socket: '{at}/none.sock', containers: [node]}}]\n"
    );
    let (_guard, file) = config(&text);
    let file = file.to_str().unwrap();
    let said = farmwarden(&["doctor", "--config.file", file]).await;
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    let out = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "repairs ok journal ".to_owned(),
        "0 records, the chain holds; ".to_owned(),
        "1 files are not of the journal (notes.txt): give it a directory of its own".to_owned(),
        "FAIL node at here: engine here ".to_owned(),
    ] {
        assert!(out.contains(&words), "{words}\n{}", said.out);
    }
    let said = farmwarden(&["check-config", file]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    for words in [
        "warning: the journal: 1 files are not",
        "warning: engine here: ",
        "no such file",
    ] {
        assert!(said.err.contains(words), "{words}\n{}", said.err);
    }
    let said = farmwarden(&["check-config", "--syntax-only", file]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_the_step_at_which_an_answer_fails() {
    for (incident, step) in [
        (json!({"incident": "status", "status": 403}), "authorised  FAIL"),
        (json!({"incident": "status", "status": 500}), "answers     FAIL"),
        (json!({"incident": "html"}), "parses      FAIL"),
    ] {
        let node = node(incident.clone()).await;
        let said = farmwarden(&["doctor", "--as", "phala", &format!("http://{}", node.addr())]).await;
        assert_eq!(said.code, Some(1), "{}", said.out);
        assert!(
            said.out.contains(step) && said.out.contains("what to do:"),
            "{incident}: {}",
            said.out
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_goes_on_for_as_long_as_it_is_asked_to() {
    let node = node(json!({"block_time_ms": 0, "best": 100})).await;
    node.block(1);
    let text = format!(
        "collectors: {{phala: [{{name: n, interval: 1s, timeout: 500ms, para: 'http://{}'}}]}}",
        node.addr()
    );
    let (_guard, file) = config(&text);
    let said = farmwarden(&[
        "doctor",
        "--config.file",
        file.to_str().unwrap(),
        "--for",
        "2500ms",
        "n",
    ])
    .await;
    assert!(said.out.contains("has not risen for 2s"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_walks_the_way_again_while_it_looks() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!(
        "collectors: {{phala: [{{name: n, interval: 1s, timeout: 500ms, para: 'http://{}'}}]}}",
        listener.local_addr().unwrap()
    );
    // The first walk, and the first question; then nobody listens there any more.
    tokio::spawn(async move {
        let walk = listener.accept().await.unwrap();
        let question = listener.accept().await.unwrap();
        drop((walk, question, listener));
    });
    let (_guard, file) = config(&text);
    let said = farmwarden(&["doctor", "--config.file", file.to_str().unwrap(), "--for", "1500ms"]).await;
    assert!(
        said.out.contains("connect     FAIL  connection refused"),
        "{}",
        said.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_what_a_status_and_a_missing_token_mean() {
    for (incident, words) in [
        (json!({"incident": "status", "status": 503}), "a proxy in front of it"),
        (
            json!({"incident": "status", "status": 307}),
            "points to another address",
        ),
        (
            json!({"token": "a-token-of-the-node"}),
            "wants credentials (HTTP 401), and none are configured",
        ),
        (json!({"incident": "truncated"}), "It took the connection and cut it"),
    ] {
        let node = node(incident.clone()).await;
        let said = farmwarden(&["doctor", "--as", "phala", &format!("http://{}", node.addr())]).await;
        let told = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(words), "{incident}: {}", said.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_kinds_that_nobody_has_are_refused_with_near_ones() {
    let (_guard, file) = config("collectors: {phala: [{name: node-1, para: 'http://127.0.0.1:1'}]}");
    let file = file.to_str().unwrap();
    for (arguments, words) in [
        (
            vec!["doctor", "--config.file", file, "nod-1"],
            format!("farmwarden: there is no target `nod-1` in {file}; did you mean node-1?\nknown: node-1\n"),
        ),
        (
            vec!["doctor", "--as", "fala", "http://127.0.0.1:1"],
            "farmwarden: there is no kind `fala` of target; did you mean phala?\nknown: phala, prb, venus, chia, mounts\n".to_owned(),
        ),
        (
            vec!["collect", "mounts", "nas"],
            "farmwarden: there is no target `nas` of mounts in what this machine has (no --config.file is given); there \
             is none at all\nnor is it an address: only this machine can be looked at; its name is `host`\n"
                .to_owned(),
        ),
    ] {
        let said = farmwarden(&arguments).await;
        assert_eq!((said.code, said.err.as_str()), (Some(2), words.as_str()), "{arguments:?}");
        assert_eq!(said.out, "");
    }
}

#[tokio::test]
async fn an_address_with_a_password_is_never_repeated() {
    let address = "http://u:hunter2@10.0.0.11:9944";
    for arguments in [
        &["doctor", address][..],
        &["doctor", "--as", "phala", address],
        &["doctor", "--as", address, "x"],
        &["collect", "phala", address],
        &["collect", address, "x"],
        &["collect", "mounts", address],
        &["explain", address],
        &["explain", "mount_stuck", "--url", address],
        &["doctor", "--for", address],
        &["--web.listen-address", address],
        &["--web.allowed-host", address],
        &["serve", address],
        &[address],
    ] {
        let said = farmwarden(arguments).await;
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        let all = said.out + &said.err;
        assert!(!all.contains("hunter2") && !all.is_empty(), "{arguments:?}: {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn collect_prints_samples_of_a_target_and_its_symptoms() {
    let node = node(json!({"block_time_ms": 0, "best": 50, "peers": 1})).await;
    let text = format!(
        "collectors: {{phala: [{{name: node-1, para: 'http://{}'}}]}}",
        node.addr()
    );
    let (_guard, file) = config(&text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_farmwarden"));
    command
        .args(["collect", "phala", "node-1"])
        .env("FARMWARDEN_CONFIG_FILE", &file);
    let said = run(command).await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for line in [
        "farmwarden_target_up{collector=\"phala\",target=\"node-1\",part=\"para\"} 1\n",
        "phala_node_best_block_height{target=\"node-1\",chain=\"para\"} 50\n",
        "farmwarden_symptom{target=\"node-1\",symptom=\"node_few_peers\",entity=\"para\"} 1\n",
        "# TYPE farmwarden_target_failures_total counter\n",
    ] {
        assert!(said.out.contains(line), "{line}\n{}", said.out);
    }
    assert!(!said.out.contains("EOF"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn collect_says_what_failed_and_writes_what_is_known_all_the_same() {
    let said = farmwarden(&["collect", "phala", "http://127.0.0.1:1", "--format", "openmetrics"]).await;
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "farmwarden: http://127.0.0.1:1: chain_getHeader: connection refused\n"
    );
    assert!(
        said.out.contains("part=\"para\"} 0\n") && said.out.ends_with("# EOF\n"),
        "{}",
        said.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn collect_reads_the_mounts_of_this_machine() {
    let said = farmwarden(&["collect", "mounts", "host"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.out.contains("\nmount_present{target=\"host\",mount=\"/\"} 1\n"),
        "{}",
        said.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_tells_thresholds_and_asks_the_farmwarden_that_runs() {
    let (_guard, file) = config(
        "collectors:\n  phala:\n    - {name: a, para: 'http://h'}\n    - {name: b, para: 'http://h'}\n    \
         - {name: c, para: 'http://h', thresholds: {stuck_after: 10m}}\n",
    );
    let file = file.to_str().unwrap();
    let nobody = "http://127.0.0.1:1";
    let said = farmwarden(&["explain", "node_stuck", "--config.file", file, "--url", nobody]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let end = "  begins at\n    thresholds.stuck_after of phala\n      default 5m\n      5m for a, b\n      10m for c\n  \
               seen now\n    nobody to ask: ";
    assert!(
        said.out.starts_with("node_stuck\n  means       The node answers"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains(end) && said.out.contains("what to do  "),
        "{}",
        said.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_lists_every_symptom_and_refuses_others_with_near_ones() {
    let said = farmwarden(&["explain"]).await;
    assert_eq!(said.code, Some(0));
    for symptom in farmwarden::collectors::symptoms() {
        assert!(said.out.contains(&format!("{}\n  ", symptom.name)), "{}", said.out);
    }
    let said = farmwarden(&["explain", "nodestuck"]).await;
    assert_eq!(said.code, Some(2));
    let words = "farmwarden: there is no symptom `nodestuck` that farmwarden knows; did you mean node_stuck?\nknown: ";
    assert!(said.err.starts_with(words) && said.out.is_empty(), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn discover_writes_a_configuration_once_and_for_owner_and_group() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("farm.yml");
    let path = file.to_str().unwrap();
    let said = farmwarden(&["discover", "--write", path]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.contains(&format!("{path} is written")), "{}", said.out);
    // Whatever the umask takes away, others have nothing.
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o137, 0);
    let settings = farmwarden::config::Settings::read(&file, farmwarden::config::Secrets::Ignored).unwrap();
    assert_eq!(settings.collectors.mounts[0].name.as_str(), "host");

    std::fs::write(&file, "mine").unwrap();
    let said = farmwarden(&["discover", "--write", path]).await;
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        format!("farmwarden: {path} was not written: it is there already and is left as it is\n")
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variable_names_the_configuration_of_every_command() {
    for arguments in [
        &["doctor"][..],
        &["collect", "phala", "x"],
        &["explain", "node_stuck"],
        &["serve"],
        &[],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farmwarden"));
        command
            .args(arguments)
            .env("FARMWARDEN_CONFIG_FILE", "/no/such/farm.yml");
        let said = run(command).await;
        assert_eq!(said.code, Some(2), "{arguments:?}");
        assert_eq!(
            said.err,
            "farmwarden: /no/such/farm.yml: cannot be read: no such file or directory\n"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn manual_pages_are_written_where_they_are_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let said = farmwarden(&["man", "--dir", directory.path().to_str().unwrap()]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let page = std::fs::read_to_string(directory.path().join("farmwarden-doctor.1")).unwrap();
    assert!(page.contains("farmwarden doctor"), "{page}");
    let said = farmwarden(&["man", "--dir", "/no/such/directory"]).await;
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "farmwarden: /no/such/directory/farmwarden.1 was not written: no such file or directory\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_asks_the_chain_about_those_whom_other_services_name_in_the_same_look() {
    let farm = Venus::start("127.0.0.1").await.unwrap();
    let services = [
        ("nodes", &farm.node),
        ("messagers", &farm.messager),
        ("miner_services", &farm.miner),
    ];
    let entry = |(key, service): (&str, &Service)| format!("      {key}: [{{url: 'http://{}'}}]\n", service.addr());
    let entries = services.map(entry).concat();
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("venus.token");
    std::fs::write(&token, farm.token(Perm::Admin)).unwrap();
    let (_guard, file) = config(&format!(
        "collectors:\n  venus:\n    - name: venus-1\n      token_file: {}\n{entries}",
        token.display()
    ));
    let said = farmwarden(&["doctor", "--config.file", file.to_str().unwrap()]).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    for words in [" - 2 wallets\n", " - 1 miner\n"] {
        assert!(said.out.contains(words), "{words}\n{}", said.out);
    }
}
