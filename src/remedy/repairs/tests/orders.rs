//! What people order and approve.

use futures_util::FutureExt as _;

use super::*;

#[tokio::test]
async fn what_needs_an_approval_waits_for_it_and_goes_on_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (running, id) = waiting_for_approval(directory.path()).await;
    assert_eq!(running.acted.0.load(Ordering::Relaxed), 0);
    let repairs = &running.repairs;
    let other = "99.0".parse().unwrap();
    assert!(matches!(
        repairs.approve(other, Shown::default(), "ada").await,
        Err(Declined::Unknown(_))
    ));
    let mark = running.waiting(id).plan.unwrap();
    let of_rung = |rung| Shown {
        rung: Some(rung),
        ..Shown::default()
    };
    let of_plan = |plan| Shown {
        plan: Some(plan),
        ..Shown::default()
    };
    for (shown, words) in [
        (of_rung(1), "waits for something else than rung 2: rung 1, restart-node"),
        (of_plan("00000000"), "waits for something else than plan `00000000`"),
    ] {
        let wrong = repairs.approve(id, shown, "ada").await.unwrap_err();
        let named = wrong
            .to_string()
            .contains(&format!("farmwarden approve {id} --plan {mark}"));
        assert!(wrong.to_string().contains(words) && named, "{wrong}");
    }
    assert!(running.waiting(id).words.contains(&format!("--plan {mark}`")));
    let plan = repairs.approve(id, of_plan(&mark), "ada").await.unwrap();
    assert_eq!((plan.action.as_str(), plan.mark()), ("restart-node", mark));
    let again = repairs.approve(id, of_rung(0), "li").await.unwrap_err();
    assert!(!matches!(again, Declined::Unrecorded(_)), "{again}");
    running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_link_approves_once_and_looking_at_it_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (running, id) = waiting_for_approval(directory.path()).await;
    let repairs = &running.repairs;
    let plan = repairs.open().unwrap().runner.planned(id).unwrap();
    let now = Clock::system().now().wall;
    let made = |links: &Links, plan: &Plan, at| {
        let (link, _) = links.link(id, plan, at).unwrap();
        link.rsplit_once(LINK_PATH).unwrap().1.to_owned()
    };
    let link = made(&running.links, &plan, now);
    for _ in 0..2 {
        let offer = repairs.offered(&link).unwrap();
        assert_eq!((offer.plan, offer.evidence.as_str()), (plan.clone(), "no block for 9m"));
    }
    let of_another_rung = Plan {
        rung: 1,
        ..plan.clone()
    };
    let stranger = Links::new(&approvals()).unwrap();
    for (link, words) in [
        (made(&running.links, &plan, now.minus(minutes(120))), "this link ended"),
        (made(&running.links, &of_another_rung, now), "no longer, valid"),
        (made(&stranger, &plan, now), "no longer, valid"),
        ("x".to_owned(), "no longer, valid"),
    ] {
        let declined = repairs.approve_by_link(&link, "10.0.0.9").await.unwrap_err();
        assert!(declined.to_string().contains(words), "{declined}");
    }
    assert_eq!(running.acted.0.load(Ordering::Relaxed), 0);
    let (first, second) = tokio::join!(
        repairs.approve_by_link(&link, "10.0.0.9"),
        repairs.approve_by_link(&link, "10.0.0.9")
    );
    assert_eq!(
        [&first, &second].iter().filter(|one| one.is_ok()).count(),
        1,
        "{first:?} {second:?}"
    );
    assert!(repairs.offered(&link).is_err());
    running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    running.stop().await;
    let journal = std::fs::read_dir(directory.path().join("journal")).unwrap();
    let text: String = journal
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(text.contains("the link in a message, opened by 10.0.0.9"), "{text}");
    // Whoever reads the journal cannot approve with it.
    let secret = link.splitn(3, '-').last().unwrap();
    assert!(secret.len() == 43 && !text.contains(secret), "{text}");
}

#[tokio::test]
async fn a_pause_holds_until_it_is_ended_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let (repairs, now) = (&running.repairs, Clock::system().now().wall);
    let target = || Scope::Target("node-1".parse().unwrap());
    let until = now.plus(minutes(60));
    for (scope, reason, until, words) in [
        (
            Scope::Target("node-7".parse().unwrap()),
            "why",
            until,
            "there is no target node-7",
        ),
        (target(), " ", until, "needs a reason"),
        (target(), "why", now.minus(minutes(1)), "a pause ends between"),
        (target(), "why", now.plus(minutes(60 * 24 * 40)), "a pause ends between"),
    ] {
        let declined = repairs.pause(scope, "ada", reason, until).await.unwrap_err();
        assert!(declined.to_string().contains(words), "{declined}");
    }
    assert!(matches!(
        repairs.resume(target(), "ada").await,
        Err(Declined::Unknown(_))
    ));
    repairs
        .pause(target(), "ada", "moving the rack\n", until)
        .await
        .unwrap();
    repairs.order(&key("node-1"), "ada").await.unwrap();
    let overview = running
        .until("the hold", |overview| held_by(overview, Guard::Pause))
        .await;
    let words = &overview.incidents.first().unwrap().words;
    assert!(
        words.contains("paused by ada") && words.contains("moving the rack"),
        "{words}"
    );
    assert_eq!(overview.pauses.first().unwrap().reason, "moving the rack");
    repairs.resume(target(), "ada").await.unwrap();
    running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    running.stop().await;
}

#[tokio::test]
async fn an_order_is_carried_out_once_and_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let id = running.repairs.order(&key("node-1"), "ada").await.unwrap().id;
    let overview = running
        .until("proving", |overview| {
            overview.incidents.iter().any(|one| one.phase == "proving")
        })
        .await;
    let incident = overview.incidents.first().unwrap();
    assert_eq!(
        (incident.id, incident.group.as_str(), incident.seen.as_str()),
        (id, "east", "ill")
    );
    assert_eq!(
        (incident.rung, incident.rungs, incident.evidence.as_str()),
        (1, 1, "no block for 9m")
    );
    let policy = overview.policies.first().unwrap();
    assert_eq!((policy.left_this_hour, policy.left_today), (9, 39));
    assert_eq!(running.acted.0.load(Ordering::Relaxed), 1);
    let head = overview.journal.head.unwrap();
    running.stop().await;
    let verified = crate::journal::verify(&directory.path().join("journal"), Some(head.parse().unwrap())).unwrap();
    assert!(verified.found.is_some() && verified.records >= 3, "{verified:?}");
}

#[tokio::test]
async fn an_order_says_what_is_decided_first_and_can_be_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), APPROVED).await;
    let repairs = &running.repairs;
    let ordered = repairs.order(&key("node-1"), "ada").await.unwrap();
    assert!(ordered.first.starts_with("held back by "), "{}", ordered.first);
    let overview = running
        .until("the order", |overview| !overview.incidents.is_empty())
        .await;
    let incident = overview.incidents.first().unwrap();
    assert_eq!((incident.ordered_by.as_deref(), incident.fires), (Some("ada"), false));
    assert_eq!(repairs.withdraw(&key("node-1"), "li").await, Ok(ordered.id));
    running.until("the end", |overview| overview.incidents.is_empty()).await;
    let nothing = repairs.withdraw(&key("node-1"), "li").await.unwrap_err();
    assert!(matches!(nothing, Declined::Unknown(_)), "{nothing}");
    running.stop().await;
}

#[tokio::test]
async fn an_order_for_what_no_policy_allows_is_declined() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let not_there = running.repairs.order(&key("node-7"), "ada").await.unwrap_err();
    assert!(not_there.to_string().contains("not allowed for node-7"), "{not_there}");
    let unknown = Key {
        policy: "reboot".parse().unwrap(),
        ..key("node-1")
    };
    assert!(matches!(
        running.repairs.order(&unknown, "ada").await,
        Err(Declined::Unknown(_))
    ));
    running.stop().await;
}

#[tokio::test]
async fn what_is_recorded_when_nobody_waits_for_it_any_more_is_carried_out_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(directory.path(), RESTART).await;
    let key = key("node-1");
    let given_up = running.repairs.order(&key, "ada").now_or_never();
    assert_eq!(given_up, None);
    running
        .until("the action", |_| running.acted.0.load(Ordering::Relaxed) == 1)
        .await;
    running.stop().await;
}
