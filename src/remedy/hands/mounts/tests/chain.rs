//! The steps of a remount in their order, on a machine that is played: what the kernel of a test machine cannot do.

use std::sync::Mutex;

use futures_util::future::BoxFuture;

use super::super::remount::Ground;
use super::*;
use crate::actions::remote::Nonce;
use crate::actions::units::testing::{State, Systemd, systemd_of};
use crate::actions::unmount::Unmounter;
use crate::collectors::Link;
use crate::collectors::chia::Chia;
use crate::collectors::chia::testing::{Farm, harvester};
use crate::collectors::mounts::Mounts;
use crate::process::Program;
use crate::remedy::hands::Hands;
use crate::remedy::hands::tests::Shown;
use crate::remedy::hands::tools::Tools;
use crate::remedy::runner::{Notes, Undone};
use crate::store::Store;
use crate::upstream::Upstream;
use crate::upstream::chia::testing::fixture;

/// What a program does that is asked to let go of a mount, in the order in which it is asked; `FILE` is its own memory.
const LETS_GO: &str = r#"read line; case "$line" in *abort*) echo abort;; *detach*) echo detach;; esac >>FILE
echo '{"errno": null}'"#;

/// A machine with a dead share at `/mnt/a`, everything of it played.
struct Stage {
    hands: Hands,
    tools: Tools,
    ground: Ground,
    systemd: Systemd,
    machine: Arc<Mutex<Shown<Mounts>>>,
    directory: tempfile::TempDir,
}

/// What is noted, and what happens beside it.
struct Played<'a> {
    book: Book,
    stage: &'a Stage,
    beside: fn(&Stage, &str),
    /// The note from which on none can be written.
    fails_from: Option<&'static str>,
    is_full: Mutex<bool>,
}

impl Notes for Played<'_> {
    fn note(&self, words: String) -> BoxFuture<'_, Result<(), String>> {
        (self.beside)(self.stage, &words);
        if self.fails_from.is_some_and(|from| words == from) || *self.is_full.lock().unwrap() {
            *self.is_full.lock().unwrap() = true;
            return Box::pin(std::future::ready(Err("the disk is full".to_owned())));
        }
        self.book.note(words)
    }

    fn asks(&self, words: String, _request: Nonce) -> BoxFuture<'_, Result<(), String>> {
        self.note(words)
    }
}

impl Stage {
    async fn new(lets_go: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fstab = directory.path().join("fstab");
        std::fs::write(&fstab, "//nas/a /mnt/a cifs credentials=/root/nas 0 0\n").unwrap();
        let memory = directory.path().join("let-go");
        let script = lets_go.replace("FILE", memory.to_str().unwrap());
        let path = |name: &str| fixture(name).display().to_string();
        let sections = json!({
            "machines": [{"name": "host-1", "expected": [{"mount": "/mnt/a", "source": "//nas/a"}]}],
            "units": {"allowed": ["mnt-a.mount"]},
            "chia": [{
                "name": "chia-1", "farmer": "127.0.0.1:1",
                "ca_file": path("farm-ca.crt"), "cert_file": path("farm-leaf.crt"), "key_file": path("farm-leaf-pkcs8.key"),
                "harvesters": [{"name": "nas-1", "host": "10.0.0.1", "rpc": "127.0.0.1:1"}],
            }],
        });
        let store = Arc::<Store>::default();
        let settings = settings_of(&sections);
        let mut machine: Shown<Mounts> = Shown::new(&store, &settings.machines[0]);
        machine.snapshot = picture_of(vec![dead()], true);
        machine.show();
        let mut farm: Shown<Chia> = Shown::new(&store, &settings.chia[0]);
        let mut played = Farm::new(
            r#", "farmer": "127.0.0.1:1", "harvesters": [{"name": "nas-1", "host": "10.0.0.1", "rpc": "127.0.0.1:1"}]"#,
        );
        let now = played.now();
        played
            .here(&["/mnt/a/plots", "/mnt/b"])
            .farmer(vec![harvester(1, 10, now)]);
        farm.snapshot = played.snapshot;
        farm.show();
        let links = [("host-1", "mounts"), ("chia-1", "chia")].map(|(target, collector)| Link {
            target: target.parse().unwrap(),
            collector,
            farm: Link::default_farm(),
            depends_on: Vec::new(),
        });
        store.replace(store.slots(), links.into());
        let systemd = systemd_of("mnt-a.mount").await;
        let tools = Tools::new(&settings, &Upstream::from_system().unwrap()).unwrap();
        Self {
            hands: hands(&settings, &store),
            tools: tools.with_units(systemd.units.clone()),
            ground: Ground {
                fstab,
                signs_of_a_container: vec![directory.path().join("no-sign")],
                unmounter: Unmounter::by(Program::new("/bin/sh", ["-c", &script])),
                own_namespace: || Ok(()),
            },
            systemd,
            machine: Arc::new(Mutex::new(machine)),
            directory,
        }
    }

    fn shows(&self, view: MountView) {
        let mut machine = self.machine.lock().unwrap();
        machine.snapshot = picture_of(vec![view], true);
        machine.show();
    }

    fn unit(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.systemd.state.lock().unwrap());
    }

    /// The share is not mounted, and its server listens here.
    fn is_missing(&self, port: u16) {
        self.unit(|unit| unit.active = "inactive");
        self.shows(MountView {
            mount: "/mnt/a".to_owned(),
            expected: dead().expected,
            ..MountView::default()
        });
        let entry = format!("//nas/a /mnt/a cifs ip=127.0.0.1,port={port} 0 0\n");
        std::fs::write(&self.ground.fstab, entry).unwrap();
    }

    fn let_go(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("let-go")).unwrap_or_default()
    }

    async fn remounted(&self, beside: fn(&Self, &str)) -> (Result<String, Undone>, Vec<String>) {
        self.remounted_until(beside, None).await
    }

    async fn remounted_until(
        &self,
        beside: fn(&Self, &str),
        fails_from: Option<&'static str>,
    ) -> (Result<String, Undone>, Vec<String>) {
        let notes = Played {
            fails_from,
            is_full: Mutex::default(),
            book: Book::default(),
            stage: self,
            beside,
        };
        let plan = plan("remount", "host-1", "/mnt/a", &[]);
        let done = self.hands.remount_on(&self.ground, &self.tools, &plan, &notes).await;
        (done, notes.book.notes.into_inner().unwrap())
    }
}

/// What happens where all goes well: systemd notices a while after it was detached, and what is mounted is well.
fn goes_well(stage: &Stage, note: &str) {
    match note {
        "detach /mnt/a: done" => {
            let unit = Arc::clone(&stage.systemd.state);
            tokio::spawn(async move {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                unit.lock().unwrap().active = "inactive";
            });
        }
        "mount /mnt/a: begins" => assert_eq!(stage.systemd.state.lock().unwrap().active, "inactive"),
        "mount /mnt/a: done" => stage.shows(back()),
        _ => {}
    }
}

#[tokio::test]
async fn a_dead_share_is_let_go_before_it_is_mounted_verified_and_its_plots_looked_for() {
    let stage = Stage::new(LETS_GO).await;
    let (done, notes) = stage.remounted(goes_well).await;
    let steps = ["abort", "detach", "mount", "verify"];
    let expected = steps.iter().flat_map(|step| {
        let note = |end| format!("{step} /mnt/a: {end}");
        [note("begins"), note("done")]
    });
    assert_eq!(
        notes,
        expected
            .map(|note| note.replace("abort", "abort the requests of"))
            .collect::<Vec<_>>()
    );
    assert_eq!(stage.let_go(), "abort\ndetach\n");
    assert_eq!(stage.systemd.state.lock().unwrap().asked, ["subscribe", "start fail"]);
    // Nobody listens at the harvester's RPC, which undoes nothing.
    let told = done.unwrap();
    assert!(
        told.starts_with("mounted /mnt/a of host-1 anew by mnt-a.mount; ")
            && told.contains("https://127.0.0.1:1: connect: "),
        "{told}"
    );
}

#[tokio::test]
async fn what_is_missing_is_mounted_and_nothing_let_go() {
    let stage = Stage::new(LETS_GO).await;
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    stage.is_missing(server.local_addr().unwrap().port());
    let (done, notes) = stage.remounted(goes_well).await;
    assert!(done.is_ok(), "{done:?}");
    assert_eq!(notes[0], "mount /mnt/a: begins");
    assert_eq!(stage.let_go(), "");
}

#[tokio::test]
async fn what_is_missing_is_left_alone_while_its_server_accepts_nothing() {
    let stage = Stage::new(LETS_GO).await;
    // Nobody listens there.
    stage.is_missing(1);
    let (done, notes) = stage.remounted(goes_well).await;
    let words = refused(done.unwrap_err());
    assert!(words.contains("its server accepts no connection"), "{words}");
    assert!(notes.is_empty() && stage.systemd.state.lock().unwrap().asked.is_empty());
}

#[tokio::test]
async fn once_a_share_is_detached_a_journal_that_fails_keeps_nobody_from_mounting_it() {
    for from in ["detach /mnt/a: done", "mount /mnt/a: begins", "verify /mnt/a: begins"] {
        let stage = Stage::new(LETS_GO).await;
        let (done, _) = stage.remounted_until(goes_well, Some(from)).await;
        assert!(done.is_ok(), "{from}: {done:?}");
        assert_eq!(stage.systemd.state.lock().unwrap().asked, ["subscribe", "start fail"]);
    }
    // Before, nothing is let go that nobody would know of.
    let stage = Stage::new(LETS_GO).await;
    let (done, _) = stage.remounted_until(goes_well, Some("detach /mnt/a: begins")).await;
    assert!(done.is_err());
    assert_eq!(stage.let_go(), "abort\n");
}

#[tokio::test]
async fn a_disk_that_spins_up_is_looked_at_again() {
    let stage = Stage::new(LETS_GO).await;
    let (done, _) = stage
        .remounted(|stage, note| match note {
            "detach /mnt/a: done" => stage.unit(|unit| unit.active = "inactive"),
            "mount /mnt/a: done" => {
                stage.shows(dead());
                let machine = Arc::clone(&stage.machine);
                // It comes while the next look is waited for.
                tokio::spawn(async move {
                    let mut machine = machine.lock().unwrap();
                    machine.snapshot = picture_of(vec![back()], true);
                    machine.show();
                });
            }
            _ => {}
        })
        .await;
    assert!(done.is_ok(), "{done:?}");
}

#[tokio::test]
async fn a_share_that_could_not_be_mounted_again_is_told_with_what_it_costs_and_what_to_type() {
    let stage = Stage::new(LETS_GO).await;
    stage.unit(|unit| unit.result = "failed");
    let (done, notes) = stage
        .remounted(|stage, note| {
            if note == "detach /mnt/a: done" {
                stage.unit(|unit| unit.active = "failed");
            }
        })
        .await;
    let Err(Undone::Failed(words)) = done else {
        panic!("{done:?}")
    };
    assert!(
        words.starts_with("mount /mnt/a: systemd: start mnt-a.mount: ")
            && words.contains("its job failed")
            && words.contains("what is written to the bare directory fills the disk of the system")
            && words.ends_with("type `systemctl start mnt-a.mount`"),
        "{words}"
    );
    assert_eq!(notes.last(), Some(&words));
}

#[tokio::test]
async fn what_cannot_be_let_go_is_not_mounted_over() {
    let stage = Stage::new(r#"read line; echo '{"errno": 1}'"#).await;
    let (done, notes) = stage.remounted(|_, _| ()).await;
    let words = done.unwrap_err().to_string();
    assert!(
        words.starts_with("abort the requests of /mnt/a: ") && words.contains("CAP_SYS_ADMIN"),
        "{words}"
    );
    assert_eq!(notes.len(), 2);
    assert!(stage.systemd.state.lock().unwrap().asked.is_empty());
}

#[tokio::test]
async fn a_share_that_came_back_as_another_one_is_a_failure_and_no_harvester_is_told() {
    let stage = Stage::new(LETS_GO).await;
    stage.shows(MountView {
        plots_seen: Some(3),
        ..dead()
    });
    let (done, _) = stage
        .remounted(|stage, note| match note {
            "detach /mnt/a: done" => stage.unit(|unit| unit.active = "inactive"),
            "mount /mnt/a: done" => stage.shows(MountView {
                files: Some(Files::default()),
                ..back()
            }),
            _ => {}
        })
        .await;
    let words = done.unwrap_err().to_string();
    assert_eq!(
        words,
        "verify /mnt/a: it answers and holds no plot, where there were 3: is it the right share?"
    );
}

#[tokio::test]
async fn in_a_namespace_of_its_own_nothing_is_let_go() {
    let mut stage = Stage::new(LETS_GO).await;
    stage.ground.own_namespace = || Err("farmwarden has a mount namespace of its own".to_owned());
    let (done, notes) = stage.remounted(|_, _| ()).await;
    assert!(refused(done.unwrap_err()).contains("namespace of its own"));
    std::fs::write(&stage.ground.signs_of_a_container[0], "").unwrap();
    let (done, more) = stage.remounted(|_, _| ()).await;
    assert!(refused(done.unwrap_err()).contains("in a container"));
    assert!(notes.is_empty() && more.is_empty() && stage.let_go().is_empty());
}
