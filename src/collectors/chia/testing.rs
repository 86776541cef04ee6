//! For tests: recorded answers, times, and a farm that is played round by round.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::diagnose::diagnose;
use super::events::{Tally, Teller};
use super::farmer::{self, Harvester};
use super::node;
use super::plots::Plots;
use super::pool;
use super::reading::{Details, FarmerReading, Looked, Setup};
use super::snapshot::Snapshot;
use super::target::Target;
use super::{details, wallet};
use crate::clock::{Now, UnixTime};
use crate::collectors::Diagnosis;
use crate::upstream::chia::{Heard, NodeId, Push, Service};

/// As recorded of chia 2.7.5, by the file's name without its ending.
pub(super) fn recorded(name: &str) -> Vec<u8> {
    let room = concat!(env!("CARGO_MANIFEST_DIR"), "/src/collectors/chia/fixtures/2.7.5");
    std::fs::read(format!("{room}/{name}.json")).unwrap()
}

/// So many seconds after the recordings were made.
pub(crate) fn at(start: Instant, seconds: u64) -> Now {
    Now {
        wall: UnixTime::from_millis(1_795_193_200_000 + seconds * 1000),
        monotonic: start + Duration::from_secs(seconds),
    }
}

/// A harvester's id by a number.
pub(crate) fn id(number: u8) -> NodeId {
    format!("{number:02x}").repeat(32).parse().unwrap()
}

/// A farm as its rounds show it, one after the other.
pub(crate) struct Farm {
    pub(crate) target: Target,
    pub(crate) snapshot: Snapshot,
    pub(crate) tally: Tally,
    pub(crate) own: Option<NodeId>,
    start: Instant,
    seconds: u64,
    points: u64,
}

impl Farm {
    /// `keys` of its entry beside name and root.
    pub(crate) fn new(keys: &str) -> Self {
        let text = format!(r#"{{"name": "chia-1", "root": "/r"{keys}}}"#);
        let target: Target = serde_json::from_str(&text).unwrap();
        let teller = if target.farmer.is_some() {
            Teller::Farmer
        } else {
            Teller::Harvester
        };
        let mut tally = Tally::new(teller);
        let start = Instant::now();
        tally.connected = Some(start);
        Self {
            target,
            snapshot: Snapshot::default(),
            tally,
            own: None,
            start,
            seconds: 0,
            points: 0,
        }
    }

    /// With a farmer and its daemon.
    pub(crate) fn whole() -> Self {
        Self::new(r#", "farmer": "127.0.0.1:8559", "daemon": "127.0.0.1:55400", "full_node": "127.0.0.1:8555""#)
    }

    /// With a farmer, and nobody who listens to events.
    pub(crate) fn unheard() -> Self {
        Self::new(r#", "farmer": "127.0.0.1:8559", "full_node": "127.0.0.1:8555""#)
    }

    pub(crate) fn now(&self) -> Now {
        at(self.start, self.seconds)
    }

    pub(crate) fn after(&mut self, seconds: u64) -> &mut Self {
        self.seconds += seconds;
        self
    }

    pub(crate) fn begin(&mut self) -> Now {
        let now = self.now();
        let ends = [("ca", Some(UnixTime::from_millis(2_110_000_000_000))), ("client", None)];
        self.snapshot.begin(&self.target, ends, self.own, now);
        now
    }

    pub(super) fn node(&mut self, body: &[u8], connections: &[u8]) -> &mut Self {
        let now = self.begin();
        let (state, peers) = (node::state(body).unwrap(), node::peers(connections).ok());
        self.snapshot.absorb_node(state, peers, &self.target, now);
        self
    }

    /// A synchronised node at a height, with so many peers.
    pub(super) fn node_at(&mut self, height: u64, peers: usize) -> &mut Self {
        let state = format!(
            r#"{{"blockchain_state": {{"peak": {{"height": {height}}}, "sync": {{"synced": true}}, "space": 40000000000000000000}}}}"#
        );
        let peers = vec![r#"{"type": 1}"#; peers].join(",");
        self.node(state.as_bytes(), format!(r#"{{"connections": [{peers}]}}"#).as_bytes())
    }

    pub(crate) fn farmer(&mut self, harvesters: Vec<Harvester>) -> &mut Self {
        self.farmer_with(harvesters, Vec::new())
    }

    pub(super) fn farmer_with(&mut self, harvesters: Vec<Harvester>, pools: Vec<pool::Pool>) -> &mut Self {
        let now = self.begin();
        let reading = FarmerReading {
            harvesters,
            peers: Some(node::Peers::default()),
            pools: Some(pools),
        };
        self.snapshot.absorb_farmer(reading, &self.target, now);
        self
    }

    /// All that was recorded of the farmer.
    pub(super) fn recorded_farmer(&mut self) -> &mut Self {
        let now = self.begin();
        let reading = FarmerReading {
            harvesters: farmer::summary(&recorded("farmer.get_harvesters_summary")).unwrap().all,
            peers: node::peers(&recorded("farmer.get_connections")).ok(),
            pools: pool::pools(&recorded("farmer.get_pool_state"))
                .ok()
                .map(|pools| pools.all),
        };
        self.snapshot.absorb_farmer(reading, &self.target, now);
        self
    }

    pub(super) fn recorded_wallet(&mut self) -> &mut Self {
        let now = self.begin();
        let state = wallet::WalletState {
            synced: wallet::synced(&recorded("wallet.get_sync_status")).unwrap(),
            height: wallet::height(&recorded("wallet.get_height_info")).unwrap(),
            peers: node::peers(&recorded("wallet.get_connections")).ok(),
            balance: wallet::balance(&recorded("wallet.get_wallet_balance")).ok(),
        };
        self.snapshot.absorb_wallet(state, now);
        self
    }

    /// Settings of this machine's harvester.
    pub(crate) fn here(&mut self, directories: &[&str]) -> &mut Self {
        self.begin();
        let setup = Setup {
            pick: self.target.harvesters.first().cloned(),
            here: true,
            up: Some(true),
            fault: None,
            directories: directories.iter().map(PathBuf::from).collect(),
            refresh: None,
        };
        let details = self.snapshot.details.get_or_insert_with(Details::default);
        details.setups.push(setup);
        self
    }

    pub(super) fn recorded_details(&mut self) -> &mut Self {
        self.begin();
        let details = self.snapshot.details.get_or_insert_with(Details::default);
        for service in Service::ALL {
            let version = recorded(&format!("{}.get_version", service.name()));
            details.versions.insert(service, details::version(&version).unwrap());
        }
        details.harvester_peers = node::peers(&recorded("harvester.get_connections")).ok();
        details.network = Some(details::network(&recorded("farmer.get_network_info")).unwrap());
        details.farmed = Some(wallet::farmed(&recorded("wallet.get_farmed_amount")).unwrap());
        self
    }

    /// An event of the daemon, as it is written.
    pub(crate) fn hear(&mut self, text: &str) -> &mut Self {
        let push: Push<'_> = serde_json::from_str(text).unwrap();
        let now = self.now().monotonic;
        self.tally.hear(&Heard::Pushed(push), now);
        self
    }

    pub(super) fn hear_recorded(&mut self, origin: &str, command: &str) -> &mut Self {
        let body = recorded(&format!("ws.push.{origin}.{command}.to-metrics"));
        self.hear(&String::from_utf8(body).unwrap())
    }

    /// The next signage point.
    pub(crate) fn point(&mut self) -> &mut Self {
        self.points += 1;
        let point = self.points;
        self.hear(&format!(
            r#"{{"origin": "chia_farmer", "command": "new_signage_point", "data": {{"signage_point":
                {{"challenge_chain_sp": "{point}", "signage_point_index": 1}}}}}}"#
        ))
    }

    /// What a harvester answers to it, in milliseconds.
    pub(crate) fn answers(&mut self, harvester: NodeId, millis: u64) -> &mut Self {
        let point = self.points;
        self.hear(&format!(
            r#"{{"origin": "chia_farmer", "command": "new_farming_info", "data": {{"farming_info": {{"node_id":
                "{harvester}", "signage_point": "{point}", "passed_filter": 2, "proofs": 0, "lookup_time": {}}}}}}}"#,
            millis * 1_000
        ))
    }

    /// Takes over what was heard.
    pub(crate) fn events(&mut self) -> &mut Self {
        let now = self.begin();
        self.snapshot.absorb_events(self.tally.clone(), now);
        self
    }

    pub(crate) fn plots(&mut self, harvester: NodeId, plots: Plots) -> &mut Self {
        let now = self.begin();
        let looked = Looked::At(Arc::new(plots), (0, 0));
        self.snapshot.absorb_plots(vec![(harvester, looked)], now);
        self
    }

    pub(crate) fn diagnosis(&self) -> Diagnosis {
        let hears = self.target.daemon.is_some();
        diagnose(&self.snapshot, &self.target.thresholds, hears, self.now())
    }

    /// Symptom, entity and evidence of what is ill.
    pub(crate) fn found(&self) -> Vec<String> {
        let findings = self.diagnosis().findings.into_iter();
        findings
            .map(|found| format!("{} [{}] {}", found.symptom.name, found.entity, found.evidence))
            .collect()
    }
}

/// A healthy harvester that has just looked through its directories.
pub(crate) fn harvester(number: u8, plots: u64, scanned: Now) -> Harvester {
    Harvester {
        plots: Some(plots),
        invalid: Some(0),
        keys_missing: Some(0),
        duplicates: Some(0),
        bytes: Some(u128::from(plots) * 108_900_000_000),
        effective_bytes: Some(u128::from(plots) * 108_877_420_953),
        last_scan: Some(scanned.wall),
        ..Harvester::bare(id(number), format!("10.0.0.{number}"))
    }
}

/// So many plots in each directory.
pub(crate) fn plots_in(directories: &BTreeMap<PathBuf, u64>) -> Plots {
    Plots {
        directories: directories.clone(),
        ..Plots::default()
    }
}
