//! For tests: recorded answers, and small PRBs put together from them.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::Prb;
use super::diagnose::diagnose;
use super::message::Message;
use super::on_chain::{Network, OnChain, PublicKey, State};
use super::peer::{Peer, PeerId, Role};
use super::queue;
use super::reading::Listed;
use super::session::{Session, SessionState};
use super::snapshot::{Inventory, Snapshot};
use super::symptoms::Thresholds;
use super::v2::answers;
use super::v3::transactions::Transactions;
use super::worker::{Heights, Identity, Provider, ProviderState, Stages, Status, Worker};
use super::{v0, v3};
use crate::clock::{Now, UnixTime};
use crate::collectors::TargetView;
use crate::upstream::{Fault, QueueDepth, Why};

pub(super) const STALE: Duration = Duration::from_secs(90);

/// An answer of the real monitor.
pub(super) fn recorded(name: &str) -> Vec<u8> {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collectors/prb/fixtures/v2");
    std::fs::read(room.join(format!("{name}.json"))).unwrap()
}

/// An answer of another version, written after its types.
pub(super) fn made_up(version: &str, name: &str) -> Vec<u8> {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collectors/prb/fixtures");
    std::fs::read(room.join(version).join(format!("{name}-made-up.json"))).unwrap()
}

pub(crate) fn at(start: Instant, seconds: u64) -> Now {
    Now {
        wall: UnixTime::from_millis(1_795_196_000_000 + seconds * 1000),
        monotonic: start + Duration::from_secs(seconds),
    }
}

pub(super) fn fault() -> Fault {
    Fault::new("http://127.0.0.1:3000", "discover", Why::NotFound("gone".to_owned()))
}

pub(super) fn peer(id: &str, role: Role, hostname: &str) -> Peer {
    Peer {
        id: PeerId::read(id).unwrap(),
        role,
        hostname: hostname.to_owned(),
        address: "10.0.0.9".to_owned(),
        bridge: "default".to_owned(),
        chain: "0x78".to_owned(),
    }
}

/// One provider and one lifecycle.
pub(super) fn peers() -> Vec<Peer> {
    vec![
        peer("Qmprovider", Role::DataProvider, "data_provider"),
        peer("Qmlifecycle", Role::Lifecycle, "lifecycle"),
    ]
}

/// A provider at the tip.
pub(super) fn provider(height: u64) -> Provider {
    let stages = |height: u64| Stages {
        target: Some(height),
        fetched: Some(height),
        processed: Some(height),
        committed: Some(height.saturating_sub(80)),
    };
    Provider {
        state: ProviderState::Idle,
        para: stages(height),
        relay: stages(height * 2),
    }
}

/// A worker named after its number, at a height.
pub(crate) fn worker(number: u32, status: Status, height: Option<u64>) -> Worker {
    Worker {
        identity: Identity {
            uuid: format!("{number:08}-7957-442f-8385-0618a08e3404"),
            name: format!("w{number}"),
            pool: Some(88),
            endpoint: format!("http://192.168.2.{number}:8000"),
            stake: None,
            enabled: true,
            sync_only: false,
        },
        status,
        heights: Heights {
            para_block: height,
            ..Heights::default()
        },
        public_key: None,
        account: None,
        message: Message::read(""),
        info: super::session::Info::default(),
    }
}

pub(super) fn rows<T>(rows: Vec<T>) -> Listed<T> {
    Listed {
        rows,
        duplicates: 0,
        nameless: 0,
    }
}

/// A round of both parts that move.
pub(crate) fn round(snapshot: &mut Snapshot, provided: u64, workers: Vec<Worker>, now: Now) {
    snapshot.list(peers(), &[], &fault(), now);
    let provider_id = PeerId::read("Qmprovider").unwrap();
    snapshot.hear_providers(vec![(provider_id, Ok(provider(provided)))], STALE, now);
    let lifecycle = PeerId::read("Qmlifecycle").unwrap();
    let workers = workers.into_iter().map(Box::new).collect();
    snapshot.hear_workers(vec![(lifecycle, Ok(rows(workers)))], STALE, now);
}

/// What the chain says at a block of now.
pub(super) fn chain(workers: &[(PublicKey, OnChain)], now: Now) -> State {
    State {
        height: Some(2_905_260),
        time: Some(now.wall),
        runtime: "khala 1251".to_owned(),
        network: Network {
            online_workers: Some(24_000),
            heartbeat_paused: Some(false),
            cool_down_seconds: Some(604_800),
            heartbeat_window: Some(10),
        },
        workers: workers.iter().copied().collect(),
        ..State::default()
    }
}

/// A worker that is bound and in this state.
pub(super) fn bound(state: SessionState) -> OnChain {
    OnChain {
        session: Some(Session {
            state: Some(state),
            ..Session::default()
        }),
        ..OnChain::default()
    }
}

/// A round of a worker manager, which has no data provider.
pub(crate) fn managed(snapshot: &mut Snapshot, workers: Vec<Worker>, now: Now) {
    let manager = peer("Qmmanager", Role::WorkerManager, "worker-manager");
    let id = manager.id.clone();
    snapshot.list(vec![manager], &[], &fault(), now);
    let workers = workers.into_iter().map(Box::new).collect();
    snapshot.hear_workers(vec![(id, Ok(rows(workers)))], STALE, now);
}

/// The recorded PRB: a provider and four lifecycles, of which the third has eleven workers, the others none.
pub(super) fn recorded_prb(now: Now) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let peers = answers::discovered(&recorded("discover-peers")).unwrap();
    snapshot.list(peers.clone(), &[], &fault(), now);
    let ids: Vec<PeerId> = peers.into_iter().map(|peer| peer.id).collect();
    let provider = answers::provider(&recorded("GetDataProviderInfo-idle")).unwrap();
    snapshot.hear_providers(vec![(ids[0].clone(), Ok(provider))], STALE, now);
    let several = answers::worker_states(&recorded("GetWorkerStatus-several")).unwrap();
    let none = answers::worker_states(&recorded("GetWorkerStatus-empty")).unwrap();
    let dead = answers::worker_states(&recorded("proxy-dead_peer")).unwrap_err();
    let said = vec![
        (ids[1].clone(), Ok(none)),
        (ids[2].clone(), Ok(several)),
        (ids[3].clone(), Err(Fault::new("monitor", "GetWorkerStatus", dead))),
    ];
    snapshot.hear_workers(said, STALE, now);
    let inventory = Inventory {
        workers: answers::workers(&recorded("ListWorker-several")).unwrap(),
        pools: answers::pools(&recorded("ListPool-two")).unwrap(),
    };
    snapshot.hear_inventories(vec![(ids[2].clone(), Ok(inventory))], STALE, now);
    snapshot.queues.absorb(queued(), now);
    snapshot
}

/// A PRB v3 with ten workers, of which one is disabled.
pub(super) fn manager_prb(now: Now) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.version = Some("v3");
    snapshot.revision = v3::answers::revision(&made_up("v3", "wm_status")).ok();
    let id = PeerId::fixed(v3::PEER);
    snapshot.list(vec![Peer::alone(v3::PEER, Role::WorkerManager)], &[], &fault(), now);
    let workers = v3::answers::workers(&made_up("v3", "workers_status-2024")).unwrap();
    snapshot.hear_workers(vec![(id.clone(), Ok(workers))], STALE, now);
    let inventory = v3::answers::inventory(&made_up("v3", "wm_config-GetAllPoolsWithWorkers")).unwrap();
    snapshot.hear_inventories(vec![(id, Ok(inventory))], STALE, now);
    let listed =
        br#"{"tx_count":7,"running_txs":[],"pending_txs":[{"state":"Pending"}],"past_txs":[{"state":"Running"},
        {"state":{"Error":{"message":"Tx timed out!"}}},{"state":{"Success":{}}},{"state":{"Success":{}}}]}"#;
    snapshot.transactions = Some(Transactions::read(listed, false).unwrap());
    snapshot
}

/// A PRB v0 with three workers that are loaded, of five.
pub(super) fn legacy_prb(now: Now) -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.version = Some("v0");
    let peers = vec![
        Peer::alone("fetch", Role::DataProvider),
        Peer::alone("lifecycle", Role::Lifecycle),
    ];
    snapshot.list(peers, &[], &fault(), now);
    let provider = v0::answers::provider(&made_up("v0", "callOnlineFetcher")).unwrap();
    snapshot.hear_providers(vec![(PeerId::fixed("fetch"), Ok(provider))], STALE, now);
    let inventory = v0::answers::inventory(&made_up("v0", "callOnlineLifecycleManager")).unwrap();
    let states = v0::answers::worker_states(&made_up("v0", "queryWorkerState")).unwrap();
    let workers = v0::answers::joined(states, &inventory.workers.rows);
    let id = PeerId::fixed("lifecycle");
    snapshot.hear_workers(vec![(id.clone(), Ok(workers))], STALE, now);
    snapshot.hear_inventories(vec![(id, Ok(inventory))], STALE, now);
    snapshot
}

/// A target as others see it, with the usual thresholds.
pub(crate) fn view(name: &str, mut snapshot: Snapshot, now: Now) -> TargetView {
    let thresholds = Thresholds::default();
    snapshot.limits = thresholds.target();
    let diagnosis = diagnose(&snapshot, &thresholds, now);
    TargetView::new::<Prb>(name.parse().unwrap(), snapshot, diagnosis)
}

/// One trade queue with three transactions in it.
pub(super) fn queued() -> queue::Said {
    let depth = QueueDepth {
        waiting: 3,
        active: 1,
        created: 42,
        next: Some("39".to_owned()),
        ..QueueDepth::default()
    };
    vec![("lifecycle-1".parse().unwrap(), Ok(Some(depth)))]
}
