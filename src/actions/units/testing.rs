//! For tests: a manager of our own at the other end of a connection without a bus, which zbus calls peer to peer.

use std::sync::{Arc, Mutex};

use tokio::net::UnixStream;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::ObjectPath;
use zbus::{Guid, fdo, interface};

use super::*;

pub(super) const JOB: &str = "/org/freedesktop/systemd1/job/7";
const UNIT: &str = "/org/freedesktop/systemd1/unit/phala_2dnode_2eservice";

/// What the unit looks like, and how the next job ends.
pub(crate) struct State {
    pub(crate) name: &'static str,
    pub(crate) load: &'static str,
    pub(crate) active: &'static str,
    pub(crate) starts: u64,
    /// Empty for a job that never ends.
    pub(crate) result: &'static str,
    pub(crate) refusal: Option<fn() -> fdo::Error>,
    pub(crate) asked: Vec<String>,
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
pub(crate) struct Systemd {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) units: Units,
    _server: Connection,
}

/// With `phala-node.service`, which runs.
pub(crate) async fn systemd() -> Systemd {
    systemd_of("phala-node.service").await
}

/// With this unit, which runs.
pub(crate) async fn systemd_of(name: &'static str) -> Systemd {
    let state = Arc::new(Mutex::new(State {
        name,
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
        listed: vec![name.parse().unwrap()],
    };
    Systemd {
        state,
        units,
        _server: server,
    }
}

pub(super) fn node() -> UnitName {
    "phala-node.service".parse().unwrap()
}
