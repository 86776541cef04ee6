//! The pool with children of `/bin/sh`, which can be told to hang, die, or answer late.

use std::fs;

use tempfile::TempDir;

use super::*;

/// Answers like our own child; by words in the path it hangs until its input ends, answers once a file `gate`
/// exists, dies, or talks nonsense. It writes down what it was asked.
const CHILD: &str = r#"
    while read -r line; do
        id=${line#*:}; id=${id%%,*}
        echo "$line" >> DIR/asked
        case "$line" in
            *hang*) while read -r _; do :; done; exit;;
            *late*) until [ -e DIR/gate ] || [ ! -d DIR ]; do /bin/sleep 0.02; done;;
            *die*) exit 3;;
            *nonsense*) echo nonsense; continue;;
        esac
        case "$line" in
            *Files*) echo "{\"id\":$id,\"found\":{\"Files\":{\"files\":7,\"plot_files\":3,\"plot_bytes\":0,\"temp_files\":0,\"temp_bytes\":0,\"temp_written_bytes\":0,\"temp_plots\":0,\"incomplete\":false,\"unseen\":false}}}";;
            *refused*) echo "{\"id\":$id,\"found\":{\"Failed\":112}}";;
            *) echo "{\"id\":$id,\"found\":{\"Space\":{\"size\":9,\"avail\":4,\"used\":5,\"inodes\":null,\"inodes_free\":null,\"device\":null}}}";;
        esac
    done"#;

struct Bench {
    directory: TempDir,
    prober: Prober,
    alive: Gauge,
}

const QUICK: Limits = Limits {
    probe_timeout: Duration::from_millis(400),
    count_every: Duration::from_hours(1),
    max_children: 12,
    responsive: 4,
    aside_after: Duration::from_millis(50),
    grace: Duration::from_millis(400),
    back_off: Duration::from_millis(10),
};

fn bench(limits: Limits) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let script = CHILD.replace("DIR", directory.path().to_str().unwrap());
    let alive = Gauge::default();
    let prober = Prober::new(Program::new("/bin/sh", ["-c", &script]), limits, alive.clone());
    Bench {
        directory,
        prober,
        alive,
    }
}

impl Bench {
    async fn round(&self, names: &[&str]) -> HashMap<String, Report> {
        let jobs = names
            .iter()
            .enumerate()
            .map(|(id, name)| job(u64::try_from(id).unwrap(), name))
            .collect();
        self.round_of(jobs).await
    }

    async fn round_of(&self, jobs: Vec<Job>) -> HashMap<String, Report> {
        let reports = self.prober.round(jobs).await.unwrap();
        reports
            .mounts
            .into_iter()
            .map(|(key, report)| (String::from_utf8(key.mount_point).unwrap(), report))
            .collect()
    }

    fn times_asked(&self, word: &str) -> usize {
        let asked = fs::read_to_string(self.directory.path().join("asked")).unwrap_or_default();
        asked.lines().filter(|line| line.contains(word)).count()
    }
}

fn job(id: u64, name: &str) -> Job {
    let path = RawPath::from(PathBuf::from(format!("/mnt/{name}")));
    Job {
        key: Key {
            id,
            mount_point: name.into(),
        },
        path,
        counts: Vec::new(),
    }
}

fn is_well(report: &Report) -> bool {
    report.space.as_ref().is_some_and(|space| space.outcome.is_ok()) && report.in_flight.is_none() && !report.unprobed
}

fn hangs(report: &Report) -> bool {
    report.space.is_none() && report.in_flight.is_some() && !report.unprobed
}

#[tokio::test]
async fn hung_mounts_delay_no_other_and_are_asked_once() {
    let bench = bench(QUICK);
    let names = ["hang1", "a", "hang2", "b", "hang3", "c", "hang4", "d", "hang5", "e"];
    for _ in 0..3 {
        let began = Instant::now();
        let reports = bench.round(&names).await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        for (name, report) in &reports {
            assert!(
                if name.starts_with("hang") {
                    hangs(report)
                } else {
                    is_well(report)
                },
                "{name}: {report:?}"
            );
        }
    }
    assert_eq!(bench.times_asked("hang"), 5);
    assert_eq!(bench.times_asked("/mnt/e"), 3);
}

#[tokio::test]
async fn children_are_bounded_and_the_rest_is_said_to_be_unprobed() {
    let bench = bench(Limits {
        max_children: 5,
        ..QUICK
    });
    let hung: Vec<String> = (0..8).map(|n| format!("hang{n}")).collect();
    let names: Vec<&str> = hung.iter().map(String::as_str).chain(["a", "b"]).collect();
    for _ in 0..2 {
        let reports = bench.round(&names).await;
        assert_eq!(reports.values().filter(|report| hangs(report)).count(), 5);
        assert_eq!(reports.values().filter(|report| report.unprobed).count(), 5);
        assert_eq!(bench.alive.get(), 5);
    }
}

#[tokio::test]
async fn a_late_answer_is_taken() {
    let bench = bench(QUICK);
    assert!(hangs(&bench.round(&["late", "a"]).await["late"]));
    fs::write(bench.directory.path().join("gate"), "").unwrap();
    let answered = async {
        while !is_well(&bench.round(&["late", "a"]).await["late"]) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), answered).await.unwrap();
    assert!(bench.alive.get() <= 4);
}

#[tokio::test]
async fn a_child_that_dies_costs_its_mount_and_is_replaced() {
    let bench = bench(QUICK);
    let reports = bench.round(&["die", "a", "nonsense", "b", "refused"]).await;
    let outcome = |name: &str| reports[name].space.as_ref().unwrap().outcome.map(|space| space.size);
    assert_eq!(outcome("die"), Err(Failed::ChildEnded));
    assert_eq!(outcome("nonsense"), Err(Failed::ChildEnded));
    assert_eq!(outcome("refused"), Err(Failed::Errno(112)));
    assert_eq!((outcome("a"), outcome("b")), (Ok(Some(9)), Ok(Some(9))));
}

#[tokio::test]
async fn a_child_that_cannot_be_started_is_said_and_ends_no_round() {
    let prober = Prober::new(Program::new("/no/such/program", ["x"]), QUICK, Gauge::default());
    let reports = prober.round(vec![job(1, "a"), job(2, "b")]).await.unwrap();
    assert!(reports.mounts.values().all(|report| report.unprobed));
    assert!(reports.trouble.unwrap().contains("No such file"));
}

#[tokio::test]
async fn a_share_mounted_anew_is_not_held_up_by_the_old_one() {
    let bench = bench(QUICK);
    let (mut old, mut new) = (job(1, "share"), job(2, "share"));
    old.path = RawPath::from(PathBuf::from("/mnt/hang"));
    new.path = RawPath::from(PathBuf::from("/mnt/share"));
    assert!(hangs(&bench.round_of(vec![old]).await["share"]));
    assert!(is_well(&bench.round_of(vec![new]).await["share"]));
}

#[tokio::test]
async fn files_are_counted_once_per_period_and_a_count_that_hangs_keeps_its_mount() {
    let bench = bench(QUICK);
    let count = |of: CountOf, path: &str| Count {
        of,
        path: PathBuf::from(path).into(),
        skip: Vec::new(),
    };
    let mut farm = job(1, "farm");
    farm.counts.push(count(CountOf::Plots, "/mnt/farm"));
    let mut sick = job(2, "sick");
    sick.counts
        .push(count(CountOf::Temporary("/mnt/sick/t".into()), "/mnt/sick/hang"));
    for _ in 0..3 {
        let reports = bench.round_of(vec![farm.clone(), sick.clone()]).await;
        assert_eq!(reports["farm"].counts[0].1.outcome.unwrap().plot_files, 3);
        assert!(reports["sick"].in_flight.is_some() && reports["sick"].counts.is_empty());
    }
    assert_eq!((bench.times_asked("Files"), bench.times_asked("Space")), (2, 4));
}

#[tokio::test]
async fn children_end_with_the_handle() {
    let Bench {
        prober,
        alive,
        directory,
    } = bench(QUICK);
    prober
        .round(vec![job(1, "hang"), job(2, "a"), job(3, "b")])
        .await
        .unwrap();
    assert!(alive.get() > 0);
    drop(prober);
    let ended = async {
        while alive.get() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap();
    drop(directory);
}

/// The load that the farm is designed for, at the real limits.
#[tokio::test]
async fn a_hundred_dead_shares_among_fifteen_hundred_mounts_are_bearable_at_first_sight() {
    let bench = bench(Limits::new(Duration::from_secs(5), Duration::from_hours(1), 128));
    let names: Vec<String> = (0..1500)
        .map(|n| {
            if n % 15 == 7 {
                format!("hang{n}")
            } else {
                format!("m{n}")
            }
        })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let began = Instant::now();
    let first = bench.round(&names).await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(first.values().filter(|report| is_well(report)).count() > 1000);
    // A round later nothing is left out, and the dead shares cost no time any more.
    let second = bench.round(&names).await;
    assert_eq!(second.values().filter(|report| is_well(report)).count(), 1400);
    assert_eq!(second.values().filter(|report| hangs(report)).count(), 100);
    assert!(bench.alive.get() <= 104, "{}", bench.alive.get());
}

#[tokio::test]
async fn after_a_change_of_limits_a_mount_that_hangs_keeps_the_child_it_has() {
    let mut bench = bench(QUICK);
    let before = bench.round(&["/hang", "/a"]).await;
    assert!(before["/hang"].in_flight.is_some());
    let since = before["/hang"].in_flight;
    let more = Limits {
        max_children: 20,
        ..QUICK
    };
    bench.prober = bench.prober.with(more);
    let after = bench.round(&["/hang", "/a"]).await;
    assert_eq!(after["/hang"].in_flight, since);
    assert!(after["/a"].space.is_some());
    assert_eq!(bench.times_asked("hang"), 1);
}
