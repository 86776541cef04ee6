//! Who is let in, and who is believed.

use farmwarden::actions::remote::Believes;
use farmwarden::config::Settings;
use farmwarden::remedy::hands::reach;

use super::*;

#[tokio::test]
async fn who_cannot_sign_is_told_nothing_and_the_socket_takes_nothing_else() {
    let farm = Farm::new().await;
    let _engine = Engine::serve(farm.path("docker.sock"));
    let callee = farm.start("start_node", &farm.callee()).await;
    let socket = || Place::Socket(farm.path("remote.sock"));
    let mut told = Vec::new();
    for (key, caller) in [("wrong-key", "control"), ("key", "nobody"), ("wrong-key", "nobody")] {
        let asked = Request {
            caller: caller.parse().unwrap(),
            ..request(1)
        };
        told.push(farm.remote(key, caller, socket()).ask(&asked).await.unwrap());
    }
    let Said::Refused { words, passes: false } = &told[0] else {
        panic!("{told:?}")
    };
    assert!(words.starts_with("HTTP 401: "), "{words}");
    for (said, caller) in told.iter().zip(["control", "nobody", "nobody"]) {
        let same = words.replace("a caller control ", &format!("a caller {caller} "));
        assert_eq!(
            *said,
            Said::Refused {
                words: same,
                passes: false
            }
        );
    }
    let old = Request {
        time: now().minus(Duration::from_secs(100)),
        ..request(1)
    };
    let said = farm.remote("key", "control", socket()).ask(&old).await.unwrap();
    let Said::Refused { words, .. } = &said else {
        panic!("{said:?}")
    };
    assert!(
        words.contains("the clocks of both machines") && words.contains(&old.time.to_string()),
        "{words}"
    );
    let ask = |line: &str| format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    for (line, status) in [
        ("GET /metrics", 403),
        ("POST /-/reload", 403),
        ("POST /-/repairs/pause", 403),
        ("POST /alerts", 403),
        ("GET /-/remote", 405),
        ("GET /-/healthy", 200),
    ] {
        let reply = farm.over("remote.sock", ask(line).as_bytes()).await;
        assert_eq!(reply.status, status, "{line}: {}", reply.text());
    }
    let large = "POST /-/remote HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 40000\r\n\r\n";
    assert_eq!(farm.over("remote.sock", large.as_bytes()).await.status, 413);
    assert!(farm.journal("start_node").is_empty());
    callee.stop().await;
    // Where nobody may ask, there is no such route.
    let nobody = farm.config("start_node", "{action: notify}", "");
    let callee = farm.start("start_node", &nobody).await;
    let reply = farm.over("remote.sock", ask("POST /-/remote").as_bytes()).await;
    assert_eq!(reply.status, 404, "{}", reply.text());
    callee.stop().await;
}

/// Kept for the words of a mistake: over the network a wrong certificate is refused before anything is sent.
#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_sent_nothing() {
    let farm = Farm::new().await;
    let ours = rcgen::generate_simple_self_signed(vec!["farm".to_owned()]).unwrap();
    std::fs::write(farm.path("pinned.crt"), ours.cert.pem()).unwrap();
    let theirs = rcgen::generate_simple_self_signed(vec!["farm".to_owned()]).unwrap();
    std::fs::write(farm.path("farm.crt"), theirs.cert.pem()).unwrap();
    std::fs::write(farm.path("farm.key"), theirs.signing_key.serialize_pem()).unwrap();
    let web = "tls_server_config: {cert_file: farm.crt, key_file: farm.key}\n";
    std::fs::write(farm.path("web.yml"), web).unwrap();
    let warden = Setup::with_web(&farm.path("web.yml")).start().await;
    let place = Place::Tls {
        address: format!("https://127.0.0.1:{}", warden.address.port()).parse().unwrap(),
        believes: Believes::Certificate(farm.path("pinned.crt")),
    };
    let failed = farm.remote("key", "control", place).ask(&request(1)).await.unwrap_err();
    let words = failed.to_string();
    assert!(
        words.contains("another one than the one that it is known by"),
        "{words}"
    );
    assert!(words.ends_with("nothing was changed"), "{words}");
    warden.stop().await;
}

#[tokio::test]
async fn whoever_looks_beforehand_is_told_what_would_be_taken_and_nothing_is_recorded() {
    let farm = Farm::new().await;
    let _engine = Engine::serve(farm.path("docker.sock"));
    let warden = farm.start("start_node", &farm.callee()).await;
    let place = format!("socket: '{}'", farm.path("remote.sock").display());
    let caller = farm.caller(&place);
    let wrong_key = farm.path("wrong-key").display().to_string();
    let (key, nobody) = (farm.path("key").display().to_string(), farm.path("nobody.sock"));
    let away = format!("socket: '{}'", nobody.display());
    for (config, is_well, words) in [
        (caller.clone(), true, "start-container: it acts there"),
        (
            caller.replace("policy: start_node", "policy: dance"),
            false,
            "caller control may not ask for dance here, only for start_node",
        ),
        (
            caller.replace("symptom: node_stuck", "symptom: node_few_peers"),
            false,
            "start_node cures node_stuck here, and is asked for because of",
        ),
        (caller.replace(&key, &wrong_key), false, "has it a caller control "),
        (farm.caller(&away), false, "there is no such socket"),
    ] {
        let settings = Settings::parse("farm.yml", &config).unwrap();
        let upstream = Upstream::from_system().unwrap();
        let reached = reach(&settings.hands, &settings.remedies, &upstream, &Clock::system()).await;
        let reached = reached.unwrap();
        assert_eq!(reached.len(), 1, "{reached:?}");
        let thing = &reached[0].thing;
        assert!(
            thing.starts_with("farmwarden rack-2 /") && thing.ends_with(" for node-1"),
            "{thing}"
        );
        assert_eq!(reached[0].said.is_ok(), is_well, "{reached:?}");
        let (Ok(said) | Err(said)) = &reached[0].said;
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(farm.journal("start_node").is_empty());
    warden.stop().await;
}
