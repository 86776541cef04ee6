use super::*;
use crate::report::{Farm, Fault, Link, Part, Summary, Symptom, Target};

fn part(name: &str, state: Health) -> Part {
    Part {
        name: name.to_owned(),
        hangs_on: Vec::new(),
        state,
        has_data: state == Health::Well,
        last_success_timestamp_seconds: None,
        data_age_seconds: None,
        round_duration_seconds: None,
        interval_seconds: 15.0,
        next_round_in_seconds: None,
        last_fault: None,
    }
}

fn target(name: &str, parts: Vec<Part>) -> Target {
    Target {
        name: name.to_owned(),
        collector: "mounts".to_owned(),
        farm: "default".to_owned(),
        depends_on: Vec::new(),
        state: parts.iter().map(|part| part.state).max().unwrap_or(Health::Well),
        parts,
    }
}

fn link(name: &str, strand: usize, stage: usize, health: Health) -> Link {
    Link {
        name: name.to_owned(),
        target: name.split('/').next().unwrap().to_owned(),
        collector: "mounts".to_owned(),
        part: name.split_once('/').map(|(_, part)| part.to_owned()),
        state: health,
        hangs_on: Vec::new(),
        strand,
        stage,
        first_broken: false,
        waits_for: None,
    }
}

fn symptom(target: &str, evidence: &str) -> Symptom {
    Symptom {
        target: target.to_owned(),
        collector: "mounts".to_owned(),
        farm: "default".to_owned(),
        symptom: "mount_error".to_owned(),
        entity: Some("/mnt/1".to_owned()),
        hint: false,
        evidence: evidence.to_owned(),
        meaning: "The last probe met an error.".to_owned(),
        advice: "Look at the disk.".to_owned(),
    }
}

fn report(links: Vec<Link>, targets: Vec<Target>, symptoms: Vec<Symptom>) -> Report {
    let farm = Farm {
        name: "default".to_owned(),
        first_broken: Vec::new(),
        links,
    };
    Report {
        version: "0.1.0".to_owned(),
        generated_timestamp_seconds: 1_700_000_000.0,
        verdict: "All is well.".to_owned(),
        summary: Summary::default(),
        farms: vec![farm],
        targets,
        symptoms,
    }
}

fn shown(report: Report, query: &str) -> String {
    render(report, &no_repairs(), "/metrics", &View::read(Some(query))).unwrap()
}

fn no_repairs() -> Overview {
    let text = r#"{
        "generated": "2026-11-21T09:00:00Z", "enabled": true, "journal": {"up": false}, "pauses": [], "policies": [],
        "incidents": [], "crowded_out": 0
    }"#;
    serde_json::from_str(text).unwrap()
}

fn incident(nth: usize, phase: &str, words: &str) -> serde_json::Value {
    serde_json::json!({
        "id": format!("{nth}.0"), "target": format!("node-{nth}"), "entity": "para", "policy": "restart_node",
        "group": "default", "phase": phase, "rung": 1, "rungs": 2, "action": "restart-node", "rehearsed": false,
        "opened": "2026-11-21T09:00:00Z", "heard": "2026-11-21T09:00:00Z", "fires": true, "seen": "ill",
        "seen_since": "2026-11-21T08:50:00Z", "evidence": words, "guard": "pause", "until": "2026-11-21T11:00:00Z",
        "words": words
    })
}

fn repairs(incidents: Vec<serde_json::Value>) -> Overview {
    let repairs = Overview {
        incidents: serde_json::from_value(incidents.into()).unwrap(),
        ..no_repairs()
    };
    Overview {
        frozen: Some("moving the rack".to_owned()),
        ..repairs
    }
}

fn shown_with(repairs: &Overview, query: &str) -> String {
    let report = report(Vec::new(), vec![target("node-7", Vec::new())], Vec::new());
    render(report, repairs, "/metrics", &View::read(Some(query))).unwrap()
}

#[test]
fn repairs_are_told_with_what_holds_them_and_who_must_act_stands_first() {
    let told = text(&shown_with(
        &repairs(vec![incident(6, "open", "paused by ada"), incident(7, "escalated", "")]),
        "",
    ));
    for words in [
        "▲ held no alerts are taken and nothing is repaired: it takes no records",
        "▲ held frozen by the freeze file: moving the rack",
        "No policy is configured.",
        "node-7 ✕ a person must act restart_node for para of node-7 incident 7.0, since 2026-11-21T09:00:00Z",
        "ill since 2026-11-21T08:50:00Z: paused by ada rung 1 of 2, restart-node, is next; held back by pause until \
         2026-11-21T11:00:00Z: paused by ada",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(told.find("incident 7.0") < told.find("incident 6.0"), "{told}");
    assert!(!text(&shown_with(&no_repairs(), "")).contains("Repairs"));
}

#[test]
fn many_incidents_are_cut_with_their_count_and_words_of_strangers_stay_words() {
    let evil = "<script>alert(1)</script>";
    let repairs = repairs((0..100).map(|nth| incident(nth, "open", evil)).collect());
    let page = shown_with(&repairs, "");
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
    assert!(text(&page).contains("60 more"), "{page}");
    assert!(text(&shown_with(&repairs, "all")).contains("incident 99.0"));
    let one = text(&shown_with(&repairs, "target=node-7"));
    assert!(one.contains("incident 7.0") && !one.contains("incident 8.0"), "{one}");
}

#[test]
fn who_may_relapse_is_told_and_cut_with_the_count() {
    let resting = |nth: usize| {
        serde_json::json!({
            "after": format!("{nth}.0"), "target": format!("node-{nth}"), "entity": "para", "policy": "restart_node",
            "heard": "2026-11-21T09:00:00Z"
        })
    };
    let overview = Overview {
        resting: serde_json::from_value((0..50).map(resting).collect::<Vec<_>>().into()).unwrap(),
        ..repairs(Vec::new())
    };
    let told = text(&shown_with(&overview, ""));
    let words =
        "restart_node for para of node-7: incident 7.0 is over, its alert still fires; ill again, it has another one";
    assert!(told.contains(words) && told.contains("10 more"), "{told}");
    let one = text(&shown_with(&overview, "target=node-7"));
    assert!(one.contains(words) && !one.contains("incident 8.0"), "{one}");
}

/// What a reader sees: without markup and styles.
fn text(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let mut text = String::new();
    for piece in body.split('<') {
        if !piece.starts_with("a ") && !piece.starts_with("/a>") {
            text.push(' ');
        }
        text.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn words_of_an_upstream_stay_words() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;";
    let mut down = part("probe", Health::Down);
    down.last_fault = Some(Fault {
        words: evil.to_owned(),
        reason: "malformed".to_owned(),
        timestamp_seconds: 1.0,
        age_seconds: 3.0,
        over: false,
    });
    let mut ill = symptom("host-1", &format!("it says {evil}"));
    ill.entity = Some(evil.to_owned());
    let page = shown(report(Vec::new(), vec![target("host-1", vec![down])], vec![ill]), "");
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&gt;&lt;img src=x onerror=alert(2)&gt;&amp;lt;";
    assert_eq!(page.matches(escaped).count(), 3, "fault, entity and evidence: {page}");
    assert!(unknown_target(&View::read(Some("target=%3Cscript%3E"))).contains("&lt;script&gt;"));
}

#[test]
fn every_state_has_its_own_words_and_symbol() {
    let states = [
        (Health::Well, true, "✓ well"),
        (Health::Waiting, false, "… waiting for first round"),
        (Health::Ill, true, "▲ ill"),
        (Health::Stale, false, "◷ no new data"),
        (Health::Down, true, "✕ down, old data shown"),
        (Health::Down, false, "✕ down, no data"),
    ];
    for (state, has_data, words) in states {
        let part = Part {
            has_data,
            ..part("probe", state)
        };
        let page = shown(report(Vec::new(), vec![target("host-1", vec![part])], Vec::new()), "");
        assert!(
            text(&page).contains(&format!("host-1/probe mounts {words} never")),
            "{}",
            text(&page)
        );
    }
}

#[test]
fn a_fault_that_is_over_is_told_as_over() {
    let mut part = part("probe", Health::Well);
    part.last_fault = Some(Fault {
        words: "nas: connection refused".to_owned(),
        reason: "unreachable".to_owned(),
        timestamp_seconds: 1.0,
        age_seconds: 190.0,
        over: true,
    });
    let page = shown(report(Vec::new(), vec![target("host-1", vec![part])], Vec::new()), "");
    assert!(
        text(&page).contains("over, 3 min 10 s ago: nas: connection refused"),
        "{}",
        text(&page)
    );
}

#[test]
fn links_that_are_well_and_alike_are_counted_and_broken_ones_are_named() {
    let mut links: Vec<Link> = (0..40)
        .map(|number| link(&format!("host-{number}"), number, 0, Health::Well))
        .collect();
    links[7].state = Health::Down;
    links[7].first_broken = true;
    links[9].state = Health::Ill;
    links[9].waits_for = Some("nas".to_owned());
    let told = text(&shown(report(links, Vec::new(), Vec::new()), ""));
    assert!(
        told.contains("host-7 ✕ down first broken host-9 ▲ ill waits for nas ✓ 38 mounts targets are well"),
        "{told}"
    );
}

#[test]
fn a_chain_is_told_from_left_to_right_and_a_long_row_within_it_is_counted() {
    let mut links = vec![
        link("node-1/relay", 0, 0, Health::Well),
        link("node-1/para", 0, 1, Health::Down),
    ];
    links.extend((0..10).map(|number| link(&format!("prb-{number}"), 0, 2, Health::Well)));
    let told = text(&shown(report(links, Vec::new(), Vec::new()), ""));
    assert!(
        told.contains("node-1/relay ✓ well node-1/para ✕ down ✓ 10 mounts are well prb-0"),
        "{told}"
    );
}

#[test]
fn chains_of_one_shape_that_are_well_are_counted() {
    let both = |number: usize| {
        [("relay", 0), ("para", 1)]
            .map(|(part, stage)| link(&format!("node-{number}/{part}"), number, stage, Health::Well))
    };
    let links = (0..5).flat_map(both).collect();
    let told = text(&shown(report(links, Vec::new(), Vec::new()), ""));
    assert!(
        told.contains("✓ 5 times relay → para: all well node-0 node-1"),
        "{told}"
    );
}

#[test]
fn a_large_farm_is_cut_with_counts_and_shown_whole_on_request() {
    let targets: Vec<Target> = (0..2_000)
        .map(|number| target(&format!("host-{number}"), vec![part("probe", Health::Well)]))
        .collect();
    let symptoms: Vec<Symptom> = (0..500)
        .map(|number| symptom(&format!("host-{number}"), "ESTALE"))
        .collect();
    let links: Vec<Link> = (0..2_000)
        .map(|number| link(&format!("host-{number}"), number, 0, Health::Down))
        .collect();
    let report = report(links, targets, symptoms);
    let short = shown(report.clone(), "");
    let told = text(&short);
    assert!(
        told.contains("1800 more rows are left out") && told.contains("460 more"),
        "{told}"
    );
    assert!(told.contains("1940 more that are not well"), "{told}");
    assert!(short.len() < 150_000, "{}", short.len());
    let whole = text(&shown(report, "all"));
    assert!(whole.contains("host-1999/probe") && !whole.contains("left out"));
}

#[test]
fn one_target_is_shown_alone_or_said_not_to_be_there() {
    let targets = vec![
        target("host-1", vec![part("probe", Health::Well)]),
        target("host-2", vec![part("probe", Health::Down)]),
    ];
    let report = report(Vec::new(), targets, Vec::new());
    let told = text(&shown(report.clone(), "target=host-1"));
    assert!(told.contains("host-1/probe") && !told.contains("host-2"), "{told}");
    assert_eq!(
        render(report, &no_repairs(), "/metrics", &View::read(Some("target=host-3"))),
        None
    );
}

#[test]
fn it_loads_itself_again_only_when_asked() {
    let page = |query| shown(report(Vec::new(), Vec::new(), Vec::new()), query);
    assert!(!page("").contains("http-equiv"));
    assert!(page("refresh=30").contains("<meta http-equiv=\"refresh\" content=\"30\">"));
}

#[test]
fn the_policy_allows_the_very_style_of_the_page_and_nothing_else() {
    let page = shown(report(Vec::new(), Vec::new(), Vec::new()), "");
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let digest = STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, style.as_bytes()));
    assert!(
        policy().contains(&format!("style-src 'sha256-{digest}';")),
        "{}",
        policy()
    );
    assert!(!policy().contains("unsafe") && !page.contains("style=") && !page.contains("<script"));
}
