//! A new configuration while it runs: whole or not at all, and no scrape lost.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use simfarm::substrate::Node;

use crate::harness::Warden;

fn config(targets: &[(&str, &str)]) -> String {
    let mut text = String::from("collectors:\n  phala:\n");
    for (name, address) in targets {
        writeln!(
            text,
            "    - {{name: {name}, para: 'http://{address}', interval: 1s, timeout: 500ms}}"
        )
        .unwrap();
    }
    text
}

async fn node() -> (Node, String) {
    let node = Node::start("127.0.0.1:0").await.unwrap();
    let address = node.addr().to_string();
    (node, address)
}

fn height(target: &str) -> String {
    format!("phala_node_best_block_height{{target=\"{target}\",chain=\"para\"}}")
}

const SUCCESSFUL: &str = "farmwarden_config_last_reload_successful{file=\"config\"}";

#[tokio::test]
async fn a_thousand_scrapes_across_twenty_reloads_good_and_bad_lose_nothing() {
    let ((_one, first), (_two, second)) = (node().await, node().await);
    let small = config(&[("kept", &first)]);
    let large = config(&[("other", &second), ("kept", &first)]);
    let warden = Warden::start_from_file(&small).await;
    warden.page_with(&height("kept")).await;
    let (asked, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let reloads = async {
        for number in 0..20 {
            let (text, good) = match number % 4 {
                0 => (large.as_str(), true),
                1 => ("collectors: {phala: [{name: kept}]}", false),
                2 => (small.as_str(), true),
                _ => ("collectors: [", false),
            };
            let outcome = warden.reload(text).await;
            assert_eq!(outcome.is_ok(), good, "{outcome:?}");
            // Scrapes come in between, whatever the machine's load.
            let before = asked.load(Ordering::Relaxed);
            while asked.load(Ordering::Relaxed) < before + 50 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
        done.store(true, Ordering::Relaxed);
    };
    let scrapes = async {
        let mut seen_other = 0;
        while !done.load(Ordering::Relaxed) {
            let reply = warden.get("/metrics").await;
            asked.fetch_add(1, Ordering::Relaxed);
            let page = reply.text();
            assert_eq!(reply.status, 200);
            assert!(page.contains(&height("kept")), "{page}");
            assert!(page.contains("process_start_time_seconds"), "cut off: {page}");
            seen_other += usize::from(page.contains("target=\"other\""));
        }
        seen_other
    };
    let ((), seen_other) = tokio::join!(reloads, scrapes);
    // Of four states in turn the larger one holds for two.
    let all = asked.into_inner();
    assert!(
        all >= 1000 && seen_other > all / 4 && seen_other < all * 3 / 4,
        "{seen_other} of {all}"
    );
    warden.stop().await;
}

#[tokio::test]
async fn a_target_that_did_not_change_keeps_its_memory_and_one_that_is_gone_leaves_with_its_symptoms() {
    let (_node, address) = node().await;
    let warden = Warden::start_from_file(&config(&[("kept", &address), ("gone", "127.0.0.1:1")])).await;
    warden.page_with(&height("kept")).await;
    warden.page_with("farmwarden_symptom{target=\"kept\"").await;
    let moved = config(&[("kept", &address)]).replace("{name: kept,", "{name: kept, farm: east, depends_on: [],");
    let words = warden.reload(&moved).await.unwrap();
    assert!(
        words.ends_with("was read again; targets: 1 unchanged, 0 changed, 0 new, 1 gone"),
        "{words}"
    );
    let page = warden.page().await;
    assert!(page.contains(&height("kept")) && page.contains("farmwarden_symptom{target=\"kept\""));
    assert!(!page.contains("\"gone\""), "{page}");
    assert!(page.contains(&format!("{SUCCESSFUL} 1")));
}

#[tokio::test]
async fn a_bad_file_says_why_and_changes_nothing() {
    let (_node, address) = node().await;
    let warden = Warden::start_from_file(&config(&[("kept", &address)])).await;
    warden.page_with(&height("kept")).await;
    let words = warden
        .reload("collectors:\n  phala:\n    - nome: x\n")
        .await
        .unwrap_err();
    assert!(words.contains("farm.yml:3:7: ") && words.contains("nome"), "{words}");
    warden.remove_file();
    let words = warden.reload_as_it_is().await.unwrap_err();
    assert!(words.contains("cannot be read: no such file"), "{words}");
    let page = warden.page().await;
    assert!(
        page.contains(&height("kept")) && page.contains(&format!("{SUCCESSFUL} 0")),
        "{page}"
    );
}

#[tokio::test]
async fn without_a_file_there_is_nothing_to_read_again() {
    let warden = Warden::start("").await;
    let words = warden.reload_as_it_is().await.unwrap_err();
    assert!(words.contains("without --config.file"), "{words}");
    assert!(!warden.page().await.contains(SUCCESSFUL));
}
