//! The image of farmwarden and the composition of it with others, on a real engine.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::json;

use super::alone::USUAL_PORTS;
use super::containers::Docker;
use super::support::{Farmwarden, LONG, Simfarm, debian, directory, free_port, handed_over, http, same, wait_for};

const IMAGE: &str = concat!("farmwarden:", env!("CARGO_PKG_VERSION"));

/// In the composition health is asked for every 30 s.
const HEALTHY_WITHIN: Duration = Duration::from_secs(180);

/// What an engine itself puts into every container.
const OF_THE_ENGINE: [&str; 5] = [".dockerenv", "dev/", "etc/", "proc/", "sys/"];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    text(&output)
}

/// Runs `docker/build`, with the programs under test.
fn build(docker: &Docker, options: &[&str]) -> String {
    let client = debian("usr/bin/docker").display().to_string();
    let mut command = Command::new(repository("docker/build"));
    command.args(options);
    command.env(
        "DOCKER",
        format!("{client} --host unix://{}", docker.socket().display()),
    );
    command.env("FARMWARDEN_BIN", Farmwarden::binary());
    command.env("SIMFARM_BIN", handed_over("E2E_SIMFARM"));
    run(&mut command)
}

/// Every path of the image as owner, group and name, and what the engine itself adds left out.
fn content(docker: &Docker) -> BTreeSet<String> {
    run(docker.client().args(["create", "--name=never-started", IMAGE]));
    let place = directory();
    let archive = place.path().join("content.tar");
    run(docker
        .client()
        .args(["export", "never-started", "--output"])
        .arg(&archive));
    let listing = run(Command::new("tar").args(["--numeric-owner", "-tvf"]).arg(&archive));
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (owner, name) = (words[1], words[5]);
        let own = !OF_THE_ENGINE.iter().any(|theirs| name.starts_with(theirs));
        own.then(|| format!("{owner} {name}"))
    };
    listing.lines().filter_map(line).collect()
}

/// A line of `/proc/PID/status` of the first process of a container.
fn status(docker: &Docker, container: &str, key: &str) -> String {
    let pid = docker.inspect(container, "{{.State.Pid}}");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_start_matches(':')
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned()
}

#[track_caller]
fn wait_until_healthy(docker: &Docker, container: &str) {
    wait_for(&format!("{container} is healthy"), HEALTHY_WITHIN, || {
        let seen = docker.inspect(container, "{{.State.Status}} {{.State.Health.Status}}");
        let log = docker.inspect(container, "{{json .State.Health.Log}}");
        same(&seen.as_str(), &"running healthy").map_err(|words| format!("{words}: {log}"))
    });
}

/// As docs/install.md starts it; health is asked for more often.
fn start(docker: &Docker, name: &str, etc: &Path, port: u16) {
    let etc = format!("--volume={}:/etc/farmwarden:ro", etc.display());
    docker.run_image(
        IMAGE,
        &[
            "--name",
            name,
            "--network=host",
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--tmpfs=/run/farmwarden:uid=65532,gid=65532,mode=0700",
            &format!("--volume={name}:/var/lib/farmwarden"),
            &etc,
            "--health-interval=1s",
        ],
        &[
            "--web.config.file=/etc/farmwarden/web.yml",
            &format!("--web.listen-address=127.0.0.1:{port}"),
        ],
    );
}

/// A directory that other users can read, like `/etc/farmwarden`.
fn etc(farm: &Simfarm, web: &str) -> tempfile::TempDir {
    let place = directory();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let config = json!({
        "collectors": {"phala": [{
            "name": "node-1", "para": format!("http://{}", farm.place("substrate", "para")),
            "interval": "1s", "timeout": "900ms",
        }]},
        "journal": {"directory": "/var/lib/farmwarden/journal"},
    });
    fs::write(place.path().join("farmwarden.yml"), config.to_string()).unwrap();
    fs::write(place.path().join("web.yml"), web).unwrap();
    place
}

#[test]
fn the_image_is_the_program_alone_and_runs_read_only_without_root_and_powers() {
    let docker = Docker::start();
    assert!(build(&docker, &[]).contains(IMAGE));
    let own = [
        "0/0 farmwarden",
        "0/0 run/",
        "0/0 var/",
        "0/0 var/lib/",
        "65532/65532 run/farmwarden/",
        "65532/65532 var/lib/farmwarden/",
    ];
    assert_eq!(content(&docker), own.map(str::to_owned).into());

    let farm = Simfarm::start(&["--substrate", "para=127.0.0.1:0"]);
    let (plain, port) = (etc(&farm, ""), free_port());
    start(&docker, "plain", plain.path(), port);
    wait_until_healthy(&docker, "plain");
    let address = format!("127.0.0.1:{port}");
    wait_for("it is scraped", LONG, || {
        let page = http::get(&address, "/metrics", &[])?.text();
        let up = "farmwarden_target_up{collector=\"phala\",target=\"node-1\",part=\"para\"} 1\n";
        let journal = "farmwarden_journal_up 1\n";
        if page.contains(up) && page.contains(journal) {
            Ok(())
        } else {
            Err(page)
        }
    });
    for (key, expected) in [
        ("Uid", "65532"),
        ("Gid", "65532"),
        ("CapEff", "0000000000000000"),
        ("NoNewPrivs", "1"),
    ] {
        assert_eq!(status(&docker, "plain", key), expected, "{key}");
    }
    assert_eq!(docker.inspect("plain", "{{.HostConfig.ReadonlyRootfs}}"), "true");
    let program = ["exec", "plain", "/farmwarden"];
    let ready = run(docker.client().args(program).args(["healthy", "--ready"]));
    assert!(
        ready.starts_with("farmwarden is ready (/run/farmwarden/control.sock)"),
        "{ready}"
    );
    let shell = docker.client().args(["exec", "plain", "/bin/sh"]).output().unwrap();
    assert!(
        !shell.status.success() && text(&shell).contains("no such file"),
        "{}",
        text(&shell)
    );
    run(docker.client().args(["stop", "plain"]));
    assert_eq!(docker.inspect("plain", "{{.State.ExitCode}}"), "0");
    // The journal is there for the next one.
    start_again_with_the_journal(&docker, "plain", &address);
}

fn start_again_with_the_journal(docker: &Docker, container: &str, address: &str) {
    run(docker.client().args(["start", container]));
    wait_for("the journal goes on", LONG, || {
        let page = http::get(address, "/metrics", &[])?.text();
        if page.contains("farmwarden_journal_up 1\n") {
            Ok(())
        } else {
            Err(page)
        }
    });
}

#[test]
fn health_is_green_behind_client_certificates_too() {
    let docker = Docker::start();
    build(&docker, &[]);
    let farm = Simfarm::start(&["--substrate", "para=127.0.0.1:0"]);
    let web = "tls_server_config:\n  cert_file: farm.crt\n  key_file: farm.key\n  client_ca_file: farm.crt\n  \
               client_auth_type: RequireAndVerifyClientCert\n";
    let (place, port) = (etc(&farm, web), free_port());
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(place.path().join("farm.crt"), certified.cert.pem()).unwrap();
    let key = place.path().join("farm.key");
    fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    nix::unistd::chown(&key, Some(65532.into()), None).unwrap();
    start(&docker, "guarded", place.path(), port);
    wait_until_healthy(&docker, "guarded");
    // Whoever comes without a certificate, or without TLS, is not told.
    let plain = http::get(&format!("127.0.0.1:{port}"), "/-/healthy", &[]);
    assert!(!matches!(&plain, Ok(answer) if answer.status == 200), "{plain:?}");
}

/// Compose of Debian: older than the current one, and strict about keys that it does not know.
fn compose(docker: &Docker, directory: &Path) -> Command {
    let packages = ["usr/lib/python3/dist-packages", "usr/lib/python3.11"];
    let packages = packages.map(|path| handed_over("E2E_DEBIAN").join(path).display().to_string());
    let mut command = Command::new(handed_over("E2E_PYTHON"));
    command.env("PYTHONPATH", packages.join(":"));
    command.args(["-m", "compose", "--host"]);
    command.arg(format!("unix://{}", docker.socket().display()));
    command.args(["--project-name", "farmwarden", "--profile", "demo", "--file"]);
    command.arg(directory.join("docker/compose.yml"));
    command.env("FARMWARDEN_ETC", "./demo");
    command
}

/// What of the repository it mounts, in a place that other users can read.
fn composition() -> tempfile::TempDir {
    let place = directory();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let docker = place.path().join("docker");
    run(Command::new("cp").arg("-r").arg(repository("docker")).arg(&docker));
    run(&mut Command::new(docker.join("secrets/make")));
    let file = docker.join("compose.yml");
    let text = fs::read_to_string(&file).unwrap();
    // The one key that this Compose does not know.
    assert!(text.contains("\nname: farmwarden\n"));
    fs::write(&file, text.replace("\nname: farmwarden\n", "\n")).unwrap();
    place
}

#[test]
fn the_composition_is_read_and_its_own_images_run_in_the_demo() {
    let _alone = USUAL_PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let docker = Docker::start();
    build(&docker, &["--demo"]);
    let place = composition();
    let read = run(compose(&docker, place.path()).arg("config"));
    for service in ["alertmanager", "farmwarden", "grafana", "prometheus", "simfarm"] {
        assert!(read.contains(&format!("\n  {service}:\n")), "{service}: {read}");
    }
    assert!(
        !read.contains("docker.sock"),
        "no engine's socket is mounted anywhere: {read}"
    );
    assert_eq!(read.matches("read_only: true").count(), 5, "{read}");

    // Some parts of a farm are asked every five minutes only.
    run(compose(&docker, place.path()).args(["up", "--detach", "simfarm"]));
    wait_for("the farm listens", LONG, || {
        std::net::TcpStream::connect("127.0.0.1:14300").map_err(|e| e.to_string())
    });
    run(compose(&docker, place.path()).args(["up", "--detach", "farmwarden"]));
    let address = "127.0.0.1:19977";
    wait_for("every target is well", LONG, || {
        let report = http::get_json(address, "/api/v1/targets")?;
        let targets = report["targets"].as_array().unwrap().clone();
        let well = targets.iter().filter(|target| target["state"] == "well").count();
        if (well, targets.len()) == (3, 3) {
            Ok(())
        } else {
            Err(report["verdict"].to_string())
        }
    });
    let token = fs::read_to_string(place.path().join("docker/secrets/alerts.token")).unwrap();
    let alerts = json!({
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "chat", "groupLabels": {},
        "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am", "alerts": [{
            "status": "firing", "labels": {"alertname": "Drill"}, "annotations": {"summary": "a drill"},
            "startsAt": "2026-11-21T09:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
            "fingerprint": "0000000000000001",
        }],
    });
    for (path, token, status) in [
        ("/alerts", token.as_str(), 200),
        ("/chat/operators", &token, 200),
        ("/alerts", "x", 401),
    ] {
        let authorization = format!("Authorization: Bearer {token}");
        let request = format!("POST {path} HTTP/1.0");
        let headers = ["Content-Type: application/json", &authorization];
        let answer = http::exchange(address, &request, &headers, &alerts.to_string()).unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    wait_until_healthy(&docker, "farmwarden");
    run(compose(&docker, place.path()).args(["down", "--volumes"]));
}
