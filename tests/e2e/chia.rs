//! A real Chia farm: daemon, simulated node, farmer, and two harvesters of which one is as on a machine of its own, its
//! plots on a share that can be frozen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use super::mounts::{Places, Share};
use super::support::{Farmwarden, LONG, Process, Samples, handed_over, own, wait_for};

/// A farm in a directory, with its services.
struct Farm {
    directory: PathBuf,
    daemon: Option<Process>,
    nas: Option<Process>,
    _node: Process,
    farmer: Process,
    _harvester: Process,
}

/// A program of chia's.
fn program(directory: &Path, installation: &str, name: &str) -> Command {
    let python = handed_over("E2E_CHIA");
    let mut command = Command::new(python.with_file_name(name));
    command.env("CHIA_ROOT", directory.join(installation));
    command.env("CHIA_KEYS_ROOT", directory.join("keys"));
    command
}

fn farm_py(directory: &Path, arguments: &[&Path]) -> Command {
    let mut command = program(directory, "farm", "python");
    command.arg(own("chia/farm.py")).args(arguments);
    command
}

impl Farm {
    /// With the plots of the second harvester in `share`.
    fn start(directory: &Path, share: &Path) -> Self {
        let output = farm_py(directory, &[Path::new("prepare"), directory, share])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let start = |installation, name| Process::start(name, &mut program(directory, installation, name));
        let daemon = Some(start("farm", "chia_daemon"));
        let installation = directory.join("farm");
        let node = Process::start("node", &mut farm_py(directory, &[Path::new("node"), &installation]));
        let farm = Self {
            farmer: start("farm", "chia_farmer"),
            _harvester: start("farm", "chia_harvester"),
            nas: Some(start("nas", "chia_harvester")),
            daemon,
            _node: node,
            directory: directory.to_owned(),
        };
        wait_for(
            "both harvesters have loaded their plots, and the node has blocks",
            LONG,
            || farm.is_whole(),
        );
        farm
    }

    fn is_whole(&self) -> Result<(), String> {
        let summary = self.rpc(8559, "get_harvesters_summary")?;
        let harvesters = summary["harvesters"].as_array().ok_or("no harvesters")?;
        let loaded = harvesters
            .iter()
            .filter(|one| one["plots"].as_u64() > Some(0) && !one["last_sync_time"].is_null());
        if loaded.count() != 2 {
            return Err(summary.to_string());
        }
        let state = self.rpc(8555, "get_blockchain_state")?;
        let height = state["blockchain_state"]["peak"]["height"].as_u64();
        height
            .filter(|height| *height > 0)
            .map(|_| ())
            .ok_or_else(|| "the node has no block".to_owned())
    }

    /// What a service says, asked by chia's own means.
    fn rpc(&self, port: u16, route: &str) -> Result<Value, String> {
        let mut command = farm_py(&self.directory, &[]);
        let output = command.args(["rpc", &port.to_string(), route]).output().unwrap();
        let words = || String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).map_err(|e| format!("{route}: {e}: {}", words()))
    }

    /// By which certificate the farmer knows the second harvester.
    fn nas_id(&self) -> String {
        let summary = self.rpc(8559, "get_harvesters_summary").unwrap();
        let harvesters = summary["harvesters"].as_array().unwrap();
        let nas = harvesters.iter().find(|one| one["plots"] == 2).unwrap();
        nas["connection"]["node_id"].as_str().unwrap().to_owned()
    }

    fn start_nas(&mut self) {
        let mut command = program(&self.directory, "nas", "chia_harvester");
        self.nas = Some(Process::start("chia_harvester", &mut command));
    }

    fn start_daemon(&mut self) {
        let mut command = program(&self.directory, "farm", "chia_daemon");
        self.daemon = Some(Process::start("chia_daemon", &mut command));
    }
}

/// Watched at a pace that lets a test see in seconds what takes minutes on a farm.
fn watched(farm: &Farm, share: &str) -> Farmwarden {
    let (root, id) = (farm.directory.join("farm"), farm.nas_id());
    let root = root.display();
    Farmwarden::start(&format!(
        "collectors:
  chia:
    - name: chia-1
      root: {root}
      farmer: 127.0.0.1:8559
      full_node: 127.0.0.1:8555
      daemon: 127.0.0.1:55400
      harvesters:
        - {{name: here, rpc: '127.0.0.1:8560'}}
        - {{name: nas, node_id: '{id}', rpc: '127.0.0.1:8570'}}
      interval: 2s
      timeout: 1900ms
      events_interval: 1s
      details_interval: 2s
      plots_interval: 2s
      thresholds: {{silent_points: 3, harvester_down_after: 1s, scan_stale_after: 10s, certificate_ends_within: 1d}}
  mounts:
    - name: host-1
      interval: 2s
      probe_timeout: 500ms
      include: ['/', '{share}']
      exclude: []
      thresholds: {{stuck_after: 1s}}
"
    ))
}

const NAS: (&str, &str) = ("harvester", "nas");
const HERE: (&str, &str) = ("harvester", "here");

fn symptom(page: &Samples, symptom: &str, entity: &str, expected: impl Into<Option<f64>>) -> Result<(), String> {
    page.is(
        "farmwarden_symptom",
        &[("symptom", symptom), ("entity", entity)],
        expected,
    )
}

fn all_parts_are_up(page: &Samples) -> Result<(), String> {
    let parts = ["full_node", "farmer", "events", "details", "plots"];
    parts
        .into_iter()
        .try_for_each(|part| page.is("farmwarden_target_up", &[("target", "chia-1"), ("part", part)], 1.0))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn figures_are_what_the_rpcs_say(farm: &Farm, page: &Samples) {
    let summary = farm.rpc(8559, "get_harvesters_summary").unwrap();
    for one in summary["harvesters"].as_array().unwrap() {
        let name = if one["plots"] == 2 { NAS } else { HERE };
        for (family, field) in [
            ("chia_harvester_plots", "plots"),
            ("chia_harvester_invalid_plots", "failed_to_open_filenames"),
            ("chia_harvester_keys_missing_plots", "no_key_filenames"),
            ("chia_harvester_duplicate_plots", "duplicates"),
            ("chia_harvester_plot_bytes", "total_plot_size"),
            ("chia_harvester_effective_plot_bytes", "total_effective_plot_size"),
        ] {
            page.is(family, &[name], number(&one[field])).unwrap();
        }
        page.is("chia_harvester_connected", &[name], 1.0).unwrap();
        page.is("chia_harvester_mode", &[name, ("mode", "cpu")], 1.0).unwrap();
    }
    let state = &farm.rpc(8555, "get_blockchain_state").unwrap()["blockchain_state"];
    for (family, value) in [
        ("chia_full_node_peak_height", &state["peak"]["height"]),
        ("chia_network_space_bytes", &state["space"]),
        ("chia_full_node_difficulty", &state["difficulty"]),
    ] {
        page.is(family, &[], number(value)).unwrap();
    }
    page.is("chia_connections", &[("service", "farmer"), ("type", "harvester")], 2.0)
        .unwrap();
    page.is("chia_service_info", &[("service", "farmer"), ("version", "2.7.5")], 1.0)
        .unwrap();
    page.is("chia_network_info", &[("network", "simulator0")], 1.0).unwrap();
    let by_kind = [NAS, ("k", "18"), ("type", "og"), ("compression", "0")];
    page.is("chia_harvester_plots_by_kind", &by_kind, 2.0).unwrap();
}

/// How many lookups of a harvester were counted.
fn lookups(page: &Samples, harvester: (&str, &str)) -> f64 {
    page.get("chia_harvester_lookup_seconds_count", &[harvester])
        .unwrap_or_default()
}

fn points(page: &Samples) -> f64 {
    page.get("chia_farmer_signage_points_total", &[]).unwrap_or_default()
}

fn is_above(what: &str, number: f64, limit: f64) -> Result<(), String> {
    if number > limit {
        Ok(())
    } else {
        Err(format!("{what} is {number}, not above {limit}"))
    }
}

#[test]
fn a_real_farm_is_read_and_what_fails_in_it_is_told() {
    let mut places = Places::new();
    let share = Share::mount(&mut places, "share");
    let directory = places.root().join("chia");
    fs::create_dir(&directory).unwrap();
    let mut farm = Farm::start(&directory, Path::new(&share.point));
    let warden = watched(&farm, &share.point);

    let page = warden.wait_for("every part is read", all_parts_are_up);
    figures_are_what_the_rpcs_say(&farm, &page);
    let page = warden.wait_for("lookups of both harvesters are heard of", |page| {
        is_above("lookups", lookups(page, HERE), 2.0)?;
        is_above("lookups", lookups(page, NAS), 2.0)
    });
    // One answer to each signage point and no more.
    for harvester in [HERE, NAS] {
        assert!(lookups(&page, harvester) <= points(&page) + 1.0, "{}", page.0);
    }
    let on_share = [NAS, ("host", "host-1"), ("mount", &share.point)];
    page.is("chia_harvester_mount_directories", &on_share, 1.0).unwrap();
    page.is("chia_harvester_mount_plots", &on_share, 2.0).unwrap();
    let bare = directory.join("nothing-mounted");
    symptom(&page, "plot_directory_without_mount", bare.to_str().unwrap(), 1.0).unwrap();

    harvester_dies_and_comes_back(&mut farm, &warden);
    websocket_is_cut(&mut farm, &warden);
    share_freezes(&farm, &warden, &share);

    // The farmer freezes: it accepts connections and says nothing.
    farm.farmer.signal(Signal::SIGSTOP);
    let of_farmer = [("target", "chia-1"), ("part", "farmer")];
    warden.wait_for("a farmer that hangs is down, and who is connected is unknown", |page| {
        page.is("farmwarden_target_up", &of_farmer, 0.0)?;
        page.is("chia_harvester_connected", &[NAS], None)
    });
    let page = warden.samples();
    page.is(
        "farmwarden_target_up",
        &[("target", "chia-1"), ("part", "full_node")],
        1.0,
    )
    .unwrap();
    farm.farmer.signal(Signal::SIGCONT);
    warden.wait_for("it is back", |page| page.is("chia_harvester_connected", &[NAS], 1.0));
    warden.stops_at_once();

    wrong_certificates_are_told(&farm);
}

fn harvester_dies_and_comes_back(farm: &mut Farm, warden: &Farmwarden) {
    drop(farm.nas.take());
    let page = warden.wait_for("a harvester that died is disconnected and not forgotten", |page| {
        page.is("chia_harvester_connected", &[NAS], 0.0)?;
        page.is("chia_harvester_plots", &[NAS], None)?;
        symptom(page, "harvester_down", "nas", 1.0)
    });
    page.is("chia_harvester_connected", &[HERE], 1.0).unwrap();
    farm.start_nas();
    warden.wait_for("it is back with its plots", |page| {
        page.is("chia_harvester_connected", &[NAS], 1.0)?;
        page.is("chia_harvester_plots", &[NAS], 2.0)?;
        symptom(page, "harvester_down", "nas", None)
    });
}

fn websocket_is_cut(farm: &mut Farm, warden: &Farmwarden) {
    let events = [("target", "chia-1"), ("part", "events")];
    let before = warden.samples();
    drop(farm.daemon.take());
    warden.wait_for("a daemon that died is told", |page| {
        page.is("farmwarden_target_up", &events, 0.0)
    });
    farm.start_daemon();
    let page = warden.wait_for("events are heard again", |page| {
        page.is("farmwarden_target_up", &events, 1.0)?;
        is_above("signage points", points(page), points(&before) + 2.0)?;
        is_above("lookups", lookups(page, HERE), lookups(&before, HERE) + 1.0)
    });
    for harvester in [HERE, NAS] {
        assert!(
            lookups(&page, harvester) >= lookups(&before, harvester),
            "a counter fell:\n{}",
            page.0
        );
        assert!(
            lookups(&page, harvester) <= points(&page) + 2.0,
            "counted twice:\n{}",
            page.0
        );
    }
}

fn share_freezes(farm: &Farm, warden: &Farmwarden, share: &Share) {
    kill(share.server, Signal::SIGSTOP).unwrap();
    let page = warden.wait_for("a frozen share makes its harvester silent and its scan stale", |page| {
        symptom(page, "mount_stuck", &share.point, 1.0)?;
        symptom(page, "harvester_scan_stale", "nas", 1.0)?;
        symptom(page, "harvester_silent", "nas", 1.0)
    });
    page.is("chia_harvester_connected", &[NAS], 1.0).unwrap();
    symptom(&page, "harvester_silent", "here", None).unwrap();
    symptom(&page, "harvester_scan_stale", "here", None).unwrap();
    all_parts_are_up(&page).unwrap_or_else(|words| panic!("everything else goes on: {words}"));
    let before = lookups(&page, HERE);
    warden.wait_for("the other harvester goes on", |page| {
        is_above("lookups", lookups(page, HERE), before + 1.0)
    });
    kill(share.server, Signal::SIGCONT).unwrap();
    warden.wait_for("all is well when the share answers again", |page| {
        symptom(page, "mount_stuck", &share.point, None)?;
        symptom(page, "harvester_scan_stale", "nas", None)?;
        symptom(page, "harvester_silent", "nas", None)
    });
    farm.is_whole().unwrap();
}

/// A third installation has an authority of its own, with the same name.
fn wrong_certificates_are_told(farm: &Farm) {
    let made = program(&farm.directory, "stranger", "chia")
        .arg("init")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (ours, strange) = (
        farm.directory.join("farm/config/ssl"),
        farm.directory.join("stranger/config/ssl"),
    );
    let entry = |root: &Path, more: &str| {
        let root = root.display();
        format!(
            "collectors: {{chia: [{{name: chia-1, root: {root}, farmer: '127.0.0.1:8559', interval: 2s, timeout: 1s, \
             plot_detail: 'off'{more}}}]}}"
        )
    };
    let warden = Farmwarden::start(&entry(&farm.directory.join("stranger"), ""));
    warden.wait_for("the authority of another farm is a fault of TLS", |page| {
        let failures = [("part", "farmer"), ("reason", "tls")];
        is_above(
            "failures",
            page.get("farmwarden_target_failures_total", &failures)
                .unwrap_or_default(),
            0.0,
        )
    });
    let log = warden.process.log();
    assert!(log.contains("is that the private_ca.crt of this very farm?"), "{log}");
    drop(warden);

    let ca = ours.join("ca/private_ca.crt");
    let cert = strange.join("farmer/private_farmer.crt");
    let key = strange.join("farmer/private_farmer.key");
    let more = format!(
        ", ca_file: {}, cert_file: {}, key_file: {}",
        ca.display(),
        cert.display(),
        key.display()
    );
    let file = farm.directory.join("foreign.yml");
    fs::write(&file, entry(&farm.directory.join("farm"), &more)).unwrap();
    let output = Farmwarden::command().arg("--config.file").arg(&file).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && words.contains("it is of another farm"),
        "{words}"
    );
}
