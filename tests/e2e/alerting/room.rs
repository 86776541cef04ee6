//! A farm with something of everything, all that watches it, and what is told of it, in a hurry.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simfarm::phala::identity;
use simfarm::phala::storage::{Network, OnChain, Pallets, Storage};

use super::hurry::hurried;
use crate::mounts::Places;
use crate::repairs::stage::{CHAT, Stage, alerts};
use crate::support::{Simfarm, debian, free_port, http, same, wait_for, with_libraries};
use crate::trade_queue::Redis;

/// Until alerts are as expected. Nothing waits so long unless something is broken.
const UNTIL_SETTLED: Duration = Duration::from_secs(60);
/// A scrape and an evaluation, so many seconds of a minute are one of this farm's.
const PACE: &str = "250ms";
const POOL: u64 = 88;
const WORKERS: u32 = 10;

pub(super) struct Room {
    pub(super) stage: Stage,
    pub(super) farm: Simfarm,
    pub(super) redis: Redis,
    /// Where a filesystem is mounted, and what is in it.
    pub(super) disk: String,
    pub(super) image: String,
    /// For how long nothing may change before alerts count as settled.
    stays: Duration,
    _places: Places,
}

/// The names of alerts: those of which people are told, and those that are held back by others.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    told: BTreeSet<String>,
    hidden: BTreeSet<String>,
}

impl Shown {
    /// Names with spaces between them.
    pub(super) fn of(told: &str, hidden: &str) -> Self {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Self {
            told: names(told),
            hidden: names(hidden),
        }
    }
}

impl Room {
    /// In which time passes so many times faster.
    pub(super) fn start(times: u64) -> Self {
        let mut places = Places::new();
        for name in ["chia", "nas"] {
            fs::create_dir(places.root().join(name)).unwrap();
        }
        let image = places.root().join("image");
        fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
        let made = with_libraries(&debian("sbin/mke2fs"))
            .args(["-q", "-t", "ext4"])
            .arg(&image)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let image = image.to_str().unwrap().to_owned();
        let disk = places.mount("disk", &["-o", "loop", &image]);
        let farm = simulated(places.root());
        let redis = Redis::start(free_port());
        redis.ask("SET bq:prbmq__main:id 1");
        let config = configuration(&farm, places.root(), &disk, redis.port);
        let rules = places.root().join("rules");
        fs::create_dir(&rules).unwrap();
        for file in fs::read_dir(alerts("rules")).unwrap() {
            let file = file.unwrap();
            let text = fs::read_to_string(file.path()).unwrap();
            fs::write(rules.join(file.file_name()), hurried(&text, times)).unwrap();
        }
        let alertmanager = fs::read_to_string(alerts("alertmanager.yml")).unwrap();
        let stage = Stage::hurried(&farm, config, &rules, &hurried(&alertmanager, times), PACE);
        Self {
            stage,
            farm,
            redis,
            disk,
            image,
            stays: Duration::from_secs(120) / u32::try_from(times).unwrap(),
            _places: places,
        }
    }

    /// Waits until exactly these alerts fire, no other will soon, and it stays so. What there is instead is an error.
    pub(super) fn settles(&mut self, expected: &Shown) -> Result<(), String> {
        let (begun, stays, mut since) = (Instant::now(), self.stays, None);
        wait_for("an end of waiting", 2 * UNTIL_SETTLED, || {
            let instead = match self.shown().and_then(|shown| same(&shown, expected)) {
                Ok(()) if since.get_or_insert_with(Instant::now).elapsed() >= stays => return Ok(Ok(())),
                Ok(()) => "it is so, but does not stay so".to_owned(),
                Err(instead) => {
                    since = None;
                    instead
                }
            };
            if begun.elapsed() > UNTIL_SETTLED {
                Ok(Err(instead))
            } else {
                Err(instead)
            }
        })
    }

    /// What fires now, by Prometheus and Alertmanager alike.
    fn shown(&mut self) -> Result<Shown, String> {
        let (mut told, mut hidden) = (BTreeSet::new(), BTreeSet::new());
        let all = http::get_json(&self.stage.alertmanager.address, "/api/v2/alerts")?;
        for alert in all.as_array().into_iter().flatten() {
            let name = alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
            match alert["status"]["state"].as_str() {
                _ if name == "DeadMansSwitch" => continue,
                Some("active") => told.insert(name),
                Some("suppressed") => hidden.insert(name),
                other => return Err(format!("{name} is {other:?}")),
            };
        }
        let [mut firing, mut pending] = [BTreeSet::new(), BTreeSet::new()];
        for (name, state, _) in self.alerts()? {
            let names = if state == "firing" { &mut firing } else { &mut pending };
            names.insert(name);
        }
        let both: BTreeSet<String> = told.union(&hidden).cloned().collect();
        if !pending.is_empty() {
            return Err(format!(
                "pending are {pending:?}, firing {firing:?}, held back {hidden:?}"
            ));
        }
        same(&firing, &both)?;
        Ok(Shown { told, hidden })
    }

    /// Every alert that Prometheus has: name, state, and since when with which labels.
    fn alerts(&mut self) -> Result<Vec<(String, String, String)>, String> {
        let answer = self.stage.prometheus.api("alerts")?;
        let alerts = answer["alerts"].as_array().ok_or("no alerts")?.iter();
        let alerts = alerts.map(|alert| {
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let which = format!("{} since {}", alert["labels"], alert["activeAt"]);
            (word(&alert["labels"]["alertname"]), word(&alert["state"]), which)
        });
        Ok(alerts.filter(|(name, ..)| name != "DeadMansSwitch").collect())
    }

    /// Which alerts people are told of, and since when each lasts.
    pub(super) fn told_since(&mut self) -> Result<BTreeSet<String>, String> {
        let hidden = self.shown()?.hidden;
        let alerts = self.alerts()?.into_iter();
        let told = alerts.filter(|(name, ..)| !hidden.contains(name));
        Ok(told.map(|(_, _, which)| which).collect())
    }

    pub(super) fn set(&self, path: &str, settings: &Value) {
        self.farm.set(path, settings);
    }
}

/// `mount` or `umount` with these words.
#[track_caller]
pub(super) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

fn simulated(place: &Path) -> Simfarm {
    let chia = format!("xch=127.0.0.1,{}", place.join("chia").display());
    let nas = format!(
        "nas={},fstype=fuse.sshfs,source=nas:/plots",
        place.join("nas").display()
    );
    let chains = ["para", "relay", "para-2", "relay-2"].map(|name| format!("{name}=127.0.0.1:0"));
    let mut options = vec!["--prb-v2", "m=127.0.0.1:0", "--venus", "fil=127.0.0.1"];
    options.extend(["--chia", &chia, "--fuse", &nas]);
    options.extend(chains.iter().flat_map(|chain| ["--substrate", chain]));
    options.extend(CHAT);
    let farm = Simfarm::start(&options);
    // The heights with which a PRB begins: its node is compared with it.
    let genesis_hash = format!("0x{}", "77".repeat(32));
    for name in ["", "-2"] {
        let relay =
            json!({"best": 15_748_050, "block_time_ms": 150, "peers": 20, "genesis_hash": genesis_hash, "seed": 7});
        farm.set(&format!("substrate/relay{name}"), &relay);
        let para = json!({"best": 2_905_270, "block_time_ms": 300, "peers": 20});
        farm.set(&format!("substrate/para{name}"), &para);
    }
    farm.set("substrate/para", &json!({"storage": on_chain()}));
    let monitor = json!({"dial_ms": 10, "block_time_ms": 300, "lifecycles": [{"workers": WORKERS}]});
    farm.set("prb-v2/m", &monitor);
    farm.set("venus/fil", &json!({"block_time_ms": 2000}));
    farm.set("chia/xch", &json!({"point_ms": 500, "harvesters": 2}));
    farm
}

/// What the chain stores of the workers, their pool and the network.
fn on_chain() -> Value {
    let workers: Vec<OnChain> = (1..=WORKERS)
        .map(|number| OnChain::of(&format!("10.1.0.{number}"), POOL))
        .collect();
    let mut storage = Storage::of(Pallets::New, &workers);
    storage.network(Pallets::New, Network::default());
    let owner = identity::operator_account(POOL);
    storage.pool(Pallets::New, POOL, &owner);
    storage.operator(&owner, 100_000_000_000_000);
    storage.json()
}

/// Limits that are minutes are seconds here.
fn configuration(farm: &Simfarm, place: &Path, disk: &str, redis: u16) -> Value {
    let at = |kind: &str, name: &str| format!("http://{}", farm.place(kind, name));
    let venus = |name: &str| json!([{"name": name, "url": at("venus", &format!("fil-{name}"))}]);
    let chia = |name: &str| farm.place("chia", &format!("xch-{name}")).to_owned();
    let tokens = farm.get("venus/fil/tokens");
    let mut tokens = tokens.as_array().unwrap().iter();
    let admin = tokens.find(|token| token["perm"] == "admin").unwrap();
    fs::write(place.join("venus.token"), admin["token"].as_str().unwrap()).unwrap();
    let nas = place.join("nas");
    let node = |name: &str, chain: &str| {
        json!({
            "name": name, "interval": "2s", "timeout": "1900ms", "para": at("substrate", &format!("para{chain}")),
            "relay": at("substrate", &format!("relay{chain}")), "thresholds": {"stuck_after": "5s", "head_age": "6s"},
        })
    };
    json!({"collectors": {
        "phala": [node("node-1", ""), node("node-2", "-2")],
        "prb": [{
            "name": "prb-1", "depends_on": ["node-1"], "monitor": at("prb-v2", "m"), "node": at("substrate", "para"),
            "interval": "2s", "workers_interval": "2s", "inventory_interval": "2s", "chain_interval": "2s",
            "timeout": "1900ms", "queues": [{"name": "room-a", "redis": format!("127.0.0.1:{redis}")}],
            "thresholds": {
                "provider_target_stale_after": "3s", "stalled_after": "3s", "stuck_syncing_after": "10s",
                "queue_stuck_after": "5s",
            },
        }],
        "venus": [{
            "name": "venus-1", "token_file": place.join("venus.token"), "interval": "2s", "slow_interval": "2s",
            "state_interval": "2s", "timeout": "1900ms", "mining_timeout": "1900ms", "nodes": venus("node"),
            "messagers": venus("messager"), "miner_services": venus("miner"), "gateways": venus("gateway"),
            "auth_services": venus("auth"), "thresholds": {"head_stalled_after": "30s"},
        }],
        "chia": [{
            "name": "chia-1", "root": place.join("chia"), "farmer": chia("farmer"), "full_node": chia("full_node"),
            "wallet": chia("wallet"), "daemon": chia("daemon"), "interval": "2s", "timeout": "1900ms",
            "events_interval": "2s", "details_interval": "2s", "plots_interval": "2s", "plots_on_root_disk": true,
            "thresholds": {"harvester_down_after": "3s"},
        }],
        "mounts": [{
            "name": "host-1", "interval": "2s", "probe_timeout": "500ms", "include": [disk, nas],
            "expected": [{"mount": disk}], "thresholds": {"stuck_after": "3s"},
        }],
    }})
}
