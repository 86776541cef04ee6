//! What fails in a farm, and what is told of it.

use std::collections::BTreeSet;

use nix::sys::signal::{Signal, kill};

use super::alerted::Alerted;
use super::elsewhere::Elsewhere;
use super::farm::Farm;
use super::figures::{counters, lookups, nothing_is_counted_twice, points};
use super::{HERE, NAS, PATIENCE, all_parts_are_up, is_above, seen, symptom};
use crate::mounts::Share;
use crate::support::{Farmwarden, http, wait_for};

pub(super) fn harvester_dies_and_comes_back(farm: &mut Farm, warden: &Farmwarden) {
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

pub(super) fn websocket_is_cut(farm: &mut Farm, warden: &Farmwarden) {
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

pub(super) fn share_freezes(
    farm: &Farm,
    warden: &Farmwarden,
    (elsewhere, alerted): (&Elsewhere, &Alerted),
    share: &Share,
) {
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
    elsewhere.tells_of_its_share(share);
    alerted.one_of_three_is_told();
    kill(share.server, Signal::SIGCONT).unwrap();
    elsewhere.is_well(share);
    seen(warden, "all is well when the share answers again", |page| {
        symptom(page, "mount_stuck", &share.point, None)?;
        symptom(page, "harvester_scan_stale", "nas", None)?;
        symptom(page, "harvester_silent", "nas", None)
    });
    wait_for("all plots are there", PATIENCE, || farm.is_whole());
}

/// It accepts connections and says nothing.
pub(super) fn farmer_freezes(farm: &Farm, warden: &Farmwarden) {
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
