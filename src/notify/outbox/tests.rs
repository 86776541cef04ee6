use tokio::sync::mpsc;

use super::super::message::Severity;
use super::super::testing::message;
use super::super::{Again, Failure, Pace, Piece};
use super::*;
use crate::upstream::Why;

/// Sends into a channel, each time with the outcome that is next; without one it succeeds.
struct Stub {
    outcomes: Arc<Mutex<VecDeque<Again>>>,
    sent: mpsc::UnboundedSender<(Instant, Batch)>,
    batches: Mutex<Vec<Batch>>,
    parts: usize,
}

impl Notifier for Stub {
    fn name(&self) -> &'static str {
        "stub"
    }

    fn pace(&self) -> Pace {
        Pace {
            most: 18,
            within: Duration::from_secs(60),
            gather: Duration::from_secs(1),
        }
    }

    fn room(&self) -> usize {
        1000
    }

    fn pieces(&self, batch: &Batch) -> Vec<Piece> {
        self.batches.lock().unwrap().push(batch.clone());
        vec![Piece(Vec::new()); self.parts]
    }

    async fn send(&self, _: &Piece) -> Result<(), Failure> {
        let batch = self.batches.lock().unwrap().last().unwrap().clone();
        self.sent.send((Instant::now(), batch)).unwrap();
        let outcome = self.outcomes.lock().unwrap().pop_front();
        outcome.map_or(Ok(()), |again| {
            let fault = Fault::new("stub", "send", Why::Status(503, ""));
            Err(Failure { fault, again })
        })
    }
}

type Sent = mpsc::UnboundedReceiver<(Instant, Batch)>;

fn start(outcomes: &[Again], parts: usize) -> (Outbox, Sent) {
    let (sent, receiver) = mpsc::unbounded_channel();
    let stub = Stub {
        outcomes: Arc::new(Mutex::new(outcomes.iter().copied().collect())),
        sent,
        batches: Mutex::default(),
        parts,
    };
    (Outbox::start(stub), receiver)
}

fn info(title: &str) -> Message {
    message(title, Severity::Info)
}

fn titles(batch: &Batch) -> Vec<&str> {
    batch.messages.iter().map(|message| message.title.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_told_together_goes_out_together_and_threads_stay_together() {
    let (outbox, mut sent) = start(&[], 1);
    for (title, thread) in [("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b")] {
        let mut message = info(title);
        message.thread = thread.to_owned();
        assert_eq!(outbox.tell(message), Told::Queued);
    }
    let (_, batch) = sent.recv().await.unwrap();
    assert_eq!(titles(&batch), ["a1", "a2", "b1", "b2"]);
    outbox.close(Duration::from_secs(1)).await;
    let health = outbox.health();
    assert_eq!(
        (health.sent, health.requests, health.lost, health.waiting),
        (4, 1, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn more_than_fits_goes_out_in_order_in_the_next_requests() {
    let (outbox, mut sent) = start(&[], 1);
    for number in 0..30 {
        let mut message = info(&format!("{number}"));
        message.text = "x".repeat(200);
        outbox.tell(message);
    }
    let mut all = Vec::new();
    while all.len() < 30 {
        let (_, batch) = sent.recv().await.unwrap();
        assert!(batch.messages.len() <= 4);
        all.extend(titles(&batch).into_iter().map(str::to_owned));
    }
    let expected: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    assert_eq!(all, expected);
}

#[tokio::test(start_paused = true)]
async fn no_minute_has_more_requests_than_the_pace() {
    // Every message fills a request and has two parts.
    let (outbox, mut sent) = start(&[Again::Later; 10], 2);
    for number in 0..40 {
        let mut message = info(&format!("{number}"));
        message.text = "x".repeat(1000);
        outbox.tell(message);
    }
    let mut times = Vec::new();
    while times.len() < 90 {
        times.push(sent.recv().await.unwrap().0);
    }
    for window in times.windows(19) {
        assert!(window[18] - window[0] >= Duration::from_secs(60));
    }
    let all = times[89] - times[0];
    assert!(all < Duration::from_secs(60) * 15, "and it does go on: {all:?}");
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_with_growing_pauses_while_messages_gather() {
    let (outbox, mut sent) = start(&[Again::Later, Again::Later, Again::Later], 1);
    outbox.tell(info("first"));
    let (begun, _) = sent.recv().await.unwrap();
    assert_eq!(outbox.tell(info("second")), Told::Queued);
    assert_eq!(outbox.tell(info("third")), Told::Queued);
    let mut pauses = Vec::new();
    let mut last = begun;
    for _ in 0..3 {
        let (at, batch) = sent.recv().await.unwrap();
        assert_eq!(titles(&batch), ["first"]);
        pauses.push((at - last).as_secs());
        last = at;
    }
    assert_eq!(pauses, [2, 4, 8]);
    let (_, batch) = sent.recv().await.unwrap();
    assert_eq!((titles(&batch), batch.lost), (vec!["second", "third"], 0));
    outbox.close(Duration::from_secs(1)).await;
    let health = outbox.health();
    assert_eq!(
        (health.sent, health.failures, health.lost, health.fault),
        (3, 3, 0, None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_mute_robot_is_left_alone_for_as_long_as_it_is() {
    let mute = Duration::from_secs(600);
    let (outbox, mut sent) = start(&[Again::After(mute)], 1);
    outbox.tell(info("a"));
    let (first, _) = sent.recv().await.unwrap();
    let (second, _) = sent.recv().await.unwrap();
    assert!(second - first >= mute);
    assert!(outbox.health().lost == 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_lost_and_the_next_one_says_so() {
    let (outbox, mut sent) = start(&[Again::Never], 1);
    outbox.tell(info("refused"));
    sent.recv().await.unwrap();
    outbox.tell(info("next"));
    let (_, batch) = sent.recv().await.unwrap();
    assert_eq!((titles(&batch), batch.lost), (vec!["next"], 1));
    outbox.close(Duration::from_secs(1)).await;
    assert_eq!(outbox.health().lost, 1);
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_of_trying_messages_are_given_up() {
    let (outbox, mut sent) = start(&[Again::Later; 1000], 1);
    outbox.tell(info("a"));
    let (begun, _) = sent.recv().await.unwrap();
    outbox.tell(info("b"));
    loop {
        let (at, batch) = sent.recv().await.unwrap();
        if titles(&batch) == ["b"] {
            assert_eq!(batch.lost, 1);
            assert!(at - begun <= GIVE_UP_AFTER + LONGEST_PAUSE);
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_arrived_is_not_sent_again() {
    let (outbox, mut sent) = start(&[], 3);
    outbox.tell(info("a"));
    for _ in 0..3 {
        sent.recv().await.unwrap();
    }
    outbox.close(Duration::from_secs(1)).await;
    assert!(sent.try_recv().is_err());
    assert_eq!(outbox.health().requests, 3);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_the_least_severe_and_counts() {
    // It never gets to send.
    let (outbox, _sent) = start(&[], 1);
    for number in 0..MOST_WAITING {
        assert_eq!(outbox.tell(info(&number.to_string())), Told::Queued);
    }
    assert_eq!(outbox.tell(info("one more")), Told::Dropped);
    assert_eq!(outbox.tell(message("get up", Severity::Critical)), Told::Queued);
    let health = outbox.health();
    assert_eq!((health.waiting, health.lost), (MOST_WAITING, 2));
    let state = outbox.shared.state();
    assert_eq!(state.waiting[0].title, "1", "the oldest of the least severe went");
    let bytes: usize = state.waiting.iter().map(Message::len).sum();
    assert_eq!(state.bytes, bytes);
}

#[tokio::test(start_paused = true)]
async fn large_messages_are_bounded_by_their_bytes() {
    let (outbox, _sent) = start(&[], 1);
    let mut large = info("large");
    large.text = "x".repeat(1 << 20);
    let told: Vec<Told> = (0..100).map(|_| outbox.tell(large.clone())).collect();
    let queued = told.iter().filter(|told| **told == Told::Queued).count();
    assert!((60..=64).contains(&queued), "{queued}");
}

#[tokio::test(start_paused = true)]
async fn the_end_tries_once_and_counts_what_is_left() {
    let (outbox, mut sent) = start(&[Again::Later; 10], 1);
    outbox.tell(info("a"));
    sent.recv().await.unwrap();
    outbox.tell(info("b"));
    let begun = Instant::now();
    outbox.close(Duration::from_secs(30)).await;
    assert!(begun.elapsed() < Duration::from_secs(30));
    let health = outbox.health();
    assert_eq!((health.waiting, health.lost, health.sent), (0, 2, 0));
    assert_eq!(outbox.tell(info("too late")), Told::Dropped);
}
