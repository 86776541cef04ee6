//! Real filesystems that hang, fill, fail, turn read-only and vanish, watched by the real binary.
//!
//! A thread that touches a mount that hangs cannot be called back, so these tests touch them only while they are well.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use farmwarden::actions::unmount::{self, How, Unmounter};
use farmwarden::process::Program;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::containers::runtime;
use super::support::{
    Farmwarden, LONG, Process, Samples, Simfarm, debian, directory, handed_over, wait_for, with_libraries,
};

/// A directory with mount points; what is mounted on them goes when it does.
pub(super) struct Places {
    directory: Option<tempfile::TempDir>,
    mounted: Vec<PathBuf>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            directory: Some(directory()),
            mounted: Vec::new(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        self.directory.as_ref().unwrap().path()
    }

    /// A new empty directory to mount something on.
    pub(super) fn point(&mut self, name: &str) -> String {
        let point = self.root().join(name);
        fs::create_dir(&point).unwrap();
        self.mounted.push(point.clone());
        point.to_str().unwrap().to_owned()
    }

    /// `mount` with these options, on a new mount point.
    #[track_caller]
    pub(super) fn mount(&mut self, name: &str, options: &[&str]) -> String {
        let point = self.point(name);
        run(Command::new("mount").args(options).arg(&point));
        point
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        for point in &self.mounted {
            // Many are gone by then, and a lazy unmount does not wait for the filesystem.
            Command::new("umount")
                .args(["--lazy", "--quiet"])
                .arg(point)
                .output()
                .ok();
        }
        // A mount that could not be undone must not be emptied: leave the directory to the end of the namespace.
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        if let Some(directory) = self
            .directory
            .take_if(|directory| table.contains(&*directory.path().to_string_lossy()))
        {
            drop(directory.keep());
        }
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Watches everything below the directory, at the quickest pace that is allowed for this probe timeout.
fn watched(places: &Places, more: &str) -> Farmwarden {
    let all = places.root().join("**");
    let all = all.display();
    Farmwarden::start(&format!(
        "collectors:\n  mounts:\n  - name: host\n    interval: 2s\n    probe_timeout: 500ms\n    files_interval: 2s\n    \
         include: ['{all}']\n    exclude: []\n    plots: ['{all}']\n    thresholds: {{stuck_after: 1s}}\n    {more}\n"
    ))
}

fn symptom(page: &Samples, symptom: &str, mount: &str, expected: impl Into<Option<f64>>) -> Result<(), String> {
    page.is(
        "farmwarden_symptom",
        &[("target", "host"), ("symptom", symptom), ("entity", mount)],
        expected,
    )
}

/// Neither stuck nor in error, and its room is known.
fn is_well(page: &Samples, mount: &str) -> Result<(), String> {
    page.is("farmwarden_target_up", &[("target", "host"), ("part", "probe")], 1.0)?;
    page.is("mount_present", &[("mount", mount)], 1.0)?;
    page.is("mount_stuck", &[("mount", mount)], 0.0)?;
    page.is("mount_error", &[("mount", mount), ("errno", "none")], 0.0)?;
    match page.get("mount_size_bytes", &[("mount", mount)]) {
        Some(size) if size > 0.0 => Ok(()),
        size => Err(format!("the size of {mount} is {size:?}")),
    }
}

/// Whoever touches it hangs, and after a while nothing old is told about it.
fn hangs(page: &Samples, mount: &str) -> Result<(), String> {
    page.is("mount_stuck", &[("mount", mount)], 1.0)?;
    page.is("mount_size_bytes", &[("mount", mount)], None)?;
    page.is("mount_avail_bytes", &[("mount", mount)], None)?;
    symptom(page, "mount_stuck", mount, 1.0)
}

/// A share over SFTP without a network: its server can be stopped and killed like a remote one.
pub(super) struct Share {
    pub(super) point: String,
    client: Process,
    pub(super) server: Pid,
}

impl Share {
    pub(super) fn mount(places: &mut Places, name: &str) -> Self {
        let data = places.root().join(format!("{name}-data"));
        let ssh = places.root().join(format!("{name}-ssh"));
        let pid = places.root().join(format!("{name}-pid"));
        fs::create_dir(&data).unwrap();
        let server = debian("usr/lib/openssh/sftp-server");
        fs::write(
            &ssh,
            format!("#!/bin/sh\necho $$ >{}\nexec {}\n", pid.display(), server.display()),
        )
        .unwrap();
        let point = places.point(name);
        let mut command = with_libraries(&debian("usr/bin/sshfs"));
        command.args(["-f", "-o", &format!("ssh_command=sh {}", ssh.display())]);
        command.arg(format!("nas:{}", data.display())).arg(&point);
        let mut client = Process::start("sshfs", &mut command);
        let server = wait_for("the share is mounted", LONG, || {
            client.running()?;
            let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
            let mounted = table.lines().any(|line| line.contains(&format!(" {point} ")));
            let pid = fs::read_to_string(&pid).unwrap_or_default();
            match pid.trim().parse() {
                Ok(pid) if mounted => Ok(Pid::from_raw(pid)),
                _ => Err("it is not in the mount table".to_owned()),
            }
        });
        Self { point, client, server }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Killing the server ends the client's requests, and with them whoever hangs.
        kill(self.server, Signal::SIGKILL).ok();
    }
}

#[test]
fn whoever_hangs_in_a_dead_mount_comes_free_when_it_is_let_go() {
    let mut places = Places::new();
    let share = Share::mount(&mut places, "share");
    kill(share.server, Signal::SIGSTOP).unwrap();
    let mut reader = Command::new("stat")
        .args(["--file-system", &share.point])
        .spawn()
        .unwrap();
    wait_for("somebody hangs in it", LONG, || {
        let stat = fs::read_to_string(format!("/proc/{}/wchan", reader.id())).unwrap();
        if stat.contains("wait_answer") || stat.contains("fuse") {
            Ok(())
        } else {
            Err(stat)
        }
    });
    let by = Unmounter::by(Program::new(handed_over("E2E_FARMWARDEN"), [unmount::COMMAND]));
    let let_go = |how| runtime().block_on(by.let_go(Path::new(&share.point), how));
    let_go(How::Abort).unwrap();
    wait_for("he comes free", LONG, || match reader.try_wait().unwrap() {
        Some(_) => Ok(()),
        None => Err("he still hangs".to_owned()),
    });
    let_go(How::Detach).unwrap();
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!table.contains(&format!(" {} ", share.point)), "{table}");
    // To let go of what is gone is no failure.
    let_go(How::Abort).unwrap();
}

/// As many as blinded the usual exporter on a real farm (`node_exporter`, its issue 244 and others).
const DEAD_SHARES: usize = 12;

#[test]
fn mounts_that_hang_cost_only_their_own_samples() {
    let mut places = Places::new();
    let disk = places.mount("disk", &["-t", "tmpfs", "-o", "size=64m", "e2e"]);
    let share = Share::mount(&mut places, "share");
    let dead: Vec<String> = (0..DEAD_SHARES)
        .map(|number| places.point(&format!("nas{number}")))
        .collect();
    let specs: Vec<String> = dead
        .iter()
        .enumerate()
        .map(|(n, point)| format!("nas{n}={point},fstype=fuse.cifs,source=//nas{n}/plots"))
        .collect();
    let options: Vec<&str> = specs.iter().flat_map(|spec| ["--fuse", spec]).collect();
    let farm = Simfarm::start(&options);
    let set_all = |incident: &str| {
        for number in 0..DEAD_SHARES {
            farm.set(&format!("fuse/nas{number}"), &json!({"incident": incident}));
        }
    };
    let all_but_the_disk: Vec<&String> = dead.iter().chain([&share.point]).collect();
    let warden = watched(&places, "");
    let all_are_well = |page: &Samples| {
        let mut all = all_but_the_disk.iter().copied().chain([&disk]);
        all.try_for_each(|mount| is_well(page, mount))
    };
    warden.wait_for("all mounts are well", all_are_well);

    set_all("hang");
    kill(share.server, Signal::SIGSTOP).unwrap();
    let all_hang = |page: &Samples| all_but_the_disk.iter().try_for_each(|mount| hangs(page, mount));
    let page = warden.wait_for("the dead ones are told apart from the others", all_hang);
    let children = page.get("farmwarden_probe_children", &[]).unwrap();
    assert!(children >= 13.0, "each of them keeps a child, but there are {children}");

    // The others stay fresh: what is written now is seen now.
    let before = page.get("mount_avail_bytes", &[("mount", &disk)]).unwrap();
    fs::write(Path::new(&disk).join("a.plot"), vec![1; 8 << 20]).unwrap();
    warden.wait_for("a healthy disk beside them is read as ever", |page| {
        is_well(page, &disk)?;
        page.is("mount_avail_bytes", &[("mount", &disk)], before - f64::from(8 << 20))?;
        page.is("mount_plot_files", &[("mount", &disk)], 1.0)
    });

    set_all("ok");
    kill(share.server, Signal::SIGCONT).unwrap();
    warden.wait_for("they are well as soon as they answer", all_are_well);
    warden.wait_for("and the children that hung are not kept", |page| {
        symptom(page, "mount_stuck", "", 0.0)?;
        match page.get("farmwarden_probe_children", &[]) {
            Some(children) if children <= 4.0 => Ok(()),
            children => Err(format!("there are {children:?}")),
        }
    });

    set_all("hang");
    kill(share.server, Signal::SIGSTOP).unwrap();
    warden.wait_for("they hang again", all_hang);
    warden.stops_at_once();
    set_all("ok");
}

#[test]
fn a_full_mount_has_no_room_and_gets_it_back() {
    let mut places = Places::new();
    let disk = places.mount("disk", &["-t", "tmpfs", "-o", "size=8m,nr_inodes=20", "e2e"]);
    let warden = watched(&places, "plot_sizes: [{name: tiny, size: 1MiB}]");
    let page = warden.wait_for("an empty disk has room", |page| is_well(page, &disk));
    let of_disk = [("mount", disk.as_str())];
    page.is("mount_size_bytes", &of_disk, f64::from(8 << 20)).unwrap();
    page.is("mount_files", &of_disk, 20.0).unwrap();
    page.is("mount_free_slots", &[("mount", &disk), ("plot", "tiny")], 8.0)
        .unwrap();

    let big = Path::new(&disk).join("big.plot");
    let error = fs::write(&big, vec![1; 9 << 20]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    warden.wait_for("a full disk has none", |page| {
        is_well(page, &disk)?;
        page.is("mount_avail_bytes", &of_disk, 0.0)?;
        page.is("mount_free_slots", &[("mount", &disk), ("plot", "tiny")], 0.0)?;
        page.is("mount_plot_bytes", &of_disk, f64::from(8 << 20))
    });

    fs::remove_file(big).unwrap();
    let files = (0..)
        .map(|number| fs::write(Path::new(&disk).join(format!("{number}.plot")), ""))
        .take_while(Result::is_ok);
    assert!(files.count() < 20, "inodes run out");
    warden.wait_for("one without inodes is full in another way", |page| {
        page.is("mount_files_free", &of_disk, 0.0)?;
        page.is("mount_avail_bytes", &of_disk, f64::from(8 << 20))
    });
}

#[test]
fn a_failing_mount_is_named_with_its_error() {
    let mut places = Places::new();
    let point = places.point("nas");
    let share = Share::mount(&mut places, "share");
    let farm = Simfarm::start(&["--fuse", &format!("nas={point},fstype=fuse.nfs,source=nas:/plots")]);
    let warden = watched(&places, "");
    let page = warden.wait_for("both are well", |page| {
        is_well(page, &point).and_then(|()| is_well(page, &share.point))
    });
    let info = [
        ("mount", point.as_str()),
        ("fstype", "fuse.nfs"),
        ("source", "nas:/plots"),
    ];
    page.is("mount_info", &info, 1.0).unwrap();
    page.is("mount_plot_files", &[("mount", &point)], 2.0).unwrap();

    for errno in ["EIO", "ESTALE", "EHOSTDOWN"] {
        farm.set("fuse/nas", &json!({"incident": errno.to_lowercase()}));
        warden.wait_for("the error is named", |page| {
            page.is("mount_error", &[("mount", &point), ("errno", errno)], 1.0)?;
            page.is("mount_error", &[("mount", &point), ("errno", "none")], None)?;
            page.is("mount_avail_bytes", &[("mount", &point)], None)?;
            symptom(page, "mount_error", &point, 1.0)?;
            is_well(page, &share.point)
        });
    }
    farm.set("fuse/nas", &json!({"incident": "ok"}));
    warden.wait_for("it is well again", |page| is_well(page, &point));

    share.client.signal(Signal::SIGKILL);
    warden.wait_for("a share whose client died says so", |page| {
        page.is("mount_error", &[("mount", &share.point), ("errno", "ENOTCONN")], 1.0)?;
        is_well(page, &point)
    });
}

#[test]
fn a_disk_that_turns_read_only_is_seen_with_and_without_a_cause() {
    let mut places = Places::new();
    let image = places.root().join("image");
    fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
    run(with_libraries(&debian("sbin/mke2fs"))
        .args(["-q", "-t", "ext4"])
        .arg(&image));
    let disk = places.mount("disk", &["-o", "loop,errors=remount-ro", image.to_str().unwrap()]);
    let warden = watched(&places, "");
    let read_only = |page: &Samples, is: f64| {
        page.is("mount_read_only", &[("mount", &disk)], is)?;
        symptom(page, "mount_read_only", if is > 0.0 { &disk } else { "" }, is)?;
        is_well(page, &disk)
    };
    let page = warden.wait_for("it can be written to", |page| read_only(page, 0.0));
    page.is("mount_info", &[("mount", &disk), ("fstype", "ext4")], 1.0)
        .unwrap();

    run(Command::new("mount").args(["-o", "remount,ro", &disk]));
    warden.wait_for("it was made read-only", |page| read_only(page, 1.0));
    run(Command::new("mount").args(["-o", "remount,rw", &disk]));
    warden.wait_for("and writable again", |page| read_only(page, 0.0));

    // The kernel's own way to make ext4 meet an error.
    let device = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let device = device
        .lines()
        .find(|line| line.contains(&disk))
        .and_then(|line| line.split(" - ext4 /dev/").nth(1));
    let device = device.and_then(|rest| rest.split(' ').next()).unwrap();
    fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "e2e").unwrap();
    let error = fs::write(Path::new(&disk).join("a.plot"), "x").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    warden.wait_for("an error of the filesystem has made it read-only", |page| {
        read_only(page, 1.0)
    });
}

#[test]
fn an_expected_mount_that_vanishes_is_missed_and_what_is_written_below_is_counted() {
    let mut places = Places::new();
    let (disk, other) = (
        places.mount("disk", &["-t", "tmpfs", "plots"]),
        places.mount("other", &["-t", "tmpfs", "other"]),
    );
    let expected = format!("expected: [{{mount: '{disk}', source: plots}}]");
    let warden = watched(&places, &expected);
    warden.wait_for("it is there", |page| {
        is_well(page, &disk)?;
        page.is("mount_missing_files", &[("mount", &disk)], None)?;
        symptom(page, "mount_missing", "", 0.0)
    });

    run(Command::new("umount").args([&disk, &other]));
    let missing = |page: &Samples| {
        page.is("mount_present", &[("mount", &disk)], 0.0)?;
        page.is("mount_size_bytes", &[("mount", &disk)], None)?;
        page.is("mount_info", &[("mount", &disk)], None)?;
        symptom(page, "mount_missing", &disk, 1.0)?;
        // Nobody has said that this one must be there.
        page.is("mount_present", &[("mount", &other)], None)
    };
    warden.wait_for("it is missed", |page| {
        missing(page)?;
        page.is("mount_missing_files", &[("mount", &disk)], 0.0)
    });

    for name in ["a.plot", "b.plot", "c.plot.tmp"] {
        fs::write(Path::new(&disk).join(name), "lands on the wrong disk").unwrap();
    }
    warden.wait_for("what a plotter writes there is counted", |page| {
        missing(page)?;
        page.is("mount_missing_files", &[("mount", &disk)], 3.0)
    });

    run(Command::new("mount").args(["-t", "tmpfs", "wrong", &disk]));
    warden.wait_for("something else in its place is not it", |page| {
        missing(page)?;
        page.is("mount_missing_files", &[("mount", &disk)], None)
    });
    run(Command::new("umount").arg(&disk));
    run(Command::new("mount").args(["-t", "tmpfs", "plots", &disk]));
    warden.wait_for("it is back", |page| {
        is_well(page, &disk)?;
        symptom(page, "mount_missing", "", 0.0)
    });
}
