//! A simulated farm with something of everything, what watches it, and the Prometheus that scrapes that.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};
use simfarm::phala::identity;
use simfarm::phala::storage::{Network, OnChain, Pallets, Storage};

use crate::prometheus::Prometheus;
use crate::support::{Farmwarden, LONG, Simfarm, directory, free_port, http, wait_for};
use crate::trade_queue::Redis;

const TOKEN: &str = "the-token-of-alertmanager";
/// The pool of all workers of PRB v2, of which there are so many.
const POOL: u64 = 88;
const WORKERS: u32 = 4;

pub(super) struct WholeFarm {
    pub(super) prometheus: Prometheus,
    warden: Farmwarden,
    farm: Simfarm,
    _redis: Redis,
    /// Where the share that is only simulated in a mount table has its server.
    _share: TcpListener,
    _place: tempfile::TempDir,
}

impl WholeFarm {
    pub(super) fn start() -> Self {
        let place = directory();
        for name in ["chia", "nas", "tmp", "proc/1"] {
            fs::create_dir_all(place.path().join(name)).unwrap();
        }
        let farm = simulated(place.path());
        let redis = Redis::start(free_port());
        for command in [
            "SET bq:prbmq__main:id 1",
            "LPUSH bq:prbmq__main:waiting 1",
            "HSET bq:prbmq__main:jobs 1 {}",
        ] {
            redis.ask(command);
        }
        let share = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = share.local_addr().unwrap().port();
        let table = format!("36 35 0:52 / /mnt/share rw - cifs //127.0.0.1/plots rw,addr=127.0.0.1,port={port}\n");
        fs::write(place.path().join("proc/1/mountinfo"), table).unwrap();
        let config = configuration(&farm, place.path(), redis.port);
        let warden = watched(place.path(), &config);
        let rule = json!({"alert": "Ill", "expr": "farmwarden_symptom == 1"});
        let prometheus = Prometheus::with(
            &json!({
                "rule_files": ["rules.yml"],
                "scrape_configs": [{"job_name": "farmwarden", "static_configs": [{"targets": [warden.address]}]}],
            }),
            &[("rules.yml", json!({"groups": [{"name": "farm", "rules": [rule]}]}))],
        );
        Self {
            prometheus,
            warden,
            farm,
            _redis: redis,
            _share: share,
            _place: place,
        }
    }

    /// One incident of each kind that a query needs, and an alert that asks for a repair.
    pub(super) fn break_things(&mut self) {
        self.farm
            .set("venus/fil/sender", &json!({"at": 1, "trouble": "failed_estimation"}));
        let fails = json!({"errors": {"Message.GetSharedParams": "not today"}});
        self.farm.set("venus/fil-messager", &fails);
        let mut lifecycle = lifecycle(&self.farm);
        lifecycle["error_percent"] = json!(25);
        self.farm.set("prb-v2/m", &json!({"lifecycles": [lifecycle]}));
        let entity = wait_for("a worker in error", LONG, || {
            let samples = self.warden.samples();
            let mut ill = samples.lines("farmwarden_symptom").filter(|line| line.ends_with("} 1"));
            let line = ill.find(|line| line.contains("worker_error"));
            let line = line.ok_or_else(|| "no worker is in error".to_owned())?;
            let (_, entity) = line.split_once("entity=\"").unwrap();
            Ok::<_, String>(entity.split('"').next().unwrap().to_owned())
        });
        self.alert(&entity);
    }

    fn alert(&self, entity: &str) {
        let labels = json!({"alertname": "Ill", "remedy": "restart_worker", "target": "prb-1", "entity": entity});
        let payload = json!({
            "version": "4", "groupKey": "ill", "truncatedAlerts": 0, "status": "firing", "receiver": "farmwarden",
            "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "",
            "alerts": [{
                "status": "firing", "labels": labels, "annotations": {}, "startsAt": "2026-01-01T00:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "0123456789abcdef",
            }],
        });
        let headers = [
            &format!("Authorization: Bearer {TOKEN}"),
            "Content-Type: application/json",
        ];
        let answer = http::exchange(
            &self.warden.address,
            "POST /alerts HTTP/1.0",
            &headers,
            &payload.to_string(),
        );
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn simulated(place: &Path) -> Simfarm {
    let chia = format!("xch=127.0.0.1,{}", place.join("chia").display());
    let nas = format!(
        "nas={},fstype=fuse.sshfs,source=nas:/plots",
        place.join("nas").display()
    );
    let farm = Simfarm::start(&[
        "--substrate",
        "para=127.0.0.1:0",
        "--substrate",
        "relay=127.0.0.1:0",
        "--prb-v2",
        "m=127.0.0.1:0",
        "--prb-v3",
        "w=127.0.0.1:0",
        "--pruntime",
        "r=127.0.0.2:0",
        "--venus",
        "fil=127.0.0.1",
        "--dingtalk",
        "ops=127.0.0.1:0",
        "--chia",
        &chia,
        "--fuse",
        &nas,
    ]);
    let grows = json!({"block_time_ms": 1000, "peers": 20});
    for chain in ["substrate/para", "substrate/relay"] {
        farm.set(chain, &grows);
    }
    farm.set("substrate/para", &json!({"storage": on_chain()}));
    farm.set(
        "prb-v2/m",
        &json!({"dial_ms": 20, "block_time_ms": 1000, "lifecycles": [lifecycle(&farm)]}),
    );
    farm.set("venus/fil-miner", &json!({"recorder": true, "blocks_listed": true}));
    farm.set("chia/xch", &json!({"point_ms": 1000}));
    farm
}

/// All of its workers have the one pRuntime.
fn lifecycle(farm: &Simfarm) -> Value {
    let endpoint = format!("http://{}", farm.place("pruntime", "r"));
    json!({"workers": WORKERS, "all": {"worker": {"endpoint": endpoint}}})
}

/// What the chain stores of these workers, their pool and the network.
fn on_chain() -> Value {
    let workers: Vec<OnChain> = (1..=WORKERS)
        .map(|number| OnChain::of(&format!("10.1.0.{number}"), POOL))
        .collect();
    let mut storage = Storage::of(Pallets::New, &workers);
    let owner = identity::operator_account(POOL);
    storage.network(Pallets::New, Network::default());
    storage.pool(Pallets::New, POOL, &owner);
    storage.operator(&owner, 100_000_000_000_000);
    storage.json()
}

fn configuration(farm: &Simfarm, place: &Path, redis: u16) -> Value {
    let at = |kind: &str, name: &str| format!("http://{}", farm.place(kind, name));
    let venus = |name: &str| json!([{"name": name, "url": at("venus", &format!("fil-{name}"))}]);
    let chia = |name: &str| farm.place("chia", &format!("xch-{name}")).to_owned();
    let tokens = farm.get("venus/fil/tokens");
    let admin = tokens
        .as_array()
        .unwrap()
        .iter()
        .find(|token| token["perm"] == "admin")
        .unwrap();
    fs::write(place.join("venus.token"), admin["token"].as_str().unwrap()).unwrap();
    fs::write(place.join("chat.token"), "the-token-of-the-robot").unwrap();
    let nas = place.join("nas");
    json!({
        "collectors": {
            "phala": [{
                "name": "node-1", "interval": "1s", "timeout": "900ms", "para": at("substrate", "para"),
                "relay": at("substrate", "relay"),
            }],
            "prb": [
                {
                    "name": "prb-1", "monitor": at("prb-v2", "m"), "node": at("substrate", "para"), "interval": "1s",
                    "workers_interval": "1s", "inventory_interval": "2s", "chain_interval": "2s", "timeout": "900ms",
                    "pruntimes": {"networks": ["127.0.0.2/32"], "interval": "2s"},
                    "queues": [{"name": "room-a", "redis": format!("127.0.0.1:{redis}")}],
                },
                {
                    "name": "prb-3", "worker_manager": at("prb-v3", "w"), "interval": "1s", "workers_interval": "1s",
                    "inventory_interval": "2s", "timeout": "900ms",
                },
            ],
            "venus": [{
                "name": "venus-1", "token_file": place.join("venus.token"), "interval": "1s", "slow_interval": "1s",
                "state_interval": "1s", "timeout": "900ms", "mining_timeout": "900ms", "nodes": venus("node"),
                "messagers": venus("messager"), "miner_services": venus("miner"), "gateways": venus("gateway"),
                "auth_services": venus("auth"),
            }],
            "chia": [{
                "name": "chia-1", "root": place.join("chia"), "farmer": chia("farmer"), "full_node": chia("full_node"),
                "wallet": chia("wallet"), "daemon": chia("daemon"), "interval": "1s", "timeout": "900ms",
                // Before the other in the alphabet: a board begins with the first, and only this one has mounts.
                "harvesters": [{"name": "a-harvester", "rpc": chia("harvester")}], "events_interval": "1s",
                "details_interval": "1s", "plots_interval": "1s", "plots_on_root_disk": true,
            }],
            "mounts": [
                {
                    "name": "host-1", "interval": "2s", "probe_timeout": "500ms", "files_interval": "2s",
                    "include": ["/", nas], "plots": [nas], "expected": [{"mount": nas}], "temporary": [place.join("tmp")],
                },
                // Of another farm: which of two machines the harvester's is could not be told.
                {
                    "name": "host-2", "farm": "elsewhere", "interval": "2s", "probe_timeout": "500ms", "procfs": place.join("proc"),
                    "rootfs": place.join("host"),
                },
            ],
        },
        "journal": {"directory": place.join("journal")},
        "notify": [{
            "name": "ops", "kind": "dingtalk", "url": format!("{}/robot/send", at("dingtalk", "ops")),
            "token_file": place.join("chat.token"),
        }],
        "remedies": {
            "warm_up": "1s",
            "policies": [{
                "name": "restart_worker", "symptom": "worker_error", "targets": ["prb-1"], "mode": "act", "ill_for": "1s",
                "rungs": [{"action": "notify"}, {"action": "restart-worker"}],
            }],
        },
    })
}

fn watched(place: &Path, config: &Value) -> Farmwarden {
    let file = |name: &str, content: &str| {
        fs::write(place.join(name), content).unwrap();
        place.join(name)
    };
    file("alerts.token", TOKEN);
    let mut command = Farmwarden::command();
    // JSON is YAML, too.
    command
        .arg("--config.file")
        .arg(file("farmwarden.yml", &config.to_string()));
    let web = "scopes: {alerts: {bearer_token_file: alerts.token}}";
    command.arg("--web.config.file").arg(file("web.yml", web));
    command.args(["--web.listen-address", "127.0.0.1:0"]);
    Farmwarden::run(&mut command, directory())
}
