//! The queues of messagers: long ones, cut ones, slow ones, odd ones.

use serde_json::json;
use simfarm::venus::Perm;

use super::{ERAS, Room, one};
use crate::collectors::venus::Target;
use crate::upstream::Fault;
use crate::values::Duration;

/// What two rounds ask of a messager that has so many old messages, in calls and bytes.
async fn asked(era: &str, history: u64) -> (std::collections::BTreeMap<String, u64>, u64) {
    let mut room = Room::of(era, Perm::Admin).await;
    room.farm.set(&json!({"by_hand": true})).unwrap();
    room.farm.sender(&json!({"at": 0, "history": history})).unwrap();
    let waiting =
        json!({"sender": 0, "count": 400, "age_s": 120, "state": 1, "error": "exit 16", "params_bytes": 20_000});
    room.farm.put(&waiting).unwrap();
    room.round().await;
    room.round().await;
    let sender = room.sender(0);
    let expected = format!("venus_messager_messages{{address=\"{sender}\",state=\"unfilled\"}} 400\n");
    assert!(room.page().contains(&expected), "{era}\n{}", room.page());
    let calls = room.farm.messager.calls();
    (calls.methods, calls.bytes_sent)
}

#[tokio::test]
async fn a_million_messages_cost_what_waits_of_them() {
    for era in ERAS {
        let (few, many) = (asked(era, 0).await, asked(era, 1_000_000).await);
        assert_eq!(few.0, many.0, "{era}");
        // Times have fractions of different lengths, and nonces more digits; a single old page would be 100 kB.
        assert!(
            few.1 > 10_000_000 && few.1.abs_diff(many.1) < 50_000,
            "{era}: {} {}",
            few.1,
            many.1
        );
    }
}

#[tokio::test]
async fn of_five_hundred_senders_those_with_messages_are_shown_and_the_rest_is_counted() {
    let mut room = Room::of("c", Perm::Admin).await;
    room.farm.set(&json!({"senders": 500})).unwrap();
    for sender in [7, 499] {
        let order = json!({"sender": sender, "count": 5000, "age_s": 120, "state": 1, "fails": "exit 16"});
        room.farm.put(&order).unwrap();
    }
    assert_eq!(room.round().await, []);
    let page = room.page();
    let shown = page.matches("venus_messager_address_active{").count();
    assert_eq!(shown, 200);
    assert!(page.contains("venus_left_out{kind=\"senders\"} 300\n"), "{page}");
    for sender in [7, 499] {
        let expected = format!(
            "venus_messager_messages{{address=\"{}\",state=\"unfilled\"}} 5000\n",
            room.sender(sender)
        );
        assert!(page.contains(&expected), "{expected}");
    }
}

#[tokio::test]
async fn ten_thousand_messages_of_five_hundred_senders_are_counted_in_one_look() {
    let all = |target: &mut Target| target.most_senders = 500;
    let mut room = Room::with("c", Perm::Admin, &[], all).await;
    room.farm.set(&json!({"by_hand": true, "senders": 500})).unwrap();
    for sender in 0..500 {
        let order = json!({"sender": sender, "count": 20, "age_s": 900, "state": 1, "error": "gas estimate: exit 16"});
        room.farm.put(&order).unwrap();
    }
    let before = room.farm.messager.calls().total();
    assert_eq!(room.round().await, []);
    let page = room.page();
    assert_eq!(page.matches(",state=\"unfilled\"} 20\n").count(), 500);
    assert!(
        page.contains("venus_messager_list_truncated{state=\"unfilled\"} 0\n"),
        "{page}"
    );
    // Version, parameters, senders, what waits, what fails.
    assert_eq!(room.farm.messager.calls().total() - before, 5);
    let found = room.diagnosis().findings;
    assert_eq!(found.len(), 500);
    assert!(
        found.iter().all(|found| found.symptom.name == "venus_message_errors"),
        "{found:?}"
    );
}

#[tokio::test]
async fn senders_that_are_not_active_are_asked_for_by_themselves() {
    for era in ERAS {
        let mut room = Room::of(era, Perm::Admin).await;
        let waiting = json!({"sender": 1, "count": 3, "age_s": 400, "state": 2, "held": "for_ever"});
        room.farm.put(&waiting).unwrap();
        room.farm.sender(&json!({"at": 1, "state": 4})).unwrap();
        let sender = room.sender(1);
        assert_eq!(room.ill().await, one("venus_sender_forbidden", &sender), "{era}");
        let of_sender = |state: &str| format!("venus_messager_messages{{address=\"{sender}\",state=\"{state}\"}} ");
        let page = room.page();
        assert!(page.contains(&format!("{}3\n", of_sender("filled"))), "{era}\n{page}");
        // Of more than are asked for nothing is said, where the list of all leaves them out.
        room.farm.set(&json!({"senders": 40})).unwrap();
        for at in 0..40 {
            room.farm.sender(&json!({"at": at, "state": 4})).unwrap();
        }
        room.round().await;
        let page = room.page();
        let said = page.matches(",state=\"filled\"} 0\n").count();
        assert_eq!(said, 20, "{era}\n{page}");
    }
}

#[tokio::test]
async fn a_list_that_is_too_long_is_cut_and_says_so() {
    let few = |target: &mut Target| target.most_messages = 100;
    for era in ERAS {
        let mut room = Room::with(era, Perm::Admin, &[], few).await;
        room.farm
            .put(&json!({"sender": 0, "count": 5000, "age_s": 120, "state": 1, "fails": "x"}))
            .unwrap();
        room.round().await;
        let page = room.page();
        assert!(
            page.contains("venus_messager_list_truncated{state=\"unfilled\"} 1\n"),
            "{era}\n{page}"
        );
    }
}

#[tokio::test]
async fn what_a_cut_list_loses_is_found_when_it_is_old_and_unknown_when_it_is_young() {
    let few = |target: &mut Target| target.most_messages = 100;
    let mut room = Room::with("c", Perm::Admin, &[], few).await;
    room.farm.set(&json!({"by_hand": true})).unwrap();
    let flood = json!({"sender": 0, "count": 150, "age_s": 120, "state": 1});
    room.farm.put(&flood).unwrap();
    // Lists have what was updated last in front, so this one is behind the flood.
    let stuck = json!({"sender": 1, "age_s": 2400, "state": 2, "held": "for_ever"});
    room.farm.put(&stuck).unwrap();
    let sender = room.sender(1);
    assert_eq!(room.ill().await, one("venus_message_filled_stuck", &sender));
    let evidence = room.evidence();
    assert!(
        evidence.contains("at least 1 in all, as the list is truncated"),
        "{evidence}"
    );
    let looked_at: Vec<&str> = room.diagnosis().looked_at.iter().map(|symptom| symptom.name).collect();
    // What is older than ten minutes was read to the last; of five minutes nothing is known.
    assert!(looked_at.contains(&"venus_message_unfilled_stuck"), "{looked_at:?}");
    assert!(!looked_at.contains(&"venus_message_unfilled_old"), "{looked_at:?}");
    let page = room.page();
    assert!(!page.contains("state=\"unfilled\"} 0\n"), "{page}");
}

#[tokio::test]
async fn a_cut_list_does_not_make_nonces_missing() {
    let few = |target: &mut Target| target.most_messages = 100;
    let mut room = Room::with("c", Perm::Admin, &[], few).await;
    room.farm.set(&json!({"by_hand": true})).unwrap();
    // The first hundred of them, which hang by the chain's nonce, are what the cut loses.
    let flood = json!({"sender": 0, "count": 200, "age_s": 120, "state": 2, "held": "for_ever"});
    room.farm.put(&flood).unwrap();
    room.farm.sender(&json!({"at": 0, "sel_msg_num": 1000})).unwrap();
    assert_eq!(room.ill().await, []);
    assert!(
        room.page()
            .contains("venus_messager_list_truncated{state=\"filled\"} 1\n")
    );
}

/// A round in which these methods of the messager are not answered in time.
async fn slow(methods: &[&str]) -> (Vec<(&'static str, Fault)>, Room) {
    let hasty = |target: &mut Target| target.timeout = Duration::from_secs(3);
    let mut room = Room::with("c", Perm::Admin, &[], hasty).await;
    let waits: serde_json::Map<_, _> = methods
        .iter()
        .map(|method| (format!("Message.{method}"), json!(60_000)))
        .collect();
    room.farm.messager.set(json!({"waits_ms": waits})).await.unwrap();
    (room.round().await, room)
}

#[tokio::test]
async fn a_slow_call_of_a_messager_costs_its_own_figures_alone() {
    let slow_list = ["ListBlockedMessage"];
    let slow_check = ["GetSharedParams"];
    let hangs = [
        "GetSharedParams",
        "ListAddress",
        "ListBlockedMessage",
        "ListFailedMessage",
    ];
    let (lists, checks, all) = tokio::join!(slow(&slow_list), slow(&slow_check), slow(&hangs));
    let failed = |method: &str| {
        format!(
            "venus_call_failed{{component=\"messager\",process=\"messager\",method=\"{method}\",reason=\"timeout\"}} 1\n"
        )
    };
    for ((lost, room), method, shown, hidden) in [
        (
            lists,
            slow_list[0],
            "venus_messager_messages_with_error{",
            "venus_messager_messages{",
        ),
        (
            checks,
            slow_check[0],
            "venus_messager_messages{",
            "venus_messager_shared_max_fee_fil",
        ),
    ] {
        let page = room.page();
        assert_eq!(lost, []);
        assert!(
            page.contains("venus_instance_up{component=\"messager\",process=\"messager\"} 1\n"),
            "{page}"
        );
        assert!(
            page.contains(&failed(method)) && page.contains(shown) && !page.contains(hidden),
            "{page}"
        );
    }
    let (lost, _) = all;
    let parts: Vec<_> = lost
        .iter()
        .map(|(part, fault)| (*part, fault.reason().label()))
        .collect();
    assert_eq!(parts, [("messager", "timeout")]);
}

#[tokio::test]
async fn odd_rows_cost_themselves_alone() {
    let mut room = Room::of("c", Perm::Admin).await;
    let sender = room.sender(0);
    let rows = json!([
        {"ID": "far", "From": sender, "State": 1, "Nonce": "7", "CreatedAt": "9999-01-01T00:00:00Z", "GasFeeCap": "<nil>"},
        {"ID": "never", "From": sender.replacen('f', "t", 1), "State": "1", "CreatedAt": "0001-01-01T00:00:00Z"},
        {"ID": "nobody", "From": "<empty>", "State": 2},
        {"ID": "odd", "From": {"a": 1}, "State": 2},
        "text", null, 7, [],
    ]);
    room.farm
        .messager
        .set(json!({"results": {"Message.ListBlockedMessage": rows}}))
        .await
        .unwrap();
    assert_eq!(room.ill().await, []);
    let page = room.page();
    assert!(
        page.contains(&format!(
            "venus_messager_messages{{address=\"{sender}\",state=\"unfilled\"}} 2\n"
        )),
        "{page}"
    );
    assert!(!page.contains("venus_messager_oldest_message"), "{page}");
    assert!(page.contains("venus_messager_malformed_rows 6\n"), "{page}");
}

#[tokio::test]
async fn what_has_no_age_is_not_called_young() {
    for (created, looked) in [
        ("0001-01-01T00:00:00Z", false),
        ("2199-01-01T00:00:00Z", false),
        ("2024-01-01T00:00:00Z", true),
    ] {
        let mut room = Room::of("c", Perm::Admin).await;
        let rows: Vec<_> = [0, 1]
            .map(|at| json!({"ID": at.to_string(), "From": room.sender(at), "State": 2, "Nonce": 1000, "CreatedAt": created}))
            .into();
        let results = json!({"results": {"Message.ListBlockedMessage": rows}});
        room.farm.messager.set(results).await.unwrap();
        room.round().await;
        let looked_at = room.diagnosis().looked_at;
        let stuck = looked_at
            .iter()
            .any(|symptom| symptom.name == "venus_message_filled_stuck");
        assert_eq!(stuck, looked, "{created}");
    }
}
