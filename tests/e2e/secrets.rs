//! A secret shows nowhere: not in logs, pages, answers, metrics, errors, or the list of processes.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::support::{Farmwarden, LONG, Simfarm, directory, http, wait_for};

const IN_URL: &str = "marker-in-a-url-5e1f";
const IN_FILE: &str = "marker-in-a-file-8c2a";
const IN_ENVIRONMENT: &str = "marker-in-the-environment-77d0";
const PASSWORD: &str = "marker-password-1b9e";
const CONTROL_TOKEN: &str = "marker-control-token-4f1d";
const WRONG: &str = "marker-of-somebody-else-90aa";

/// All that is to be found nowhere, and a hash, which is as good as its password.
struct Markers {
    hash: String,
}

impl Markers {
    #[track_caller]
    fn absent_from(&self, what: &str, text: &str) {
        let markers = [
            IN_URL,
            IN_FILE,
            IN_ENVIRONMENT,
            PASSWORD,
            CONTROL_TOKEN,
            WRONG,
            &self.hash,
        ];
        for marker in markers {
            assert!(!text.contains(marker), "{marker} shows in {what}:\n{text}");
        }
    }
}

/// Three nodes that want a secret, and get it; one that gets the wrong one.
fn config(farm: &Simfarm, directory: &Path) -> String {
    let place = |name| farm.place("substrate", name);
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let often = "interval: 1s, timeout: 900ms";
    format!(
        "collectors:\n  mounts: [{{name: host, interval: 2s, probe_timeout: 500ms, include: ['/']}}]\n  phala:\n    \
         - {{name: url, para: 'http://{}/v1/{IN_URL}?apikey={IN_URL}', {often}}}\n    \
         - {{name: file, para: 'http://{}', bearer_token_file: '{}', {often}}}\n    \
         - {{name: environment, para: 'ws://{}', bearer_token_env: NODE_TOKEN, {often}}}\n    \
         - {{name: wrong, para: 'http://{}', bearer_token_file: '{}', {often}}}\n",
        place("plain"),
        place("guarded"),
        file("token", IN_FILE),
        place("variable"),
        place("guarded"),
        file("wrong", WRONG),
    )
}

fn web(markers: &Markers, directory: &Path) -> String {
    let token = directory.join("control.token");
    fs::write(&token, CONTROL_TOKEN).unwrap();
    format!(
        "basic_auth_users: {{ada: '{}'}}\nscopes: {{control: {{bearer_token_file: '{}'}}}}\n",
        markers.hash,
        token.display()
    )
}

fn all_that_is_said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn secrets_show_nowhere_while_it_runs() {
    // Cost 4 is the lowest: this is about what is shown.
    let markers = Markers {
        hash: bcrypt::hash(PASSWORD, 4).unwrap(),
    };
    let farm = Simfarm::start(&[
        "--substrate",
        "plain=127.0.0.1:0",
        "--substrate",
        "guarded=127.0.0.1:0",
        "--substrate",
        "variable=127.0.0.1:0",
    ]);
    farm.set("substrate/guarded", &json!({"token": IN_FILE}));
    farm.set("substrate/variable", &json!({"token": IN_ENVIRONMENT}));
    let place = directory();
    let (file, web_file, socket) = (
        place.path().join("farm.yml"),
        place.path().join("web.yml"),
        place.path().join("run/control.sock"),
    );
    fs::write(&file, config(&farm, place.path())).unwrap();
    fs::write(&web_file, web(&markers, place.path())).unwrap();
    let mut command = Command::new(Farmwarden::binary());
    command
        .args(["--web.listen-address", "127.0.0.1:0", "--log.level", "trace"])
        .args(["--web.enable-lifecycle", "--config.file"])
        .arg(&file)
        .arg("--web.config.file")
        .arg(&web_file)
        .arg("--web.control-socket")
        .arg(&socket)
        .env("NODE_TOKEN", IN_ENVIRONMENT);
    let mut warden = Farmwarden::run(&mut command, directory());
    let login = format!(
        "Authorization: Basic {}",
        BASE64_STANDARD.encode(format!("ada:{PASSWORD}"))
    );
    let control = format!("Authorization: Bearer {CONTROL_TOKEN}");
    let page = wait_for("three nodes are up and one is refused", LONG, || {
        warden.process.running()?;
        let page = http::get(&warden.address, "/metrics", &[&login])?.text();
        let up = |target: &str, value: u8| {
            page.contains(&format!(
                "farmwarden_target_up{{collector=\"phala\",target=\"{target}\",part=\"para\"}} {value}\n"
            ))
        };
        if up("url", 1) && up("file", 1) && up("environment", 1) && up("wrong", 0) {
            Ok(page)
        } else {
            Err(page)
        }
    });
    markers.absent_from("the metrics", &page);
    assert!(page.contains("reason=\"unauthorized\""), "{page}");

    answers(&markers, &warden.address, &login);
    // The password in the URL, as people paste it, and a reload that fails and one that does not.
    http::get(&warden.address, &format!("/metrics?password={PASSWORD}"), &[&login]).unwrap();
    for (text, status) in [
        (
            format!("collectors: {{phala: [{{name: a, para: 'http://u:{WRONG}@h'}}]}}"),
            500,
        ),
        (config(&farm, place.path()), 200),
    ] {
        fs::write(&file, text).unwrap();
        let answer = http::post(&warden.address, "/-/reload", &[&control]).unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
        markers.absent_from("the answer of a reload", &answer.text());
    }
    markers.absent_from("the log", &warden.process.log());
    assert!(
        warden.process.log().contains("level=debug"),
        "nothing of interest was logged"
    );
    let pid = warden.process.pid().as_raw();
    wait_for("a child to look at", LONG, || {
        warden.process.running()?;
        processes(&markers, pid)
    });

    commands(&markers, &file);
}

/// What every route says to whom it knows, and to whom it does not.
#[track_caller]
fn answers(markers: &Markers, address: &str, login: &str) {
    for path in [
        "/",
        "/?all",
        "/api/v1/targets",
        "/api/v1/sd",
        "/-/ready",
        "/probe?target=wrong",
        "/nothing",
    ] {
        for header in [
            login,
            "Authorization: Basic YWRhOndyb25n",
            "Authorization: Bearer nobody",
            "X: y",
        ] {
            let answer = http::get(address, path, &[header]).unwrap();
            markers.absent_from(path, &(answer.headers.clone() + &answer.text()));
        }
    }
}

/// What the commands say about the same configuration.
#[track_caller]
fn commands(markers: &Markers, file: &Path) {
    for arguments in [
        vec!["doctor", "--config.file"],
        vec!["check-config", "--config.file"],
        vec!["explain", "node_stuck", "--config.file"],
    ] {
        let output = Command::new(Farmwarden::binary())
            .args(&arguments)
            .arg(file)
            .env("NODE_TOKEN", IN_ENVIRONMENT)
            .output();
        let said = all_that_is_said(&output.unwrap());
        assert!(said.len() > 50, "{arguments:?} says nothing: {said}");
        markers.absent_from(&format!("{arguments:?}"), &said);
    }
    for target in ["url", "file", "wrong"] {
        let mut collect = Command::new(Farmwarden::binary());
        collect
            .args(["collect", "phala", target, "--config.file"])
            .arg(file)
            .env("NODE_TOKEN", IN_ENVIRONMENT);
        markers.absent_from("collect", &all_that_is_said(&collect.output().unwrap()));
    }
}

/// The command lines of the process and of its children, and what the children got as environment. Between two rounds there
/// may be no child.
#[track_caller]
fn processes(markers: &Markers, pid: i32) -> Result<(), String> {
    let read = |path: String| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    markers.absent_from("the list of processes", &read(format!("/proc/{pid}/cmdline")));
    let children = read(format!("/proc/{pid}/task/{pid}/children"));
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_threads =
        threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default());
    let mut seen = 0;
    for child in of_threads
        .chain([children])
        .flat_map(|all| all.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    {
        seen += 1;
        markers.absent_from("the command line of a child", &read(format!("/proc/{child}/cmdline")));
        markers.absent_from("the environment of a child", &read(format!("/proc/{child}/environ")));
    }
    if seen == 0 {
        return Err("it has no children".to_owned());
    }
    Ok(())
}

#[test]
fn secrets_in_wrong_places_are_not_repeated() {
    let markers = Markers {
        hash: "$2y$04$notused".to_owned(),
    };
    let place = directory();
    let file = place.path().join("farm.yml");
    for text in [
        format!("collectors: {{phala: [{{name: a, para: 'http://admin:{WRONG}@127.0.0.1'}}]}}"),
        format!("collectors: {{phala: [{{name: a, para: {WRONG}}}]}}"),
        format!("collectors: {{phala: [{{name: a, para: 'http://h', bearer_token: {WRONG}}}]}}"),
        format!("collectors: {{phala: [{{name: a, para: 'http://h', bearer_token_file: [{WRONG}]}}]}}"),
        format!("collectors: {{phala: [{{name: a, para: 'http://h', bearer_token_file: {{x: {WRONG}}}}}]}}"),
        format!("collectors: {{phala: [{{name: a, para: 'http://h', password: {WRONG}: x}}]}}"),
        format!("collectors:\n  phala:\n    - name: a\n      token: \"{WRONG}\n"),
    ] {
        fs::write(&file, &text).unwrap();
        for command in [
            &["check-config", "--config.file"][..],
            &["--config.file"],
            &["doctor", "--config.file"],
        ] {
            let output = Command::new(Farmwarden::binary())
                .args(command)
                .arg(&file)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{text}");
            let said = all_that_is_said(&output);
            assert!(said.contains("farm.yml:"), "{said}");
            markers.absent_from(&format!("{command:?} of {text}"), &said);
        }
    }
}
