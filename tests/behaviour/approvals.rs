//! The link in a message: what it shows, and that it approves once.

use crate::harness::PATIENCE;
use crate::orders::Listener;
use crate::repairs::{Farm, STUCK, alert, hands_in};

const ADDRESS: &str = "https://farm.example/fw";

/// Where the link of the last message leads.
fn last_link(people: &Listener) -> String {
    let heard = people.heard.lock().unwrap();
    let (_, rest) = heard.rsplit_once("/approve/").unwrap();
    let is_of_link = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let link: String = rest.chars().take_while(|c| is_of_link(*c)).collect();
    format!("/approve/{link}")
}

#[tokio::test]
async fn a_link_in_a_message_shows_on_get_and_approves_once_on_post() {
    let farm = Farm::new().await;
    let people = Listener::start().await;
    let config = farm
        .config(&format!("warm_up: 1ms\n  approvals: {{external_url: '{ADDRESS}/'}}"))
        .replace("gone_for: 1s}", "gone_for: 1s, approval: true}");
    let config = format!(
        "{config}notify: [{{name: operators, kind: webhook, url: '{}'}}]\n",
        people.url
    );
    let warden = farm.start(&config).await;
    warden.page_with(STUCK).await;
    hands_in(&warden, "http://am", &alert(7, "node-1", "firing")).await;
    let before = format!("{ADDRESS}/approve/");
    people.hears(&before).await;
    let path = last_link(&people);
    for method in ["GET", "HEAD", "GET"] {
        let shown = warden.ask(method, &path, "").await;
        assert_eq!(shown.status, 200, "{}", shown.text());
        let policies: Vec<&str> = shown.headers("content-security-policy").collect();
        assert_eq!(policies.len(), 1, "{policies:?}");
        assert!(
            policies[0].starts_with("default-src 'none'") && policies[0].ends_with("form-action 'self'"),
            "{policies:?}"
        );
        for words in ["start-unit", "para of node-1", "<form method=\"post\">"] {
            assert!(
                method == "HEAD" || shown.text().contains(words),
                "{words}\n{}",
                shown.text()
            );
        }
    }
    let in_chinese = format!("{path}?language=zh");
    let shown = warden.ask("GET", &in_chinese, "").await;
    assert!(
        shown.text().contains("修复等待批准") && shown.text().contains("start-unit"),
        "{}",
        shown.text()
    );
    for nonsense in ["/approve/", "/approve/x", &format!("{path}x")] {
        assert_eq!(warden.ask("POST", nonsense, "").await.status, 404, "{nonsense}");
    }
    assert_eq!(warden.ask("DELETE", &path, "").await.status, 405);
    let approvals = || {
        let records = farm.journal().into_iter();
        records
            .filter(|record| record["kind"] == "approved")
            .collect::<Vec<_>>()
    };
    assert!(approvals().is_empty(), "looking at it changes nothing");
    let approved = warden.ask("POST", &path, "").await;
    assert_eq!(approved.status, 200, "{}", approved.text());
    // The policy rehearses, so that is what follows.
    warden
        .page_with("farmwarden_remediation_decisions_total{guard=\"dry_run\"} 1\n")
        .await;
    let again = warden.ask("GET", &in_chinese, "").await;
    assert!(
        again.status == 409 && again.text().contains("未批准任何操作"),
        "{}",
        again.text()
    );
    for method in ["POST", "GET"] {
        let again = warden.ask(method, &path, "").await;
        assert_eq!(again.status, 409, "{}", again.text());
    }
    let approvals = approvals();
    assert_eq!(approvals.len(), 1);
    let by = approvals[0]["data"]["by"].as_str().unwrap();
    assert!(by.starts_with("the link in a message, opened by "), "{by}");
}

#[tokio::test]
async fn a_link_is_dead_after_a_reload_that_changes_what_it_would_allow_and_another_one_is_sent() {
    let farm = Farm::new().await;
    let people = Listener::start().await;
    let config = farm
        .config(&format!("warm_up: 1ms\n  approvals: {{external_url: '{ADDRESS}/'}}"))
        .replace("gone_for: 1s}", "gone_for: 1s, approval: true}");
    let config = format!(
        "{config}notify: [{{name: operators, kind: webhook, url: '{}'}}]\n",
        people.url
    );
    let warden = farm.start(&config).await;
    warden.page_with(STUCK).await;
    hands_in(&warden, "http://am", &alert(7, "node-1", "firing")).await;
    people.hears("/approve/").await;
    let old = last_link(&people);
    let mark = |incidents: &str| {
        let incidents: serde_json::Value = serde_json::from_str(incidents).unwrap();
        let incident = &incidents["incidents"][0];
        (
            incident["plan"].as_str().unwrap().to_owned(),
            incident["with"]["unit"].clone(),
        )
    };
    let before = mark(warden.ask("GET", "/api/v1/incidents", "").await.text());
    warden
        .reload(&config.replace("node.service", "other.service"))
        .await
        .unwrap();
    people.hears("other.service").await;
    let another = async {
        while last_link(&people) == old {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, another).await.is_ok(),
        "there is no other link"
    );
    let new = last_link(&people);
    let after = mark(warden.ask("GET", "/api/v1/incidents", "").await.text());
    assert_ne!(before.0, after.0);
    assert_eq!((before.1, after.1), ("node.service".into(), "other.service".into()));
    people.hears(&format!("--plan {}", after.0)).await;
    let dead = warden.ask("POST", &old, "").await;
    assert!(
        dead.status == 404 && dead.text().contains("farmwarden incidents"),
        "{}",
        dead.text()
    );
    assert!(farm.journal().iter().all(|record| record["kind"] != "approved"));
    let shown = warden.ask("GET", &new, "").await;
    assert!(shown.text().contains("other.service"), "{}", shown.text());
    let approved = warden.ask("POST", &new, "").await;
    assert_eq!(approved.status, 200, "{}", approved.text());
}
