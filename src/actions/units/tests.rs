//! Against a manager of our own at the other end of a connection without a bus, which zbus calls peer to peer.

use std::sync::{Arc, Mutex};

use tokio::net::UnixStream;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::ObjectPath;
use zbus::{Guid, fdo, interface};

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);
const JOB: &str = "/org/freedesktop/systemd1/job/7";
const UNIT: &str = "/org/freedesktop/systemd1/unit/phala_2dnode_2eservice";

/// What the unit looks like, and how the next job ends.
struct State {
    name: &'static str,
    load: &'static str,
    active: &'static str,
    starts: u64,
    /// Empty for a job that never ends.
    result: &'static str,
    refusal: Option<fn() -> fdo::Error>,
    asked: Vec<String>,
}

struct Manager(Arc<Mutex<State>>);

impl Manager {
    async fn job(
        &self,
        emitter: &SignalEmitter<'_>,
        verb: &str,
        name: &str,
        mode: &str,
    ) -> fdo::Result<OwnedObjectPath> {
        let result = {
            let mut state = self.0.lock().unwrap();
            state.asked.push(format!("{verb} {mode}"));
            if let Some(refusal) = state.refusal {
                return Err(refusal());
            }
            match (state.result, verb) {
                ("done", "stop") => state.active = "inactive",
                ("done", "start") if state.active == "active" => {}
                ("done", _) => (state.active, state.starts) = ("active", state.starts + 1),
                _ => {}
            }
            state.result
        };
        // Somebody else's job ends first, and ours before the call is answered.
        for (job, result) in [("/org/freedesktop/systemd1/job/6", "failed"), (JOB, result)] {
            if !result.is_empty() {
                let job = ObjectPath::try_from(job).unwrap();
                Self::job_removed(emitter, 7, job, name, result).await.unwrap();
            }
        }
        Ok(ObjectPath::try_from(JOB).unwrap().into())
    }
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn subscribe(&self) {
        self.0.lock().unwrap().asked.push("subscribe".to_owned());
    }

    fn load_unit(&self, name: &str) -> OwnedObjectPath {
        assert_eq!(name, self.0.lock().unwrap().name);
        ObjectPath::try_from(UNIT).unwrap().into()
    }

    async fn restart_unit(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        name: &str,
        mode: &str,
    ) -> fdo::Result<OwnedObjectPath> {
        self.job(&emitter, "restart", name, mode).await
    }

    async fn start_unit(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        name: &str,
        mode: &str,
    ) -> fdo::Result<OwnedObjectPath> {
        self.job(&emitter, "start", name, mode).await
    }

    async fn stop_unit(
        &self,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        name: &str,
        mode: &str,
    ) -> fdo::Result<OwnedObjectPath> {
        self.job(&emitter, "stop", name, mode).await
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: ObjectPath<'_>,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

struct Properties(Arc<Mutex<State>>);

#[interface(name = "org.freedesktop.systemd1.Unit")]
impl Properties {
    #[zbus(property)]
    fn load_state(&self) -> String {
        self.0.lock().unwrap().load.to_owned()
    }

    #[zbus(property)]
    fn active_state(&self) -> String {
        self.0.lock().unwrap().active.to_owned()
    }

    #[zbus(property)]
    fn sub_state(&self) -> String {
        format!("sub-{}", self.0.lock().unwrap().active)
    }

    #[zbus(property)]
    fn active_enter_timestamp(&self) -> u64 {
        1_700_000_000_000_000 + self.0.lock().unwrap().starts
    }
}

/// The other end is kept, or the connection would close.
struct Systemd {
    state: Arc<Mutex<State>>,
    units: Units,
    _server: Connection,
}

async fn systemd() -> Systemd {
    let state = Arc::new(Mutex::new(State {
        name: "phala-node.service",
        load: "loaded",
        active: "active",
        starts: 1,
        result: "done",
        refusal: None,
        asked: Vec::new(),
    }));
    let (ours, theirs) = UnixStream::pair().unwrap();
    let guid = Guid::from_static_str("00112233445566778899aabbccddeeff").unwrap();
    let server = zbus::connection::Builder::unix_stream(theirs)
        .server(guid)
        .unwrap()
        .p2p()
        .serve_at("/org/freedesktop/systemd1", Manager(Arc::clone(&state)))
        .unwrap()
        .serve_at(UNIT, Properties(Arc::clone(&state)))
        .unwrap()
        .build();
    let client = zbus::connection::Builder::unix_stream(ours).p2p().build();
    let (server, client) = tokio::try_join!(server, client).unwrap();
    let units = Units {
        who: "systemd".to_owned(),
        bus: Bus::Peer(client),
        listed: vec![node()],
    };
    Systemd {
        state,
        units,
        _server: server,
    }
}

fn node() -> UnitName {
    "phala-node.service".parse().unwrap()
}

#[tokio::test]
async fn a_restart_waits_for_its_own_job_and_a_later_start() {
    let systemd = systemd().await;
    let after = systemd.units.restart(&node(), PATIENCE).await.unwrap();
    assert_eq!(after.started_at.unwrap().to_string(), "2023-11-14T22:13:20.000002Z");
    assert_eq!(systemd.state.lock().unwrap().asked, ["subscribe", "restart fail"]);
}

#[tokio::test]
async fn what_is_so_already_is_no_failure() {
    let systemd = systemd().await;
    assert_eq!(systemd.units.start(&node(), PATIENCE).await, Ok(Done::AlreadySo));
    assert_eq!(systemd.units.stop(&node(), PATIENCE).await, Ok(Done::Changed));
    assert_eq!(systemd.units.stop(&node(), PATIENCE).await, Ok(Done::AlreadySo));
    assert_eq!(systemd.units.start(&node(), PATIENCE).await, Ok(Done::Changed));
}

#[tokio::test]
async fn a_job_that_ends_badly_is_a_failure_with_its_reason() {
    for (result, part) in [
        ("failed", "journalctl"),
        ("timeout", "own timeout"),
        ("dependency", "needs"),
        ("canceled", "somebody"),
    ] {
        let systemd = systemd().await;
        systemd.state.lock().unwrap().result = result;
        let failed = systemd.units.restart(&node(), PATIENCE).await.unwrap_err();
        assert!(failed.to_string().contains(part), "{failed}");
        assert_eq!(failed.effect, Effect::Unknown);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_never_ends_is_given_up() {
    let systemd = systemd().await;
    systemd.state.lock().unwrap().result = "";
    let failed = systemd.units.restart(&node(), PATIENCE).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "systemd: restart phala-node.service: no answer within 1m; whether it had an effect is not known"
    );
}

#[tokio::test]
async fn a_refusal_changes_nothing_and_says_what_to_do() {
    let systemd = systemd().await;
    systemd.state.lock().unwrap().refusal = Some(|| fdo::Error::AccessDenied("no".to_owned()));
    let failed = systemd.units.stop(&node(), PATIENCE).await.unwrap_err();
    assert!(failed.to_string().contains("polkit"), "{failed}");
    assert_eq!(failed.effect, Effect::Nothing);
}

#[tokio::test]
async fn a_unit_that_is_not_there_or_masked_is_not_touched() {
    let systemd = systemd().await;
    for (load, reason) in [("not-found", "not_found"), ("masked", "forbidden")] {
        systemd.state.lock().unwrap().load = load;
        let failed = systemd.units.restart(&node(), PATIENCE).await.unwrap_err();
        assert_eq!(failed.fault.reason().label(), reason);
    }
    assert_eq!(systemd.state.lock().unwrap().asked, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_listed_is_not_even_looked_at() {
    let systemd = systemd().await;
    let failed = systemd
        .units
        .stop(&"sshd.service".parse().unwrap(), PATIENCE)
        .await
        .unwrap_err();
    assert_eq!(failed.fault.reason().label(), "forbidden");
    assert_eq!(systemd.state.lock().unwrap().asked, Vec::<String>::new());
}

#[tokio::test]
async fn without_a_bus_nothing_is_changed() {
    let units = Units::new(UnitsSettings {
        socket: "/nonexistent/bus".into(),
        units: vec![node()],
    });
    let failed = units.restart(&node(), PATIENCE).await.unwrap_err();
    assert_eq!(
        failed.to_string(),
        "systemd: restart phala-node.service: no bus at /nonexistent/bus: no such file or directory; nothing was changed"
    );
}

#[test]
fn only_whole_names_of_services_and_mounts_are_units() {
    for good in ["phala-node.service", "mnt-disk\\x2d1.mount", "chia@farmer.service"] {
        assert!(good.parse::<UnitName>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "phala-node",
        "poweroff.target",
        "chia@.service",
        ".service",
        "a b.service",
        "../x.service",
    ] {
        assert!(bad.parse::<UnitName>().is_err(), "{bad}");
    }
}
