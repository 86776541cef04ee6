//! For every harvester of a machine whose mounts are watched: which mounts its plot directories lie on.
//!
//! A dead mount takes a harvester down without any error of its own, so what the mounts show is said where the harvester
//! is ill; and a directory on which nothing is mounted looks healthy to everybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::collectors::chia::{self, Chia, DIRECTORY_UNMOUNTED, HARVESTER_SILENT, HereView, PLOTS_LOST, SCAN_STALE};
use crate::collectors::mounts::{self, Mounts};
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

/// Where systems have partitions of their own, on which nobody means to put plots unless the directory is that mount.
const SYSTEM: [&str; 9] = [
    "/home", "/var", "/srv", "/mnt", "/media", "/opt", "/usr", "/boot", "/tmp",
];

/// Evidence is read by people: of more the first are told.
const MOST_WORDS: usize = 5;

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

/// The mounts of the machine of a Chia farm: those that it depends on, else the only ones of its farm.
pub fn machine_of<'a>(
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

/// Every mount below a plot directory, there or due: where plots are looked for recursively, they lie on those as well.
pub fn mounts_below<'a>(directory: &'a Path, machine: &'a mounts::Snapshot) -> BTreeSet<&'a Path> {
    let there = machine.points.iter().map(PathBuf::as_path);
    let all = there.chain(machine.mounts.iter().map(|view| Path::new(&view.mount)));
    all.filter(|point| is_below(point, directory)).collect()
}

fn watched_below<'a>(directory: &Path, machine: &'a mounts::Snapshot) -> impl Iterator<Item = &'a mounts::MountView> {
    let watched = machine.mounts.iter();
    watched.filter(move |view| is_below(Path::new(&view.mount), directory))
}

fn is_below(point: &Path, directory: &Path) -> bool {
    point != directory && point.starts_with(directory)
}

/// What is to be said of one harvester.
struct Ruling {
    harvester: String,
    /// Whether each directory has nothing mounted on it, and the words for that.
    directories: Vec<(String, Option<String>)>,
    /// What its mounts suffer, in words.
    because: Vec<String>,
    /// Where plots are gone, in words.
    gone: Vec<String>,
}

/// What lies on one mount.
#[derive(Default)]
struct Lies {
    directories: usize,
    plots: Option<u64>,
    /// Lately, at most.
    most: u64,
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
        gone: Vec::new(),
    };
    let (plots, most) = (snapshot.plots_of(here), snapshot.most_plots_of(here));
    let mut lies: BTreeMap<String, Lies> = BTreeMap::new();
    let mut bare: Vec<&Path> = Vec::new();
    for directory in here.directories {
        let Some(place) = Place::of(directory, machine) else {
            continue;
        };
        let words = place.unmounted(directory, machine, snapshot.plots_on_root_disk());
        if let Some(words) = &words {
            let lay = below(&most, directory);
            let lay = (lay > 0).then(|| format!(", where {lay} of its plots lay"));
            ruling.gone.push(format!("{words}{}", lay.unwrap_or_default()));
            bare.push(directory);
        }
        ruling.directories.push((directory.display().to_string(), words));
        let entry = lies.entry(place.mount).or_default();
        entry.directories += 1;
        entry.plots = entry.plots.or(plots.as_ref().map(|_| 0));
        for view in watched_below(directory, machine) {
            let entry = lies.entry(view.mount.clone()).or_default();
            entry.plots = entry.plots.or(plots.as_ref().map(|_| 0));
        }
    }
    // Each plot once, on the mount that it lies on, however directories lie in one another.
    let mount = |path: &Path| Place::of(path, machine).map(|place| place.mount);
    for (path, count) in plots.iter().flatten() {
        if let Some(mount) = mount(path) {
            let entry = lies.entry(mount).or_default();
            entry.plots = Some(entry.plots.unwrap_or_default() + count);
        }
    }
    for (path, count) in &most {
        if let Some(mount) = mount(path).filter(|_| !bare.iter().any(|bare| path.starts_with(bare))) {
            lies.entry(mount).or_default().most += count;
        }
    }
    for (mount, lies) in &lies {
        let labels = [view.name.as_str(), here.label, host.name.as_str(), mount];
        page.add(&DIRECTORIES, labels, lies.directories);
        page.add(&PLOTS, labels, lies.plots);
        ruling.of_mount(mount, lies, host);
    }
    ruling
}

fn below(most: &BTreeMap<&Path, u64>, directory: &Path) -> u64 {
    let below = most.iter().filter(|(path, _)| path.starts_with(directory));
    below.map(|(_, count)| *count).sum()
}

/// What a path lies on.
struct Place {
    /// The mount point: one that is there, or one that ought to be.
    mount: String,
    present: bool,
    /// It is in the list of mounts that must be there.
    expected: bool,
}

impl Place {
    /// By the whole table, and by what ought to be mounted.
    fn of(path: &Path, machine: &mounts::Snapshot) -> Option<Self> {
        let watched = machine.mount_of(path);
        let covering = machine.covering(path);
        let length = |point: &Path| point.components().count();
        let deepest = covering.map_or(0, length);
        match (
            watched.filter(|watched| length(Path::new(&watched.mount)) >= deepest),
            covering,
        ) {
            (Some(watched), _) => Some(Self {
                mount: watched.mount.clone(),
                present: watched.present,
                expected: watched.expected.is_some(),
            }),
            (None, Some(covering)) => Some(Self {
                mount: covering.to_string_lossy().into_owned(),
                present: true,
                expected: false,
            }),
            (None, None) => None,
        }
    }

    /// Why nothing is mounted on a directory; `None` where something is, as far as can be told.
    fn unmounted(&self, directory: &Path, machine: &mounts::Snapshot, on_purpose: bool) -> Option<String> {
        let (mount, shown) = (Path::new(&self.mount), directory.display());
        if !self.present {
            return Some(format!("{shown}: {} is not mounted", self.mount));
        }
        let is_root = self.mount == ROOT;
        if on_purpose || self.expected || (directory == mount && !is_root) {
            return None;
        }
        // Plots are meant to lie on those: they are looked for recursively.
        if watched_below(directory, machine).next().is_some() {
            return None;
        }
        let words = |on: &str| Some(format!("{shown}: nothing is mounted there, it lies on {on}"));
        let others = || machine.mounts.iter().filter(|other| other.expected.is_some());
        if is_root {
            words("the disk of the system")
        } else if SYSTEM.contains(&self.mount.as_str()) {
            words(&format!("{}, a disk of the system", self.mount))
        } else if others().any(|other| Path::new(&other.mount).starts_with(mount)) {
            words(&format!("{}, and mounts are expected below that", self.mount))
        } else {
            None
        }
    }
}

impl Ruling {
    fn of_mount(&mut self, mount: &str, lies: &Lies, host: &TargetView) {
        let there = lies.plots.unwrap_or_default();
        let plots = match (there, lies.most) {
            (0, 0) => String::new(),
            (0, most) => format!(", where {most} of its plots lay"),
            (there, _) => format!(", where {there} of its plots lie"),
        };
        let ill = |finding: &&Finding| finding.entity == mount && MOUNT_ILL.contains(&finding.symptom);
        let before = self.because.len();
        for finding in host.diagnosis.findings.iter().filter(ill) {
            let (symptom, name) = (finding.symptom.name, &host.name);
            self.because.push(format!("{symptom} of {name}: {mount}{plots}"));
        }
        if self.because.len() == before && lies.plots.is_some() && lies.most > there {
            let lost = lies.most - there;
            self.gone
                .push(format!("{mount} is well and has {lost} of {} fewer", lies.most));
        }
    }

    fn apply(self, view: &mut TargetView) {
        for (directory, words) in self.directories {
            let ill = words.is_some();
            view.diagnosis.judge(&DIRECTORY_UNMOUNTED, &directory, Some(ill), || {
                words.unwrap_or_default()
            });
        }
        let those = view.diagnosis.findings.iter_mut();
        for finding in those.filter(|found| found.entity == self.harvester && SUFFERED.contains(&found.symptom)) {
            let gone = self.gone.iter().filter(|_| finding.symptom == &PLOTS_LOST);
            let words: Vec<&String> = self.because.iter().chain(gone).collect();
            for words in words.iter().take(MOST_WORDS) {
                finding.evidence += "; ";
                finding.evidence += words;
            }
            if let Some(more) = words.len().checked_sub(MOST_WORDS).filter(|more| *more > 0) {
                finding.evidence.extend(["; and ", &more.to_string(), " more"]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
