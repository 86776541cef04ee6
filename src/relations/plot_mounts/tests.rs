use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::collectors::Diagnosis;
use crate::collectors::chia::testing::{Farm, harvester, id, plots_in};
use crate::collectors::mounts::MountView;
use crate::exposition::golden;
use crate::relations::FAMILIES;

fn mount(point: &str, present: bool) -> MountView {
    MountView {
        mount: point.to_owned(),
        present,
        ..MountView::default()
    }
}

/// A machine with these mounts, of which those named second are ill.
fn machine(name: &str, points: &[&str], ill: &[(&'static Symptom, &str)]) -> TargetView {
    let mut snapshot = mounts::Snapshot::default();
    snapshot.table = Some(mounts::TableView::default());
    let missing = |point: &str| {
        ill.iter()
            .any(|(symptom, entity)| *symptom == &mounts::MOUNT_MISSING && *entity == point)
    };
    snapshot.mounts = points.iter().map(|point| mount(point, !missing(point))).collect();
    let there = points.iter().filter(|point| !missing(point));
    snapshot.points = Arc::new(there.map(PathBuf::from).collect());
    let mut diagnosis = Diagnosis::default();
    for (symptom, entity) in ill {
        diagnosis.judge(symptom, entity, Some(true), || "it is so".to_owned());
    }
    TargetView::new::<Mounts>(name.parse().unwrap(), snapshot, diagnosis)
}

const DIRECTORIES_HERE: [&str; 4] = ["/mnt/a/plots", "/mnt/a/more", "/mnt/b", "/mnt/not-there/plots"];

/// A farm with a harvester here that has been silent for a while.
fn farm(keys: &str) -> Farm {
    let all = format!(
        r#", "farmer": "127.0.0.1:8559", "daemon": "127.0.0.1:55400",
        "harvesters": [{{"name": "nas-1", "host": "10.0.0.1", "rpc": "127.0.0.1:8560"}}]{keys}"#
    );
    let mut farm = Farm::new(&all);
    let now = farm.now();
    farm.here(&DIRECTORIES_HERE)
        .farmer(vec![harvester(1, 100, now)])
        .events();
    let spread = [("/mnt/a/plots", 40), ("/mnt/a/more", 10), ("/mnt/b/deeper", 50)];
    farm.plots(
        id(1),
        plots_in(&BTreeMap::from(
            spread.map(|(path, plots)| (PathBuf::from(path), plots)),
        )),
    );
    for _ in 0..11 {
        farm.after(9).point();
    }
    farm.events();
    farm
}

fn link(target: &str, collector: &'static str, depends_on: &[&str]) -> Link {
    Link {
        target: target.parse().unwrap(),
        collector,
        farm: Link::default_farm(),
        depends_on: depends_on.iter().map(|name| name.parse().unwrap()).collect(),
    }
}

/// What is found of the farm, and the page of the relation.
fn judged(farm: &Farm, machines: Vec<TargetView>, depends_on: &[&str]) -> (Vec<String>, String) {
    let mut links: Vec<Link> = machines
        .iter()
        .map(|view| link(view.name.as_str(), "mounts", &[]))
        .collect();
    links.push(link("chia-1", "chia", depends_on));
    let mut views = machines;
    let name = "chia-1".parse().unwrap();
    views.push(TargetView::new::<Chia>(name, farm.snapshot.clone(), farm.diagnosis()));
    let mut page = Page::new(&[]);
    judge(&mut views, &links, &mut page);
    let found = views.last().unwrap().diagnosis.findings.iter();
    let found = found.map(|found| format!("{} [{}] {}", found.symptom.name, found.entity, found.evidence));
    (found.collect(), golden::rendered(FAMILIES, page))
}

const POINTS: [&str; 3] = ["/", "/mnt/a", "/mnt/b"];

#[test]
fn a_mount_that_hangs_is_named_where_the_harvester_is_silent() {
    let ill = [(&mounts::MOUNT_STUCK, "/mnt/a"), (&mounts::MOUNT_READ_ONLY, "/mnt/b")];
    let (found, _) = judged(
        &farm(r#", "plots_on_root_disk": true"#),
        vec![machine("host-1", &POINTS, &ill)],
        &[],
    );
    let words = "harvester_silent [nas-1] 11 signage points unanswered (limit 10); mount_stuck of host-1: /mnt/a, where \
                 50 of its plots lie";
    assert_eq!(found, [words]);
}

#[test]
fn a_harvester_that_was_told_apart_keeps_its_mounts() {
    let mut farm = farm(r#", "plots_on_root_disk": true"#);
    farm.after(60).farmer(Vec::new());
    // `chia init -c` gave it another id, and many of its plots are gone.
    let now = farm.after(60).now();
    let mut anew = harvester(2, 50, now);
    "10.0.0.1".clone_into(&mut anew.host);
    farm.farmer(vec![anew]);
    let here = farm.snapshot.here();
    assert_eq!((here[0].label, here[0].id), ("nas-1#02020202", Some(id(2))));
    let at = [(PathBuf::from("/mnt/a/plots"), 50)];
    farm.plots(id(2), plots_in(&BTreeMap::from(at)));
    for _ in 0..11 {
        farm.after(9).point();
    }
    farm.events();
    let ill = [(&mounts::MOUNT_STUCK, "/mnt/a")];
    let (found, page) = judged(&farm, vec![machine("host-1", &POINTS, &ill)], &[]);
    let words = "harvester_silent [nas-1#02020202] 11 signage points unanswered (limit 10); mount_stuck of host-1: /mnt/a, \
                 where 50 of its plots lie";
    assert!(found.contains(&words.to_owned()), "{found:?}");
    let labels = r#"{target="chia-1",harvester="nas-1#02020202",host="host-1",mount="/mnt/a"}"#;
    assert!(
        page.contains(&format!("chia_harvester_mount_plots{labels} 50")),
        "{page}"
    );
}

#[test]
fn a_directory_on_the_disk_of_the_system_is_a_symptom_unless_it_is_meant() {
    let (found, page) = judged(&farm(""), vec![machine("host-1", &POINTS, &[])], &[]);
    let words = "plot_directory_without_mount [/mnt/not-there/plots] /mnt/not-there/plots: nothing is mounted there, it \
                 lies on the disk of the system";
    assert_eq!(found[1], words);
    let labels = |mount: &str| format!(r#"{{target="chia-1",harvester="nas-1",host="host-1",mount="{mount}"}}"#);
    for line in [
        format!("chia_harvester_mount_directories{} 2", labels("/mnt/a")),
        format!("chia_harvester_mount_directories{} 1", labels("/")),
        format!("chia_harvester_mount_plots{} 50", labels("/mnt/a")),
        format!("chia_harvester_mount_plots{} 50", labels("/mnt/b")),
        format!("chia_harvester_mount_plots{} 0", labels("/")),
    ] {
        assert!(page.contains(&line), "{line}\n{page}");
    }
    let (found, _) = judged(
        &farm(r#", "plots_on_root_disk": true"#),
        vec![machine("host-1", &POINTS, &[])],
        &[],
    );
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_mount_that_ought_to_be_there_is_named() {
    let points = ["/", "/mnt/a", "/mnt/b", "/mnt/not-there"];
    let ill = [(&mounts::MOUNT_MISSING, "/mnt/not-there")];
    let (found, _) = judged(&farm(""), vec![machine("host-1", &points, &ill)], &[]);
    assert!(
        found[0].ends_with("; mount_missing of host-1: /mnt/not-there"),
        "{found:?}"
    );
    let words = "/mnt/not-there/plots: /mnt/not-there is not mounted";
    assert!(found[1].ends_with(words), "{found:?}");
}

#[test]
fn of_two_machines_only_the_one_that_is_named_tells() {
    let machines = || {
        let ill = [(&mounts::MOUNT_STUCK, "/mnt/a")];
        vec![machine("host-1", &POINTS, &[]), machine("host-2", &POINTS, &ill)]
    };
    let farm = farm("");
    let (found, page) = judged(&farm, machines(), &[]);
    assert_eq!((found.len(), page.as_str()), (1, ""));
    let (found, _) = judged(&farm, machines(), &["host-2"]);
    assert!(found[0].contains("mount_stuck of host-2"), "{found:?}");
}

#[test]
fn a_harvester_of_another_machine_has_no_mounts_here() {
    let keys = r#", "farmer": "h:1", "harvesters": [{"name": "nas-1", "host": "10.0.0.1", "rpc": "10.0.0.1:8560"}]"#;
    let mut farm = Farm::new(keys);
    let now = farm.now();
    farm.farmer(vec![harvester(1, 100, now)]);
    let (found, page) = judged(&farm, vec![machine("host-1", &POINTS, &[])], &[]);
    assert_eq!((found.len(), page.as_str()), (0, ""));
}

/// What is found of the directories of a harvester on a machine that has these mounts and watches some of them.
fn bare(directories: &[&str], points: &[&str], watched: &[&str], expected: &[&str]) -> Vec<String> {
    let keys = r#", "harvesters": [{"name": "nas-1", "rpc": "127.0.0.1:8560"}]"#;
    let mut farm = Farm::new(keys);
    farm.here(directories);
    let mut host = machine("host-1", watched, &[]);
    let mut snapshot = host.snapshot::<Mounts>().unwrap().clone();
    snapshot.points = Arc::new(points.iter().map(PathBuf::from).collect());
    for point in expected {
        let wanted = serde_json::from_value(serde_json::json!({"mount": point})).unwrap();
        snapshot.mounts.push(MountView {
            expected: Some(wanted),
            ..mount(point, points.contains(point))
        });
    }
    host = TargetView::new::<Mounts>(host.name.clone(), snapshot, Diagnosis::default());
    let (found, _) = judged(&farm, vec![host], &[]);
    let prefix = "plot_directory_without_mount [";
    let ill = found
        .iter()
        .filter_map(|found| found.strip_prefix(prefix)?.split_once(']'));
    ill.map(|(directory, _)| directory.to_owned()).collect()
}

#[test]
fn a_share_that_is_not_mounted_on_another_partition_of_the_system_is_a_symptom() {
    let (there, not) = ("/home/chia/nas-1/d01", "/home/chia/nas-1/d02");
    let points = ["/", "/home", there];
    assert_eq!(bare(&[there, not], &points, &points, &[]), [not]);
    // Also where the mounts that are watched are fewer than those that are there.
    assert_eq!(bare(&["/mnt/plots/a"], &["/"], &[], &[]), ["/mnt/plots/a"]);
    // Where others are expected below a disk, one that is not lies on that disk.
    let points = ["/", "/data", "/data/d01"];
    assert_eq!(
        bare(&["/data/d01", "/data/d02"], &points, &points, &["/data/d01"]),
        ["/data/d02"]
    );
}

#[test]
fn a_directory_on_a_mount_that_is_not_watched_is_well() {
    let points = ["/", "/mnt/ram", "/srv"];
    assert!(bare(&["/mnt/ram/x", "/srv"], &points, &["/"], &[]).is_empty());
    // Somebody has said that plots lie there.
    assert!(bare(&["/srv/plots"], &points, &["/"], &["/srv"]).is_empty());
}

#[test]
fn a_directory_above_the_mounts_that_its_plots_lie_on_is_well() {
    let points = ["/", "/mnt/plots/d01", "/mnt/plots/d02"];
    assert!(bare(&["/mnt/plots"], &points, &points, &[]).is_empty());
    assert_eq!(bare(&["/mnt/plot"], &points, &points, &[]), ["/mnt/plot"]);
}

#[test]
fn a_mount_below_a_plot_directory_that_hangs_is_named() {
    let mut farm = farm("");
    farm.here(&["/mnt/deep"]);
    let points = ["/", "/mnt/a", "/mnt/b", "/mnt/deep/d01"];
    let ill = [(&mounts::MOUNT_STUCK, "/mnt/deep/d01")];
    let mut page = Page::new(&[]);
    let host = machine("host-1", &points, &ill);
    let machine = host.snapshot::<Mounts>().unwrap();
    let view = TargetView::new::<Chia>("chia-1".parse().unwrap(), farm.snapshot.clone(), Diagnosis::default());
    let here = farm.snapshot.here();
    let ruling = rule(&view, here.last().unwrap(), &farm.snapshot, (&host, machine), &mut page);
    assert_eq!(ruling.because, ["mount_stuck of host-1: /mnt/deep/d01"]);
}

#[test]
fn a_plot_is_counted_once_however_its_directories_lie() {
    let keys = r#", "farmer": "h:1", "harvesters": [{"name": "nas-1", "host": "10.0.0.1", "rpc": "127.0.0.1:8560"}]"#;
    let mut farm = Farm::new(keys);
    let now = farm.now();
    farm.here(&["/mnt/a", "/mnt/a/plots", "/mnt/a/deep"])
        .farmer(vec![harvester(1, 100, now)]);
    let spread = [("/mnt/a/plots", 40), ("/mnt/a/deep/er", 10), ("/elsewhere", 7)];
    let spread = spread.map(|(path, plots)| (PathBuf::from(path), plots));
    farm.plots(id(1), plots_in(&BTreeMap::from(spread)));
    let points = ["/", "/mnt/a", "/mnt/a/deep"];
    let (_, page) = judged(&farm, vec![machine("host-1", &points, &[])], &[]);
    let labels = |mount: &str| format!(r#"{{target="chia-1",harvester="nas-1",host="host-1",mount="{mount}"}}"#);
    for line in [
        format!("chia_harvester_mount_directories{} 2", labels("/mnt/a")),
        format!("chia_harvester_mount_plots{} 40", labels("/mnt/a")),
        format!("chia_harvester_mount_plots{} 10", labels("/mnt/a/deep")),
    ] {
        assert!(page.contains(&line), "{line}\n{page}");
    }
}

#[test]
fn lost_plots_are_named_with_where_they_lay() {
    let mut farm = farm(r#", "plots_on_root_disk": false"#);
    let now = farm.now();
    farm.answers(id(1), 100).events().farmer(vec![harvester(1, 100, now)]);
    for _ in 0..6 {
        farm.after(60);
        let now = farm.now();
        farm.farmer(vec![harvester(1, 45, now)]);
    }
    let evidence = |farm: &Farm| {
        let points = ["/", "/mnt/a"];
        let (found, _) = judged(farm, vec![machine("host-1", &points, &[])], &[]);
        found.into_iter().find(|found| found.starts_with("plots_lost")).unwrap()
    };
    let unmounted = "/mnt/b: nothing is mounted there, it lies on the disk of the system, where 50 of its plots lay";
    assert!(evidence(&farm).contains(unmounted), "{}", evidence(&farm));
    // The next look at the plots one by one does not find them, and they lay there all the same.
    let left = [("/mnt/a/plots", 35), ("/mnt/a/more", 10)].map(|(path, plots)| (PathBuf::from(path), plots));
    farm.plots(id(1), plots_in(&BTreeMap::from(left)));
    let words = evidence(&farm);
    assert!(words.contains(unmounted), "{words}");
    assert!(words.contains("/mnt/a is well and has 5 of 50 fewer"), "{words}");
    assert!(!words.contains(" 0 of its plots"), "{words}");
}
