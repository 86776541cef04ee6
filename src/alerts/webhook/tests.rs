use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const FIRING: &str = include_str!("../fixtures/0.25/webhook-firing.json");
const TRUNCATED: &str = include_str!("../fixtures/0.25/webhook-truncated.json");
const RESOLVED: &str = include_str!("../fixtures/0.25/webhook-resolved.json");
const MIXED: &str = include_str!("../fixtures/0.34/webhook-mixed-made-up.json");

fn read(body: &str) -> Delivery {
    parse(body.as_bytes()).unwrap()
}

#[test]
fn what_alertmanager_0_25_sends_is_read() {
    let delivery = read(FIRING);
    assert_eq!(delivery.status, Status::Firing);
    assert_eq!(delivery.group_key, r#"{}:{alertname="WorkerStuck", farm="home"}"#);
    assert_eq!((delivery.missing, delivery.refused.len()), (0, 0));
    let [alert] = &delivery.alerts[..] else {
        panic!("{delivery:?}");
    };
    assert_eq!(alert.fingerprint.to_string(), "90761707ece2ef55");
    assert_eq!(alert.starts_at.in_full(), "2026-11-21T14:07:23.757027241Z");
    assert_eq!(alert.ends_at, None);
    assert_eq!(alert.label("remedy"), Some("restart_stuck_worker"));
    assert_eq!(alert.annotations["description"], "Worker w-1 在 10 分钟内没有前进 <b>&");
}

#[test]
fn alerts_that_were_cut_off_are_counted_and_not_taken_for_ended() {
    let delivery = read(TRUNCATED);
    assert_eq!((delivery.alerts.len(), delivery.missing), (2, 1));
}

#[test]
fn an_end_has_its_time() {
    let delivery = read(RESOLVED);
    assert_eq!(delivery.status, Status::Resolved);
    for alert in &delivery.alerts {
        assert_eq!(alert.status, Status::Resolved);
        assert_eq!(alert.ends_at.unwrap().in_full(), "2026-11-21T14:07:28.785739405Z");
    }
}

#[test]
fn fields_of_newer_alertmanagers_are_passed_over_and_zones_are_understood() {
    let delivery = read(MIXED);
    assert_eq!((delivery.status, delivery.alerts.len()), (Status::Firing, 2));
    assert_eq!(delivery.alerts[1].starts_at.in_full(), "2026-11-21T06:20:11Z");
    assert_eq!(
        delivery.alerts[1].ends_at.unwrap().in_full(),
        "2026-11-21T07:20:41.500Z"
    );
}

#[test]
fn a_delivery_is_written_and_read_back_whole() {
    for body in [FIRING, TRUNCATED, RESOLVED, MIXED] {
        let delivery = read(body);
        let text = serde_json::to_string(&delivery).unwrap();
        assert_eq!(serde_json::from_str::<Delivery>(&text).unwrap(), delivery);
    }
}

type Change = fn(&mut Value);

/// The recorded payload after a change.
fn changed(change: impl FnOnce(&mut Value)) -> Result<Delivery, Malformed> {
    let mut payload: Value = serde_json::from_str(TRUNCATED).unwrap();
    change(&mut payload);
    parse(payload.to_string().as_bytes())
}

#[test]
fn what_no_alertmanager_sends_is_refused_and_says_what_was_expected() {
    let words = |change: fn(&mut Value)| changed(change).unwrap_err().to_string();
    assert_eq!(
        words(|payload| payload["version"] = json!("3")),
        "no payload of an Alertmanager webhook (version 4): version `3`; only 4 is known"
    );
    let missing = words(|payload| drop(payload.as_object_mut().unwrap().remove("groupKey")));
    assert!(missing.contains("missing field `groupKey`"), "{missing}");
    let text = words(|payload| payload["alerts"][0]["labels"]["worker"] = json!(7));
    assert!(text.contains("expected a string"), "{text}");
    assert!(words(|payload| payload["alerts"] = json!({})).contains("a list of alerts"));
    assert!(words(|payload| payload["status"] = json!("ok")).contains("`firing` or `resolved`"));
    let all = |change: fn(&mut Value)| {
        changed(|payload| payload["alerts"].as_array_mut().unwrap().iter_mut().for_each(change))
            .unwrap_err()
            .to_string()
    };
    let fingerprint = all(|alert| alert["fingerprint"] = json!("x"));
    assert!(
        fingerprint.ends_with("alerts[0].fingerprint: 16 hexadecimal digits are expected"),
        "{fingerprint}"
    );
    for wrong in ["", "{}", "[]", "null", "not JSON", "{\"version\":\"4\"}"] {
        assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn one_alert_that_cannot_be_used_does_not_cost_the_others() {
    let cases: [(Change, &str); 8] = [
        (|alert| alert["startsAt"] = json!("0001-01-01T00:00:00Z"), "startsAt"),
        (|alert| alert["status"] = json!("melted"), "status"),
        (|alert| alert["fingerprint"] = json!("90761707ece2ef5"), "fingerprint"),
        (|alert| alert["labels"] = json!({}), "at least one"),
        (|alert| alert["labels"]["x"] = json!("x".repeat(513)), "up to 512 bytes"),
        (|alert| alert["labels"]["x".repeat(129)] = json!("x"), "up to 128"),
        (
            |alert| (0..64).for_each(|n| alert["labels"][n.to_string()] = json!("x")),
            "at most 64",
        ),
        (|alert| alert["status"] = json!("resolved"), "endsAt"),
    ];
    for (change, words) in cases {
        let delivery = changed(|payload| change(&mut payload["alerts"][0])).unwrap();
        assert_eq!(delivery.alerts.len(), 1);
        assert_eq!(delivery.refused[0].index, 0);
        assert!(delivery.refused[0].words.contains(words), "{:?}", delivery.refused);
    }
}

#[test]
fn words_for_people_are_cut_between_characters() {
    let delivery = changed(|payload| {
        payload["alerts"][0]["annotations"]["description"] = json!("矿".repeat(10_000));
        payload["groupKey"] = json!("x".repeat(10_000));
        (0..100).for_each(|n| payload["alerts"][1]["annotations"][n.to_string()] = json!("x"));
    })
    .unwrap();
    let description = &delivery.alerts[0].annotations["description"];
    assert!(
        description.len() <= 2048 && description.ends_with("矿…"),
        "{description}"
    );
    assert_eq!(delivery.group_key.len(), 1024);
    assert_eq!(delivery.alerts[1].annotations.len(), 16);
}

#[test]
fn alerts_beyond_the_limit_are_counted() {
    let delivery = changed(|payload| {
        let alerts = payload["alerts"].as_array_mut().unwrap();
        let one = alerts[0].clone();
        *alerts = (0..10_005)
            .map(|n| {
                let mut alert = one.clone();
                alert["fingerprint"] = json!(format!("{n:016x}"));
                alert
            })
            .collect();
    })
    .unwrap();
    assert_eq!((delivery.alerts.len(), delivery.missing), (10_000, 6));
}

#[test]
fn of_an_alert_that_stands_there_twice_the_later_word_counts() {
    let delivery = changed(|payload| {
        let mut end = payload["alerts"][0].clone();
        end["status"] = json!("resolved");
        end["endsAt"] = json!("2026-11-21T15:00:00Z");
        let first = payload["alerts"][0].clone();
        let alerts = payload["alerts"].as_array_mut().unwrap();
        alerts.push(end);
        alerts.push(first);
    })
    .unwrap();
    assert_eq!(delivery.alerts.len(), 2);
    assert_eq!(delivery.alerts[0].status, Status::Resolved);
}

proptest! {
    #[test]
    fn any_bytes_are_a_delivery_or_an_error(bytes: Vec<u8>) {
        prop_assert!(parse(&bytes).is_err());
    }

    #[test]
    fn a_changed_byte_gives_a_delivery_or_an_error_of_bounded_length(at: proptest::sample::Index, to: u8) {
        let mut bytes = MIXED.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Err(error) = parse(&bytes) {
            let words = error.to_string();
            prop_assert!(words.len() < 400 && !words.chars().any(char::is_control), "{words}");
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// So that the record of one alert fits into a line of the journal, even if every byte is escaped.
    #[test]
    fn no_alert_becomes_longer_than_its_limits(
        labels in proptest::collection::btree_map("\\PC{0,200}", "\\PC{0,800}", 1..80),
        words in "[\u{0}-\u{1f}]{0,3000}",
    ) {
        let delivery = changed(|payload| {
            payload["alerts"][0]["labels"] = json!(labels);
            payload["alerts"][0]["annotations"] = json!((0..30).map(|n| (n.to_string(), words.clone())).collect::<BTreeMap<_, _>>());
        }).unwrap();
        for alert in &delivery.alerts {
            prop_assert!(serde_json::to_string(alert).unwrap().len() < 500_000);
        }
    }
}
