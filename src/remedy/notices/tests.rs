//! What people read.

use super::alike::MOST_ALIKE;
use super::kind::{held, held_words};
use super::*;
use crate::journal::Head;
use crate::notify::Severity;
use crate::remedy::decide::{Guard, Why};
use crate::remedy::guards::SEEN_SINCE;
use crate::remedy::incident::{After, Ended, Incident, Phase};
use crate::remedy::links::Approvals;
use crate::remedy::step::{IncidentId, Outcome, Plan};
use crate::remedy::testing::{asked_by, at, firing, key};

fn incident() -> Incident {
    let alerts = asked_by(&[firing("w1", at(0))]);
    Incident::open(IncidentId { record: 4, nth: 1 }, key("w1"), alerts, at(0))
}

fn plan(notice: bool) -> Plan {
    Plan {
        policy: "restart".parse().unwrap(),
        target: "prb-1".parse().unwrap(),
        group: "farm".parse().unwrap(),
        entity: "w1".to_owned(),
        rung: 0,
        action: "restart-worker".parse().unwrap(),
        with: [("pace".to_owned(), "1s".to_owned())].into(),
        does: None,
        deed: None,
        touches: std::collections::BTreeSet::new(),
        within: crate::values::Duration::from_secs(60),
        notice,
    }
}

fn head() -> Head {
    Head {
        sequence: 9,
        ..Head::EMPTY
    }
}

fn told(step: &Step, language: Language) -> Option<Message> {
    told_of(&incident(), step, language)
}

fn told_of(incident: &Incident, step: &Step, language: Language) -> Option<Message> {
    let told = Told {
        head: head(),
        time: at(5),
        step,
        incident: step.incident().map(|_| incident),
        opened: &[],
    };
    Some(message(Notice::of(&told)?, &told, language))
}

fn english(step: &Step) -> Message {
    told(step, Language::English).unwrap()
}

const ID: IncidentId = IncidentId { record: 4, nth: 1 };

#[test]
fn what_begins_is_told_with_its_action_and_where_the_story_is() {
    let step = Step::Started {
        incident: ID,
        plan: plan(false),
        words: "no header for 20m".to_owned(),
    };
    let message = english(&step);
    assert_eq!(message.title, "prb-1 w1: a repair begins");
    assert_eq!(
        message.text,
        format!(
            "no header for 20m\naction: restart-worker pace=1s\nrepair restart, rung 1, incident 4.1, record 9\nsha256 {}",
            Head::EMPTY.hash
        )
    );
    assert_eq!((message.severity, message.thread.as_str()), (Severity::Info, "4.1"));
    let chinese = told(&step, Language::Chinese).unwrap();
    assert_eq!(chinese.title, "prb-1 w1: 开始修复");
    assert!(chinese.text.contains("操作：restart-worker") && chinese.text.contains("事件 4.1"));
}

#[test]
fn a_rung_that_only_tells_wants_somebody_to_look() {
    let step = Step::Started {
        incident: ID,
        plan: plan(true),
        words: "no header for 20m".to_owned(),
    };
    assert_eq!(english(&step).title, "prb-1 w1: look at it");
    assert_eq!(english(&step).severity, Severity::Warning);
}

#[test]
fn an_approval_says_once_how_it_is_given_and_what_is_seen() {
    let plan = plan(false);
    let command = format!("farmwarden approve 4.1 --plan {}", plan.mark());
    let step = Step::Decided {
        incident: ID,
        guard: Guard::Approval,
        until: None,
        words: format!(
            "waits for a person: `{command}`{SEEN_SINCE}{}: no header for 20m",
            at(0)
        ),
        plan: Some(plan),
    };
    for language in [Language::English, Language::Chinese] {
        let text = told(&step, language).unwrap().text;
        for words in [&command, "no header for 20m"] {
            assert_eq!(text.matches(words).count(), 1, "{text}");
        }
    }
}

#[test]
fn a_rung_that_refuses_is_told_the_first_time() {
    let refused = Step::Finished {
        incident: ID,
        rung: 0,
        outcome: Outcome::Refused,
        words: "nothing was done: it feeds blocks".to_owned(),
    };
    let mut incident = incident();
    incident.running(at(1), &plan(false));
    assert!(told_of(&incident, &refused, Language::English).is_some());
    incident.ended(at(2), Ended::Refused);
    incident.running(at(3), &plan(false));
    assert_eq!(told_of(&incident, &refused, Language::English), None);
}

#[test]
fn a_storm_is_one_message_however_many_it_holds_back() {
    let stormed = |begins| Step::Stormed {
        policy: "restart".parse().unwrap(),
        group: "farm-1".parse().unwrap(),
        begins,
        words: "400 of 700 have it".to_owned(),
    };
    let message = english(&stormed(true));
    assert!(message.title.starts_with("farm-1: too much is ill at once"));
    assert_eq!(message.severity, Severity::Critical);
    assert_eq!(told(&stormed(false), Language::English), None);
    let held = Step::Decided {
        incident: ID,
        guard: Guard::Fleet,
        until: None,
        words: String::new(),
        plan: None,
    };
    assert_eq!(told(&held, Language::English), None);
}

#[test]
fn every_guard_that_is_told_has_words_of_its_own() {
    let general = held_words(Guard::DryRun, Language::English);
    for guard in Guard::ALL {
        let Some(notice) = held(guard) else { continue };
        for language in [Language::English, Language::Chinese] {
            assert!(!notice.words(language).is_empty());
        }
        assert_ne!(notice.words(Language::English), general, "{guard:?}");
    }
}

#[test]
fn what_was_interrupted_is_told_with_how_far_it_had_come() {
    let mut incident = incident();
    incident.noted = Some("3 of 7 steps done; stopped: lifecycle".to_owned());
    let step = Step::Interrupted { incident: ID, rung: 0 };
    let text = told_of(&incident, &step, Language::English).unwrap().text;
    assert!(
        text.contains("so far: 3 of 7 steps done; stopped: lifecycle\n"),
        "{text}"
    );
}

#[test]
fn a_hostile_name_cannot_play_with_the_title() {
    let mut incident = incident();
    incident.key.entity = "w1\n\u{202e}FIRE".to_owned();
    let step = Step::Interrupted { incident: ID, rung: 0 };
    let title = told_of(&incident, &step, Language::English).unwrap().title;
    assert_eq!(title, "prb-1 w1\\n\\u202eFIRE: a repair was interrupted");
}

#[test]
fn what_waits_for_approval_has_a_link_where_people_have_an_address() {
    let step = Step::Decided {
        incident: ID,
        guard: Guard::Approval,
        until: None,
        words: "waits for a person: farmwarden approve 4.1".to_owned(),
        plan: Some(plan(false)),
    };
    let incident = incident();
    let told = Told {
        head: head(),
        time: at(5),
        step: &step,
        incident: Some(&incident),
        opened: &[],
    };
    let waits_in = |language, external_url: Option<&str>| {
        let approvals = Approvals {
            external_url: external_url.map(|url| url.parse().unwrap()),
            ..Approvals::default()
        };
        let links = Links::new(&approvals).unwrap();
        // Told again, a minute later.
        with_link(english(&step), &links, &told, at(65), language)
    };
    let waits = |external_url| waits_in(Language::English, external_url);
    let in_chinese = waits_in(Language::Chinese, Some("https://farm.example/f_w"));
    let linked = waits(Some("https://farm.example/f_w"));
    let (_, url) = linked
        .text
        .rsplit_once("\nor open (until 2026-11-21T13:01:05Z): ")
        .unwrap();
    assert!(url.starts_with("https://farm.example/f_w/approve/4.1-"), "{url}");
    let markdown = linked.markdown.unwrap();
    assert!(markdown.ends_with(&format!("\\): [this link]({url})")), "{markdown}");
    assert!(in_chinese.text.ends_with("?language=zh"), "{}", in_chinese.text);
    assert!(
        markdown.starts_with("waits for a person: farmwarden approve 4.1  \n"),
        "{markdown}"
    );
    let without = waits(None);
    assert!(!without.text.contains("or open") && without.markdown.is_none());
}

#[test]
fn what_may_have_been_told_before_says_so() {
    let step = Step::Escalated {
        incident: ID,
        words: "look at it".to_owned(),
    };
    let title = again(english(&step), Language::English).title;
    assert_eq!(
        title,
        "prb-1 w1: a person must act (before farmwarden started anew; perhaps told already)"
    );
}

#[test]
fn what_hundreds_have_at_once_is_told_some_times_and_then_no_more_for_a_while() {
    let mut alike = Alike::default();
    let mut admit = |notice, second| alike.admit(notice, at(second));
    let paused = Notice::Held(Guard::Pause);
    for nth in 1..MOST_ALIKE {
        assert_eq!(admit(paused, 1), Admitted::Yes, "{nth}");
    }
    assert_eq!(admit(paused, 2), Admitted::Last);
    assert_eq!(admit(paused, 3), Admitted::No);
    assert_eq!(admit(Notice::Cured, 3), Admitted::Yes, "another kind");
    assert_eq!(admit(paused, 601), Admitted::Yes);
    for _ in 0..100 {
        assert_eq!(admit(Notice::Escalated, 3), Admitted::Yes);
    }
}

#[test]
fn nobody_is_told_that_a_message_or_a_rehearsal_did_not_help() {
    let failed = Step::Failed {
        incident: ID,
        rung: 0,
        words: String::new(),
    };
    for (after, is_told) in [(After::Notice, false), (After::Rehearsal, false), (After::Action, true)] {
        let mut incident = incident();
        incident.phase = Phase::Proving { since: at(1), after };
        assert_eq!(
            told_of(&incident, &failed, Language::English).is_some(),
            is_told,
            "{after:?}"
        );
    }
}

#[test]
fn a_rehearsed_ladder_calls_nobody_and_counts_no_rung_that_is_not_there() {
    let escalated = Step::Escalated {
        incident: ID,
        words: String::new(),
    };
    let mut ended = incident();
    ended.rung = 2;
    ended.rehearsed = true;
    let message = told_of(&ended, &escalated, Language::English).unwrap();
    assert_eq!(message.severity, Severity::Info);
    assert!(
        message.title.ends_with("dry run: a person would be called"),
        "{}",
        message.title
    );
    assert!(message.text.contains("rung 2,"), "{}", message.text);
    ended.acted = true;
    let message = told_of(&ended, &escalated, Language::English).unwrap();
    assert_eq!(message.severity, Severity::Critical);
}

#[test]
fn an_alert_that_has_ended_is_not_told_as_a_mistake_of_the_configuration() {
    let held = Step::Decided {
        incident: ID,
        guard: Guard::TwoKeys,
        until: None,
        words: String::new(),
        plan: None,
    };
    let mut ended = incident();
    assert_eq!(
        told_of(&ended, &held, Language::English).unwrap().severity,
        Severity::Warning
    );
    ended.attach(&firing("w1", at(0)), false, at(1));
    let message = told_of(&ended, &held, Language::English).unwrap();
    assert_eq!(message.title, "prb-1 w1: nobody asks for a repair any more");
}

#[test]
fn names_that_are_none_are_told() {
    let mut alert = firing("w1", at(0));
    alert.labels.insert("target".to_owned(), "10.0.0.1:9944".to_owned());
    let step = Step::Received {
        from: String::new(),
        alerts: vec![alert],
    };
    let text = english(&step).text;
    assert!(
        text.contains("WorkerStalled asks for a repair, but its label `target`"),
        "{text}"
    );
    assert_eq!(
        told(
            &crate::remedy::testing::received(firing("w1", at(0))),
            Language::English
        ),
        None
    );
}

#[test]
fn whoever_reads_chinese_gets_chinese() {
    let words = || "restart for w1 of prb-1: words of the journal".to_owned();
    let mut incident = incident();
    incident.tried = Some(plan(false));
    let mut steps = vec![
        Step::Rehearsed {
            incident: ID,
            plan: plan(false),
            words: words(),
        },
        Step::Cured {
            incident: ID,
            rung: 0,
            words: words(),
        },
        Step::Failed {
            incident: ID,
            rung: 0,
            words: words(),
        },
        Step::Escalated {
            incident: ID,
            words: words(),
        },
        Step::Closed {
            incident: ID,
            why: Why::Well,
            words: words(),
        },
        Step::Interrupted { incident: ID, rung: 0 },
    ];
    let held = |guard| Step::Decided {
        incident: ID,
        guard,
        until: Some(at(60)),
        words: words(),
        plan: None,
    };
    steps.extend(Guard::ALL.map(held));
    for step in steps {
        let Some(message) = told_of(&incident, &step, Language::Chinese) else {
            continue;
        };
        let is_quoted = message
            .text
            .contains("（原文）：restart for w1 of prb-1: words of the journal");
        assert_eq!(
            is_quoted,
            matches!(
                step,
                Step::Decided {
                    guard: Guard::Freeze | Guard::Pause | Guard::Budget,
                    ..
                }
            ),
            "{step:?}: {}",
            message.text
        );
        assert_eq!(
            message.text.contains("words of the journal"),
            is_quoted,
            "{}",
            message.text
        );
        let first = message.text.lines().next().unwrap();
        assert!(first.chars().any(|c| ('一'..='龥').contains(&c)), "{step:?}: {first}");
    }
}

#[test]
fn a_rung_that_refused_until_it_was_given_up_is_not_told_as_one_that_did_not_help() {
    let given_up = Step::Failed {
        incident: ID,
        rung: 0,
        words: "restart-worker has refused 3 times, and nothing was done".to_owned(),
    };
    let mut incident = incident();
    incident.tried = Some(plan(false));
    let message = told_of(&incident, &given_up, Language::English).unwrap();
    assert!(message.title.contains("refused again and again"), "{}", message.title);
    let chinese = told_of(&incident, &given_up, Language::Chinese).unwrap();
    assert!(
        chinese.text.starts_with("restart-worker 一再被拒绝"),
        "{}",
        chinese.text
    );
}

#[test]
fn where_nobody_knows_what_was_done_the_rung_is_named_and_no_other_is_said_to_be_tried() {
    let escalated = Step::Escalated {
        incident: ID,
        words: "it may be under way over there".to_owned(),
    };
    let mut incident = incident();
    let after = After::Unknown;
    (incident.acted, incident.phase) = (true, Phase::Proving { since: at(1), after });
    let message = told_of(&incident, &escalated, Language::English).unwrap();
    assert!(message.text.contains("rung 1,"), "{}", message.text);
    let chinese = told_of(&incident, &escalated, Language::Chinese).unwrap();
    assert!(chinese.text.contains("是否执行过未知"), "{}", chinese.text);
}

#[test]
fn an_approval_names_the_action_in_every_language() {
    let waits = Step::Decided {
        incident: ID,
        guard: Guard::Approval,
        until: None,
        words: "waits".to_owned(),
        plan: Some(plan(false)),
    };
    for (language, action) in [
        (Language::English, "action: restart-worker pace=1s"),
        (Language::Chinese, "操作：restart-worker pace=1s"),
    ] {
        let message = told(&waits, language).unwrap();
        assert!(message.text.contains(action), "{}", message.text);
    }
}
