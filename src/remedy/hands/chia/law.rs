//! What must be seen before a service of Chia is restarted: pure, over the pictures of collectors.
//!
//! The policy's own guards come before; these hold whatever a policy says. Source: chia contract, 13 and 17.

use std::path::Path;
use std::time::Duration;

use crate::clock::Now;
use crate::collectors::Finding;
use crate::collectors::chia::{self, Peers};
use crate::collectors::mounts;
use crate::relations::mounts_below;
use crate::values;

/// A look through the directories that has not got on for so long hangs.
const SCAN_HANGS: Duration = Duration::from_secs(1_800);

fn has(ill: &[Finding], symptom: &str, entity: &str) -> bool {
    ill.iter()
        .any(|finding| finding.symptom.name == symptom && finding.entity == entity)
}

/// Why a harvester is left alone, if it is. `ill` is what is ill in its farm, `machine` the mounts of its machine.
pub(super) fn harvester(
    snapshot: &chia::Snapshot,
    label: &str,
    machine: Option<&mounts::Snapshot>,
    ill: &[Finding],
    now: Now,
) -> Result<(), String> {
    let all = snapshot.here();
    let here = all.iter().find(|here| here.label == label).ok_or_else(|| {
        let label = values::repeated(label);
        format!("{label} is no harvester of this machine whose plot directories are known; the one beside its own daemon restarts it")
    })?;
    let unwatched = "nobody watches the mounts of its machine: with one that hangs it would load no plots at all; add a target \
                     of the kind `mounts` to its farm";
    let machine = machine.ok_or_else(|| unwatched.to_owned())?;
    for directory in here.directories {
        mount(directory, machine)?;
        // Plots are also looked for below it, where that is switched on.
        for below in mounts_below(directory, machine) {
            mount(below, machine)?;
        }
        if has(ill, chia::DIRECTORY_UNMOUNTED.name, &directory.display().to_string()) {
            return Err(format!(
                "nothing is mounted at its plot directory {}",
                directory.display()
            ));
        }
    }
    let told = here.id.and_then(|id| Some((id, snapshot.harvesters.get(&id)?)));
    match told {
        Some((id, known)) if known.connected == Some(true) => {
            if snapshot.scan_stands(&id, now).is_some_and(|stands| stands < SCAN_HANGS) {
                return Err("it looks through its directories, and gets on: wait".to_owned());
            }
        }
        // Nobody tells how far it is: one that looks and gets on answers signage points.
        _ if has(ill, chia::HARVESTER_SILENT.name, label) || has(ill, chia::HARVESTER_DOWN.name, label) => {}
        _ => return Err("nobody tells whether it looks through its directories just now".to_owned()),
    }
    others(snapshot, label, ill)
}

/// A daemon starts and stops one harvester, whichever is ill: only that one's mounts are looked at.
pub(super) fn of_daemon(snapshot: &chia::Snapshot, target: &chia::Target, label: &str) -> Result<(), String> {
    // One that tells no directories just now is in no picture.
    let written = target.harvesters.iter().filter(|pick| pick.is_here()).count();
    if snapshot.is_of_root(label) || written.max(snapshot.here().len()) <= 1 {
        return Ok(());
    }
    Err(format!(
        "the daemon of `{}` may mean another harvester than {}: several are on this machine, and only the one in `root` is \
         known to be the daemon's; give each an entry of its own with its `root` and `daemon`",
        target.name,
        values::repeated(label)
    ))
}

/// Every mount that its plots lie on must be there and answer.
fn mount(directory: &Path, machine: &mounts::Snapshot) -> Result<(), String> {
    let unwatched = || format!("nobody watches the mount of its plot directory {}", directory.display());
    let view = machine.mount_of(directory).ok_or_else(unwatched)?;
    let nearer = machine.covering(directory);
    if nearer.is_some_and(|nearer| nearer.components().count() > Path::new(&view.mount).components().count()) {
        return Err(unwatched());
    }
    let mount = &view.mount;
    let words = if !view.present {
        "is not mounted"
    } else if view.stuck == Some(true) {
        "hangs"
    } else if view.health.is_some_and(|health| health.is_err()) {
        "has an error"
    } else if view.disconnected == Some(true) || machine.reachable(view) == Some(false) {
        "has lost its server"
    } else if view.stuck.is_none() || view.health.is_none() {
        "has not answered yet"
    } else {
        return Ok(());
    };
    Err(format!(
        "its plot mount {mount} {words}: repair that first, or it loads no plots at all"
    ))
}

/// The others are well, or all of them are ill alike: a farm of which one after the other falls ill has another trouble.
fn others(snapshot: &chia::Snapshot, label: &str, ill: &[Finding]) -> Result<(), String> {
    let others = snapshot.harvesters.values().filter(|known| known.label != label);
    let others: Vec<&str> = others.map(|known| known.label.as_str()).collect();
    let of_harvesters = [&chia::HARVESTER_SILENT, &chia::SCAN_STALE, &chia::HARVESTER_DOWN];
    let is_ill = |other: &&&str| of_harvesters.iter().any(|symptom| has(ill, symptom.name, other));
    let fallen: Vec<&str> = others.iter().filter(is_ill).copied().collect();
    if fallen.is_empty() || fallen.len() == others.len() {
        return Ok(());
    }
    Err(format!(
        "of the farm's other harvesters {} are ill as well, and others are not",
        fallen.join(", ")
    ))
}

/// Only where the node is well and the farmer's link to it is gone.
pub(super) fn farmer(snapshot: &chia::Snapshot) -> Result<(), String> {
    let Some((node, _)) = &snapshot.node else {
        return Err("its node is not known to be well".to_owned());
    };
    if node.synced != Some(true) {
        return Err("its node is not synchronised, and no restart of the farmer cures that".to_owned());
    }
    let peers = snapshot.farmer.as_ref().and_then(|farmer| farmer.peers.as_ref());
    match peers.map(Peers::full_nodes) {
        Some(0) => Ok(()),
        Some(_) => Err("it is connected with its node".to_owned()),
        None => Err("it is not known whether it is connected with its node".to_owned()),
    }
}

/// Only one that says it is synchronised and stands still.
pub(super) fn full_node(ill: &[Finding]) -> Result<(), String> {
    if has(ill, chia::NODE_STALLED.name, "") {
        return Ok(());
    }
    Err(format!(
        "it does not stand still ({}), and takes long to start",
        chia::NODE_STALLED.name
    ))
}
