//! A real storage machine of a Chia farm: its harvester, which its daemon starts anew when it has died, and leaves alone while its
//! mount hangs or it has just been started.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use super::super::chia::farm::Farm;
use super::super::mounts::{Places, Share};
use super::super::support::{Farmwarden, Process, Samples, wait_for};
use super::{Asked, PATIENCE, alerts_token, symptom};

/// What the machine shows of its processes: the harvester in it, and not the one of the machine beside it.
fn procfs(place: &Path, harvester: &Process) {
    fs::create_dir(place).unwrap();
    let pid = harvester.pid().to_string();
    for shown in ["1", &pid] {
        std::os::unix::fs::symlink(Path::new("/proc").join(shown), place.join(shown)).unwrap();
    }
    fs::create_dir(place.join("2")).unwrap();
    fs::write(place.join("2/comm"), "kthreadd\n").unwrap();
}

fn config(farm: &Farm, share: &str, procfs: &Path, journal: &Path) -> Value {
    let policy = |name: &str, symptom: &str| {
        json!({
            "name": name, "symptom": symptom, "targets": ["chia-nas"], "mode": "act", "ill_for": "1s", "cool_down": "15m",
            "attempts": {"most": 3, "within": "1d"}, "budgets": {"target": "9/h 9/d"},
            "rungs": [{
                "action": "restart-chia-service", "with": {"service": "chia_harvester"}, "within": "15m", "timeout": "5m",
                "gone_for": "2s",
            }],
        })
    };
    json!({
        "collectors": {
            "mounts": [{
                "name": "nas", "interval": "2s", "probe_timeout": "500ms", "procfs": procfs, "include": ["/", share],
                "exclude": [], "expected": [{"mount": share}], "thresholds": {"stuck_after": "1s"},
            }],
            "chia": [{
                "name": "chia-nas", "root": farm.directory.join("nas"), "farmer": "127.0.0.1:8559", "daemon": "127.0.0.1:55401",
                "harvesters": [
                    {"name": "nas", "node_id": farm.nas_id(), "rpc": "127.0.0.1:8570"},
                ],
                "interval": "2s", "timeout": "1900ms", "events_interval": "1s", "details_interval": "2s", "plots_interval": "2s",
                "thresholds": {
                    "silent_points": 3, "harvester_down_after": "1s", "scan_stale_after": "10s", "certificate_ends_within": "1d",
                },
            }],
        },
        "journal": {"directory": journal},
        "remedies": {"warm_up": "1s", "policies": [
            policy("restart_stale", "harvester_scan_stale"),
            policy("restart_frozen", "harvester_scan_stale"),
            policy("restart_down", "harvester_down"),
        ]},
    })
}

fn well(page: &Samples) -> Result<(), String> {
    page.is("chia_harvester_connected", &[("harvester", "nas")], 1.0)?;
    page.is("chia_harvester_plots", &[("harvester", "nas")], 2.0)?;
    ["harvester_scan_stale", "harvester_down"]
        .iter()
        .try_for_each(|name| symptom(page, "chia-nas", name, "nas", None))
}

#[test]
fn a_harvester_that_died_is_started_by_its_daemon_and_left_alone_where_that_would_harm() {
    let mut places = Places::new();
    let share = Share::mount(&mut places, "share");
    let directory = places.root().join("chia");
    fs::create_dir(&directory).unwrap();
    let mut farm = Farm::start(&directory, Path::new(&share.point));
    let (machine, journal) = (places.root().join("proc"), places.root().join("journal"));
    procfs(&machine, farm.nas.as_ref().unwrap());
    let config = config(&farm, &share.point, &machine, &journal);
    let token = places.root().join("web.yml");
    let warden = Farmwarden::start_with(
        &config.to_string(),
        &[
            "--web.listen-address",
            "127.0.0.1:0",
            "--web.config.file",
            alerts_token(&token),
        ],
    );
    let asked = Asked {
        address: warden.address.clone(),
        journal,
    };
    let seen = |what: &str, is: &dyn Fn(&Samples) -> Result<(), String>| {
        wait_for(what, PATIENCE, || is(&warden.samples()));
    };
    seen("the harvester is well", &well);
    let ill = |name: &'static str| move |page: &Samples| symptom(page, "chia-nas", name, "nas", 1.0);

    // It would load no plots at all.
    kill(share.server, Signal::SIGSTOP).unwrap();
    seen("it waits for its mount", &ill("harvester_scan_stale"));
    asked.is_left_alone("restart_stale", "chia-nas", "nas", "hangs: repair that first");
    kill(share.server, Signal::SIGCONT).unwrap();
    seen("it is well again", &well);

    // A minute ago it was started.
    farm.nas.as_ref().unwrap().signal(Signal::SIGSTOP);
    seen("it stands still", &ill("harvester_scan_stale"));
    asked.is_left_alone("restart_frozen", "chia-nas", "nas", "it was started");

    drop(farm.nas.take());
    seen("it is gone", &ill("harvester_down"));
    let cured = asked.comes_to("restart_down", "chia-nas", "nas", "cured");
    let finished = asked.of(&cured, "finished").to_string();
    let words = "chia_harvester of chia-nas was started, as it did not run, by its daemon; it has found 2 plots";
    assert!(finished.contains(words), "{finished}");
    seen("it is back with its plots", &well);
    wait_for("and the farm is whole", PATIENCE, || farm.is_whole());
}
