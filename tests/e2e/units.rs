//! A real systemd with a bus of its own, in a container, and farmwarden's client of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use farmwarden::actions::units::{Active, UnitName, Units, UnitsSettings};
use farmwarden::actions::{Done, Effect};

use super::containers::{Docker, runtime};
use super::support::{LONG, directory, handed_over, wait_for};

const PATIENCE: Duration = Duration::from_secs(20);

const DBUS: &str = r#"<busconfig><type>system</type><listen>systemd:</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>"#;

/// systemd speaks to a bus only when it runs it, by these two names.
const UNITS: [(&str, &str); 6] = [
    ("farm.target", "Wants=dbus.socket dbus.service phala-node.service\n"),
    ("dbus.socket", "[Socket]\nListenStream=/run/dbus/system_bus_socket\n"),
    (
        "dbus.service",
        "Requires=dbus.socket\n[Service]\nPassEnvironment=LD_LIBRARY_PATH\nExecStart=/debian/usr/bin/dbus-daemon \
         --config-file=/etc/bus.conf --nofork --nopidfile --systemd-activation\n",
    ),
    (
        "phala-node.service",
        "[Service]\nExecStart=/simfarm serve --lifetime 900\n",
    ),
    (
        "broken.service",
        "[Service]\nType=oneshot\nExecStart=/simfarm nonsense\n",
    ),
    ("mnt-plots.mount", "[Mount]\nWhat=e2e\nWhere=/mnt/plots\nType=tmpfs\n"),
];

/// A system of nothing but systemd and its bus; libraries are this machine's and the unpacked packages'.
fn root(place: &Path) {
    let units = place.join("etc/systemd/system");
    fs::create_dir_all(&units).unwrap();
    for directory in ["usr", "run", "tmp", "proc", "sys", "dev", "debian", "var", "mnt/plots"] {
        fs::create_dir_all(place.join(directory)).unwrap();
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{link}"), place.join(link)).unwrap();
    }
    for (name, text) in UNITS {
        fs::write(units.join(name), format!("[Unit]\nDefaultDependencies=no\n{text}")).unwrap();
    }
    fs::write(place.join("etc/bus.conf"), DBUS).unwrap();
    fs::write(place.join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").unwrap();
    fs::write(place.join("etc/group"), "root:x:0:\n").unwrap();
    fs::write(place.join("etc/machine-id"), "").unwrap();
    fs::copy(handed_over("E2E_SIMFARM"), place.join("simfarm")).unwrap();
}

/// systemd writes into the hierarchy of control groups, which the engine mounts for reading only. It is the container's own
/// part: were it the machine's, the systemd of another test would remove groups that look empty to it.
const WITH_OWN_GROUPS: &str = "for groups in /sys/fs/cgroup/systemd /sys/fs/cgroup; do
    [ ! -e $groups/cgroup.procs ] || mount -o remount,bind,rw $groups || exit
done
exec \"$@\"";

fn libraries(directory: &str) -> String {
    format!("/debian/{directory}/{}-linux-gnu", std::env::consts::ARCH)
}

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

/// A container in which systemd runs, and its bus.
pub(crate) struct System {
    bus: tempfile::TempDir,
}

impl System {
    /// It ends with the engine.
    pub(crate) fn start(docker: &Docker) -> Self {
        Self::with(docker, &[], |_| {})
    }

    /// With more options for its container, and more in its root directory.
    pub(crate) fn with(docker: &Docker, options: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let (tree, bus) = (directory(), directory());
        root(tree.path());
        prepare(tree.path());
        docker.import(tree.path(), ".", "system:1");
        let debian = handed_over("E2E_DEBIAN").display().to_string();
        let paths = ["lib", "usr/lib"].map(libraries).join(":");
        let volumes = [
            format!("--volume={debian}:/debian:ro"),
            format!("--volume={}:/run/dbus", bus.path().display()),
            format!("--env=LD_LIBRARY_PATH={paths}:{}/systemd", libraries("usr/lib")),
        ];
        let is_named = options.iter().any(|option| option.starts_with("--network="));
        let network = if is_named { &[][..] } else { &["--network=none"] };
        let own = [
            "--name=systemd",
            "--cap-add=SYS_ADMIN",
            "--security-opt=seccomp=unconfined",
            "--cgroupns=private",
            // On the usual signal systemd starts itself anew.
            "--stop-signal=SIGRTMIN+3",
            "--volume=/usr:/usr:ro",
            &volumes[0],
            "--tmpfs=/run",
            "--tmpfs=/tmp",
            &volumes[1],
            "--env=container=docker",
            &volumes[2],
        ];
        docker.run_image(
            "system:1",
            &[&own[..], network, options].concat(),
            &[
                "/bin/sh",
                "-c",
                WITH_OWN_GROUPS,
                "sh",
                "/debian/lib/systemd/systemd",
                "--unit=farm.target",
            ],
        );
        Self { bus }
    }

    pub(crate) fn bus(&self) -> PathBuf {
        self.bus.path().join("system_bus_socket")
    }

    /// farmwarden's client, for these alone.
    pub(crate) fn units(&self, names: &[&str]) -> Units {
        Units::new(UnitsSettings {
            socket: self.bus(),
            units: names.iter().map(|name| unit(name)).collect(),
        })
    }
}

#[test]
fn units_are_restarted_stopped_and_started_and_their_jobs_judged() {
    let docker = Docker::start();
    let system = System::start(&docker);
    let units = system.units(&[
        "phala-node.service",
        "broken.service",
        "nobody.service",
        "mnt-plots.mount",
    ]);
    let [node, broken, nobody, other] =
        ["phala-node.service", "broken.service", "nobody.service", "dbus.service"].map(unit);
    let runtime = runtime();
    let before = wait_for("systemd is on its bus", LONG, || {
        runtime.block_on(units.look(&node)).map_err(|failed| failed.to_string())
    });
    assert_eq!((before.active, before.sub.as_str()), (Active::Active, "running"));
    runtime.block_on(async {
        let after = units.restart(&node, PATIENCE).await.unwrap();
        assert!(after.started_at > before.started_at);
        assert_eq!(units.stop(&node, PATIENCE).await, Ok(Done::Changed));
        assert_eq!(units.stop(&node, PATIENCE).await, Ok(Done::AlreadySo));
        assert_eq!(units.start(&node, PATIENCE).await, Ok(Done::Changed));
        assert_eq!(units.start(&node, PATIENCE).await, Ok(Done::AlreadySo));
        // As `remount` does it.
        let mount = unit("mnt-plots.mount");
        assert_eq!(units.start(&mount, PATIENCE).await, Ok(Done::Changed));
        assert_eq!(units.start(&mount, PATIENCE).await, Ok(Done::AlreadySo));
        assert_eq!(units.stop(&mount, PATIENCE).await, Ok(Done::Changed));
        for (unit, reason, effect) in [
            (&broken, "upstream", Effect::Unknown),
            (&nobody, "not_found", Effect::Nothing),
            (&other, "forbidden", Effect::Nothing),
        ] {
            let failed = units.restart(unit, PATIENCE).await.unwrap_err();
            assert_eq!(
                (failed.fault.reason().label(), failed.effect),
                (reason, effect),
                "{failed}"
            );
        }
    });
}
