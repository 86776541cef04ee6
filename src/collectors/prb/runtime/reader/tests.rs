use std::collections::HashMap;

use simfarm::pruntime::Runtime;

use serde_json::json;

use super::*;
use crate::upstream::{Fence, Upstream};

fn reader(timeout: Duration) -> Reader {
    let upstream = Upstream::from_system().unwrap();
    let fence = Fence::new(&["127.0.0.0/8".parse().unwrap()], "pruntimes.networks");
    Reader::new(Pruntimes::new(&upstream, Some(fence), timeout).unwrap(), timeout)
}

async fn runtime(settings: serde_json::Value) -> (Runtime, String) {
    let runtime = Runtime::start("127.0.0.1:0").await.unwrap();
    runtime.set(settings).await.unwrap();
    let endpoint = format!("http://{}", runtime.addr());
    (runtime, endpoint)
}

fn by_endpoint(round: Round) -> HashMap<String, Outcome> {
    round.said.into_iter().collect()
}

#[tokio::test]
async fn many_that_hang_cost_nobody_else_the_answer() {
    // More than are asked at once: if they held their places, nobody after them would be asked in time.
    let mut all = Vec::new();
    for number in 0..120 {
        let incident = if number % 3 == 0 { "healthy" } else { "silent" };
        all.push(runtime(json!({"incident": incident})).await);
    }
    let reader = reader(Duration::from_secs(4));
    let about: Vec<String> = all.iter().map(|(_, endpoint)| endpoint.clone()).collect();
    let said = by_endpoint(reader.round(about.clone(), Duration::from_secs(8)).await);
    for (number, (runtime, endpoint)) in all.iter().enumerate() {
        match said.get(endpoint) {
            Some(Outcome::Answered(_)) => assert_eq!(number % 3, 0),
            Some(Outcome::Failed(fault)) => {
                assert_ne!(number % 3, 0, "{fault}");
                assert!(matches!(fault.why, Why::Timeout(_)), "{fault}");
            }
            other => panic!("{endpoint}: {other:?}"),
        }
        assert!(runtime.calls().total() <= 2);
    }
    // They are remembered: those who answer come first.
    let (places, _) = places(&about);
    let order: Vec<String> = reader
        .in_order(places)
        .into_iter()
        .map(|(endpoint, _)| endpoint.to_string())
        .collect();
    for endpoint in order.iter().take(40) {
        assert!(matches!(said.get(endpoint), Some(Outcome::Answered(_))), "{endpoint}");
    }
}

#[tokio::test]
async fn one_pruntime_under_several_spellings_is_asked_once() {
    let (runtime, endpoint) = runtime(json!({})).await;
    let spellings = [
        endpoint.clone(),
        format!("{endpoint}/"),
        format!("{endpoint}/path"),
        endpoint,
    ];
    let round = reader(Duration::from_secs(5))
        .round(spellings.to_vec(), Duration::from_secs(20))
        .await;
    assert_eq!(round.about.len(), 3);
    assert_eq!(round.said.len(), 3);
    assert_eq!(json!(runtime.calls().methods)["prpc/PhactoryAPI.GetInfo"], 1);
}

#[tokio::test]
async fn what_may_not_be_asked_is_refused_and_its_address_is_not_repeated() {
    let about = [
        "http://10.0.0.1:8000",
        "",
        "ftp://a",
        "http://u:s3cret@127.0.0.1:1",
        "ws://127.0.0.1:1",
    ];
    let about = about.map(ToOwned::to_owned).to_vec();
    let round = reader(Duration::from_secs(5))
        .round(about, Duration::from_secs(20))
        .await;
    assert_eq!(round.said.len(), 5);
    for (endpoint, outcome) in round.said {
        let Outcome::Refused(fault) = outcome else {
            panic!("{endpoint}: {outcome:?}");
        };
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
    }
}

#[tokio::test]
async fn statistics_are_an_addition() {
    let (new, endpoint) = runtime(json!({})).await;
    let (_old, old_endpoint) = runtime(json!({"generation": "0.2"})).await;
    let reader = reader(Duration::from_secs(5));
    let about = vec![endpoint.clone(), old_endpoint.clone()];
    let said = by_endpoint(reader.round(about, Duration::from_secs(20)).await);
    let told = |endpoint: &str| match said.get(endpoint) {
        Some(Outcome::Answered(told)) => Arc::clone(told),
        other => panic!("{endpoint}: {other:?}"),
    };
    assert_eq!(told(&endpoint).statistics.cores, Some(8));
    assert_eq!(told(&old_endpoint).statistics, Statistics::default());
    assert_eq!(told(&old_endpoint).info.version.as_deref(), Some("0.2.5"));
    assert_eq!(new.calls().total(), 2);
}

#[tokio::test]
async fn an_error_is_no_answer() {
    let (runtime, endpoint) = runtime(json!({"incident": "error", "error_message": "Runtime not initialized"})).await;
    let reader = reader(Duration::from_secs(5));
    for settings in [
        json!({}),
        json!({"generation": "2.0"}),
        json!({"incident": "plain_payload"}),
    ] {
        runtime.set(settings).await.unwrap();
        let round = reader.round(vec![endpoint.clone()], Duration::from_secs(20)).await;
        let Some((_, Outcome::Failed(fault))) = round.said.first() else {
            panic!("{round:?}");
        };
        assert!(matches!(fault.why, Why::Upstream(_)), "{fault}");
    }
}

#[tokio::test]
async fn who_hung_is_asked_last_and_in_turn() {
    let reader = reader(Duration::from_secs(5));
    let endpoint = |number: u8| format!("http://127.0.0.{number}:8000");
    let about: Vec<String> = (1..=4).map(endpoint).collect();
    let start = Instant::now();
    let known = |hung, seconds| Last {
        hung,
        asked: start + Duration::from_secs(seconds),
    };
    let last = [
        (endpoint(1), known(true, 9)),
        (endpoint(2), known(true, 3)),
        (endpoint(4), known(false, 5)),
    ];
    reader.last.lock().unwrap().extend(last);
    let (places, _) = places(&about);
    let order: Vec<String> = reader
        .in_order(places)
        .into_iter()
        .map(|(endpoint, _)| endpoint.to_string())
        .collect();
    assert_eq!(order, [endpoint(4), endpoint(3), endpoint(2), endpoint(1)]);
}

#[tokio::test]
async fn nobody_is_asked_when_the_time_is_over() {
    let (runtime, endpoint) = runtime(json!({})).await;
    let round = reader(Duration::from_secs(5))
        .round(vec![endpoint], Duration::ZERO)
        .await;
    assert_eq!((round.about.len(), round.said.len()), (1, 0));
    assert_eq!(runtime.calls().connections, 0);
}
