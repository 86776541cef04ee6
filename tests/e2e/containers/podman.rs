//! A real podman that serves the API of Docker, started by the test, and farmwarden's client of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::support::{LONG, Process, debian, directory, handed_over, wait_for, with_libraries};
use super::{Engine, Selector, containers_are_acted_on, engine};

pub(crate) struct Podman {
    directory: tempfile::TempDir,
    service: Process,
}

impl Podman {
    /// Its containers have a root directory of one file: the simulated farm.
    pub(crate) fn start() -> Self {
        let directory = directory();
        let place = |name: &str| directory.path().join(name);
        for inside in ["dev", "etc", "proc", "run", "sys"] {
            std::fs::create_dir_all(place("root").join(inside)).unwrap();
        }
        std::fs::copy(handed_over("E2E_SIMFARM"), place("root/simfarm")).unwrap();
        std::fs::write(place("containers.conf"), configuration(directory.path())).unwrap();
        std::fs::write(place("storage.conf"), storage(directory.path())).unwrap();
        let mut command = podman(directory.path());
        command.args(["system", "service", "--time=0"]);
        command.arg(format!("unix://{}", place("podman.sock").display()));
        let mut service = Process::start("podman", &mut command);
        wait_for("podman listens", LONG, || {
            service.running()?;
            std::os::unix::net::UnixStream::connect(place("podman.sock")).map_err(|e| e.to_string())
        });
        Self { directory, service }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("podman.sock")
    }

    pub(crate) fn run(&self, name: &str, options: &[&str]) {
        let root = self.directory.path().join("root");
        let mut command = podman(self.directory.path());
        command.args(["run", "--detach", "--network=none", "--name", name]);
        command.args(options).arg("--rootfs").arg(root);
        self.order(command.args(["/simfarm", "serve", "--prb-v3", "m=127.0.0.1:0"]));
    }

    /// When a container was last started, as podman itself says.
    pub(crate) fn started(&self, name: &str) -> String {
        let mut command = podman(self.directory.path());
        self.order(command.args(["inspect", "--format", "{{.State.StartedAt.UnixNano}}", name]))
    }

    /// What it answers.
    #[track_caller]
    fn order(&self, command: &mut Command) -> String {
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{output:?}; its service says:\n{}",
            self.service.log()
        );
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn engine(&self, containers: &[Selector]) -> Engine {
        engine(self.socket(), containers)
    }
}

/// Its containers outlive the service: each has a process of its own above it.
impl Drop for Podman {
    fn drop(&mut self) {
        let mut command = podman(self.directory.path());
        command.args(["rm", "--all", "--force", "--time=0"]).output().ok();
    }
}

/// A program of podman's, over what lies in this directory and nothing of the machine's.
fn podman(place: &Path) -> Command {
    let mut command = with_libraries(&debian("usr/bin/podman"));
    command.env("CONTAINERS_CONF", place.join("containers.conf"));
    command.env("CONTAINERS_STORAGE_CONF", place.join("storage.conf"));
    command.arg(format!("--runtime-flag=root={}", place.join("runc").display()));
    command
}

/// Its own limits are more than it may set in a container, and its usual crun wants other control groups than some machines
/// have.
fn configuration(place: &Path) -> String {
    let (place, conmon, runc) = (place.display(), debian("usr/bin/conmon"), debian("usr/sbin/runc"));
    let (conmon, runc) = (conmon.display(), runc.display());
    format!(
        "[engine]\ncgroup_manager = 'cgroupfs'\nevents_logger = 'file'\nruntime = 'runc'\nconmon_path = ['{conmon}']\n\
         static_dir = '{place}/static'\ntmp_dir = '{place}/tmp'\nvolume_path = '{place}/volumes'\n\
         [engine.runtimes]\nrunc = ['{runc}']\n\
         [containers]\nlog_driver = 'k8s-file'\ndefault_ulimits = ['nofile=4096:4096', 'nproc=1000:1000']\n\
         [network]\nnetwork_backend = 'cni'\nnetwork_config_dir = '{place}/networks'\n"
    )
}

fn storage(place: &Path) -> String {
    let place = place.display();
    format!("[storage]\ndriver = 'vfs'\nrunroot = '{place}/state'\ngraphroot = '{place}/images'\n")
}

#[test]
fn containers_of_podman_are_acted_on_as_those_of_docker() {
    let podman = Podman::start();
    containers_are_acted_on(|name, options| podman.run(name, options), |which| podman.engine(which));
}
