//! The shipped units, under a real systemd: what they take away is not what farmwarden needs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::containers::{Docker, runtime};
use super::support::{Farmwarden, LONG, wait_for};
use super::units::System;

const READER: &str = "farmwarden.service";
const ACTUATOR: &str = "farmwarden-actuator.service";
pub(crate) const MOUNTER: &str = "farmwarden-mounter.service";

/// systemd's own judgement, in tenths: 100 takes nothing away.
const MOST_EXPOSED: &str = "--threshold=20";

/// Users of the services, with a group of each, and the group of the engine's socket.
const READER_USER: u32 = 990;
const ACTUATOR_USER: u32 = 991;
const DOCKER_GROUP: u32 = 993;

const PASSWD: &str = "farmwarden:x:990:990::/:/bin/false\nfarmwarden-actuator:x:991:991::/:/bin/false\n";
const GROUP: &str = "farmwarden:x:990:\nfarmwarden-actuator:x:991:\ndocker:x:993:\n";

const WATCHED: &str = "collectors: {mounts: [{name: host, interval: 2s, probe_timeout: 500ms, include: [/, /var/plots], \
                       expected: [{mount: /var/plots}]}]}\njournal: {directory: /var/lib/SERVICE/journal}\n";

/// The reader asks the other one whenever somebody asks for it.
const ASKS: &str = "remotes: [{name: actuator, socket: /run/farmwarden-actuator/remote.sock, caller: control, \
                    key_file: /etc/farmwarden/actuator.key}]\n\
                    remedies: {warm_up: 1s, policies: [{name: repair_plots, symptom: mount_missing, targets: [host], \
                    mode: act, ill_for: 1s, rungs: [{action: remote, with: {remote: actuator, policy: restart_harvester}, \
                    within: 10m, timeout: 5m, gone_for: 3s}]}]}\n";

const ACTS: &str = "callers: [{name: control, key_file: /etc/farmwarden-actuator/actuator.key, \
                    policies: [restart_harvester]}]\n\
                    engines: [{name: farm-1, socket: /docker.sock, containers: [share]}]\n\
                    remedies: {warm_up: 1s, policies: [{name: restart_harvester, symptom: mount_missing, targets: [host], \
                    mode: act, ill_for: 1s, rungs: [{action: restart-container, with: {container: share, \
                    patience: 5s}, within: 3m, timeout: 5m, gone_for: 3s}]}]}\n";

/// Whom the units are run as.
pub(crate) fn install_users(root: &Path) {
    for (file, lines) in [("etc/passwd", PASSWD), ("etc/group", GROUP)] {
        let path = root.join(file);
        fs::write(&path, fs::read_to_string(&path).unwrap() + lines).unwrap();
    }
}

/// A unit as it is shipped, but for where the program lies and what this small system does not have; and more for its service.
pub(crate) fn install_unit(root: &Path, name: &str, more: &str) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/systemd").join(name);
    let unit = fs::read_to_string(shipped).unwrap();
    assert!(unit.contains("ExecStart=/usr/local/bin/farmwarden "), "{unit}");
    let unit = unit.replace("/usr/local/bin/farmwarden ", "/farmwarden ");
    let units = root.join("etc/systemd/system");
    fs::write(units.join(name), unit).unwrap();
    let drop_in = units.join(format!("{name}.d"));
    fs::create_dir(&drop_in).unwrap();
    let text = format!(
        "[Unit]\nDefaultDependencies=no\n[Service]\nStandardError=file:{}\n{more}",
        log(name)
    );
    fs::write(drop_in.join("small-system.conf"), text).unwrap();
}

fn log(service: &str) -> String {
    format!("/var/log-of-{service}")
}

/// The units as they are shipped, with users and configurations.
fn install(root: &Path) {
    fs::copy(Farmwarden::binary(), root.join("farmwarden")).unwrap();
    for name in [READER, ACTUATOR, MOUNTER] {
        install_unit(root, name, "");
    }
    install_users(root);
    let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    for (service, user, more) in [
        ("farmwarden", READER_USER, ASKS),
        ("farmwarden-actuator", ACTUATOR_USER, ACTS),
        ("farmwarden-mounter", 0, ""),
    ] {
        let etc = root.join("etc").join(service);
        fs::create_dir(&etc).unwrap();
        let config = WATCHED.replace("SERVICE", service) + more;
        for (name, text) in [
            ("farmwarden.yml", config.as_str()),
            ("web.yml", ""),
            ("actuator.key", key),
        ] {
            let path = etc.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
            nix::unistd::chown(&path, Some(user.into()), None).unwrap();
        }
    }
}

/// Runs a program in the system; what it said.
pub(crate) fn within(docker: &Docker, program: &[&str]) -> Result<String, String> {
    let mut command = docker.client();
    let output = command.args(["exec", "systemd"]).args(program).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(text) } else { Err(text) }
}

/// Starts a service, and waits until it has looked at everything.
#[track_caller]
fn start(docker: &Docker, system: &System, service: &str) {
    // As systemd itself has it on a machine, and not in a container.
    within(docker, &["/bin/mount", "--make-rshared", "/"]).unwrap();
    let (units, unit) = (system.units(&[service]), service.parse().unwrap());
    wait_for("the service is started", LONG, || {
        let started = runtime().block_on(units.start(&unit, LONG));
        started.map_err(|failed| failed.to_string())
    });
    let socket = format!("/run/{}/control.sock", service.trim_end_matches(".service"));
    let ready = ["/farmwarden", "healthy", "--ready", "--web.control-socket", &socket];
    wait_for("it has looked at everything", LONG, || {
        let said = || within(docker, &["/bin/cat", &log(service)]).unwrap_or_else(|words| words);
        within(docker, &ready).map_err(|words| words + &said())
    });
}

/// Waits until a service's page of metrics has all of these lines. There is no network but the system's own loopback.
#[track_caller]
fn wait_for_samples(docker: &Docker, port: u16, samples: &[&str]) {
    let ask =
        r"exec 3<>/dev/tcp/127.0.0.1/PORT; printf 'GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3; cat <&3";
    let ask = &ask.replace("PORT", &port.to_string());
    wait_for("the service sees and keeps what it should", LONG, || {
        let page = within(docker, &["/bin/bash", "-c", ask])?;
        match samples.iter().find(|sample| !page.contains(**sample)) {
            Some(sample) => Err(format!("{sample}is not in:\n{page}")),
            None => Ok(()),
        }
    });
}

/// What is expected there comes later than the services.
fn mount_plots(docker: &Docker) {
    within(docker, &["/bin/mkdir", "/var/plots"]).unwrap();
    let later = ["/bin/mount", "-t", "tmpfs", "-o", "size=64m", "late", "/var/plots"];
    within(docker, &later).unwrap();
}

/// What the kernel says of a service's process.
fn status(user: u32) -> String {
    let mut processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let status = fs::read_to_string(entry.ok()?.path().join("status")).ok()?;
        Some(status)
    });
    let own = format!("\nUid:\t{user}\t");
    let found = processes.find(|status| status.contains(&own) && status.starts_with("Name:\tfarmwarden\n"));
    found.unwrap_or_else(|| panic!("no process of user {user}"))
}

#[track_caller]
fn check_powerless(status: &str) {
    for (key, expected) in [
        ("CapEff", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        let line = format!("{key}:\t{expected}\n");
        assert!(status.contains(&line), "{line}{status}");
    }
}

#[test]
fn the_hardened_service_sees_mounts_also_later_ones_and_keeps_its_journal() {
    let docker = Docker::start();
    let system = System::with(&docker, &[], install);
    let analyze = [
        "/debian/usr/bin/systemd-analyze",
        "security",
        "--offline=true",
        "--no-pager",
    ];
    for name in [READER, ACTUATOR] {
        let path = format!("/etc/systemd/system/{name}");
        let judged = within(&docker, &[&analyze[..], &[MOST_EXPOSED, &path]].concat());
        assert!(judged.is_ok(), "{judged:?}");
    }
    start(&docker, &system, READER);
    wait_for_samples(
        &docker,
        19_977,
        &[
            "farmwarden_journal_up 1\n",
            "mount_present{target=\"host\",mount=\"/\"} 1\n",
            "mount_error{target=\"host\",mount=\"/\",errno=\"none\"} 0\n",
            // In the service's own view everything is.
            "mount_read_only{target=\"host\",mount=\"/\"} 0\n",
        ],
    );
    mount_plots(&docker);
    wait_for_samples(
        &docker,
        19_977,
        &[
            "mount_size_bytes{target=\"host\",mount=\"/var/plots\"} 67108864\n",
            "mount_read_only{target=\"host\",mount=\"/var/plots\"} 0\n",
        ],
    );
    check_powerless(&status(READER_USER));
}

/// What it lets go of is let go of on the machine: it has no view of mounts of its own, and only what it needs for that.
#[test]
fn the_mounter_sees_the_mounts_of_the_machine_itself() {
    let docker = Docker::start();
    let system = System::with(&docker, &["--cap-add=SYS_PTRACE"], install);
    start(&docker, &system, MOUNTER);
    mount_plots(&docker);
    wait_for_samples(
        &docker,
        19_979,
        &["mount_present{target=\"host\",mount=\"/var/plots\"} 1\n"],
    );
    let script = "for status in /proc/[0-9]*/status; do read -r _ name <$status; [ \"$name\" != farmwarden ] || \
                  { readlink ${status%status}ns/mnt; grep ^CapEff $status; }; done; readlink /proc/1/ns/mnt";
    let said = within(&docker, &["/bin/bash", "-c", script]).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let (first, processes) = lines.split_last().unwrap();
    let (namespaces, powers): (Vec<&str>, Vec<&str>) = processes.iter().partition(|line| line.starts_with("mnt:"));
    assert!(
        !namespaces.is_empty() && namespaces.iter().all(|own| own == first),
        "{said}"
    );
    // CAP_SYS_PTRACE and CAP_SYS_ADMIN.
    assert!(powers.iter().all(|power| power.ends_with("0000000000280000")), "{said}");
}

#[test]
fn the_actuator_restarts_a_container_for_the_reader_that_has_no_engine() {
    let docker = Docker::start();
    docker.run("share", &["--restart=unless-stopped"]);
    nix::unistd::chown(&docker.socket(), None, Some(DOCKER_GROUP.into())).unwrap();
    let socket = format!("--volume={}:/docker.sock", docker.socket().display());
    let system = System::with(&docker, &[&socket], install);
    start(&docker, &system, ACTUATOR);
    start(&docker, &system, READER);
    let started = |container: &str| docker.inspect(container, "{{.State.StartedAt}}");
    let before = started("share");
    wait_for_samples(
        &docker,
        19_977,
        &["farmwarden_symptom{target=\"host\",symptom=\"mount_missing\",entity=\"/var/plots\"} 1\n"],
    );
    within(&docker, &["/farmwarden", "run", "repair_plots", "host", "/var/plots"]).unwrap();
    wait_for("the actuator has restarted the container", LONG, || {
        let told = || within(&docker, &["/farmwarden", "incidents"]).unwrap_or_else(|words| words);
        if started("share") == before {
            Err(told())
        } else {
            Ok(())
        }
    });
    mount_plots(&docker);
    wait_for_samples(
        &docker,
        19_977,
        &["farmwarden_remediation_incidents_closed_total{why=\"cured\"} 1\n"],
    );

    let (reader, actuator) = (status(READER_USER), status(ACTUATOR_USER));
    for status in [&reader, &actuator] {
        check_powerless(status);
    }
    let in_group = |status: &str| {
        let groups = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        groups.split_whitespace().any(|group| group == DOCKER_GROUP.to_string())
    };
    assert!(in_group(&actuator) && !in_group(&reader), "{reader}{actuator}");
}
