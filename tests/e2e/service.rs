//! The shipped units, under a real systemd: what they take away is not what farmwarden needs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::containers::{Docker, runtime};
use super::support::{Farmwarden, LONG, wait_for};
use super::units::System;

const UNIT: &str = "farmwarden.service";
const USER: u32 = 990;
const LOG: &str = "/var/farmwarden.log";
const DROP_IN: &str = "[Unit]\nDefaultDependencies=no\n[Service]\nStandardError=file:/var/farmwarden.log\n";

/// systemd's own judgement, in tenths: 100 takes nothing away.
const MOST_EXPOSED: &str = "--threshold=20";

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/systemd").join(name);
    fs::read_to_string(path).unwrap()
}

/// The units as they are shipped, but for where the program lies and what this small system does not have.
fn install(root: &Path) {
    fs::copy(Farmwarden::binary(), root.join("farmwarden")).unwrap();
    let units = root.join("etc/systemd/system");
    for name in [UNIT, "farmwarden-actuator.service"] {
        let unit = shipped(name);
        assert!(unit.contains("ExecStart=/usr/local/bin/farmwarden "), "{unit}");
        fs::write(
            units.join(name),
            unit.replace("/usr/local/bin/farmwarden ", "/farmwarden "),
        )
        .unwrap();
    }
    let drop_in = units.join("farmwarden.service.d");
    fs::create_dir(&drop_in).unwrap();
    fs::write(drop_in.join("small-system.conf"), DROP_IN).unwrap();
    for (file, line) in [
        ("etc/passwd", format!("farmwarden:x:{USER}:{USER}::/:/bin/false\n")),
        ("etc/group", format!("farmwarden:x:{USER}:\n")),
    ] {
        let path = root.join(file);
        let text = fs::read_to_string(&path).unwrap() + &line;
        fs::write(&path, text).unwrap();
    }
    let etc = root.join("etc/farmwarden");
    fs::create_dir(&etc).unwrap();
    let config = "collectors: {mounts: [{name: host, interval: 2s, probe_timeout: 500ms, include: [/, /var/plots]}]}\n\
                  journal: {directory: /var/lib/farmwarden/journal}\n";
    for (name, text) in [("farmwarden.yml", config), ("web.yml", "")] {
        let path = etc.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        nix::unistd::chown(&path, None, Some(USER.into())).unwrap();
    }
}

/// Runs a program in the system; what it said.
fn within(docker: &Docker, program: &[&str]) -> Result<String, String> {
    let output = docker
        .client()
        .args(["exec", "systemd"])
        .args(program)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(text) } else { Err(text) }
}

#[test]
fn the_hardened_service_sees_mounts_also_later_ones_and_keeps_its_journal() {
    let docker = Docker::start();
    let system = System::with(&docker, install);
    let analyze = "/debian/usr/bin/systemd-analyze";
    for name in [UNIT, "farmwarden-actuator.service"] {
        let path = format!("/etc/systemd/system/{name}");
        let judged = within(
            &docker,
            &[analyze, "security", "--offline=true", "--no-pager", MOST_EXPOSED, &path],
        );
        assert!(judged.is_ok(), "{judged:?}");
    }
    // As systemd itself has it on a machine, and not in a container.
    within(&docker, &["/bin/mount", "--make-rshared", "/"]).unwrap();
    let (units, runtime) = (system.units(&[UNIT]), runtime());
    let unit = UNIT.parse().unwrap();
    wait_for("the service is started", LONG, || {
        runtime
            .block_on(units.start(&unit, LONG))
            .map_err(|failed| failed.to_string())
    });
    let ready = ["/farmwarden", "healthy", "--ready"];
    let said = wait_for("it has looked at everything", LONG, || {
        let log = || within(&docker, &["/bin/cat", LOG]).unwrap_or_else(|words| words);
        within(&docker, &ready).map_err(|words| words + &log())
    });
    assert!(said.contains("/run/farmwarden/control.sock"), "{said}");
    wait_for_samples(
        &docker,
        &[
            "farmwarden_journal_up 1\n",
            "mount_present{target=\"host\",mount=\"/\"} 1\n",
            "mount_error{target=\"host\",mount=\"/\",errno=\"none\"} 0\n",
            // In the service's own view everything is.
            "mount_read_only{target=\"host\",mount=\"/\"} 0\n",
        ],
    );
    within(&docker, &["/bin/mkdir", "/var/plots"]).unwrap();
    let later = ["/bin/mount", "-t", "tmpfs", "-o", "size=64m", "late", "/var/plots"];
    within(&docker, &later).unwrap();
    wait_for_samples(
        &docker,
        &[
            "mount_size_bytes{target=\"host\",mount=\"/var/plots\"} 67108864\n",
            "mount_read_only{target=\"host\",mount=\"/var/plots\"} 0\n",
        ],
    );
    let status = status().unwrap();
    for (key, expected) in [
        ("CapEff", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        let line = format!("{key}:\t{expected}\n");
        assert!(status.contains(&line), "{line}{status}");
    }
    runtime.block_on(units.stop(&unit, LONG)).unwrap();
}

/// Waits until the page of metrics has all of these lines. There is no network but the system's own loopback.
#[track_caller]
fn wait_for_samples(docker: &Docker, samples: &[&str]) {
    let ask =
        r"exec 3<>/dev/tcp/127.0.0.1/19977; printf 'GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3; cat <&3";
    wait_for("the service sees and keeps what it should", LONG, || {
        let page = within(docker, &["/bin/bash", "-c", ask])?;
        match samples.iter().find(|sample| !page.contains(**sample)) {
            Some(sample) => Err(format!("{sample}is not in:\n{page}")),
            None => Ok(()),
        }
    });
}

/// What the kernel says of the service's process.
fn status() -> Option<String> {
    let mut processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let status = fs::read_to_string(entry.ok()?.path().join("status")).ok()?;
        Some(status)
    });
    let own = format!("Uid:\t{USER}\t");
    processes.find(|status| status.contains(&own) && status.starts_with("Name:\tfarmwarden\n"))
}
