use super::*;
use crate::clock::UnixTime;
use crate::collectors::phala::Chain;
use crate::collectors::prb;
use crate::collectors::prb::testing::{round, worker};
use crate::collectors::prb::worker::Status;

const CONTAINERS: [&str; 4] = ["phala-node", "data_provider", "trade", "lifecycle"];

fn cluster(engine: &Engine) -> Settings {
    let stacks = json!([{
        "name": "cluster",
        "node": {"target": "node-1", "container": "phala-node"},
        "prb": "prb-1",
        "group": [
            {"container": "data_provider", "works_within": "10m"}, {"container": "trade"}, {"container": "lifecycle"}
        ]
    }]);
    settings(engine, &json!({ "stacks": stacks }))
}

/// A node that stood for ten minutes, with two peers.
fn stuck(node: &mut Shown<Node>) {
    let now = Shown::<Node>::now();
    let before = Now {
        wall: now.wall.minus(Duration::from_secs(600)),
        monotonic: now.monotonic.checked_sub(Duration::from_secs(600)).unwrap(),
    };
    for then in [before, now] {
        let health = (2, false);
        node.snapshot.see_health(Chain::Para, 100, health, before.wall, then);
    }
    node.show();
}

fn prb(store: &Arc<Store>, status: Status) -> Shown<prb::Prb> {
    let target = json!({"name": "prb-1", "monitor": "http://127.0.0.1:1"});
    let mut shown = Shown::new(store, &serde_json::from_value(target).unwrap());
    fed(&mut shown, status);
    shown
}

fn fed(shown: &mut Shown<prb::Prb>, status: Status) {
    let workers = (0..2).map(|number| worker(number, status, Some(100))).collect();
    round(&mut shown.snapshot, 100, workers, Shown::<prb::Prb>::now());
    shown.show();
}

/// Runs the stack of `node-1` while the node, and with it the PRB, goes on.
async fn restarted(
    hands: &Hands,
    node: &mut Shown<Node>,
    prb: &mut Shown<prb::Prb>,
    book: &Book,
) -> Result<String, String> {
    let plan = plan("restart-stack", "node-1", "para", &[]);
    let running = hands.run(&plan, book);
    let going_on = async {
        for height in 101_u64.. {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = Shown::<Node>::now();
            let made: UnixTime = now.wall;
            node.snapshot.see_health(Chain::Para, height, (20, false), made, now);
            node.show();
            fed(prb, Status::Error);
        }
    };
    tokio::select! {
        outcome = running => outcome.map_err(|undone| undone.to_string()),
        () = going_on => unreachable!(),
    }
}

#[tokio::test]
async fn a_cluster_is_restarted_in_order_and_every_step_is_noted() {
    let engine = Engine::with(&CONTAINERS).stopped("trade");
    let store = Arc::default();
    let (mut node, mut prb) = (node(&store), prb(&store, Status::Error));
    stuck(&mut node);
    let hands = hands(&cluster(&engine), &store);
    let book = Book::default();
    let words = restarted(&hands, &mut node, &mut prb, &book).await.unwrap();
    let order = [
        "stop lifecycle",
        "stop data_provider",
        "restart phala-node",
        "start data_provider",
        "start lifecycle",
    ];
    assert_eq!(engine.did(), order);
    for part in [
        "restarted the stack cluster in 9 steps",
        "because para: best block is 100 and has not risen for 10m",
        "2 peers",
        "its node was running since 2026-11-21T14:00:01Z",
        "left stopped as it was: trade at farm-1",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let notes = book.notes.lock().unwrap();
    assert_eq!(
        notes[0],
        "stack cluster: 0 of 9 steps done; stop lifecycle at farm-1 is under way; stopped: lifecycle at farm-1"
    );
    let waits = "3 of 9 steps done; restart phala-node at farm-1 is under way; stopped: lifecycle at farm-1, data_provider at farm-1";
    assert!(notes.iter().any(|note| note.ends_with(waits)), "{notes:?}");
    assert!(notes.last().unwrap().ends_with("; 9 of 9 steps done"), "{notes:?}");
}

#[tokio::test]
async fn a_node_that_is_not_stuck_is_left_alone_with_all_that_stands_on_it() {
    let engine = Engine::with(&CONTAINERS);
    let store = Arc::default();
    let _prb = prb(&store, Status::Error);
    let mut node = node(&store);
    node.snapshot
        .see_health(Chain::Para, 100, (1, false), UnixTime::default(), Shown::<Node>::now());
    node.show();
    let hands = hands(&cluster(&engine), &store);
    let words = hands
        .run(&plan("restart-stack", "node-1", "", &[]), &Book::default())
        .await
        .map_err(refused)
        .unwrap_err();
    assert!(
        words.starts_with("nothing was done: the node of `node-1`: it is not stuck"),
        "{words}"
    );
    let elsewhere = plan("restart-stack", "node-2", "", &[("stack", "cluster")]);
    assert!(
        hands
            .run(&elsewhere, &Book::default())
            .await
            .map_err(refused)
            .unwrap_err()
            .contains("not that of `node-2`")
    );
    assert!(engine.socket.asked().is_empty());
}

#[tokio::test]
async fn a_stack_whose_lifecycle_feeds_blocks_is_left_alone() {
    let engine = Engine::with(&CONTAINERS);
    let store = Arc::default();
    let (mut node, _prb) = (node(&store), prb(&store, Status::Active));
    stuck(&mut node);
    let hands = hands(&cluster(&engine), &store);
    let words = hands
        .run(&plan("restart-stack", "node-1", "", &[]), &Book::default())
        .await
        .map_err(refused)
        .unwrap_err();
    assert!(
        words.starts_with("nothing was done: lifecycle feeds blocks: 2 of its 2"),
        "{words}"
    );
    assert!(engine.socket.asked().is_empty());
}

#[tokio::test]
async fn without_a_node_something_of_the_prb_must_be_ill() {
    let engine = Engine::with(&["redis-q", "lifecycle"]);
    let group = json!([{"container": "redis-q"}, {"container": "lifecycle"}]);
    let stacks = json!([{"name": "lifecycle", "prb": "prb-1", "group": group}]);
    let settings = settings(&engine, &json!({ "stacks": stacks }));
    let order = plan("restart-stack", "prb-1", "lifecycle", &[]);
    let store: Arc<Store> = Arc::default();
    let words = hands(&settings, &store)
        .run(&order, &Book::default())
        .await
        .map_err(refused)
        .unwrap_err();
    assert!(words.contains("`prb-1` has no picture yet"), "{words}");
    let mut shown = prb(&store, Status::Idle);
    let words = hands(&settings, &store)
        .run(&order, &Book::default())
        .await
        .map_err(refused)
        .unwrap_err();
    assert_eq!(words, "nothing was done: nothing is ill at `prb-1`");
    assert!(engine.socket.asked().is_empty());
    fed(&mut shown, Status::Error);
    let words = hands(&settings, &store).run(&order, &Book::default()).await.unwrap();
    assert!(words.contains("because lifecycle/w0 has worker_error"), "{words}");
    assert_eq!(
        engine.did(),
        ["stop lifecycle", "stop redis-q", "start redis-q", "start lifecycle"]
    );
}

#[tokio::test]
async fn a_step_that_cannot_be_noted_is_not_done() {
    let engine = Engine::with(&CONTAINERS);
    let store = Arc::default();
    let (mut node, mut prb) = (node(&store), prb(&store, Status::Error));
    stuck(&mut node);
    let hands = hands(&cluster(&engine), &store);
    let book = Book {
        full_after: Some(2),
        ..Book::default()
    };
    let words = restarted(&hands, &mut node, &mut prb, &book).await.unwrap_err();
    assert!(
        words.contains("no space left") && words.contains("still stopped: lifecycle at farm-1:"),
        "{words}"
    );
    assert_eq!(engine.did(), ["stop lifecycle"]);
}

#[tokio::test]
async fn with_an_engine_that_does_not_answer_nothing_was_done() {
    let engine = Engine::with(&CONTAINERS);
    let settings = cluster(&engine);
    drop(engine);
    let store = Arc::default();
    let (mut node, _prb) = (node(&store), prb(&store, Status::Error));
    stuck(&mut node);
    let plan = plan("restart-stack", "node-1", "para", &[]);
    let ended = hands(&settings, &store).run(&plan, &Book::default()).await;
    let words = refused(ended.unwrap_err());
    assert!(
        words.starts_with("stack cluster: ") && words.contains("stop lifecycle"),
        "{words}"
    );
}
