//! Processes of a chain service that are restarted by their units or containers.

use std::path::PathBuf;

use super::*;
use crate::collectors::mounts::bench::picture_of;
use crate::collectors::mounts::{self, MountView, Mounts, Space};

/// An engine with the process, and a policy's settings for it.
struct Process {
    farm: Farm,
    engine: Engine,
    shown: Shown<Venus>,
    label: String,
    component: &'static str,
    /// By so much later it is by the clock of the hands.
    later: Duration,
    machine: Shown<Mounts>,
}

/// Where the node lies.
const DISK: &str = "/data/venus";

fn machine() -> mounts::Target {
    serde_json::from_value(json!({"name": "host-1"})).unwrap()
}

/// The mount below it, with so much room.
fn data(avail: Option<u64>) -> MountView {
    let space = Space {
        size: Some(1 << 40),
        avail,
        used: None,
        inodes: Some(1000),
        inodes_free: Some(10),
        device: None,
    };
    MountView {
        mount: "/data".to_owned(),
        present: true,
        space: Some(space),
        ..MountView::default()
    }
}

impl Process {
    async fn of(component: &'static str, sender: serde_json::Value) -> Self {
        Self::around(Farm::of("c", sender).await, component)
    }

    fn around(farm: Farm, component: &'static str) -> Self {
        let shown = Shown::new(&farm.store, &farm.target);
        let mut services = VenusService::ALL.into_iter();
        let service = services.find(|service| service.label() == component).unwrap();
        let label = farm.target.instances(service)[0].label();
        let mut machine = Shown::new(&farm.store, &machine());
        seen(&mut machine, data(Some(1 << 33)));
        Self {
            machine,
            engine: Engine::with(&["process"]),
            shown,
            label,
            component,
            farm,
            later: Duration::ZERO,
        }
    }

    async fn set(&self, component: &str, patch: serde_json::Value) {
        let of = &self.farm.filecoin;
        let all = [&of.auth, &of.gateway, &of.node, &of.messager, &of.miner];
        let service = all.into_iter().find(|service| service.name() == component).unwrap();
        service.set(patch).await.unwrap();
    }

    async fn down(&mut self) -> &mut Self {
        self.set(self.component, json!({"incident": "down"})).await;
        self.shown.read_or_lose().await;
        self
    }

    async fn restart_for(&self, entity: &str) -> Result<String, String> {
        let settings = Settings {
            venus: vec![self.farm.target.clone()],
            machines: vec![machine()],
            ..settings(&self.engine, &json!({}))
        };
        let process = format!("{}/{}", self.component, self.label);
        let with = [("container", "process"), ("process", &process), ("disk", DISK)];
        let plan = plan("restart-container", "venus-1", entity, &with);
        let mut hands = hands(&settings, &self.farm.store);
        let later = self.later;
        hands.clock = Clock::from_fn(move || {
            let now = Clock::system().now();
            Now {
                wall: now.wall.plus(later),
                monotonic: now.monotonic + later,
            }
        });
        let ran = hands.run(&plan, &Book::default()).await;
        ran.map_err(|undone| undone.to_string())
    }

    async fn restart(&self) -> Result<String, String> {
        self.restart_for(&format!("{}/{}", self.component, self.label)).await
    }

    async fn refuses(&self, part: &str) {
        let words = self.restart().await.unwrap_err();
        assert!(
            words.starts_with("nothing was done: ") && words.contains(part),
            "{words}"
        );
        assert_eq!(self.engine.did(), Vec::<String>::new());
    }
}

fn seen(machine: &mut Shown<Mounts>, view: MountView) {
    machine.snapshot = picture_of(vec![view], true);
    machine.snapshot.points = Arc::new(["/", "/data"].map(PathBuf::from).into());
    machine.show();
}

#[tokio::test]
async fn a_node_whose_disk_is_full_or_not_seen_is_not_restarted() {
    let mut process = Process::of("node", json!({})).await;
    process.down().await;
    let no_inodes = |mut view: MountView| {
        view.space.as_mut().unwrap().inodes_free = Some(0);
        view
    };
    let hangs = MountView {
        stuck: Some(true),
        ..data(Some(1 << 33))
    };
    let elsewhere = MountView {
        mount: "/other".to_owned(),
        ..data(Some(1 << 33))
    };
    for (view, part) in [
        (
            data(Some(900 << 20)),
            "host-1: /data/venus lies on /data, which is full: 900 MiB are left",
        ),
        (data(None), "of which is not known whether it is full"),
        (no_inodes(data(Some(1 << 33))), "which has no free inodes"),
        (hangs, "of which is not known whether it is full"),
        (elsewhere, "is not known: no target in `collectors.mounts` sees it"),
    ] {
        seen(&mut process.machine, view);
        process.refuses(part).await;
    }
    seen(&mut process.machine, data(Some(1 << 33)));
    assert!(process.restart().await.is_ok());
}

#[tokio::test]
async fn what_is_down_is_restarted_when_what_it_needs_answers() {
    for component in ["auth", "gateway", "node", "messager", "miner"] {
        let mut process = Process::of(component, json!({})).await;
        let words = process.down().await.restart().await.unwrap();
        assert!(words.starts_with("restarted process at farm-1"), "{component}: {words}");
        assert_eq!(process.engine.did(), ["restart process"]);
    }
}

#[tokio::test]
async fn what_it_needs_comes_first() {
    for (component, needed) in [
        ("messager", "node"),
        ("miner", "node"),
        ("messager", "gateway"),
        ("miner", "auth"),
        ("gateway", "auth"),
    ] {
        let mut process = Process::of(component, json!({})).await;
        process.set(needed, json!({"incident": "down"})).await;
        process
            .down()
            .await
            .refuses(&format!("no {needed} answers, which it needs"))
            .await;
    }
}

#[tokio::test]
async fn another_process_one_that_answers_again_and_one_that_is_well_are_left_alone() {
    let mut process = Process::of("messager", json!({})).await;
    process.shown.read_or_lose().await;
    process.refuses("it is not seen to be ill").await;
    process.down().await;
    let words = process.restart_for("auth/127.0.0.1:1").await.unwrap_err();
    assert!(
        words.contains("`auth/127.0.0.1:1` is ill, which is another process"),
        "{words}"
    );
    process.set("messager", json!({"incident": "healthy"})).await;
    process.refuses("it answers by now").await;
}

#[tokio::test]
async fn a_gateway_that_may_still_sign_is_left_alone_while_a_proof_waits() {
    let proof = json!({"trouble": "stuck_filled", "trouble_age_s": 2400, "trouble_method": 5});
    let mut process = Process::of("gateway", proof.clone()).await;
    // It takes connections and gives no answer to us.
    process.set("gateway", json!({"incident": "refuse"})).await;
    process.shown.read_or_lose().await;
    process.refuses("a proof of f3e2bp…srx57a for a window waits").await;
    process.set("messager", json!({"incident": "down"})).await;
    process.shown.read_or_lose().await;
    process.refuses("no messager tells whether a proof").await;
    // Where nobody listens there is nobody to cut off.
    let mut process = Process::of("gateway", proof).await;
    assert!(process.down().await.restart().await.is_ok());
}

#[tokio::test]
async fn a_miner_service_whose_miners_another_mines_for_stays_down() {
    let mut farm = Farm::of("c", json!({})).await;
    let backup = farm.filecoin.another("miner-2").await.unwrap();
    farm.target.miner_services.push(at(&backup));
    let mut process = Process::around(farm, "miner");
    let part = "mines for f01000 meanwhile: two are slashed";
    process.down().await.refuses(part).await;
}

#[tokio::test]
async fn a_node_that_answers_is_restarted_only_when_it_stands_still_alone() {
    for (patch, part) in [
        (
            json!({"incident": "lagging", "lag": 200}),
            Some("it synchronises 1 targets: wait"),
        ),
        (json!({"incident": "no_peers"}), None),
        (json!({"incident": "stuck"}), None),
    ] {
        let mut process = Process::of("node", json!({})).await;
        process.set("node", patch.clone()).await;
        // The clock goes on, so a head that stands is 30 minutes old.
        process
            .farm
            .filecoin
            .set(&json!({"genesis": process.farm.filecoin.settings().genesis - 1800}))
            .unwrap();
        process.shown.read_or_lose().await;
        // Its head has not been watched for long: it may be old and rise.
        let words = process.restart_for(&process.label).await.unwrap_err();
        assert!(
            words.contains(part.unwrap_or("not seen to stand still for 10m")),
            "{words}"
        );
        process.later = Duration::from_secs(601);
        match part {
            Some(part) => {
                let words = process.restart_for(&process.label).await.unwrap_err();
                assert!(words.contains(part), "{patch}: {words}");
            }
            None => assert!(process.restart_for(&process.label).await.is_ok(), "{patch}"),
        }
    }
}
