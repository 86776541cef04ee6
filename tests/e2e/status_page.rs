//! The status page in a real Chromium: whether it fits, can be read, is whole without scripts, and runs none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{Browser, Farmwarden, LONG, Simfarm, http, wait_for};

/// Would change the title if it ran.
const EVIL: &str = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>";

/// A farm in trouble: a node that is well, one that stands still, one that is dead, one that says something evil, and a
/// mount that is missing.
fn farm() -> (Simfarm, Farmwarden) {
    let nodes = ["well-para", "well-relay", "stuck", "evil"];
    let options: Vec<String> = nodes.iter().map(|node| format!("{node}=127.0.0.1:0")).collect();
    let options: Vec<&str> = options.iter().flat_map(|option| ["--substrate", option]).collect();
    let farm = Simfarm::start(&options);
    for node in nodes {
        farm.set(&format!("substrate/{node}"), &json!({"block_time_ms": 500}));
    }
    farm.set("substrate/stuck", &json!({"incident": "stuck"}));
    farm.set(
        "substrate/evil",
        &json!({"incident": "rpc_error", "error_message": EVIL}),
    );
    let at = |node: &str| format!("http://{}", farm.place("substrate", node));
    let pace = json!({"interval": "1s", "timeout": "900ms"});
    let node = |name: &str, para: String, more: Value| {
        let mut node = json!({"name": name, "para": para});
        for extra in [&pace, &more] {
            node.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        }
        node
    };
    let mut targets = vec![
        node("node-1", at("well-para"), json!({"relay": at("well-relay")})),
        node("node-2", at("stuck"), json!({"thresholds": {"stuck_after": "2s"}})),
        node(
            "node-3",
            "http://127.0.0.1:1".to_owned(),
            json!({"relay": at("well-relay")}),
        ),
        node(
            "node-4",
            "http://127.0.0.1:1".to_owned(),
            json!({"relay": "http://127.0.0.1:1"}),
        ),
        node("node-5", at("evil"), json!({})),
    ];
    // Enough of a kind to be counted instead of named.
    targets.extend((6..14).map(|number| node(&format!("node-{number}"), at("well-para"), json!({}))));
    let missing = format!("/mnt/{}", EVIL.replace('/', "\\"));
    let host = json!({"name": "host-1", "interval": "2s", "probe_timeout": "500ms", "include": ["/"], "plots": ["/"],
        "expected": [{"mount": missing}, {"mount": "/mnt/plots/d01"}]});
    let config = json!({"collectors": {"phala": targets, "mounts": [host]}});
    // JSON is YAML, too.
    let warden = Farmwarden::start(&config.to_string());
    wait_for("everything was looked at and the node stands still", LONG, || {
        let report = http::get_json(&warden.address, "/api/v1/targets")?;
        let ill = |name: &str| report["symptoms"].to_string().contains(name);
        if report["summary"]["waiting"] == 0 && ill("node_stuck") && ill("mount_missing") {
            Ok(())
        } else {
            Err(report.to_string())
        }
    });
    (farm, warden)
}

/// The smallest contrast of any text with what is behind it, and that text. WCAG 2.2, 1.4.3, asks for 4.5.
const CONTRAST: &str = r"(() => {
    const numbers = colour => colour.match(/[\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b]
        .map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        for (; element; element = element.parentElement) {
            const colour = numbers(getComputedStyle(element).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
    };
    let worst = [99, 'no text'];
    for (const element of document.body.querySelectorAll('*')) {
        const own = [...element.childNodes].filter(n => n.nodeType == 3).map(n => n.data.trim()).join('');
        if (!own || !element.checkVisibility()) continue;
        const [one, other] = [luminance(numbers(getComputedStyle(element).color)), luminance(behind(element))];
        const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (ratio < worst[0]) worst = [ratio, own];
    }
    return worst;
})()";

#[test]
fn it_fits_and_can_be_read_on_every_screen_in_light_and_dark() {
    let (_farm, warden) = farm();
    let mut browser = Browser::start();
    for scheme in ["light", "dark"] {
        for width in [360, 800, 1400] {
            browser.look_like(width, scheme);
            browser.open(&format!("http://{}/", warden.address));
            let seen = format!("{scheme}, {width} px");
            let too_wide = browser.value("document.scrollingElement.scrollWidth - innerWidth");
            assert!(too_wide.as_i64().unwrap() <= 0, "{seen}: {too_wide} px too wide");
            let cut = browser.value(
                "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth).length",
            );
            assert_eq!(cut, 0, "{seen}: elements that end beyond the screen");
            let contrast = browser.value(CONTRAST);
            assert!(contrast[0].as_f64().unwrap() >= 4.5, "{seen}: {contrast}");
            let background = browser.value("getComputedStyle(document.body).backgroundColor");
            assert_eq!(
                background == "rgb(17, 20, 23)",
                scheme == "dark",
                "{seen}: {background}"
            );
            assert_eq!(browser.complaints(), [""; 0], "{seen}");
            browser.photograph(&format!("status-{scheme}-{width}"));
        }
    }
}

#[test]
fn words_of_upstreams_do_not_run_and_the_policy_stops_what_would() {
    let (_farm, warden) = farm();
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", warden.address));
    let shown = browser.value("document.body.innerText");
    assert_eq!(
        shown.as_str().unwrap().matches("document.title='ran'").count(),
        4,
        "{shown}"
    );
    assert_eq!(browser.value("document.querySelectorAll('img, script').length"), 0);
    assert_ne!(browser.value("document.title"), "ran");
    assert_eq!(browser.complaints(), [""; 0]);
    // Had it become markup after all:
    let script = "document.body.append(Object.assign(document.createElement('script'), {text: 'document.title=1'}))";
    browser.value(script);
    browser.value("document.body.setAttribute('style', 'display: none')");
    assert_ne!(browser.value("document.title"), "1");
    assert_eq!(browser.value("getComputedStyle(document.body).display"), "block");
    assert_eq!(browser.complaints().len(), 2, "{:?}", browser.complaints());
}

#[test]
fn it_is_whole_without_scripts() {
    let (_farm, warden) = farm();
    let mut browser = Browser::start();
    browser.call("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.open(&format!("http://{}/", warden.address));
    let rows = browser.value("document.querySelectorAll('tbody tr').length");
    let report = http::get_json(&warden.address, "/api/v1/targets").unwrap();
    let parts = |target: &Value| target["parts"].as_array().unwrap().len();
    let expected: usize = report["targets"].as_array().unwrap().iter().map(parts).sum();
    assert_eq!(rows, expected);
    assert_eq!(
        browser.value("document.querySelector('h1 .words').innerText"),
        report["verdict"]
    );
    let first = browser.value("[...document.querySelectorAll('.first a')].map(link => link.innerText)");
    let expected = &report["farms"][0]["first_broken"];
    assert_eq!(names(&first), names(expected));
    let text = browser.value("document.body.innerText");
    let symptoms = report["symptoms"].as_array().unwrap();
    assert!(symptoms.len() >= 3, "{report}");
    for symptom in symptoms.iter().filter(|symptom| symptom["symptom"] == "mount_missing") {
        let evidence = symptom["evidence"].as_str().unwrap();
        assert!(text.as_str().unwrap().contains(evidence), "{evidence}\n{text}");
    }
}

/// In an order of their own.
fn names(list: &Value) -> BTreeSet<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect()
}
