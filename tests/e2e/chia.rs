//! A real Chia farm: daemon, simulated node, farmer, and two harvesters of which one is as on a machine of its own, its
//! plots on a share that can be frozen.

pub(crate) mod farm;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use farmwarden::actions::Effect;
use farmwarden::actions::chia::{Daemon, Harvester, Restarted, Service};
use farmwarden::upstream::Upstream;
use farmwarden::upstream::chia::{Certificates, Identity};
use nix::sys::signal::{Signal, kill};

use super::containers::runtime;
use super::mounts::{Places, Share};
use super::support::{Farmwarden, Samples, http, wait_for};
use farm::{Farm, program};

/// Chia's services take half a minute to start on a machine that is busy, and more than one has to.
const PATIENCE: Duration = Duration::from_secs(240);

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
      expected: [{{mount: '{share}'}}]
      thresholds: {{stuck_after: 1s}}
"
    ))
}

const NAS: (&str, &str) = ("harvester", "nas");
const HERE: (&str, &str) = ("harvester", "here");

/// Waits for a page that is as asked, all of it at once.
#[track_caller]
fn seen(warden: &Farmwarden, what: &str, mut is: impl FnMut(&Samples) -> Result<(), String>) -> Samples {
    wait_for(what, PATIENCE, || {
        let page = warden.samples();
        is(&page).map(|()| page)
    })
}

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

fn figures_are_what_the_rpcs_say(farm: &Farm, page: &Samples) -> Result<(), String> {
    let summary = farm.rpc(8559, "get_harvesters_summary")?;
    for one in summary["harvesters"].as_array().ok_or("no harvesters")? {
        let name = if one["plots"] == 2 { NAS } else { HERE };
        for (family, field) in [
            ("chia_harvester_plots", "plots"),
            ("chia_harvester_invalid_plots", "failed_to_open_filenames"),
            ("chia_harvester_keys_missing_plots", "no_key_filenames"),
            ("chia_harvester_duplicate_plots", "duplicates"),
            ("chia_harvester_plot_bytes", "total_plot_size"),
            ("chia_harvester_effective_plot_bytes", "total_effective_plot_size"),
        ] {
            page.is(family, &[name], one[field].as_f64())?;
        }
        page.is("chia_harvester_connected", &[name], 1.0)?;
        page.is("chia_harvester_mode", &[name, ("mode", "cpu")], 1.0)?;
    }
    let state = &farm.rpc(8555, "get_blockchain_state")?["blockchain_state"];
    for (family, value) in [
        ("chia_full_node_peak_height", &state["peak"]["height"]),
        ("chia_network_space_bytes", &state["space"]),
        ("chia_full_node_difficulty", &state["difficulty"]),
        ("chia_full_node_sub_slot_iters", &state["sub_slot_iters"]),
        ("chia_full_node_mempool_max_cost", &state["mempool_max_total_cost"]),
    ] {
        page.is(family, &[], value.as_f64())?;
    }
    for (service, port, kind) in [("farmer", 8559, 2), ("full_node", 8555, 3)] {
        let connections = &farm.rpc(port, "get_connections")?["connections"];
        let of_kind = connections.as_array().ok_or("no connections")?.iter();
        let count = u32::try_from(of_kind.filter(|one| one["type"] == kind).count()).unwrap();
        let name = if kind == 2 { "harvester" } else { "farmer" };
        page.is(
            "chia_connections",
            &[("service", service), ("type", name)],
            f64::from(count),
        )?;
    }
    page.is("chia_service_info", &[("service", "farmer"), ("version", "2.7.5")], 1.0)?;
    page.is("chia_network_info", &[("network", "simulator0")], 1.0)?;
    let by_kind = [NAS, ("k", "18"), ("type", "og"), ("compression", "0")];
    page.is("chia_harvester_plots_by_kind", &by_kind, 2.0)
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

/// As many signage points and lookups are counted as events of them were heard, and no more than there were.
fn nothing_is_counted_twice(farm: &Farm, page: &Samples) {
    let heard = |command| page.get("chia_events_received_total", &[("command", command)]);
    assert_eq!(heard("new_signage_point"), Some(points(page)), "{}", page.0);
    let both = lookups(page, HERE) + lookups(page, NAS);
    assert_eq!(heard("new_farming_info"), Some(both), "{}", page.0);
    let handed_out = f64::from(u32::try_from(farm.handed_out()).unwrap());
    for count in [points(page), lookups(page, HERE), lookups(page, NAS)] {
        assert!(
            count <= handed_out,
            "{count} of {handed_out} signage points:\n{}",
            page.0
        );
    }
    for family in ["chia_events_dropped_total", "chia_events_unreadable_total"] {
        page.is(family, &[], 0.0).unwrap();
    }
}

/// Every counter and every bucket of a Chia farm.
fn counters(page: &Samples) -> Vec<(&str, f64)> {
    let samples = page.0.lines().filter_map(|line| line.rsplit_once(' '));
    let counters = samples.filter(|(series, _)| {
        let family = series.split('{').next().unwrap_or_default();
        let counts = ["_total", "_bucket", "_count", "_sum"]
            .iter()
            .any(|end| family.ends_with(end));
        family.starts_with("chia_") && counts
    });
    counters
        .map(|(series, value)| (series, value.parse().unwrap()))
        .collect()
}

#[test]
fn a_real_farm_is_read_and_what_fails_in_it_is_told() {
    let mut places = Places::new();
    let share = Share::mount(&mut places, "share");
    let directory = places.root().join("chia");
    fs::create_dir(&directory).unwrap();
    let mut farm = Farm::start(&directory, Path::new(&share.point));
    let warden = watched(&farm, &share.point);

    seen(
        &warden,
        "every part is read, and its figures are what the RPCs say",
        |page| {
            all_parts_are_up(page)?;
            figures_are_what_the_rpcs_say(&farm, page)
        },
    );
    let page = seen(&warden, "lookups of both harvesters are heard of", |page| {
        is_above("lookups", lookups(page, HERE), 2.0)?;
        is_above("lookups", lookups(page, NAS), 2.0)
    });
    nothing_is_counted_twice(&farm, &page);
    let bare = directory.join("nothing-mounted");
    let on_share = [NAS, ("host", "host-1"), ("mount", &share.point)];
    seen(&warden, "what lies where", |page| {
        page.is("chia_harvester_mount_directories", &on_share, 1.0)?;
        page.is("chia_harvester_mount_plots", &on_share, 2.0)?;
        symptom(page, "plot_directory_without_mount", bare.to_str().unwrap(), 1.0)
    });

    harvester_dies_and_comes_back(&mut farm, &warden);
    websocket_is_cut(&mut farm, &warden);
    repairs_are_heard(&mut farm, &share);
    share_freezes(&farm, &warden, &share);
    farmer_freezes(&farm, &warden);
    warden.stops_at_once();

    wrong_certificates_are_told(&farm);
}

fn harvester_dies_and_comes_back(farm: &mut Farm, warden: &Farmwarden) {
    drop(farm.nas.take());
    wait_for("the farmer itself has noticed", PATIENCE, || {
        let summary = farm.rpc(8559, "get_harvesters_summary")?;
        let left = summary["harvesters"].as_array().map(Vec::len);
        if left == Some(1) {
            Ok(())
        } else {
            Err(summary.to_string())
        }
    });
    let mut rounds = BTreeSet::new();
    let page = seen(
        warden,
        "a harvester that died is disconnected and not forgotten",
        |page| {
            let last = page.get(
                "farmwarden_target_last_success_timestamp_seconds",
                &[("target", "chia-1"), ("part", "farmer")],
            );
            rounds.extend(last.map(f64::to_bits));
            page.is("chia_harvester_connected", &[NAS], 0.0)?;
            page.is("chia_harvester_plots", &[NAS], None)
        },
    );
    // The round before, one that was under way, and the next.
    assert!(rounds.len() <= 3, "{} rounds:\n{}", rounds.len(), page.0);
    page.is("chia_harvester_connected", &[HERE], 1.0).unwrap();
    seen(warden, "it is ill", |page| symptom(page, "harvester_down", "nas", 1.0));
    farm.start_nas();
    seen(warden, "it is back with its plots", |page| {
        page.is("chia_harvester_connected", &[NAS], 1.0)?;
        page.is("chia_harvester_plots", &[NAS], 2.0)?;
        symptom(page, "harvester_down", "nas", None)
    });
}

fn websocket_is_cut(farm: &mut Farm, warden: &Farmwarden) {
    let events = [("target", "chia-1"), ("part", "events")];
    let before = warden.samples();
    drop(farm.daemon.take());
    seen(warden, "a daemon that died is told", |page| {
        page.is("farmwarden_target_up", &events, 0.0)
    });
    farm.start_daemon();
    let page = seen(warden, "events are heard again", |page| {
        page.is("farmwarden_target_up", &events, 1.0)?;
        is_above("signage points", points(page), points(&before) + 2.0)?;
        is_above("lookups", lookups(page, HERE), lookups(&before, HERE) + 1.0)?;
        is_above("lookups", lookups(page, NAS), lookups(&before, NAS) + 1.0)
    });
    let after = counters(&page);
    for (series, value) in counters(&before) {
        let now = after.iter().find(|(other, _)| *other == series);
        assert!(
            now.is_some_and(|(_, now)| *now >= value),
            "{series} was {value}:\n{}",
            page.0
        );
    }
    nothing_is_counted_twice(farm, &page);
}

/// What repairs tell a farm, by farmwarden's own clients.
fn repairs_are_heard(farm: &mut Farm, share: &Share) {
    let (runtime, upstream) = (runtime(), Upstream::from_system().unwrap());
    let ssl = farm.directory.join("farm/config/ssl");
    let files = Certificates {
        authority: ssl.join("ca/private_ca.crt"),
        certificate: ssl.join("daemon/private_daemon.crt"),
        key: ssl.join("daemon/private_daemon.key"),
    };
    let identity = Arc::new(Identity::read("e2e", &files).unwrap());
    let place = |port: u16| format!("127.0.0.1:{port}").parse().unwrap();

    let nas = Harvester::new(&upstream, &identity, &place(8570));
    let plot = plot_in(&share.point);
    for (from, to, left) in [
        (plot.clone(), plot.with_extension("away"), 1),
        (plot.with_extension("away"), plot, 2),
    ] {
        fs::rename(from, to).unwrap();
        runtime.block_on(nas.refresh_plots()).unwrap();
        wait_for("the harvester has looked", PATIENCE, || {
            let plots = farm.rpc(8570, "get_plots")?["plots"].as_array().map(Vec::len);
            if plots == Some(left) {
                Ok(())
            } else {
                Err(format!("{plots:?}"))
            }
        });
    }

    let daemon = Daemon::new(&upstream, &identity, &place(55400));
    let restart = || runtime.block_on(daemon.restart(Service::Harvester));
    let failed = restart().unwrap_err();
    assert!(failed.to_string().contains("`restart-unit`"), "{failed}");
    assert_eq!(failed.effect, Effect::Nothing);
    drop(farm.harvester.take());
    for expected in [Restarted::Started, Restarted::StoppedAndStarted] {
        wait_for("the daemon restarts its harvester", PATIENCE, || match restart() {
            Ok(restarted) if restarted == expected => Ok(()),
            other => Err(format!("{other:?}")),
        });
        wait_for("all plots are there again", PATIENCE, || farm.is_whole());
    }
}

fn plot_in(directory: &str) -> PathBuf {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let is_plot = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "plot");
    files.filter(is_plot).min().unwrap()
}

fn share_freezes(farm: &Farm, warden: &Farmwarden, share: &Share) {
    kill(share.server, Signal::SIGSTOP).unwrap();
    let page = seen(
        warden,
        "a frozen share makes its harvester silent and its scan stale",
        |page| {
            symptom(page, "mount_stuck", &share.point, 1.0)?;
            symptom(page, "harvester_scan_stale", "nas", 1.0)?;
            symptom(page, "harvester_silent", "nas", 1.0)?;
            page.is("chia_harvester_connected", &[NAS], 1.0)?;
            // Everything else goes on.
            symptom(page, "harvester_silent", "here", None)?;
            symptom(page, "harvester_scan_stale", "here", None)?;
            all_parts_are_up(page)
        },
    );
    let because = format!("mount_stuck of host-1: {}, where 2 of its plots lie", share.point);
    wait_for("people are told why", PATIENCE, || {
        let status = http::get(&warden.address, "/", &[])?.text();
        if status.contains(&because) { Ok(()) } else { Err(status) }
    });
    let before = lookups(&page, HERE);
    seen(warden, "the other harvester goes on", |page| {
        is_above("lookups", lookups(page, HERE), before + 1.0)
    });
    kill(share.server, Signal::SIGCONT).unwrap();
    seen(warden, "all is well when the share answers again", |page| {
        symptom(page, "mount_stuck", &share.point, None)?;
        symptom(page, "harvester_scan_stale", "nas", None)?;
        symptom(page, "harvester_silent", "nas", None)
    });
    wait_for("all plots are there", PATIENCE, || farm.is_whole());
}

/// It accepts connections and says nothing.
fn farmer_freezes(farm: &Farm, warden: &Farmwarden) {
    farm.farmer.signal(Signal::SIGSTOP);
    let part = |name| [("target", "chia-1"), ("part", name)];
    seen(
        warden,
        "a farmer that hangs is down, and who is connected is unknown",
        |page| {
            page.is("farmwarden_target_up", &part("farmer"), 0.0)?;
            page.is("chia_harvester_connected", &[NAS], None)?;
            page.is("farmwarden_target_up", &part("full_node"), 1.0)
        },
    );
    farm.farmer.signal(Signal::SIGCONT);
    seen(warden, "it is back", |page| {
        page.is("chia_harvester_connected", &[NAS], 1.0)
    });
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
    let entry = |root: &str, more: &str| {
        let root = farm.directory.join(root);
        let root = root.display();
        format!(
            "collectors: {{chia: [{{name: chia-1, root: {root}, farmer: '127.0.0.1:8559', daemon: '127.0.0.1:55400', \
             interval: 10s, timeout: 9s, plot_detail: 'off'{more}}}]}}"
        )
    };
    let fault = |warden: &Farmwarden, what: &str, reason: &str| {
        seen(warden, what, |page| {
            ["farmer", "events"].into_iter().try_for_each(|part| {
                let labels = [("part", part), ("reason", reason)];
                let failures = page.get("farmwarden_target_failures_total", &labels);
                is_above("failures", failures.unwrap_or_default(), 0.0)
            })
        });
    };
    let warden = Farmwarden::start(&entry("stranger", ""));
    fault(&warden, "the authority of another farm is a fault of TLS", "tls");
    let log = warden.process.log();
    assert!(log.contains("is that the private_ca.crt of this very farm?"), "{log}");
    drop(warden);

    // Whoever trusts both farms is let in by its own alone.
    let both = farm.directory.join("both.crt");
    let authorities = [&ours, &strange].map(|ssl| fs::read_to_string(ssl.join("ca/private_ca.crt")).unwrap());
    fs::write(&both, authorities.concat()).unwrap();
    let foreign = |authority: &Path| {
        let own = |end: &str| strange.join(format!("farmer/private_farmer.{end}"));
        let (authority, cert, key) = (authority.display(), own("crt"), own("key"));
        format!(
            ", ca_file: {authority}, cert_file: {}, key_file: {}",
            cert.display(),
            key.display()
        )
    };
    let warden = Farmwarden::start(&entry("farm", &foreign(&both)));
    fault(
        &warden,
        "a certificate of another farm is refused",
        "client_cert_refused",
    );
    drop(warden);

    // Who does not trust it either is told so before anything is asked.
    let file = farm.directory.join("foreign.yml");
    fs::write(&file, entry("farm", &foreign(&ours.join("ca/private_ca.crt")))).unwrap();
    let output = Farmwarden::command().arg("--config.file").arg(&file).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && words.contains("it is of another farm"),
        "{words}"
    );
}
