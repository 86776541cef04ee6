use std::time::Duration;

use serde_json::{Value, json};

use super::super::Effect;
use super::super::testing::{Answer, Socket};
use super::*;

const ID: &str = "4fa6e0f0c6786287e131c3852c58a2e01cc697a68231826813597e4994f1d6e2";
const PATIENCE: Duration = Duration::from_secs(120);

/// One container, as an engine of 2022 tells of it.
struct Scripted {
    running: bool,
    starts: u32,
    extra: Value,
}

impl Scripted {
    fn running() -> Self {
        Self {
            running: true,
            starts: 1,
            extra: json!({}),
        }
    }

    fn stopped() -> Self {
        Self {
            running: false,
            ..Self::running()
        }
    }

    fn json(&self) -> String {
        let mut value = json!({
            "Id": ID,
            "Name": "/phala-node",
            "RestartCount": 0,
            "State": {
                "Status": if self.running { "running" } else { "exited" },
                "StartedAt": format!("2026-11-21T14:00:{:02}.123456789Z", self.starts),
                "ExitCode": if self.running { 0 } else { 137 },
            },
            "HostConfig": {"AutoRemove": false, "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0}},
            "Config": {
                "Env": ["MNEMONIC=s3cret"],
                "Labels": {"com.docker.compose.service": "node", "com.docker.compose.project": "phala", "auth": "s3cret"},
            },
        });
        let patch = self.extra.as_object().unwrap();
        value["HostConfig"].as_object_mut().unwrap().extend(patch.clone());
        value.to_string()
    }

    fn answer(&mut self, method: &str, path: &str) -> Answer {
        let own = |rest: &str| path == format!("/v1.41/containers/{ID}/{rest}");
        if path == "/_ping" {
            return Answer::Status(200, "OK".to_owned());
        }
        if method == "GET" && (path == "/v1.41/containers/phala-node/json" || own("json")) {
            return Answer::Status(200, self.json());
        }
        if method == "GET" && path.starts_with("/v1.41/containers/json?all=1&filters=") {
            return Answer::Status(200, list(&[("phala_node_1", "False"), ("phala_node_run_1", "True")]));
        }
        let was = self.running;
        match (method, path.split('?').next().unwrap_or_default()) {
            ("POST", path) if path.ends_with("/restart") => (self.running, self.starts) = (true, self.starts + 1),
            ("POST", path) if path.ends_with("/stop") => self.running = false,
            ("POST", path) if path.ends_with("/start") => (self.running, self.starts) = (true, self.starts + 1),
            _ => {
                return Answer::Status(
                    404,
                    json!({"message": format!("No such container: {path}")}).to_string(),
                );
            }
        }
        let same = was == self.running && !path.contains("/restart");
        Answer::Status(if same { 304 } else { 204 }, String::new())
    }
}

fn list(containers: &[(&str, &str)]) -> String {
    let one = |(name, one_off): &(&str, &str)| json!({"Id": ID, "Names": [format!("/{name}")], "Labels": {"com.docker.compose.service": "node", "com.docker.compose.oneoff": one_off}});
    containers.iter().map(one).collect::<Value>().to_string()
}

fn node() -> Selector {
    Selector::name("phala-node").unwrap()
}

fn service() -> Selector {
    Selector::service(Some("phala"), "node").unwrap()
}

fn engine(path: PathBuf) -> Engine {
    let settings = EngineSettings {
        name: "farm-1".parse().unwrap(),
        place: Place::Socket(path),
        containers: vec![node(), service()],
    };
    Engine::new(&Upstream::from_system().unwrap(), settings).unwrap()
}

fn serve(mut container: Scripted) -> (Socket, Engine) {
    let socket = Socket::serve(move |method, path| container.answer(method, path));
    let engine = engine(socket.path.clone());
    (socket, engine)
}

/// Everything is as it should be until something is changed, which `answer` says.
fn serve_only(answer: fn() -> Answer) -> (Socket, Engine) {
    let mut container = Scripted::running();
    let socket = Socket::serve(move |method, path| match method {
        "POST" => answer(),
        _ => container.answer(method, path),
    });
    let engine = engine(socket.path.clone());
    (socket, engine)
}

#[tokio::test]
async fn a_container_is_looked_at_without_its_secrets() {
    let (_socket, engine) = serve(Scripted::running());
    let seen = engine.inspect(&node()).await.unwrap();
    assert_eq!((seen.status, seen.policy), (Status::Running, Policy::Always));
    assert_eq!(seen.started_at.unwrap().in_full(), "2026-11-21T14:00:01.123456789Z");
    assert_eq!(
        (seen.service.as_deref(), seen.project.as_deref()),
        (Some("node"), Some("phala"))
    );
    assert!(!format!("{seen:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_restart_is_sent_once_with_its_patience_and_proven_by_a_later_start() {
    let (socket, engine) = serve(Scripted::running());
    let after = engine.restart(&node(), PATIENCE).await.unwrap();
    assert_eq!(after.started_at.unwrap().in_full(), "2026-11-21T14:00:02.123456789Z");
    assert_eq!(socket.posted(), [format!("POST /v1.41/containers/{ID}/restart?t=120")]);
}

#[tokio::test]
async fn what_is_so_already_is_no_failure() {
    let (_socket, engine) = serve(Scripted::stopped());
    assert_eq!(engine.stop(&node(), PATIENCE).await, Ok(Done::AlreadySo));
    assert_eq!(engine.start(&node()).await, Ok(Done::Changed));
    assert_eq!(engine.start(&node()).await, Ok(Done::AlreadySo));
    assert_eq!(engine.stop(&node(), PATIENCE).await, Ok(Done::Changed));
}

#[tokio::test]
async fn a_service_is_found_by_its_labels_without_what_was_made_for_one_command() {
    let (socket, engine) = serve(Scripted::running());
    engine.restart(&service(), PATIENCE).await.unwrap();
    let asked = socket.asked();
    let query = asked[1].split_once('?').unwrap().1.as_bytes().to_vec();
    let filters = url::form_urlencoded::parse(&query)
        .find(|(key, _)| key == "filters")
        .unwrap();
    assert_eq!(
        filters.1,
        r#"{"label":["com.docker.compose.project=phala","com.docker.compose.service=node"]}"#
    );
    assert_eq!(socket.posted().len(), 1);
}

#[tokio::test]
async fn of_two_containers_with_the_labels_none_is_touched() {
    let mut container = Scripted::running();
    let socket = Socket::serve(move |method, path| {
        if path.contains("/json?all") {
            return Answer::Status(200, list(&[("node-1", "False"), ("node-2", "False")]));
        }
        container.answer(method, path)
    });
    let failed = engine(socket.path.clone())
        .restart(&service(), PATIENCE)
        .await
        .unwrap_err();
    assert!(
        failed
            .to_string()
            .contains("2 containers have these labels (node-1, node-2)"),
        "{failed}"
    );
    assert_eq!((failed.effect, socket.posted()), (Effect::Nothing, vec![]));
}

#[tokio::test]
async fn what_is_not_listed_is_not_even_looked_at() {
    let (socket, engine) = serve(Scripted::running());
    let other = Selector::name("postgres").unwrap();
    for failed in [
        engine.inspect(&other).await.unwrap_err(),
        engine.restart(&other, PATIENCE).await.unwrap_err(),
        engine.stop(&other, PATIENCE).await.unwrap_err(),
        engine.start(&other).await.unwrap_err(),
    ] {
        assert_eq!(failed.fault.reason().label(), "forbidden");
    }
    assert_eq!(socket.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_that_is_the_beginning_of_an_id_means_nothing() {
    let mut container = Scripted::running();
    let socket = Socket::serve(move |method, path| {
        if path.ends_with("/4fa6e0f0c678/json") {
            return Answer::Status(200, container.json());
        }
        container.answer(method, path)
    });
    let which = Selector::name("4fa6e0f0c678").unwrap();
    let mut engine = engine(socket.path.clone());
    engine.listed.push(which.clone());
    let failed = engine.stop(&which, PATIENCE).await.unwrap_err();
    assert_eq!(failed.fault.reason().label(), "not_found");
    assert_eq!(socket.posted(), Vec::<String>::new());
}

#[tokio::test]
async fn a_container_that_a_stop_would_remove_is_not_stopped() {
    let mut container = Scripted::running();
    container.extra = json!({"AutoRemove": true});
    let (socket, engine) = serve(container);
    let failed = engine.restart(&node(), PATIENCE).await.unwrap_err();
    assert!(failed.to_string().contains("--rm"), "{failed}");
    assert!(engine.stop(&node(), PATIENCE).await.is_err());
    assert_eq!(socket.posted(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_says_in_the_engines_words_what_may_have_happened() {
    let (_socket, engine) = serve_only(|| {
        let words = "Cannot restart container phala-node: driver failed programming external connectivity";
        Answer::Status(500, json!({ "message": words }).to_string())
    });
    let failed = engine.restart(&node(), PATIENCE).await.unwrap_err();
    assert!(
        failed
            .to_string()
            .contains("restart phala-node: it reports an error: Cannot restart"),
        "{failed}"
    );
    assert_eq!(failed.effect, Effect::Unknown);

    let (_socket, engine) = serve_only(|| Answer::Status(404, json!({"message": "No such container"}).to_string()));
    let failed = engine.restart(&node(), PATIENCE).await.unwrap_err();
    assert_eq!(
        (failed.fault.reason().label(), failed.effect),
        ("not_found", Effect::Nothing)
    );
}

#[tokio::test]
async fn an_answer_of_success_without_a_later_start_is_a_failure() {
    let (_socket, engine) = serve_only(|| Answer::Status(204, String::new()));
    let failed = engine.restart(&node(), PATIENCE).await.unwrap_err();
    assert!(
        failed
            .to_string()
            .contains("reports success, but the container is running"),
        "{failed}"
    );
    assert!(engine.stop(&node(), PATIENCE).await.is_err());
}

#[tokio::test]
async fn a_call_that_breaks_off_is_sent_once_and_its_effect_is_unknown() {
    let (socket, engine) = serve_only(|| Answer::Hangup);
    let failed = engine.restart(&node(), PATIENCE).await.unwrap_err();
    assert_eq!((failed.effect, socket.posted().len()), (Effect::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_says_nothing_is_given_up_after_the_patience_and_its_own_time() {
    let (_socket, engine) = serve_only(|| Answer::Silence);
    let failed = engine.restart(&node(), PATIENCE).await.unwrap_err();
    assert_eq!(
        failed.to_string().split(": ").skip(1).collect::<Vec<_>>().join(": "),
        "restart phala-node: no answer within 3m; whether it had an effect is not known"
    );
}

#[tokio::test]
async fn nobody_there_and_something_else_there_changes_nothing() {
    let failed = engine("/nonexistent/docker.sock".into())
        .start(&node())
        .await
        .unwrap_err();
    assert_eq!(
        failed.to_string(),
        "engine farm-1 /nonexistent/docker.sock: start phala-node: there is no such socket; does the service run?; nothing was changed"
    );
    let socket = Socket::serve(|_, _| Answer::Status(404, "<html>".to_owned()));
    let failed = engine(socket.path.clone()).start(&node()).await.unwrap_err();
    assert_eq!(failed.fault.reason().label(), "malformed");
    assert_eq!(socket.posted(), Vec::<String>::new());
}

#[test]
fn names_that_would_leave_their_place_in_a_path_are_refused() {
    for bad in ["", "../x", "a/b", "a?b", "-a", "a b", "ä", "a%2f"] {
        assert!(Selector::name(bad).is_err(), "{bad}");
        assert!(Selector::service(None, bad).is_err(), "{bad}");
    }
    assert!(Selector::name("bridge_2_lifecycle_1").is_ok());
}

#[test]
fn versions_are_those_that_can_stand_in_a_path() {
    for good in ["1.24", "1.41", "1.52"] {
        assert!(answers::is_version(good), "{good}");
    }
    for bad in ["", "1.23", "2.0", "1.41/..", "1.+41", "1.41 ", "v1.41"] {
        assert!(!answers::is_version(bad), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_give_a_container_or_an_error(bytes: Vec<u8>) {
        drop(answers::container(&bytes));
        drop(answers::listed(&bytes));
        drop(answers::message(&bytes));
    }
}
