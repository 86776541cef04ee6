use std::path::PathBuf;
use std::time::Duration;

use super::super::super::farmer::{Harvester, Scan};
use super::super::super::testing::{Farm, harvester, id, plots_in};

/// A minute of a farm in which harvester 1 looks through its directories and harvester 2 hangs in there.
pub(super) fn minute(farm: &mut Farm, hanging: &Harvester) {
    farm.after(60);
    let now = farm.now();
    farm.farmer(vec![harvester(1, 100, now), hanging.clone()]);
}

#[test]
fn a_long_look_that_goes_on_is_not_stale() {
    let mut farm = Farm::unheard();
    let at = farm.now();
    for processed in 0..30 {
        let scanning = Harvester {
            scan: Some(Scan {
                initial: false,
                processed,
                total: 1000,
            }),
            ..harvester(2, 100, at)
        };
        minute(&mut farm, &scanning);
        assert!(
            farm.found().iter().all(|found| !found.contains("scan_stale")),
            "{processed}"
        );
    }
}

/// After how many minutes without an end of a look harvester 1 is stale, and harvester 2, up to an hour.
fn stale_after(farm: &mut Farm) -> [Option<u64>; 2] {
    let (ended, mut stale) = (farm.now(), [None; 2]);
    for minutes in 1..=60 {
        farm.after(60)
            .farmer(vec![harvester(1, 100, ended), harvester(2, 100, ended)]);
        for found in farm.found() {
            let which = usize::from(found.starts_with("harvester_scan_stale [02020202]"));
            if found.starts_with("harvester_scan_stale") {
                stale[which].get_or_insert(minutes);
            }
        }
    }
    stale
}

/// The farmer tells of harvesters 1 and 2, each of which looks through its directories so often, in minutes.
fn looks(farm: &mut Farm, every: [u64; 2], minutes: u64) {
    let mut ended = [farm.now(); 2];
    for minute in 0..=minutes {
        let now = farm.now();
        for (ended, every) in ended.iter_mut().zip(every) {
            if minute % every == 0 {
                *ended = now;
            }
        }
        let [first, second] = ended;
        farm.farmer(vec![harvester(1, 100, first), harvester(2, 100, second)]);
        if minute < minutes {
            farm.after(60);
        }
    }
}

#[test]
fn a_scan_is_stale_after_three_intervals_as_they_are_told_or_seen() {
    let keys = r#", "farmer": "h:1", "harvesters": [{"name": "nas-1", "host": "10.0.0.1", "rpc": "10.0.0.1:8560"}]"#;
    let told = |farm: &mut Farm, minutes: u64| {
        farm.here(&["/mnt/a"]);
        let details = farm.snapshot.details.as_mut().unwrap();
        details.setups[0].refresh = Some(Duration::from_secs(minutes * 60));
    };
    // Of the second nothing is known but that the first has a long interval.
    let mut farm = Farm::new(keys);
    told(&mut farm, 15);
    looks(&mut farm, [1, 1], 0);
    assert_eq!(stale_after(&mut farm), [Some(45), Some(45)]);
    // What was seen of it is better than that, and what is told is better than what was seen.
    let mut farm = Farm::new(keys);
    told(&mut farm, 15);
    looks(&mut farm, [2, 2], 8);
    assert_eq!(stale_after(&mut farm), [Some(45), Some(10)]);
    // Nobody tells anything, and a look that somebody asked for comes between.
    let mut farm = Farm::unheard();
    looks(&mut farm, [15, 2], 30);
    farm.after(60);
    looks(&mut farm, [15, 2], 0);
    assert_eq!(stale_after(&mut farm), [Some(45), Some(10)]);
    let mut farm = Farm::unheard();
    looks(&mut farm, [1, 1], 0);
    assert_eq!(stale_after(&mut farm), [Some(10), Some(10)]);
}

#[test]
fn a_harvester_that_is_gone_is_a_symptom_after_three_minutes() {
    let mut farm = Farm::unheard();
    farm.farmer(vec![harvester(1, 100, farm.now())]);
    farm.after(30).farmer(Vec::new());
    farm.after(170).farmer(Vec::new());
    assert!(farm.found().is_empty());
    farm.after(10).farmer(Vec::new());
    let words = "harvester_down [01010101] disconnected for 3m (limit 3m); last at 10.0.0.1";
    assert_eq!(farm.found(), [words]);
    let now = farm.now();
    farm.farmer(vec![harvester(1, 100, now)]);
    assert!(farm.found().is_empty());
}

#[test]
fn a_configured_harvester_that_never_came_is_down() {
    let keys = r#", "farmer": "h:1", "harvesters": [{"name": "nas-1", "host": "10.0.0.9"}]"#;
    let mut farm = Farm::new(keys);
    farm.farmer(Vec::new());
    farm.after(179).farmer(Vec::new());
    assert!(farm.found().is_empty());
    farm.after(1).farmer(Vec::new());
    assert_eq!(
        farm.found(),
        ["harvester_down [nas-1] configured, but not seen on the farmer for 3m"]
    );
}

#[test]
fn a_harvester_of_this_machine_that_never_came_is_down() {
    let keys = r#", "farmer": "127.0.0.1:8559", "harvesters": [{"name": "here", "rpc": "127.0.0.1:8560"},
        {"name": "nas-1", "host": "10.0.0.1"}]"#;
    let words = "harvester_down [here] configured, but not seen on the farmer for 3m";
    // Its id is that of `root`, or it is not known: then one without a name may be it.
    for (own, there, expected) in [
        (Some(id(9)), 1, Some(words)),
        (Some(id(9)), 2, Some(words)),
        (Some(id(9)), 9, None),
        (None, 1, Some(words)),
        (None, 2, None),
    ] {
        let mut farm = Farm::new(keys);
        farm.own = own;
        for _ in 0..=6 {
            let now = farm.now();
            farm.farmer(vec![harvester(1, 100, now), harvester(there, 100, now)])
                .after(30);
        }
        let found = farm.found();
        let down: Vec<&str> = found
            .iter()
            .filter(|found| found.starts_with("harvester_down"))
            .map(|found| found.trim_end_matches("30s"))
            .collect();
        assert_eq!(down, Vec::from_iter(expected), "{own:?} {there}");
    }
}

#[test]
fn plots_that_vanish_are_lost_and_a_single_one_is_not() {
    let mut farm = Farm::unheard();
    for (plots, minutes) in [(100, 10), (99, 10), (97, 6)] {
        for _ in 0..minutes {
            farm.after(60);
            let now = farm.now();
            farm.farmer(vec![harvester(1, plots, now)]);
        }
        assert_eq!(
            farm.found().len(),
            usize::from(plots == 97),
            "{plots}: {:?}",
            farm.found()
        );
    }
    let words = "plots_lost [01010101] 97 plots, 3 fewer than before, for 5m (limit 5m)";
    assert_eq!(farm.found(), [words]);
}

#[test]
fn lost_plots_are_missed_until_they_are_back_and_a_day_at_most() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "harvesters": [{"name": "nas-1", "host": "10.0.0.1"}]"#);
    let mut seen = |plots: u64, minutes: u64| {
        for _ in 0..minutes {
            farm.after(60);
            let now = farm.now();
            farm.farmer(vec![harvester(1, plots, now)]);
        }
        farm.found().len()
    };
    assert_eq!((seen(100, 10), seen(60, 180), seen(100, 1)), (0, 1, 0));
    assert_eq!((seen(60, 1380), seen(60, 120)), (1, 0));
}

#[test]
fn lost_plots_of_another_machine_are_told_with_the_directories_where_they_lay() {
    let mut farm = Farm::new(r#", "farmer": "h:1", "harvesters": [{"name": "nas-1", "host": "10.0.0.1"}]"#);
    let lie = |plots: [u64; 3]| {
        let paths = ["/mnt/d01", "/mnt/d02", "/mnt/d03"].map(PathBuf::from);
        let lie = paths.into_iter().zip(plots).filter(|(_, plots)| *plots > 0);
        plots_in(&lie.collect())
    };
    farm.farmer(vec![harvester(1, 100, farm.now())])
        .plots(id(1), lie([50, 40, 10]));
    for _ in 0..=6 {
        farm.after(60);
        let now = farm.now();
        farm.farmer(vec![harvester(1, 58, now)]);
    }
    let words = "plots_lost [nas-1] 58 plots, 42 fewer than before, for 6m (limit 5m)";
    assert_eq!(farm.found(), [words]);
    // After the next look at them one by one.
    farm.plots(id(1), lie([48, 0, 10]));
    assert_eq!(
        farm.found(),
        [format!("{words}; /mnt/d02 has 0 of 40; /mnt/d01 has 48 of 50")]
    );
}

#[test]
fn plots_are_not_lost_while_a_harvester_that_came_back_looks_for_them() {
    let mut farm = Farm::unheard();
    farm.farmer(vec![harvester(1, 100, farm.now())]);
    farm.after(30).farmer(Vec::new());
    for _ in 0..9 {
        farm.after(60);
        let initial = Harvester {
            last_scan: None,
            ..harvester(1, 0, farm.now())
        };
        farm.farmer(vec![initial]);
        assert!(farm.found().is_empty(), "{:?}", farm.found());
    }
}

/// As one does that was started while one of its mounts hung: it says of no plot that it was lost, nor that it looks for any.
#[test]
fn a_harvester_that_never_ends_its_first_look_is_told() {
    let mut farm = Farm::unheard();
    farm.farmer(vec![harvester(1, 100, farm.now())]);
    farm.after(30).farmer(Vec::new());
    for _ in 0..=10 {
        farm.after(60);
        let hanging = Harvester {
            last_scan: None,
            ..harvester(1, 0, farm.now())
        };
        farm.farmer(vec![hanging]);
    }
    let words =
        "harvester_scan_stale [01010101] has not finished its first look through its directories for 10m (limit 10m)";
    assert_eq!(farm.found(), [words]);
}

#[test]
fn bad_plots_are_a_symptom_after_half_an_hour() {
    let mut farm = Farm::unheard();
    for _ in 0..=30 {
        let bad = Harvester {
            invalid: Some(2),
            duplicates: Some(1),
            ..harvester(1, 100, farm.now())
        };
        farm.farmer(vec![bad]).after(60);
    }
    let found = farm.found();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[0],
        "plots_invalid [01010101] 2 plots could not be opened, for 31m (limit 30m)"
    );
    assert!(found[1].starts_with("plots_duplicate"), "{found:?}");
}
