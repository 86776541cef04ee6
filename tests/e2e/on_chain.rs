//! Workers in the storage of a real Substrate runtime, read back by their raw keys.
//!
//! The runtime has none of Phala's pallets, and need not: keys and values are written out here, as the pallets' storage
//! has them, so that neither farmwarden nor the simulated farm has computed what is compared.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::substrate::Chopsticks;
use super::support::{Farmwarden, Simfarm, free_port};

const COMPUTATION: &str = "b71c310d8c830d345ee1c1b84566a8d1";
const SESSIONS: &str = "028685274e698e781f7f2766cba0cc83";
const WORKER_BINDINGS: &str = "29508a101b262c94ae3b928a07bb3cd5";
const STAKES: &str = "99631790894601a7ff7dac1d1ca231bc";
const ONLINE_WORKERS: &str = "0c4994f56a54991512c49a193d7df1a1";
const HEARTBEAT_PAUSED: &str = "252c677f6ef9505d26b2c6ffc28adf70";
const COOL_DOWN_PERIOD: &str = "3621662dc0372018ee7c335e6740fdf0";
/// `PhalaStakePoolv2.WorkerAssignments`.
const ASSIGNMENTS: &str = "75e3ed3f59e45643ed1149ad80929c1b19607b9c9a8737bdc9a8097e5575f8df";
const TIMESTAMP_NOW: &str = "f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb";
/// The hash of 32 times 0x11, which stands before them in a map: here both a worker and an account.
const HASH: &str = "c99bd9a68183033a";

/// `WorkerUnresponsive`, V 3054.21, Ve 3000, rewards of 123.456789012345 PHA.
const SESSION: &str = "030000000000000000b80b0000000000000000a0dec5adc935ee0b00000000000000c4226400000000f0050000d2050000\
    ea16b04c02000000802d8a630000000064c4226400000000000000000000000079df0d86487000000000000000000000";

/// The worker whose key is 32 times 0x11, on the chain.
fn stored() -> Value {
    let id = "11".repeat(32);
    let of = |item: &str| format!("{COMPUTATION}{item}{HASH}{id}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = u64::try_from(now).unwrap().swap_bytes();
    let values = [
        (of(WORKER_BINDINGS), id.clone()),
        (of(SESSIONS), SESSION.to_owned()),
        // 10 PHA.
        (of(STAKES), "00a0724e180900000000000000000000".to_owned()),
        (format!("{ASSIGNMENTS}{HASH}{id}"), "6300000000000000".to_owned()),
        (format!("{COMPUTATION}{ONLINE_WORKERS}"), "c05d0000".to_owned()),
        (format!("{COMPUTATION}{HEARTBEAT_PAUSED}"), "00".to_owned()),
        (
            format!("{COMPUTATION}{COOL_DOWN_PERIOD}"),
            "803a090000000000".to_owned(),
        ),
        (TIMESTAMP_NOW.to_owned(), format!("{now:016x}")),
    ];
    let written = values.map(|(key, value)| (format!("0x{key}"), format!("0x{value}")));
    json!([written])
}

#[test]
fn a_worker_in_a_real_runtimes_storage_is_read_by_its_raw_keys() {
    let node = Chopsticks::start(free_port());
    node.call("dev_newBlock", &json!([]));
    node.call("dev_setStorage", &stored());
    let farm = Simfarm::start(&["--prb-v2", "m=127.0.0.1:0"]);
    let of_the_chain = json!({"workers": 2, "states": {"10.1.0.1": {"publicKey": "11".repeat(32)}}});
    farm.set("prb-v2/m", &json!({"dial_ms": 20, "lifecycles": [of_the_chain]}));
    let monitor = farm.place("prb-v2", "m");
    let target = |scheme: &str| {
        let address = &node.address;
        format!(
            "{{name: by-{scheme}, monitor: 'http://{monitor}', node: '{scheme}://{address}', interval: 1s, \
             workers_interval: 1s, chain_interval: 1s, timeout: 900ms}}"
        )
    };
    let config = format!("collectors: {{prb: [{}, {}]}}", target("http"), target("ws"));
    let warden = Farmwarden::start(&config);
    for target in ["by-http", "by-ws"] {
        let worker = [("target", target), ("worker", "10.1.0.1")];
        let state = |state| [worker[0], worker[1], ("state", state), ("source", "chain")];
        let page = warden.wait_for("the chain's word", |page| {
            page.is("phala_worker_session_state", &state("unresponsive"), 1.0)?;
            // It is unresponsive, too, but PRB has it in pool 88: that comes first.
            let entity = [
                ("target", target),
                ("symptom", "worker_wrong_pool"),
                ("entity", "lifecycle/10.1.0.1"),
            ];
            page.is("farmwarden_symptom", &entity, 1.0)
        });
        for (family, expected) in [
            ("phala_worker_ve", 3000.0),
            ("phala_worker_p_init", 1520.0),
            ("phala_worker_p_instant", 1490.0),
            ("phala_worker_v_updated_timestamp_seconds", 1_680_000_000.0),
            ("phala_worker_challenge_timestamp_seconds", 1_680_000_100.0),
            ("phala_worker_reward_pha", 123.456_789_012_345),
            ("phala_worker_chain_stake_pha", 10.0),
        ] {
            page.is(family, &worker, expected).unwrap();
        }
        let v = page.get("phala_worker_v", &worker).unwrap();
        assert!((v - 3_054.210_108_6).abs() < 1e-6, "{v}");
        for (family, expected) in [
            ("phala_chain_online_workers", 24_000.0),
            ("phala_chain_heartbeat_paused", 0.0),
            ("phala_chain_cool_down_seconds", 604_800.0),
            ("phala_chain_unreadable_values", 0.0),
        ] {
            page.is(family, &[("target", target)], expected).unwrap();
        }
        // The other worker is on no chain, so it has no session, whatever PRB says.
        let other = [("target", target), ("worker", "10.1.0.2")];
        page.is("phala_worker_session_state", &other, None).unwrap();
        page.is("phala_worker_v", &other, None).unwrap();
    }
    drop(node);
    warden.wait_for("PRB's own word", |page| {
        let worker = [
            ("target", "by-ws"),
            ("worker", "10.1.0.1"),
            ("state", "idle"),
            ("source", "prb"),
        ];
        page.is("phala_worker_session_state", &worker, 1.0)
    });
    warden.stops_at_once();
}
