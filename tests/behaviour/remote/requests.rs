//! What becomes of a request that somebody makes by hand.

use super::*;

#[tokio::test]
async fn a_request_that_is_repeated_is_the_same_one_also_after_a_restart() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    engine.may_end.add_permits(10);
    let callee = farm.start("start_node", &farm.callee()).await;
    let first = request(1);
    let _waits = tokio::join!(farm.asks(&first), farm.asks(&first), farm.asks(&first));
    farm.until("it is done", async || farm.asks(&first).await.course == Course::Done)
        .await;
    callee.stop().await;
    let callee = farm.start("start_node", &farm.callee()).await;
    let answer = farm.asks(&first).await;
    assert_eq!(answer.course, Course::Done, "{answer:?}");
    assert!(answer.words.contains("started node at rack-2"), "{answer:?}");
    // It cannot be taken back either.
    let taken_back = Request {
        wants: Wants::Nothing,
        ..first
    };
    assert_eq!(farm.asks(&taken_back).await.course, Course::Done);
    assert_eq!(engine.starts(), 1);
    callee.stop().await;
}

#[tokio::test]
async fn what_holds_it_there_is_told_and_what_was_taken_back_is_never_begun() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    let freeze = farm.path("freeze");
    std::fs::write(&freeze, "hands off").unwrap();
    let config = farm.callee();
    let frozen = format!("remedies:\n  freeze_file: '{}'\n", freeze.display());
    let callee = farm.start("start_node", &config.replace("remedies:\n", &frozen)).await;
    let one = request(1);
    farm.until("it is held", async || farm.asks(&one).await.course == Course::Held)
        .await;
    let answer = farm.asks(&one).await;
    assert_eq!(answer.guard.as_deref(), Some("freeze"));
    assert!(
        answer.words.contains("hands off") && answer.incident.is_some(),
        "{answer:?}"
    );
    let taken_back = Request {
        wants: Wants::Nothing,
        ..one.clone()
    };
    assert_eq!(farm.asks(&taken_back).await.course, Course::Withdrawn);
    // One that was taken back before it came.
    let late = request(2);
    let before = Request {
        wants: Wants::Nothing,
        ..late.clone()
    };
    assert_eq!(farm.asks(&before).await.course, Course::Withdrawn);
    std::fs::remove_file(&freeze).unwrap();
    assert_eq!(farm.asks(&late).await.course, Course::Withdrawn);
    farm.until("nobody asks any more", async || {
        farm.steps("start_node", "decided")
            .iter()
            .any(|step| step["guard"] == "two_keys")
    })
    .await;
    assert_eq!(farm.asks(&one).await.course, Course::Withdrawn);
    assert_eq!(engine.starts(), 0);
    callee.stop().await;
}

/// What is wrong with a request.
type Change = fn(&mut Request);

#[tokio::test]
async fn a_request_is_declined_in_words_and_nothing_of_it_is_recorded() {
    let farm = Farm::new().await;
    let _engine = Engine::serve(farm.path("docker.sock"));
    let other = "    - {name: other, symptom: node_stuck, targets: [node-1], rungs: [{action: notify}]}\n";
    let callee = farm.callee().replace("engines:", &format!("{other}engines:"));
    let callee = callee.replace("policies: [start_node]}", "policies: [start_node, other]}");
    let callee = farm.start("start_node", &callee).await;
    let wrong: [(Change, &str); 5] = [
        (
            |asked| asked.policy = "dance".parse().unwrap(),
            "may not ask for dance here, only for start_node, other",
        ),
        (
            |asked| asked.target = "node-2".parse().unwrap(),
            "is not allowed for node-2 here",
        ),
        (|asked| asked.symptom = "no_peers".to_owned(), "cures node_stuck here"),
        (|asked| asked.until = now(), "it has lapsed"),
        (
            |asked| asked.until = now().plus(Duration::from_secs(100_000)),
            "at most 1d are taken",
        ),
    ];
    for (number, (change, words)) in (1..).zip(wrong) {
        let mut asked = request(number);
        change(&mut asked);
        let answer = farm.asks(&asked).await;
        assert_eq!(answer.course, Course::Declined, "{answer:?}");
        assert!(answer.words.contains(words), "{words}: {answer:?}");
    }
    assert!(farm.journal("start_node").is_empty());
    callee.stop().await;
}

#[tokio::test]
async fn of_two_callers_at_once_both_are_told_of_the_one_action() {
    let farm = Farm::new().await;
    let engine = Engine::serve(farm.path("docker.sock"));
    engine.may_end.add_permits(10);
    let freeze = farm.path("freeze");
    std::fs::write(&freeze, "hands off").unwrap();
    let frozen = format!("remedies:\n  freeze_file: '{}'\n", freeze.display());
    let other = format!(
        "callers: [{{name: other, key_file: '{}', policies: [start_node]}}, ",
        farm.path("key").display()
    );
    let config = farm.callee().replace("remedies:\n", &frozen);
    let callee = farm.start("start_node", &config.replace("callers: [", &other)).await;
    let one = request(1);
    // The same number, of somebody else.
    let two = Request {
        caller: "other".parse().unwrap(),
        ..one.clone()
    };
    let come_to = async |course: Course| {
        farm.until(&format!("{course:?}"), async || {
            let (first, second) = tokio::join!(farm.asks(&one), farm.asks(&two));
            first.course == course && second.course == course
        })
        .await;
    };
    come_to(Course::Held).await;
    std::fs::remove_file(&freeze).unwrap();
    come_to(Course::Done).await;
    let (first, second) = tokio::join!(farm.asks(&one), farm.asks(&two));
    assert_eq!((first.incident, first.words), (second.incident, second.words));
    assert_eq!((engine.starts(), farm.steps("start_node", "asked").len()), (1, 2));
    callee.stop().await;
}
