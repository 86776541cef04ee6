//! Each incident of a whole farm has its alerts and no other, with what follows from it held back, and none when it is over.
//!
//! All of it is real but the farm, and all durations are sixty times shorter: a minute of the rules is a second here.

use serde_json::json;

use super::room::{Room, Shown, run};
use crate::repairs::stage::{TOKEN, told};
use crate::support::{LONG, same, wait_for};

const TIMES: u64 = 60;

struct Incident {
    what: &'static str,
    begin: fn(&mut Room),
    end: fn(&mut Room),
    /// Names of the alerts that people are told of while it lasts.
    told: &'static str,
    /// Of those that fire as well and are held back.
    hidden: &'static str,
}

/// Nodes, and the PRB on the first of them.
const CHAIN: &[Incident] = &[
    Incident {
        what: "a data provider has lost its node",
        begin: |room| {
            room.set(
                "prb-v2/m/peer",
                &json!({"name": "data_provider", "trouble": "lost_node"}),
            )
        },
        end: |room| room.set("prb-v2/m/peer", &json!({"name": "data_provider", "trouble": "healthy"})),
        told: "DataProviderTargetStale",
        hidden: "",
    },
    Incident {
        what: "a node stands still and has lost its peers",
        begin: |room| room.set("substrate/para", &json!({"incident": "stuck", "peers": 1})),
        end: |room| room.set("substrate/para", &json!({"incident": "healthy", "peers": 20})),
        told: "NodeStuck",
        hidden: "NodeHeadOld NodeFewPeers",
    },
    Incident {
        what: "a node is down",
        begin: |room| {
            room.set("substrate/para-2", &json!({"incident": "down"}));
            room.set("substrate/relay-2", &json!({"incident": "down"}));
        },
        end: |room| {
            room.set("substrate/para-2", &json!({"incident": "healthy"}));
            room.set("substrate/relay-2", &json!({"incident": "healthy"}));
        },
        told: "TargetDown",
        hidden: "",
    },
    Incident {
        what: "the parachain stands still for everyone",
        begin: |room| {
            for node in ["substrate/para", "substrate/para-2"] {
                room.set(node, &json!({"block_time_ms": 0}));
            }
        },
        end: |room| {
            for node in ["substrate/para", "substrate/para-2"] {
                room.set(node, &json!({"block_time_ms": 300}));
            }
        },
        told: "ChainHalted",
        hidden: "NodeHeadOld",
    },
    Incident {
        what: "a data provider is dead",
        begin: |room| room.set("prb-v2/m/peer", &json!({"name": "data_provider", "trouble": "dead"})),
        end: |room| room.set("prb-v2/m/peer", &json!({"name": "data_provider", "trouble": "healthy"})),
        told: "PrbPeerDown",
        hidden: "",
    },
    Incident {
        what: "the monitor of a PRB is down",
        begin: |room| room.set("prb-v2/m", &json!({"incident": "down"})),
        end: |room| room.set("prb-v2/m", &json!({"incident": "healthy"})),
        told: "TargetDown",
        hidden: "TargetPartDown",
    },
    Incident {
        what: "a worker is in error",
        begin: |room| room.set("prb-v2/m/peer", &json!({"name": "lifecycle", "error_percent": 10})),
        end: |room| {
            room.set(
                "prb-v2/m/peer",
                &json!({"name": "lifecycle", "error_percent": 0, "stalled": []}),
            )
        },
        told: "WorkerError",
        hidden: "",
    },
    Incident {
        what: "half of a lifecycle is in error at once",
        begin: |room| room.set("prb-v2/m/peer", &json!({"name": "lifecycle", "error_percent": 50})),
        end: |room| {
            room.set(
                "prb-v2/m/peer",
                &json!({"name": "lifecycle", "error_percent": 0, "stalled": []}),
            )
        },
        told: "WorkersCorrelated",
        hidden: "",
    },
    Incident {
        what: "a worker stands still and PRB does not notice",
        begin: |room| room.set("prb-v2/m/peer", &json!({"name": "lifecycle", "stalled": ["10.1.0.3"]})),
        end: |room| {
            room.set(
                "prb-v2/m/peer",
                &json!({"name": "lifecycle", "error_percent": 0, "stalled": []}),
            )
        },
        told: "WorkerSilentStall",
        hidden: "",
    },
    Incident {
        what: "nobody takes from the trade queue",
        begin: stop_the_trader,
        end: |room| {
            room.redis.ask("RPOP bq:prbmq__main:waiting");
            room.redis.ask("HDEL bq:prbmq__main:jobs 1");
        },
        told: "TradeQueueStuck",
        hidden: "",
    },
];

const VENUS: &[Incident] = &[
    Incident {
        what: "the first message of a sender does not land",
        begin: |room| {
            let trouble = json!({"at": 0, "trouble": "stuck_filled", "trouble_age_s": 2400});
            room.set("venus/fil/sender", &trouble);
        },
        end: |room| room.set("venus/fil/sender", &json!({"at": 0, "trouble": "healthy"})),
        told: "VenusMessageFilledStuck",
        hidden: "",
    },
    Incident {
        what: "a miner was not built",
        begin: |room| room.set("venus/fil/miner", &json!({"at": 0, "trouble": "not_built"})),
        end: |room| room.set("venus/fil/miner", &json!({"at": 0, "trouble": "healthy"})),
        told: "VenusMinerNotMining",
        hidden: "",
    },
    Incident {
        what: "a node is behind",
        begin: |room| room.set("venus/fil-node", &json!({"incident": "lagging", "lag": 8})),
        end: |room| room.set("venus/fil-node", &json!({"incident": "healthy"})),
        told: "VenusNodeBehind",
        hidden: "",
    },
    Incident {
        what: "the messager is down",
        begin: |room| room.set("venus/fil-messager", &json!({"incident": "down"})),
        end: |room| room.set("venus/fil-messager", &json!({"incident": "healthy"})),
        told: "TargetDown VenusInstanceDown",
        hidden: "",
    },
    Incident {
        what: "auth is down, and every token is refused",
        begin: |room| room.set("venus/fil-auth", &json!({"incident": "down"})),
        end: |room| room.set("venus/fil-auth", &json!({"incident": "healthy"})),
        told: "TargetDown VenusInstanceDown",
        hidden: "TargetDown TargetPartDown",
    },
];

/// Machines, the Chia farm on them, and farmwarden itself.
const MACHINES: &[Incident] = &[
    Incident {
        what: "a mount was made read-only",
        begin: |room| run("mount", &["-o", "remount,ro", &room.disk]),
        end: |room| run("mount", &["-o", "remount,rw", &room.disk]),
        told: "MountReadOnly",
        hidden: "",
    },
    Incident {
        what: "a mount is missing",
        begin: |room| run("umount", &[&room.disk]),
        end: |room| run("mount", &["-o", "loop", &room.image, &room.disk]),
        told: "MountMissing",
        hidden: "",
    },
    Incident {
        what: "a share hangs",
        begin: |room| room.set("fuse/nas", &json!({"incident": "hang"})),
        end: |room| room.set("fuse/nas", &json!({"incident": "ok"})),
        told: "MountStuck",
        hidden: "",
    },
    Incident {
        what: "a harvester is gone",
        begin: |room| room.set("chia/xch/harvester", &json!({"at": 1, "connected": false})),
        end: |room| room.set("chia/xch/harvester", &json!({"at": 1, "connected": true})),
        told: "HarvesterDown",
        hidden: "",
    },
    Incident {
        what: "farmwarden is down",
        begin: |room| room.stage.farmwarden.process.kill(),
        end: |room| room.stage.kill_farmwarden(),
        told: "FarmwardenDown",
        hidden: "",
    },
    Incident {
        what: "a worker is in error, and Alertmanager's token is refused",
        begin: |room| {
            room.stage.alertmanager.use_token("a-forgotten-token");
            room.set("prb-v2/m/peer", &json!({"name": "lifecycle", "error_percent": 10}));
        },
        end: |room| {
            room.stage.alertmanager.use_token(TOKEN);
            room.set(
                "prb-v2/m/peer",
                &json!({"name": "lifecycle", "error_percent": 0, "stalled": []}),
            );
        },
        told: "WorkerError AlertsNotTaken MessagesNotDelivered",
        hidden: "",
    },
];

fn stop_the_trader(room: &mut Room) {
    room.redis.ask("HSET bq:prbmq__main:jobs 1 {}");
    room.redis.ask("LPUSH bq:prbmq__main:waiting 1");
}

fn play(incidents: impl Iterator<Item = &'static Incident>) {
    let mut room = Room::start(TIMES);
    let silence = Shown::of("", "");
    room.settles(&silence).unwrap();
    let mut wrong = Vec::new();
    for Incident {
        what,
        begin,
        end,
        told,
        hidden,
    } in incidents
    {
        begin(&mut room);
        let during = room.settles(&Shown::of(told, hidden));
        end(&mut room);
        for (when, seen) in [("", during), (", and over", room.settles(&silence))] {
            wrong.extend(seen.err().map(|instead| format!("{what}{when}: {instead}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn incidents_of_nodes_and_workers_have_their_alerts_and_no_other() {
    play(CHAIN.iter());
}

#[test]
fn incidents_of_venus_and_machines_have_their_alerts_and_no_other() {
    play(VENUS.iter().chain(MACHINES));
}

/// What needs minutes to be seen again goes on meanwhile. Of a time that passes more slowly: a process takes its time to start.
#[test]
fn a_restart_of_farmwarden_during_incidents_ends_no_alert() {
    let mut room = Room::start(20);
    room.set("substrate/para-2", &json!({"incident": "stuck"}));
    room.set("prb-v2/m/peer", &json!({"name": "lifecycle", "stalled": ["10.1.0.3"]}));
    stop_the_trader(&mut room);
    let ill = Shown::of("NodeStuck TradeQueueStuck WorkerSilentStall", "NodeHeadOld");
    room.settles(&ill).unwrap();
    let before = room.told_since().unwrap();
    assert_eq!(before.len(), 3, "{before:?}");
    wait_for("people are told", LONG, || match told(&room.farm) {
        none if none.is_empty() => Err("the chat is silent"),
        _ => Ok(()),
    });

    room.stage.kill_farmwarden();
    for symptom in ["node_stuck", "trade_queue_stuck", "worker_silent_stall"] {
        let which = format!("symptom=\"{symptom}\"");
        room.stage.farmwarden.wait_for("it is seen again", |samples| {
            let mut lines = samples.lines("farmwarden_symptom").filter(|line| line.contains(&which));
            same(&lines.any(|line| line.ends_with("} 1")), &true)
        });
    }
    room.settles(&ill).unwrap();
    assert_eq!(room.told_since().unwrap(), before);
    for (title, text) in told(&room.farm) {
        assert!(
            !format!("{title} {text}").to_lowercase().contains("resolved"),
            "{title}: {text}"
        );
    }
}
