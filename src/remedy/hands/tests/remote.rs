//! The asking side, against answers that come, do not come, or come from somebody else.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::clock::UnixTime;
use crate::remedy::runner::About;
use crate::remedy::step::IncidentId;

/// What the runner lends, with the sight that was lost.
struct Lent {
    book: Book,
    lost: AtomicBool,
    symptom: Option<&'static str>,
    began: UnixTime,
    /// How the other farmwarden is asked has changed since.
    elsewhere: bool,
}

impl Default for Lent {
    fn default() -> Self {
        Self {
            book: Book::default(),
            lost: AtomicBool::default(),
            symptom: Some("node_stuck"),
            began: Clock::system().now().wall,
            elsewhere: false,
        }
    }
}

impl Notes for Lent {
    fn note(&self, words: String) -> futures_util::future::BoxFuture<'_, Result<(), String>> {
        self.book.note(words)
    }

    fn asks(&self, words: String, request: Nonce) -> futures_util::future::BoxFuture<'_, Result<(), String>> {
        assert!(words.contains(&request.to_string()), "{words}");
        self.book.note(words)
    }

    fn about(&self) -> Option<About> {
        Some(About {
            incident: IncidentId { record: 412, nth: 0 },
            symptom: self.symptom,
            began: self.began,
        })
    }

    fn lose_sight(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    fn regain_sight(&self) {
        self.lost.store(false, Ordering::Relaxed);
    }
}

/// What came of it, what was noted, and whether it is known what was done.
struct Came {
    said: Result<String, String>,
    noted: Vec<String>,
    is_known: bool,
    asked: usize,
}

impl Came {
    fn failed(self) -> String {
        self.said.unwrap_err()
    }
}

/// Asks somebody who gives the n-th answer, from 0, to the n-th question.
async fn came_to(lent: Lent, times: (Duration, &str), answer: impl Fn(usize) -> Answer + Send + 'static) -> Came {
    came_after(lent, times, None, answer).await
}

/// The same after a restart, where it was asked under a number before.
async fn came_after(
    lent: Lent,
    (within, begin_within): (Duration, &str),
    before: Option<Nonce>,
    answer: impl Fn(usize) -> Answer + Send + 'static,
) -> Came {
    let mut next = 0;
    let socket = Socket::serve(move |_, _| {
        next += 1;
        answer(next - 1)
    });
    let key = socket.path.with_file_name("key");
    std::fs::write(&key, "k".repeat(40)).unwrap();
    let remotes = json!([{"name": "rack-2", "socket": socket.path, "key_file": key, "caller": "control"}]);
    let settings = settings(&Engine::with(&[]), &json!({ "remotes": remotes }));
    let order = Plan {
        within: within.into(),
        ..plan(
            "remote",
            "node-1",
            "para",
            &[
                ("remote", "rack-2"),
                ("policy", "start_node"),
                ("begin_within", begin_within),
            ],
        )
    };
    let hands = hands(&settings, &Arc::default());
    let order = if lent.elsewhere { order } else { hands.meant(&order) };
    let said = match before {
        None => hands.run(&order, &lent).await,
        Some(number) => runner::Hands::take_back(&hands, &order, number, &lent).await,
    };
    let said = said.map_err(|undone| undone.to_string());
    Came {
        said,
        noted: lent.book.notes.into_inner().unwrap(),
        is_known: !lent.lost.into_inner(),
        asked: socket.asked().len(),
    }
}

async fn came(within: Duration, answer: impl Fn(usize) -> Answer + Send + 'static) -> Came {
    came_to(Lent::default(), (within, "10m"), answer).await
}

fn told(course: &str, more: &serde_json::Value) -> Answer {
    let mut answer = json!({"course": course, "incident": "7.0", "words": "so it is"});
    let members = more.as_object().cloned().unwrap_or_default();
    answer.as_object_mut().unwrap().extend(members);
    Answer::Status(200, answer.to_string())
}

fn simply(course: &str) -> Answer {
    told(course, &json!({}))
}

const LONG: Duration = Duration::from_secs(3600);
/// A moment, and the last word.
const SHORT: Duration = Duration::from_millis(20_050);

#[tokio::test]
async fn it_is_asked_until_it_is_known_what_became_of_it() {
    let came = came(LONG, |number| match number {
        0 | 6 => Answer::Hangup,
        1 => Answer::Status(503, "the journal is full".to_owned()),
        2 => simply("waits"),
        3 | 4 => told("held", &json!({"guard": "warm_up"})),
        5 => simply("runs"),
        _ => simply("done"),
    })
    .await;
    assert_eq!(came.said.unwrap(), "rack-2 did it (incident 7.0 there): so it is");
    assert!(came.is_known && came.asked == 8);
    let begins = [
        "asks farmwarden rack-2 for start_node (request ",
        "rack-2 cannot be asked: ",
        "rack-2 has it (incident 7.0 there): so it is",
        "rack-2 holds it back by warm_up (incident 7.0 there): so it is",
        "rack-2 has begun it (incident 7.0 there)",
        "rack-2 cannot be asked: ",
    ];
    assert_eq!(came.noted.len(), begins.len(), "{:?}", came.noted);
    for (noted, begin) in came.noted.iter().zip(begins) {
        assert!(noted.starts_with(begin), "{noted}");
    }
}

#[tokio::test]
async fn what_was_not_done_is_said_so_and_is_known() {
    for (course, words) in [
        ("failed", "rack-2 tried it and failed (incident 7.0 there): so it is"),
        (
            "rehearsed",
            "nothing was done: rack-2 only rehearses (incident 7.0 there): so it is",
        ),
        (
            "over",
            "nothing was done: rack-2 is done with it (incident 7.0 there): so it is",
        ),
        (
            "refused",
            "nothing was done: rack-2 does not touch it (incident 7.0 there): so it is",
        ),
        ("declined", "nothing was done: rack-2 declines: so it is"),
        ("withdrawn", "nothing was done: so it is"),
    ] {
        let came = came(LONG, move |_| simply(course)).await;
        assert!(came.is_known && came.asked == 1, "{course}");
        assert_eq!(came.failed(), words);
    }
}

#[tokio::test]
async fn what_cannot_be_told_any_more_is_not_known_and_a_person_must_look() {
    type Answers = fn(usize) -> Answer;
    let hangs_up: Answers = |_| Answer::Hangup;
    let runs: Answers = |_| simply("runs");
    let forgets_us: Answers = |number| match number {
        0 => Answer::Hangup,
        _ => Answer::Status(401, "no".to_owned()),
    };
    let lost_it: Answers = |_| simply("unknown");
    for (within, answer, words) in [
        (SHORT, hangs_up, "whether rack-2 did it is not known (look at request "),
        (SHORT, runs, "whether rack-2 did it is not known (look at request "),
        (
            SHORT,
            forgets_us,
            "whether rack-2 did it is not known (look at request ",
        ),
        (
            LONG,
            lost_it,
            "what rack-2 did is not known (incident 7.0 there): so it is",
        ),
    ] {
        let came = came(within, answer).await;
        assert!(!came.is_known, "{words}");
        let said = came.failed();
        assert!(said.starts_with(words), "{said}");
    }
}

#[tokio::test]
async fn what_is_held_to_the_end_or_will_not_pass_is_taken_back() {
    for (within, held) in [
        (SHORT, json!({"guard": "freeze"})),
        (LONG, json!({"guard": "pause", "until": "2126-11-21T12:00:00Z"})),
        (LONG, json!({"guard": "two_keys"})),
    ] {
        let came = came(within, move |number| match number {
            0 => told("held", &held),
            _ => simply("withdrawn"),
        })
        .await;
        assert!(came.is_known && came.asked == 2);
        let said = came.failed();
        assert!(said.starts_with("nothing was done: rack-2 holds it back by "), "{said}");
    }
}

#[tokio::test]
async fn after_a_restart_it_is_taken_back_or_its_end_is_waited_for() {
    type Answers = fn(usize) -> Answer;
    let held: Answers = |number| match number {
        0 => Answer::Hangup,
        1 => Answer::Status(401, "not yet".to_owned()),
        _ => simply("withdrawn"),
    };
    let ran: Answers = |number| simply(if number < 2 { "runs" } else { "done" });
    let away: Answers = |_| Answer::Hangup;
    let number = Nonce::of([7; 16]);
    for (within, answer, words, is_known) in [
        (LONG, held, "nothing was done: so it is", true),
        (LONG, ran, "rack-2 did it (incident 7.0 there): so it is", true),
        (
            SHORT,
            away,
            "whether rack-2 did it is not known (look at request ",
            false,
        ),
    ] {
        let came = came_after(Lent::default(), (within, "20ms"), Some(number), answer).await;
        assert_eq!(came.is_known, is_known, "{words}");
        assert!(came.noted[0].contains(&number.to_string()), "{:?}", came.noted);
        let (Ok(said) | Err(said)) = came.said;
        assert!(said.starts_with(words), "{said}");
    }
}

#[tokio::test]
async fn an_error_of_a_proxy_on_the_way_is_not_taken_for_a_request_that_never_came() {
    // It is asked beyond the time for beginning: it may have begun.
    let came = came_to(Lent::default(), (LONG, "1ms"), |number| match number {
        0..8 => Answer::Status(504, "<html>".to_owned()),
        _ => simply("done"),
    })
    .await;
    assert!(came.is_known && came.asked == 9, "{}", came.asked);
    assert!(came.said.unwrap().starts_with("rack-2 did it"));
    let came = came_to(Lent::default(), (SHORT, "1ms"), |_| Answer::Status(502, String::new())).await;
    assert!(!came.is_known);
    let said = came.failed();
    assert!(
        said.starts_with("whether rack-2 did it is not known (") && said.contains("): HTTP 502"),
        "{said}"
    );
}

#[tokio::test]
async fn a_refusal_before_anything_can_have_arrived_ends_it() {
    let came = came(LONG, |_| Answer::Status(401, "not signed".to_owned())).await;
    assert!(came.is_known && came.asked == 1);
    let said = came.failed();
    assert!(said.starts_with("nothing was done: farmwarden rack-2 "), "{said}");
    assert!(
        said.contains("HTTP 401: not signed: has it a caller control "),
        "{said}"
    );
}

#[tokio::test]
async fn without_a_note_on_the_disk_nothing_is_asked() {
    let mut lent = Lent::default();
    lent.book.full_after = Some(0);
    let came = came_to(lent, (LONG, "10m"), |_| simply("done")).await;
    assert_eq!(came.asked, 0);
    assert!(came.failed().contains("it cannot be recorded"));
}

#[tokio::test]
async fn what_is_not_begun_in_time_is_not_waited_for() {
    let held = || told("held", &json!({"guard": "freeze"}));
    // It does not even take it back.
    let came = came_to(Lent::default(), (LONG, "20ms"), move |_| held()).await;
    assert!(!came.is_known);
    let said = came.failed();
    assert!(said.contains("rack-2 holds it back by freeze"), "{said}");
}

#[tokio::test]
async fn whom_nobody_reaches_is_not_asked_for_longer_than_it_could_begin() {
    let directory = tempfile::tempdir().unwrap();
    let (key, socket) = (directory.path().join("key"), directory.path().join("nobody"));
    std::fs::write(&key, "k".repeat(40)).unwrap();
    let remotes = json!([{"name": "rack-2", "socket": socket, "key_file": key, "caller": "control"}]);
    let settings = settings(&Engine::with(&[]), &json!({ "remotes": remotes }));
    let order = plan(
        "remote",
        "node-1",
        "para",
        &[("remote", "rack-2"), ("policy", "start_node"), ("begin_within", "20ms")],
    );
    let lent = Lent::default();
    let said = hands(&settings, &Arc::default()).run(&order, &lent).await;
    let said = refused(said.unwrap_err());
    assert!(
        said.starts_with("nothing was done: rack-2 could not be asked: "),
        "{said}"
    );
    assert!(!lent.lost.into_inner(), "nothing can have arrived");
}

/// What somebody answers who knows nothing of a request that is taken back.
fn never_heard_of(since: Option<UnixTime>) -> Answer {
    told("withdrawn", &json!({"incident": null, "remembers_since": since}))
}

async fn taken_back(lent: Lent, answer: impl Fn(usize) -> Answer + Send + 'static) -> Came {
    came_after(lent, (LONG, "10m"), Some(Nonce::of([7; 16])), answer).await
}

#[tokio::test]
async fn what_whoever_is_asked_does_not_know_any_more_may_have_been_done_there() {
    let now = Clock::system().now().wall;
    let long_ago = now.minus(Duration::from_secs(30 * 86_400));
    let days = |days: u64| Lent {
        began: now.minus(Duration::from_secs(days * 86_400)),
        ..Lent::default()
    };
    let elsewhere = || Lent {
        elsewhere: true,
        ..Lent::default()
    };
    for (lent, since, words) in [
        (days(0), None, "its journal is empty"),
        (days(0), Some(now), "its journal goes back to "),
        (days(1), Some(now), "its journal goes back to "),
        (days(2), Some(long_ago), "after 2d such things are forgotten"),
        (elsewhere(), Some(long_ago), "has changed here since"),
    ] {
        let came = taken_back(lent, move |_| never_heard_of(since)).await;
        assert!(!came.is_known, "{words}");
        let said = came.failed();
        assert!(
            said.starts_with("whether rack-2 did it is not known ") && said.contains(words),
            "{said}"
        );
    }
    // It never arrived: nothing of it is forgotten.
    for lent in [days(0), days(1)] {
        let came = taken_back(lent, move |_| never_heard_of(Some(long_ago))).await;
        assert!(came.is_known);
        assert_eq!(came.failed(), "nothing was done: so it is");
    }
    // And a journal that was there may be put away while it is asked.
    let came = came(SHORT, move |number| match number {
        0 => simply("waits"),
        1 => told("declined", &json!({"incident": null, "remembers_since": long_ago})),
        _ => never_heard_of(Some(long_ago)),
    })
    .await;
    assert!(!came.is_known);
    let said = came.failed();
    assert!(said.contains("was its journal put away?"), "{said}");
}

#[tokio::test]
async fn what_was_asked_for_is_taken_back_when_its_policy_is_gone() {
    let gone = || Lent {
        symptom: None,
        ..Lent::default()
    };
    let came = taken_back(gone(), |_| simply("withdrawn")).await;
    assert!(came.is_known && came.asked == 1);
    assert_eq!(came.failed(), "nothing was done: so it is");
    // Nothing is asked for without one.
    let came = came_to(gone(), (LONG, "10m"), |_| simply("done")).await;
    assert_eq!(came.asked, 0);
    assert!(came.failed().contains("nobody knows on whose behalf"));
}
