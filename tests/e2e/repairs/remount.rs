//! A real storage machine: a systemd that mounts what its fstab lists, the shipped mounter in it, and a real Chia farm whose
//! second harvester has its plots on one of these shares. The shares hang, and one is mounted anew.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::super::chia::farm::Farm;
use super::super::containers::{Docker, runtime};
use super::super::mounts::Places;
use super::super::service::{MOUNTER, install_unit, install_users, within};
use super::super::support::{Samples, debian, free_port, handed_over, http, wait_for, with_libraries};
use super::super::units::System;
use super::{Asked, PATIENCE, alerts_token, of_kind, story, symptom};

/// Serves directories to sshfs as `directport` reaches it: an sftp-server for every connection.
struct Server {
    port: u16,
    open: Option<(JoinHandle<()>, Arc<AtomicBool>)>,
    children: Arc<Mutex<Vec<Child>>>,
}

impl Server {
    fn start() -> Self {
        let mut server = Self {
            port: free_port(),
            open: None,
            children: Arc::default(),
        };
        server.opens();
        server
    }

    fn opens(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        let (closes, children) = (Arc::new(AtomicBool::new(false)), Arc::clone(&self.children));
        let told = Arc::clone(&closes);
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if told.load(Ordering::SeqCst) {
                    return;
                }
                let mut command = with_libraries(&debian("usr/lib/openssh/sftp-server"));
                command.stdin(OwnedFd::from(stream.try_clone().unwrap()));
                command.stdout(OwnedFd::from(stream));
                children.lock().unwrap().push(command.spawn().unwrap());
            }
        });
        self.open = Some((thread, closes));
    }

    /// From now on it accepts no connection, and those that there are hang.
    fn hangs(&mut self) {
        let (thread, closes) = self.open.take().unwrap();
        closes.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)).unwrap());
        thread.join().unwrap();
        for child in self.children.lock().unwrap().iter_mut() {
            // Those of farmwarden's own looks have ended.
            if child.try_wait().unwrap().is_none() {
                kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGSTOP).unwrap();
            }
        }
    }

    /// How many of its processes stand still.
    fn stopped(&self) -> usize {
        let children = self.children.lock().unwrap();
        let stands = |child: &&Child| {
            let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        };
        children.iter().filter(stands).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in self.children.lock().unwrap().iter_mut() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// What `mount` runs for a share, as the package of sshfs brings it.
const HELPER: &str = "#!/bin/sh\nLD_LIBRARY_PATH=LIBRARIES exec /debian/usr/bin/sshfs \"$@\"\n";
const GENERATOR: &str = "/debian/lib/systemd/system-generators/systemd-fstab-generator";

/// Plots lie on the first one, an unfinished plot on the second, fstab does not list the third, and the server of the last one
/// stays away.
const SHARES: [&str; 4] = ["plots", "busy", "unlisted", "lost"];

struct Shares {
    /// With the farm, the shares, and the journal; everybody sees it.
    place: PathBuf,
    server: Server,
    lost: Server,
    /// Of the mounter.
    port: u16,
    _places: Places,
}

impl Shares {
    fn new() -> Self {
        let mut places = Places::new();
        let place = places.mount("machine", &["-t", "tmpfs", "e2e"]);
        // What is mounted below it in the machine is mounted here as well, and the other way round.
        run(&["mount", "--make-shared", &place]);
        let place = PathBuf::from(place);
        let shares = Self {
            port: free_port(),
            server: Server::start(),
            lost: Server::start(),
            place,
            _places: places,
        };
        for share in SHARES {
            fs::create_dir(shares.data(share)).unwrap();
            fs::create_dir(shares.share(share)).unwrap();
        }
        fs::write(shares.data("busy").join("plot-k32-a.plot.2.tmp"), "half a plot").unwrap();
        shares
    }

    fn data(&self, share: &str) -> PathBuf {
        self.place.join(format!("{share}-data"))
    }

    fn share(&self, share: &str) -> PathBuf {
        self.place.join(share)
    }

    fn name(&self, share: &str) -> String {
        self.share(share).display().to_string()
    }

    fn options(&self, share: &str) -> String {
        let server = if share == "lost" { &self.lost } else { &self.server };
        format!("noauto,allow_other,directport={}", server.port)
    }

    fn source(&self, share: &str) -> String {
        format!("127.0.0.1:{}", self.data(share).display())
    }

    /// fstab, what reads it, and the mounter.
    fn install(&self, root: &Path) {
        let listed = SHARES.iter().filter(|share| **share != "unlisted");
        let line = |share: &&str| {
            let (source, point, options) = (self.source(share), self.name(share), self.options(share));
            format!("{source} {point} fuse.sshfs {options} 0 0\n")
        };
        fs::write(root.join("etc/fstab"), listed.map(line).collect::<String>()).unwrap();
        let generators = root.join("etc/systemd/system-generators");
        fs::create_dir_all(&generators).unwrap();
        std::os::unix::fs::symlink(GENERATOR, generators.join("systemd-fstab-generator")).unwrap();
        // Programs of the system stay in reach beside the one that its package manager would have brought.
        fs::remove_file(root.join("sbin")).unwrap();
        fs::create_dir(root.join("sbin")).unwrap();
        let libraries =
            ["lib", "usr/lib"].map(|directory| format!("/debian/{directory}/{}-linux-gnu", std::env::consts::ARCH));
        let helper = root.join("sbin/mount.fuse.sshfs");
        fs::write(&helper, HELPER.replace("LIBRARIES", &libraries.join(":"))).unwrap();
        executable(&helper);
        let runs = format!(
            "ExecStart=\nExecStart=/farmwarden --config.file /etc/farmwarden-mounter/farmwarden.yml --web.config.file \
             /etc/farmwarden-mounter/web.yml --web.listen-address 127.0.0.1:{}\n",
            self.port
        );
        install_users(root);
        install_unit(root, MOUNTER, &runs);
        let etc = root.join("etc/farmwarden-mounter");
        fs::create_dir(&etc).unwrap();
        alerts_token(&etc.join("web.yml"));
        // Its configuration lies where the farm is known.
        std::os::unix::fs::symlink(self.place.join("farmwarden.yml"), etc.join("farmwarden.yml")).unwrap();
    }
}

struct Machine {
    docker: Docker,
    system: System,
    shares: Shares,
    asked: Asked,
}

impl Machine {
    fn start() -> Self {
        let shares = Shares::new();
        let volume = format!("--volume={0}:{0}:rshared", shares.place.display());
        let binary = format!("--volume={}:/farmwarden:ro", handed_over("E2E_FARMWARDEN").display());
        let options = [
            "--network=host",
            "--device=/dev/fuse",
            "--cap-add=SYS_PTRACE",
            &volume,
            &binary,
        ];
        let docker = Docker::start();
        let system = System::with(&docker, &options, |root| shares.install(root));
        // A machine of its own, as which this container is meant.
        within(&docker, &["/bin/rm", "-f", "/.dockerenv"]).unwrap();
        let asked = Asked {
            address: format!("127.0.0.1:{}", shares.port),
            journal: shares.place.join("journal"),
        };
        Self {
            docker,
            system,
            shares,
            asked,
        }
    }

    /// As systemd-escape names it.
    fn unit(&self, share: &str) -> String {
        let escape = ["/debian/bin/systemd-escape", "--path", "--suffix=mount"];
        let name = self.shares.name(share);
        let said = within(&self.docker, &[&escape[..], &[&name]].concat()).unwrap();
        said.trim_end().to_owned()
    }

    #[track_caller]
    fn starts(&self, unit: &str) {
        let (units, name) = (self.system.units(&[unit]), unit.parse().unwrap());
        wait_for("the unit is started", PATIENCE, || {
            let started = runtime().block_on(units.start(&name, PATIENCE));
            started.map_err(|failed| {
                let said = within(&self.docker, &["/bin/cat", "/proc/self/mountinfo"]);
                format!("{failed}\n{said:?}")
            })
        });
    }

    /// As at its start, and by hand what its fstab does not list.
    fn mounts(&self) {
        for share in SHARES {
            if share == "unlisted" {
                let (source, point, options) = (
                    self.shares.source(share),
                    self.shares.name(share),
                    self.shares.options(share),
                );
                let mount = ["/bin/mount", "-t", "fuse.sshfs", "-o", &options, &source, &point];
                within(&self.docker, &mount).unwrap();
            } else {
                self.starts(&self.unit(share));
            }
        }
    }

    fn config(&self, farm: &Farm) -> Value {
        let expected =
            SHARES.map(|share| json!({"mount": self.shares.name(share), "source": self.shares.source(share)}));
        let names = SHARES.map(|share| self.shares.name(share));
        let policy = |name: &str, symptom: &str, target: &str, rung: &Value| {
            json!({
                "name": name, "symptom": symptom, "targets": [target], "mode": "act", "ill_for": "1s", "cool_down": "15m",
                "attempts": {"most": 3, "within": "1d"}, "budgets": {"target": "9/h 9/d"}, "storm": {"least": 99},
                "rungs": [rung],
            })
        };
        json!({
            "collectors": {
                "mounts": [{
                    "name": "host-1", "interval": "2s", "probe_timeout": "500ms", "files_interval": "2s",
                    "include": names, "exclude": [], "plots": names, "expected": expected, "thresholds": {"stuck_after": "1s"},
                }],
                "chia": [{
                    "name": "chia-1", "root": farm.directory.join("farm"), "farmer": "127.0.0.1:8559",
                    "full_node": "127.0.0.1:8555", "daemon": "127.0.0.1:55400",
                    "harvesters": [
                        {"name": "here", "rpc": "127.0.0.1:8560"},
                        {"name": "nas", "node_id": farm.nas_id(), "rpc": "127.0.0.1:8570"},
                    ],
                    "interval": "2s", "timeout": "1900ms", "events_interval": "1s", "details_interval": "2s",
                    "plots_interval": "2s",
                    "thresholds": {"silent_points": 3, "harvester_down_after": "1s", "certificate_ends_within": "1d"},
                }],
            },
            "units": {"allowed": SHARES.map(|share| self.unit(share))},
            "journal": {"directory": self.shares.place.join("journal")},
            "remedies": {"warm_up": "1s", "policies": [
                policy("remount", "mount_stuck", "host-1",
                       &json!({"action": "remount", "within": "10m", "timeout": "5m", "gone_for": "4s"})),
                policy("restart_harvester", "harvester_silent", "chia-1",
                       &json!({"action": "restart-chia-service", "with": {"service": "chia_harvester"}, "within": "15m"})),
            ]},
        })
    }

    #[track_caller]
    fn seen(&self, what: &str, is: impl Fn(&Samples) -> Result<(), String>) {
        wait_for(what, PATIENCE, || {
            let page = http::get(&self.asked.address, "/metrics", &[]);
            let page = page.map_err(|words| {
                let log = format!("/var/log-of-{MOUNTER}");
                format!("{words}: {:?}", within(&self.docker, &["/bin/cat", &log]))
            })?;
            is(&Samples(page.text()))
        });
    }
}

#[track_caller]
fn run(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The harvester with its plots on the share, as the farmer knows it.
fn nas(farm: &Farm) -> Result<Value, String> {
    let summary = farm.rpc(8559, "get_harvesters_summary")?;
    let harvesters = summary["harvesters"].as_array().ok_or("no harvesters")?;
    let nas = harvesters.iter().find(|one| one["plots"] == 2);
    nas.cloned().ok_or_else(|| summary.to_string())
}

#[test]
fn a_share_that_hangs_is_mounted_anew_and_its_plots_are_back_and_no_other_is_touched() {
    let mut machine = Machine::start();
    machine.mounts();
    let directory = machine.shares.place.join("chia");
    fs::create_dir(&directory).unwrap();
    let farm = Farm::start(&directory, &machine.shares.share("plots"));
    fs::write(
        machine.shares.place.join("farmwarden.yml"),
        machine.config(&farm).to_string(),
    )
    .unwrap();
    machine.starts(MOUNTER);
    machine.seen("all shares are well, and the harvester", |page| {
        symptom(page, "host-1", "mount_stuck", "", 0.0)?;
        symptom(page, "chia-1", "harvester_silent", "", 0.0)?;
        let on = |share: &str, family, count: f64| page.is(family, &[("mount", &machine.shares.name(share))], count);
        on("plots", "mount_plot_files", 2.0)?;
        on("busy", "mount_temp_files", 1.0)?;
        on("lost", "mount_plot_files", 0.0)?;
        page.is("chia_harvester_connected", &[("harvester", "nas")], 1.0)
    });

    machine.shares.server.hangs();
    machine.shares.lost.hangs();
    machine.seen("they hang, and so does the harvester", |page| {
        let hangs = |share: &&str| symptom(page, "host-1", "mount_stuck", &machine.shares.name(share), 1.0);
        SHARES.iter().try_for_each(hangs)?;
        symptom(page, "chia-1", "harvester_silent", "nas", 1.0)
    });
    let stopped = machine.shares.server.stopped();
    assert!(stopped > 0);
    let hung = nas(&farm).unwrap()["last_sync_time"].as_f64().unwrap();
    machine
        .asked
        .is_left_alone("restart_harvester", "chia-1", "nas", "hangs: repair that first");
    machine.asked.is_left_alone(
        "remount",
        "host-1",
        &machine.shares.name("lost"),
        "accepts no connection",
    );

    machine.shares.server.opens();
    machine.asked.is_left_alone(
        "remount",
        "host-1",
        &machine.shares.name("busy"),
        "unfinished plots lay on it",
    );
    machine.asked.is_left_alone(
        "remount",
        "host-1",
        &machine.shares.name("unlisted"),
        "has no entry for it",
    );
    let plots = machine.shares.name("plots");
    let cured = machine.asked.comes_to("remount", "host-1", &plots, "cured");
    // What hung stands still as before: another one answers.
    assert_eq!(machine.shares.server.stopped(), stopped);
    check_steps(&machine, &cured, &plots);
    wait_for("the plots are back at the harvester", PATIENCE, || {
        let looked = nas(&farm)?["last_sync_time"].as_f64();
        if looked > Some(hung) {
            Ok(())
        } else {
            Err(format!("{looked:?}"))
        }
    });
    machine.seen("the harvester answers, and the others hang as before", |page| {
        symptom(page, "chia-1", "harvester_silent", "nas", None)?;
        symptom(page, "host-1", "mount_stuck", &plots, None)?;
        page.is("mount_plot_files", &[("mount", &plots)], 2.0)?;
        let hangs = |share: &&str| symptom(page, "host-1", "mount_stuck", &machine.shares.name(share), 1.0);
        SHARES[1..].iter().try_for_each(hangs)
    });
    let begun = machine.asked.records();
    assert_eq!(of_kind(&begun, "cured").len(), 1);
}

/// Every step, before and after it is done.
fn check_steps(machine: &Machine, cured: &Value, mount: &str) {
    let journal = machine.asked.records();
    let story = story(&journal, &cured["data"]["incident"]);
    let notes = story.iter().filter(|record| record["kind"] == "noted");
    let notes: Vec<String> = notes
        .map(|record| record["data"]["words"].as_str().unwrap().replace(mount, "it"))
        .collect();
    let steps = ["abort the requests of", "detach", "mount", "verify"];
    let expected = steps
        .iter()
        .flat_map(|step| ["begins", "done"].map(|end| format!("{step} it: {end}")));
    assert_eq!(notes, expected.collect::<Vec<_>>());
    let [finished] = story
        .iter()
        .filter(|record| record["kind"] == "finished")
        .collect::<Vec<_>>()[..]
    else {
        panic!("{story:#?}")
    };
    let told = finished.to_string();
    assert!(
        told.contains("nas of chia-1 looks through its plot directories") && finished["data"]["outcome"] == "done",
        "{told}"
    );
}
