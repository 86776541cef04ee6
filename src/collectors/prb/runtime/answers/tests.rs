use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;
use simfarm::phala::fleet::Tip;
use simfarm::phala::phactory::{self, Generation};

use super::*;

fn tip() -> Tip {
    Tip {
        relay: 15_748_042,
        para: 2_905_265,
    }
}

fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

fn wrapped(payload: &str, status: &str) -> Answer {
    Answer::Wrapped(bytes(&json!({"payload": payload, "signature": null, "status": status})))
}

fn failure(answer: &Answer) -> String {
    info(answer).unwrap_err().to_string()
}

#[test]
fn all_generations_say_the_same_as_far_as_they_say_it() {
    let new = phactory::info("10.1.0.1", Some(tip()), Generation::V2_2, 1_795_196_000_123);
    let new = info(&Answer::Info(bytes(&new))).unwrap();
    assert_eq!(new.version.as_deref(), Some("2.2.1"));
    assert_eq!(
        new.heights,
        Heights {
            relay_header: Some(15_748_042),
            para_header: Some(2_905_265),
            para_block: Some(2_905_265),
        }
    );
    assert_eq!((new.initialized, new.registered), (Some(true), Some(true)));
    assert_eq!(new.gatekeeper, Some(Gatekeeper::None));
    assert_eq!(new.memory.rust_spike, Some(52_428_800));
    assert_eq!(new.block_time, Some(UnixTime::from_millis(1_795_196_000_123)));
    for generation in [Generation::V0_2, Generation::V2_0] {
        let old = phactory::get_info("10.1.0.1", Some(tip()), generation);
        let old = info(&wrapped(&old.to_string(), "ok")).unwrap();
        assert_eq!(old.heights, new.heights);
        assert_eq!(old.public_key, new.public_key);
        assert_eq!(
            (old.safe_mode_level, old.block_time, old.memory.free),
            (None, None, None)
        );
    }
}

#[test]
fn before_initialisation_there_are_no_heights_and_no_key() {
    let fresh = phactory::info("10.1.0.1", None, Generation::V2_2, 0);
    let fresh = info(&Answer::Info(bytes(&fresh))).unwrap();
    assert_eq!(fresh.heights, Heights::default());
    assert_eq!((fresh.public_key, fresh.block_time), (None, None));
    assert_eq!((fresh.initialized, fresh.registered), (Some(false), Some(false)));
    let genesis = info(&Answer::Info(bytes(&json!({"blocknum": 1})))).unwrap();
    assert_eq!(genesis.heights.para_block, Some(0));
}

#[test]
fn its_own_failures_are_told_in_its_words() {
    let proto = json!({"error": "ProtoError { message: \"Runtime not initialized\" }"});
    assert_eq!(
        failure(&Answer::Refusal(bytes(&proto))),
        "it reports an error: Runtime not initialized"
    );
    let lock = Bytes::from_static(b"{\"error\": \"Failed to lock Phactory\"");
    for answer in [
        Answer::Info(lock.clone()),
        Answer::Wrapped(lock.clone()),
        Answer::Refusal(lock),
    ] {
        assert_eq!(failure(&answer), "it reports an error: Failed to lock Phactory");
    }
    assert_eq!(
        failure(&wrapped("{\"message\":\"BlockNumberMismatch\"}", "error")),
        "it reports an error: BlockNumberMismatch"
    );
    assert_eq!(
        failure(&wrapped("Io error: unexpected end of file", "error")),
        "it reports an error: Io error: unexpected end of file"
    );
}

#[test]
fn what_is_no_answer_of_a_pruntime_is_told_apart() {
    for body in ["", "<html>", "[]", "null", "{}", "{\"status\":\"ok\"}", "{\"a\":1"] {
        let body = Bytes::from_static(body.as_bytes());
        for answer in [
            Answer::Info(body.clone()),
            Answer::Wrapped(body.clone()),
            Answer::Refusal(body),
        ] {
            assert!(failure(&answer).starts_with("not what was asked for"), "{answer:?}");
        }
    }
    for payload in ["", "7", "text", "{}"] {
        assert!(
            failure(&wrapped(payload, "ok")).starts_with("not what was asked for"),
            "{payload}"
        );
    }
}

#[test]
fn a_field_of_another_type_costs_only_itself() {
    let strange = json!({
        "initialized": "yes", "registered": null, "headernum": "15748043", "para_headernum": -1, "blocknum": 2_905_266.5,
        "dev_mode": 1, "pending_messages": {}, "score": [], "gatekeeper": "Active", "version": 2, "memory_usage": 7,
        "public_key": "0xAB", "safe_mode_level": u64::MAX, "current_block_time": u64::MAX,
        "system": {"registered": true, "public_key": "AB".repeat(32), "gatekeeper": {"role": 2}},
    });
    let told = info(&Answer::Info(bytes(&strange))).unwrap();
    let expected = Info {
        public_key: Some("ab".repeat(32)),
        registered: Some(true),
        heights: Heights {
            relay_header: Some(15_748_042),
            ..Heights::default()
        },
        gatekeeper: Some(Gatekeeper::Active),
        safe_mode_level: Some(u64::MAX),
        ..Info::default()
    };
    assert_eq!(told, expected);
}

#[test]
fn statistics_say_since_when_it_runs() {
    let told = statistics(b"{\"uptime\": 3600, \"cores\": 8, \"query\": {}}").unwrap();
    assert_eq!((told.uptime, told.cores), (Some(Duration::from_secs(3600)), Some(8)));
    assert!(statistics(b"{\"error\":\"ProtoError { message: \\\"x\\\" }\"}").is_err());
}

#[test]
fn a_long_text_is_cut() {
    let long = json!({"initialized": true, "version": "v".repeat(10_000)});
    let told = info(&Answer::Info(bytes(&long))).unwrap();
    assert!(told.version.unwrap().len() <= 128);
    let long = Answer::Refusal(bytes(&json!({"error": "e".repeat(10_000)})));
    assert!(failure(&long).len() < 256);
}

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(body in proptest::collection::vec(any::<u8>(), 0..200), text in ".*") {
        for body in [Bytes::from(body), Bytes::from(text.clone())] {
            drop(info(&Answer::Info(body.clone())));
            drop(info(&Answer::Wrapped(body.clone())));
            drop(info(&Answer::Refusal(body.clone())));
            drop(statistics(&body));
        }
        drop(info(&wrapped(&text, "ok")));
    }

    #[test]
    fn heights_are_one_less_than_the_numbers_it_expects(next in 1_u32..) {
        let told = info(&Answer::Info(bytes(&json!({"blocknum": next})))).unwrap();
        prop_assert_eq!(told.heights.para_block, Some(u64::from(next) - 1));
    }
}
