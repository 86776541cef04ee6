//! What people and programs are told: the status page and the JSON API.

use farmwarden::report::{Health, Report};
use serde_json::Value;
use simfarm::substrate::Node;

use crate::harness::{Reply, Warden};

/// A node whose relay chain is dead while its parachain answers, and one that is dead.
async fn farm() -> (Node, Warden) {
    let node = Node::start("127.0.0.1:0").await.unwrap();
    let config = format!(
        "collectors:\n  phala:\n    - {{name: half, para: 'http://{}', relay: 'http://127.0.0.1:1'}}\n    \
         - {{name: dead, para: 'http://127.0.0.1:1'}}\n",
        node.addr()
    );
    let warden = Warden::start(&config).await;
    for (target, part, up) in [("half", "para", 1), ("half", "relay", 0), ("dead", "para", 0)] {
        warden
            .page_with(&format!(
                "farmwarden_target_up{{collector=\"phala\",target=\"{target}\",part=\"{part}\"}} {up}"
            ))
            .await;
    }
    (node, warden)
}

fn json(reply: &Reply) -> Value {
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    serde_json::from_slice(&reply.body).unwrap()
}

#[tokio::test]
async fn the_api_tells_every_target_and_the_first_broken_links() {
    let (_node, warden) = farm().await;
    let reply = warden.get("/api/v1/targets").await;
    assert_eq!(reply.status, 200);
    let report: Report = serde_json::from_value(json(&reply)).unwrap();
    assert_eq!(
        report.verdict,
        "2 of 2 targets are down. First broken: half/relay, dead."
    );
    let states = |name: &str| {
        let target = report.targets.iter().find(|target| target.name == name).unwrap();
        let part = |part: &str| target.parts.iter().find(|other| other.name == part).unwrap();
        (target.state, part("para").clone())
    };
    let (half, para) = states("half");
    assert_eq!((half, para.state, para.has_data), (Health::Down, Health::Well, true));
    assert!(para.last_success_timestamp_seconds.is_some() && para.last_fault.is_none());
    let (dead, para) = states("dead");
    assert_eq!((dead, para.state, para.has_data), (Health::Down, Health::Down, false));
    assert_eq!(para.last_success_timestamp_seconds, None);
    let fault = para.last_fault.unwrap();
    assert_eq!((fault.reason.as_str(), fault.over), ("unreachable", false));
    assert!(fault.words.contains("http://127.0.0.1:1"), "{}", fault.words);
}

#[tokio::test]
async fn the_api_tells_one_target_or_says_that_there_is_none() {
    let (_node, warden) = farm().await;
    let one: Report = serde_json::from_value(json(&warden.get("/api/v1/targets?target=dead").await)).unwrap();
    assert_eq!(
        (one.targets.len(), one.verdict.as_str()),
        (1, "The one target is down. First broken: dead.")
    );
    for (request, path, status) in [
        ("GET", "/api/v1/targets?target=deed", 404),
        ("GET", "/api/v2/targets", 404),
        ("POST", "/api/v1/targets", 405),
    ] {
        let reply = warden.ask(request, path, "").await;
        assert_eq!(reply.status, status);
        let error = json(&reply);
        assert!(
            error["error"].as_str().is_some_and(|words| !words.is_empty()),
            "{error}"
        );
    }
}

#[tokio::test]
async fn prometheus_discovers_every_target_at_the_address_it_asked() {
    let (_node, warden) = farm().await;
    let groups = json(&warden.get("/api/v1/sd").await);
    let names: Vec<&str> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            assert_eq!(
                group["targets"],
                serde_json::json!(["localhost"]),
                "the Host header of the request"
            );
            let labels = group["labels"].as_object().unwrap();
            assert!(labels.values().all(Value::is_string), "{labels:?}");
            assert_eq!(
                (&labels["__metrics_path__"], &labels["__meta_farmwarden_farm"]),
                (&"/probe".into(), &"default".into())
            );
            labels["__param_target"].as_str().unwrap()
        })
        .collect();
    assert_eq!(names, ["half", "dead"]);
    assert_eq!(warden.raw(b"GET /api/v1/sd HTTP/1.0\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn the_page_says_first_what_is_wrong_and_runs_no_script() {
    let (_node, warden) = farm().await;
    let page = warden.get("/").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let text = page.text();
    assert!(
        text.contains("2 of 2 targets are down. First broken: half/relay, dead."),
        "{text}"
    );
    assert!(
        text.contains("connection refused") && !text.contains("<script"),
        "{text}"
    );
    let one = warden.get("/?target=dead").await;
    assert!(
        one.text().contains(">dead</a>/para") && !one.text().contains(">half</a>"),
        "{}",
        one.text()
    );
    let none = warden.get("/?target=%3Cb%3E").await;
    assert_eq!(none.status, 404);
    assert!(none.text().contains("There is no target &lt;b&gt;."), "{}", none.text());
}

#[tokio::test]
async fn what_hangs_on_a_broken_target_waits_for_it_and_is_not_the_cause() {
    let config = "collectors:\n  phala:\n    - {name: second, farm: east, depends_on: [first], para: 'http://127.0.0.1:1'}\n    \
                  - {name: first, farm: east, para: 'http://127.0.0.1:1'}\n    - {name: other, farm: west, para: 'http://127.0.0.1:1'}\n";
    let warden = Warden::start(config).await;
    for target in ["first", "second", "other"] {
        warden
            .page_with(&format!("target=\"{target}\",part=\"para\"}} 0"))
            .await;
    }
    let report: Report = serde_json::from_value(json(&warden.get("/api/v1/targets").await)).unwrap();
    let farms: Vec<_> = report
        .farms
        .iter()
        .map(|farm| {
            let links = farm.links.iter().map(|link| {
                let waits = link.waits_for.clone().unwrap_or_default();
                (link.target.clone(), link.first_broken, waits)
            });
            (farm.name.clone(), links.collect::<Vec<_>>())
        })
        .collect();
    let link = |name: &str, first, waits: &str| (name.to_owned(), first, waits.to_owned());
    assert_eq!(
        farms,
        [
            (
                "east".to_owned(),
                vec![link("first", true, ""), link("second", false, "first")]
            ),
            ("west".to_owned(), vec![link("other", true, "")]),
        ]
    );
    let page = warden.get("/").await;
    assert!(page.text().contains("waits for first"), "{}", page.text());
}
