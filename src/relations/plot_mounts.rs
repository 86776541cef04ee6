//! For every harvester of a machine whose mounts are watched: which mounts its plot directories lie on.
//!
//! A dead mount takes a harvester down without any error of its own, so what the mounts show is said where the harvester
//! is ill; and a directory on which nothing is mounted looks healthy to everybody else.

use std::collections::BTreeMap;
use std::path::Path;

use crate::collectors::chia::{self, Chia, DIRECTORY_UNMOUNTED, HARVESTER_SILENT, HereView, PLOTS_LOST, SCAN_STALE};
use crate::collectors::mounts::{self, MountView, Mounts};
use crate::collectors::{Finding, Link, Symptom, TargetView};
use crate::exposition::{Desc, Page};
use crate::values::Name;

pub(super) static DIRECTORIES: Desc<4> = Desc::gauge(
    "chia_harvester_mount_directories",
    "Plot directories of a harvester of this machine that lie on a mount; host is the target that watches it.",
    &["target", "harvester", "host", "mount"],
);
pub(super) static PLOTS: Desc<4> = Desc::gauge(
    "chia_harvester_mount_plots",
    "Plots of these directories that are farmed, where plots are looked at one by one; beside mount_plot_files it tells what was not loaded.",
    &["target", "harvester", "host", "mount"],
);

/// The disk of the system.
const ROOT: &str = "/";

/// What takes plots away from a harvester.
const MOUNT_ILL: [&Symptom; 4] = [
    &mounts::MOUNT_STUCK,
    &mounts::MOUNT_MISSING,
    &mounts::MOUNT_ERROR,
    &mounts::MOUNT_DISCONNECTED,
];

/// What a harvester suffers from such a mount.
const SUFFERED: [&Symptom; 3] = [&HARVESTER_SILENT, &SCAN_STALE, &PLOTS_LOST];

pub(super) fn judge(views: &mut [TargetView], links: &[Link], page: &mut Page) {
    let mut ruled = Vec::new();
    for (index, view) in views.iter().enumerate() {
        let Some(snapshot) = view.snapshot::<Chia>() else {
            continue;
        };
        let Some((host, machine)) = machine_of(view, views, links) else {
            continue;
        };
        let here = snapshot.here().into_iter();
        ruled.extend(here.map(|one| (index, rule(view, &one, snapshot, (host, machine), page))));
    }
    for (index, ruling) in ruled {
        if let Some(view) = views.get_mut(index) {
            ruling.apply(view);
        }
    }
}

/// The mounts of the machine: those that the farm depends on, else the only ones of its farm.
fn machine_of<'a>(
    view: &TargetView,
    views: &'a [TargetView],
    links: &[Link],
) -> Option<(&'a TargetView, &'a mounts::Snapshot)> {
    let link_of = |name: &Name| links.iter().find(|link| link.target == *name);
    let own = link_of(&view.name)?;
    let watched = || {
        let all = views.iter().filter_map(|view| Some((view, view.snapshot::<Mounts>()?)));
        all.filter(|(_, machine)| machine.table.is_some())
    };
    let named = watched().find(|(host, _)| own.depends_on.contains(&host.name));
    named.or_else(|| {
        let of_farm = |host: &TargetView| link_of(&host.name).is_some_and(|link| link.farm == own.farm);
        let mut candidates = watched().filter(|(host, _)| of_farm(host));
        match (candidates.next(), candidates.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    })
}

/// What is to be said of one harvester.
struct Ruling {
    harvester: String,
    /// Whether each directory has nothing mounted on it, and the words for that.
    directories: Vec<(String, Option<String>)>,
    /// What its mounts suffer, in words.
    because: Vec<String>,
}

/// What lies on one mount.
#[derive(Default)]
struct Lies {
    directories: usize,
    plots: Option<u64>,
}

fn rule(
    view: &TargetView,
    here: &HereView<'_>,
    snapshot: &chia::Snapshot,
    (host, machine): (&TargetView, &mounts::Snapshot),
    page: &mut Page,
) -> Ruling {
    let mut ruling = Ruling {
        harvester: here.label.to_owned(),
        directories: Vec::new(),
        because: Vec::new(),
    };
    let mut lies: BTreeMap<&str, Lies> = BTreeMap::new();
    for directory in here.directories {
        let Some(mount) = machine.mount_of(directory) else {
            continue;
        };
        let entry = lies.entry(&mount.mount).or_default();
        entry.directories += 1;
        let plots = snapshot.plots_below(here, directory);
        entry.plots = entry
            .plots
            .zip(plots)
            .map(|(one, other)| one + other)
            .or(entry.plots)
            .or(plots);
        let words = unmounted(directory, mount, snapshot.plots_on_root_disk());
        ruling.directories.push((directory.display().to_string(), words));
    }
    for (mount, lies) in lies {
        let labels = [view.name.as_str(), here.label, host.name.as_str(), mount];
        page.add(&DIRECTORIES, labels, lies.directories);
        page.add(&PLOTS, labels, lies.plots);
        let ill = |finding: &&Finding| finding.entity == mount && MOUNT_ILL.contains(&finding.symptom);
        for finding in host.diagnosis.findings.iter().filter(ill) {
            let plots = lies.plots.map(|plots| format!(", where {plots} of its plots lie"));
            let (symptom, name) = (finding.symptom.name, &host.name);
            ruling
                .because
                .push(format!("{symptom} of {name}: {mount}{}", plots.unwrap_or_default()));
        }
    }
    ruling
}

/// Why nothing is mounted on a directory; `None` where something is.
fn unmounted(directory: &Path, mount: &MountView, on_purpose: bool) -> Option<String> {
    let directory = directory.display();
    if !mount.present {
        return Some(format!("{directory}: {} is not mounted", mount.mount));
    }
    let ill = mount.mount == ROOT && !on_purpose;
    ill.then(|| format!("{directory}: nothing is mounted there, it lies on the disk of the system"))
}

impl Ruling {
    fn apply(self, view: &mut TargetView) {
        for (directory, words) in self.directories {
            let ill = words.is_some();
            view.diagnosis.judge(&DIRECTORY_UNMOUNTED, &directory, Some(ill), || {
                words.unwrap_or_default()
            });
        }
        let those = view.diagnosis.findings.iter_mut();
        for finding in those.filter(|found| found.entity == self.harvester && SUFFERED.contains(&found.symptom)) {
            for words in &self.because {
                finding.evidence += "; ";
                finding.evidence += words;
            }
        }
    }
}

#[cfg(test)]
mod tests;
