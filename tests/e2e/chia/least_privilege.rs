//! farmwarden as a user that may read nothing of chia's, with a certificate of its own, made as docs/chia.md says.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use super::farm::{Farm, program};
use super::{NAS, PATIENCE, is_above, seen};
use crate::support::{Farmwarden, directory, wait_for};

/// Nobody, who owns nothing.
const USER: u32 = 65_534;
const FILES: [&str; 3] = [
    "ca/private_ca.crt",
    "daemon/private_daemon.crt",
    "daemon/private_daemon.key",
];

pub(super) fn a_certificate_of_its_own_is_enough(farm: &Farm) {
    let place = directory();
    let at = |name: &str| place.path().join(name);
    let ours = at("chia");
    fs::create_dir(&ours).unwrap();
    take_a_certificate(farm, &ours);
    fs::copy(Farmwarden::binary(), at("farmwarden")).unwrap();
    let of_ours = |name: &str| ours.join(name).display().to_string();
    let config = format!(
        "collectors: {{chia: [{{name: chia-1, farmer: '127.0.0.1:8559', daemon: '127.0.0.1:55400', ca_file: {}, cert_file: {}, \
         key_file: {}, harvesters: [{{name: nas, node_id: '{}'}}], interval: 2s, timeout: 1900ms, events_interval: 1s}}]}}",
        of_ours("private_ca.crt"),
        of_ours("private_daemon.crt"),
        of_ours("private_daemon.key"),
        farm.nas_id()
    );
    fs::write(at("farmwarden.yml"), config).unwrap();
    for (path, mode) in [
        (place.path().to_owned(), 0o755),
        (at("farmwarden.yml"), 0o644),
        (at("farmwarden"), 0o755),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut command = Command::new(at("farmwarden"));
    command.args([
        "--web.control-socket=",
        "--web.listen-address",
        "127.0.0.1:0",
        "--config.file",
    ]);
    command.arg(at("farmwarden.yml")).uid(USER).gid(USER);
    let mut warden = Farmwarden::run(&mut command, place);
    farm_is_read(&warden, 0.0);

    // Every certificate of the farm that is made so is another one.
    let before = fs::read(ours.join("private_daemon.crt")).unwrap();
    take_a_certificate(farm, &ours);
    assert_ne!(fs::read(ours.join("private_daemon.crt")).unwrap(), before);
    warden.process.signal(Signal::SIGHUP);
    wait_for("the renewed certificate is taken", PATIENCE, || {
        warden.process.running()?;
        let log = warden.process.log();
        if log.contains("0 unchanged, 1 changed") {
            Ok(())
        } else {
            Err(log)
        }
    });
    let last = warden.samples().get(LAST, &FARMER);
    farm_is_read(&warden, last.unwrap_or_default());
}

const LAST: &str = "farmwarden_target_last_success_timestamp_seconds";
const FARMER: [(&str, &str); 1] = [("part", "farmer")];

/// After this time.
fn farm_is_read(warden: &Farmwarden, after: f64) {
    seen(warden, "farmer and daemon let it in", |page| {
        page.is("farmwarden_target_up", &FARMER, 1.0)?;
        page.is("farmwarden_target_up", &[("part", "events")], 1.0)?;
        page.is("chia_harvester_plots", &[NAS], 2.0)?;
        is_above("the last success", page.get(LAST, &FARMER).unwrap_or_default(), after)
    });
}

/// As root, for farmwarden's user alone.
fn take_a_certificate(farm: &Farm, into: &Path) {
    let authority = farm.directory.join("farm/config/ssl/ca");
    let mut made = program(&farm.directory, "farmwarden-chia", "chia");
    let output = made.args(["init", "-c"]).arg(authority).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = farm.directory.join("farmwarden-chia");
    for file in FILES.map(|name| made.join("config/ssl").join(name)) {
        let copy = into.join(file.file_name().unwrap());
        // A file of mode 0400 is replaced, not written.
        fs::remove_file(&copy).ok();
        fs::copy(file, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o400)).unwrap();
        chown(&copy, Some(USER), Some(USER)).unwrap();
    }
    fs::set_permissions(into, fs::Permissions::from_mode(0o700)).unwrap();
    chown(into, Some(USER), Some(USER)).unwrap();
    fs::remove_dir_all(made).unwrap();
}
