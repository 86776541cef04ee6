use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::settings::Settings;
use super::super::tests::{Book, Shown, hands, plan, refused, settings_of};
use super::law;
use crate::actions::chia::testing::daemon;
use crate::clock::{Clock, UnixTime};
use crate::collectors::Symptom;
use crate::collectors::chia::testing::{Farm, harvester};
use crate::collectors::chia::{Chia, Target};
use crate::collectors::chia::{HARVESTER_DOWN, HARVESTER_SILENT, NODE_STALLED, SCAN_STALE};
use crate::collectors::mounts::Mounts;
use crate::collectors::mounts::bench::picture_of;
use crate::collectors::mounts::{Failed, MountView, Server, Snapshot, Trouble};
use crate::collectors::{Finding, Link};
use crate::store::Store;
use crate::upstream::chia::testing::{Door, fixture};

const ENTRY: &str = r#", "farmer": "127.0.0.1:8559", "daemon": "127.0.0.1:55400", "full_node": "127.0.0.1:8555",
    "harvesters": [{"name": "nas-1", "host": "10.0.0.1", "rpc": "127.0.0.1:8560"}]"#;

/// A harvester of this machine with its plots on `/mnt/a`, and two elsewhere.
fn farm() -> Farm {
    let mut farm = Farm::new(ENTRY);
    let now = farm.now();
    let all = [1, 2, 3].map(|number| harvester(number, 10, now));
    farm.here(&["/mnt/a"]).farmer(all.to_vec());
    farm
}

fn mount() -> MountView {
    MountView {
        mount: "/mnt/a".to_owned(),
        present: true,
        stuck: Some(false),
        health: Some(Ok(())),
        ..MountView::default()
    }
}

fn machine(view: MountView) -> Snapshot {
    picture_of(vec![view], true)
}

fn ill(symptom: &'static Symptom, entity: &str) -> Finding {
    Finding {
        symptom,
        entity: entity.to_owned(),
        evidence: String::new(),
        part: None,
    }
}

fn judged(farm: &Farm, machine: Option<&Snapshot>, found: &[Finding]) -> Result<(), String> {
    law::harvester(&farm.snapshot, "nas-1", machine, found, farm.now())
}

#[test]
fn a_harvester_is_restarted_only_while_every_mount_of_it_is_there_and_answers() {
    let farm = farm();
    assert_eq!(judged(&farm, Some(&machine(mount())), &[]), Ok(()));
    let error = Some(Err(Trouble::Probe(Failed::Errno(5))));
    let server = Server {
        host: "10.0.0.9".to_owned(),
        port: 445,
    };
    for (view, words) in [
        (
            MountView {
                present: false,
                ..mount()
            },
            "/mnt/a is not mounted",
        ),
        (
            MountView {
                stuck: Some(true),
                ..mount()
            },
            "/mnt/a hangs",
        ),
        (
            MountView {
                health: error,
                ..mount()
            },
            "/mnt/a has an error",
        ),
        (
            MountView {
                disconnected: Some(true),
                ..mount()
            },
            "/mnt/a has lost its server",
        ),
        (
            MountView {
                health: None,
                ..mount()
            },
            "/mnt/a has not answered yet",
        ),
        (MountView { stuck: None, ..mount() }, "/mnt/a has not answered yet"),
        (
            MountView {
                mount: "/mnt/b".to_owned(),
                ..mount()
            },
            "nobody watches the mount",
        ),
    ] {
        let told = judged(&farm, Some(&machine(view)), &[]).unwrap_err();
        assert!(told.contains(words), "{told}");
    }
    let gone = MountView {
        server: Some(server),
        ..mount()
    };
    assert!(
        judged(&farm, Some(&picture_of(vec![gone], false)), &[])
            .unwrap_err()
            .contains("lost its server")
    );
    assert!(
        judged(&farm, None, &[])
            .unwrap_err()
            .contains("nobody watches the mounts")
    );
    let elsewhere = law::harvester(&farm.snapshot, "02020202", Some(&machine(mount())), &[], farm.now());
    assert!(elsewhere.unwrap_err().contains("no harvester of this machine"));
}

#[test]
fn a_mount_below_a_plot_directory_counts_as_one_of_its_own() {
    let farm = farm();
    let below = |stuck| {
        let below = MountView {
            mount: "/mnt/a/d01".to_owned(),
            stuck: Some(stuck),
            ..mount()
        };
        judged(&farm, Some(&picture_of(vec![mount(), below], true)), &[])
    };
    assert_eq!(below(false), Ok(()));
    assert!(below(true).unwrap_err().contains("/mnt/a/d01 hangs"));
    let mut unwatched = machine(mount());
    unwatched.points = Arc::new([PathBuf::from("/mnt/a/d02")].into());
    let told = judged(&farm, Some(&unwatched), &[]).unwrap_err();
    assert!(told.contains("nobody watches"), "{told}");
}

#[test]
fn of_several_harvesters_here_the_daemon_restarts_only_the_one_that_is_known_to_be_its_own() {
    let mut farm = farm();
    let target = |harvesters: serde_json::Value| {
        serde_json::from_value::<Target>(json!({"name": "chia-1", "harvesters": harvesters})).unwrap()
    };
    let first = json!({"name": "nas-1", "rpc": "127.0.0.1:8560"});
    let alone = target(json!([first]));
    let both = target(json!([first, {"name": "nas-2", "rpc": "127.0.0.1:8570"}]));
    let judged = |farm: &Farm, target: &Target| law::of_daemon(&farm.snapshot, target, "nas-1");
    assert_eq!(judged(&farm, &alone), Ok(()));
    // The other one tells nothing just now.
    let told = judged(&farm, &both).unwrap_err();
    assert!(told.contains("may mean another harvester"), "{told}");
    farm.here(&["/mnt/b"]);
    assert!(judged(&farm, &both).is_err());
}

#[test]
fn a_scan_that_gets_on_is_waited_for_and_one_that_hangs_is_not() {
    let mut farm = farm();
    let scanning = |farm: &Farm| {
        let mut one = harvester(1, 10, farm.now());
        one.scan = Some(crate::collectors::chia::testing::scan(300, 1200));
        one
    };
    let one = scanning(&farm);
    farm.farmer(vec![one]);
    assert!(
        judged(&farm, Some(&machine(mount())), &[])
            .unwrap_err()
            .contains("wait")
    );
    for _ in 0..31 {
        farm.after(60);
        let one = scanning(&farm);
        farm.farmer(vec![one]);
    }
    assert_eq!(judged(&farm, Some(&machine(mount())), &[]), Ok(()));
}

#[test]
fn where_nobody_tells_of_a_scan_it_must_be_silent_or_gone() {
    let mut farm = farm();
    farm.farmer(Vec::new());
    let found = |found: &[Finding]| judged(&farm, Some(&machine(mount())), found);
    assert!(found(&[]).unwrap_err().contains("nobody tells"));
    for symptom in [&HARVESTER_SILENT, &HARVESTER_DOWN] {
        assert_eq!(found(&[ill(symptom, "nas-1")]), Ok(()));
        assert!(found(&[ill(symptom, "another")]).is_err());
    }
}

#[test]
fn while_some_other_harvesters_are_ill_none_is_restarted_unless_all_are() {
    let farm = farm();
    let found = |found: &[Finding]| judged(&farm, Some(&machine(mount())), found);
    let one = ill(&SCAN_STALE, "02020202");
    assert!(
        found(std::slice::from_ref(&one))
            .unwrap_err()
            .contains("02020202 are ill as well")
    );
    assert_eq!(found(&[one, ill(&HARVESTER_SILENT, "03030303")]), Ok(()));
}

#[test]
fn a_farmer_is_restarted_for_its_lost_node_and_a_node_for_standing_still() {
    let mut farm = farm();
    assert!(
        law::farmer(&farm.snapshot)
            .unwrap_err()
            .contains("its node is not known")
    );
    farm.synced_node();
    assert_eq!(law::farmer(&farm.snapshot), Ok(()));
    assert!(law::full_node(&[]).is_err());
    assert_eq!(law::full_node(&[ill(&NODE_STALLED, "")]), Ok(()));
}

fn entry(place: &str) -> serde_json::Value {
    let path = |name: &str| fixture(name).display().to_string();
    json!({"chia": [{
        "name": "chia-1", "ca_file": path("farm-ca.crt"), "cert_file": path("farm-leaf.crt"), "key_file": path("farm-leaf-pkcs8.key"),
        "harvesters": [{"name": "nas-1", "rpc": place}, {"name": "nas-2", "host": "10.0.0.2"}],
    }]})
}

#[tokio::test]
async fn the_harvester_that_is_ill_or_named_is_told_to_look_for_its_plots() {
    for (entity, with) in [
        ("nas-1", vec![]),
        ("nas-1#02020202", vec![]),
        ("/mnt/plots/d01", vec![]),
        ("nas-2", vec![("harvester", "nas-1")]),
    ] {
        let door = Door::of("farm").await;
        let hands = hands(
            &settings_of(&entry(&door.place().to_string())),
            &Arc::<Store>::default(),
        );
        let served = tokio::spawn(async move {
            let mut stream = door.next().await;
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"success\": true}";
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let done = hands
            .run(&plan("refresh-plots", "chia-1", entity, &with), &Book::default())
            .await;
        assert_eq!(
            done.as_deref(),
            Ok("nas-1 of chia-1 looks through its plot directories")
        );
        assert!(served.await.unwrap().starts_with("POST /refresh_plots "));
    }
}

#[tokio::test]
async fn who_cannot_be_told_is_said_before_anything_is_sent() {
    let hands = hands(&settings_of(&entry("127.0.0.1:1")), &Arc::<Store>::default());
    for (action, target, entity, with, words) in [
        (
            "refresh-plots",
            "chia-1",
            "nas-2",
            vec![],
            "has no `rpc` for its harvester `nas-2`",
        ),
        (
            "refresh-plots",
            "chia-1",
            "",
            vec![("harvester", "nas-2")],
            "has no harvester `nas-2` with an `rpc`",
        ),
        ("refresh-plots", "host-1", "", vec![], "is no Chia farm"),
        (
            "restart-chia-service",
            "chia-1",
            "nas-1",
            vec![("service", "chia_harvester")],
            "no `daemon` of this machine",
        ),
        (
            "restart-chia-service",
            "chia-1",
            "nas-1",
            vec![("service", "chia_wallet")],
            "expected `chia_harvester`",
        ),
        ("restart-chia-service", "chia-1", "nas-1", vec![], "say `service`"),
    ] {
        let book = Book::default();
        let told = hands
            .run(&plan(action, target, entity, &with), &book)
            .await
            .map_err(refused)
            .unwrap_err();
        assert!(told.contains(words), "{told}");
        assert!(book.notes.lock().unwrap().is_empty());
    }
}

/// A harvester of this machine, its farm and its mount in a store, as their collectors see them.
fn shown(
    place: &str,
) -> (
    Arc<Store>,
    serde_json::Value,
    Shown<Chia>,
    Shown<Mounts>,
    tempfile::TempDir,
) {
    let procfs = tempfile::tempdir().unwrap();
    std::fs::create_dir(procfs.path().join("2")).unwrap();
    std::fs::write(procfs.path().join("2/comm"), "kthreadd\n").unwrap();
    let mut sections = entry("127.0.0.1:1");
    sections["machines"] = json!([{"name": "host-1", "procfs": procfs.path()}]);
    let chia = &mut sections["chia"][0];
    (chia["daemon"], chia["farmer"]) = (json!(place), json!("127.0.0.1:1"));
    let store = Arc::<Store>::default();
    let mut farm: Shown<Chia> = Shown::new(&store, &serde_json::from_value(chia.clone()).unwrap());
    let machine = serde_json::from_value(json!({"name": "host-1"})).unwrap();
    let mut machine: Shown<Mounts> = Shown::new(&store, &machine);
    let link = |target: &str, collector: &'static str, depends_on: &[&str]| Link {
        target: target.parse().unwrap(),
        collector,
        farm: Link::default_farm(),
        depends_on: depends_on.iter().map(|name| name.parse().unwrap()).collect(),
    };
    let links = vec![link("chia-1", "chia", &["host-1"]), link("host-1", "mounts", &[])];
    store.replace(store.slots(), links);
    farm.snapshot = self::farm().snapshot;
    machine.snapshot = self::machine(mount());
    machine.snapshot.table = Some(crate::collectors::mounts::TableView::default());
    farm.show();
    machine.show();
    (store, sections, farm, machine, procfs)
}

/// The farmer tells of a look of the harvester that has ended so many seconds from now.
fn looked(farm: &Mutex<Shown<Chia>>, plots: u64, seconds: i64) {
    let mut now = Clock::system().now();
    let apart = Duration::from_secs(seconds.unsigned_abs());
    now.wall = match seconds {
        0.. => now.wall.plus(apart),
        _ => UnixTime::from_duration(UnixTime::default().age_at(now.wall).saturating_sub(apart)),
    };
    let mut played = self::farm();
    played.farmer(vec![harvester(1, plots, now)]);
    let mut farm = farm.lock().unwrap();
    farm.snapshot = played.snapshot;
    farm.show();
}

#[tokio::test]
async fn a_harvester_is_restarted_and_waited_for_until_it_has_found_its_plots() {
    let door = Door::of("farm").await;
    let (store, sections, farm, _machine, _procfs) = shown(&door.place().to_string());
    let farm = Arc::new(Mutex::new(farm));
    let hands = hands(&settings_of(&sections), &store);
    let stopped = Arc::clone(&farm);
    let served = daemon(door, move |command| {
        // It ends one more look while it is stopped.
        if command == "stop_service" {
            looked(&stopped, 7, -1);
        }
        std::ops::ControlFlow::Continue(json!({"success": true, "is_running": true}))
    });
    let (with, book) = ([("service", "chia_harvester")], Book::default());
    let plan = plan("restart-chia-service", "chia-1", "nas-1", &with);
    let back = async {
        // The daemon has done its part, and the farmer tells of a look that has ended since.
        assert_eq!(served.await.unwrap().len(), 3);
        looked(&farm, 10, 60);
    };
    let (done, ()) = tokio::join!(hands.run(&plan, &book), back);
    let expected = "chia_harvester of chia-1 was stopped and started by its daemon; it has found 10 plots";
    assert_eq!(done.as_deref(), Ok(expected));
    let notes = ["restart chia_harvester: begins", "restart chia_harvester: done"];
    assert_eq!(*book.notes.lock().unwrap(), notes);
}

#[tokio::test]
async fn a_harvester_that_finds_no_plots_in_its_time_is_told_as_that() {
    let door = Door::of("farm").await;
    let (store, sections, _farm, _machine, _procfs) = shown(&door.place().to_string());
    let hands = hands(&settings_of(&sections), &store);
    let served = daemon(door, |_| {
        std::ops::ControlFlow::Continue(json!({"success": true, "is_running": true}))
    });
    let with = [("service", "chia_harvester")];
    let mut plan = plan("restart-chia-service", "chia-1", "nas-1", &with);
    // No more of its rung's time is left.
    plan.within = crate::values::Duration::from_secs(1);
    let told = hands.run(&plan, &Book::default()).await.unwrap_err().to_string();
    assert_eq!(served.await.unwrap().len(), 3);
    assert!(
        told.ends_with("by its daemon, and has not looked through its directories within 0s"),
        "{told}"
    );
}

#[tokio::test]
async fn with_a_mount_that_hangs_the_daemon_is_told_nothing() {
    let door = Door::of("farm").await;
    let (store, mut sections, _farm, mut machine, _procfs) = shown(&door.place().to_string());
    let hung = MountView {
        stuck: Some(true),
        ..mount()
    };
    machine.snapshot.mounts = vec![hung];
    machine.show();
    sections["units"] = json!({"allowed": ["chia-harvester.service"]});
    let settings = Settings {
        commands: serde_json::from_value(json!({"enabled": true, "allowed": [{"name": "x", "argv": ["/bin/true"]}]}))
            .unwrap(),
        ..settings_of(&sections)
    };
    let hands = hands(&settings, &store);
    // Nor its unit, nor whatever a command does to it.
    for (action, with) in [
        ("restart-chia-service", [("service", "chia_harvester")].to_vec()),
        (
            "restart-unit",
            vec![("unit", "chia-harvester.service"), ("process", "chia_harvester")],
        ),
        (
            "start-unit",
            vec![("unit", "chia-harvester.service"), ("process", "chia_harvester")],
        ),
        ("run-command", vec![("command", "x"), ("process", "chia_harvester")]),
    ] {
        let book = Book::default();
        let told = refused(
            hands
                .run(&plan(action, "chia-1", "nas-1", &with), &book)
                .await
                .unwrap_err(),
        );
        assert!(
            told.starts_with("chia_harvester was left alone: its plot mount /mnt/a hangs"),
            "{action}: {told}"
        );
        assert!(book.notes.lock().unwrap().is_empty());
    }
    for (action, with) in [
        ("restart-unit", ("unit", "chia-harvester.service")),
        ("run-command", ("command", "x")),
    ] {
        let told = hands
            .run(&plan(action, "chia-1", "nas-1", &[with]), &Book::default())
            .await;
        assert!(
            refused(told.unwrap_err()).contains("must say which `process`"),
            "{action}"
        );
    }
}
