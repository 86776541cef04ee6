//! What repairs have around them: a Prometheus with a rule, an Alertmanager with a token, a journal and a chat.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::super::prometheus::Prometheus;
use super::super::support::{
    Farmwarden, LONG, Process, Simfarm, debian, directory, free_port, handed_over, http, wait_for,
};

pub(crate) const TOKEN: &str = "the-token-of-alertmanager";
const CHAT_TOKEN: &str = "the-token-of-the-robot";
const JOURNAL: &str = "journal";
const CONFIGURATION: &str = "farmwarden.yml";
const CHAT_SECRET: &str = "SEC-of-the-robot";

/// What the simulated farm needs for it.
pub(crate) const CHAT: [&str; 2] = ["--dingtalk", "ops=127.0.0.1:0"];

pub(crate) struct Alertmanager {
    pub(crate) address: String,
    _process: Process,
    directory: tempfile::TempDir,
}

impl Alertmanager {
    /// Hands every alert to farmwarden, again and again: no repeat may do anything.
    fn start(farmwarden: &str) -> Self {
        let config = json!({
            "route": {
                "receiver": "farmwarden", "group_by": ["alertname"],
                "group_wait": "1s", "group_interval": "1s", "repeat_interval": "1s",
            },
            "receivers": [{"name": "farmwarden", "webhook_configs": [{
                "url": format!("http://{farmwarden}/alerts"),
                "http_config": {"authorization": {"credentials_file": "token"}},
            }]}],
        });
        Self::with(&config.to_string())
    }

    /// As it is shipped, but for addresses and names.
    pub(crate) fn shipped(farmwarden: &str) -> Self {
        Self::as_shipped(
            &std::fs::read_to_string(alerts("alertmanager.yml")).unwrap(),
            farmwarden,
        )
    }

    fn as_shipped(config: &str, farmwarden: &str) -> Self {
        let config = config.replace("127.0.0.1:19977", farmwarden);
        let config = config.replace("/etc/alertmanager/farmwarden.token", "token");
        Self::with(&config.replace("/chat/operators", "/chat/ops"))
    }

    /// Its token lies beside the configuration.
    fn with(config: &str) -> Self {
        let directory = directory();
        let place = |name: &str| directory.path().join(name);
        std::fs::write(place("token"), TOKEN).unwrap();
        std::fs::write(place("alertmanager.yml"), config).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = with_share(&debian("usr/bin/prometheus-alertmanager"));
        command.arg(format!("--config.file={}", place("alertmanager.yml").display()));
        command.arg(format!("--storage.path={}", place("data").display()));
        command.args([&format!("--web.listen-address={address}"), "--cluster.listen-address="]);
        let mut process = Process::start("alertmanager", &mut command);
        wait_for("Alertmanager is ready", LONG, || {
            process.running()?;
            let answer = http::get(&address, "/-/ready", &[])?;
            if answer.status == 200 {
                Ok(())
            } else {
                Err(answer.text())
            }
        });
        Self {
            address,
            _process: process,
            directory,
        }
    }

    /// With its next message: it reads the file anew for each.
    pub(crate) fn use_token(&self, token: &str) {
        std::fs::write(self.directory.path().join("token"), token).unwrap();
    }
}

/// A program that looks for files of its package in `/usr/share`, and sees there those of the unpacked packages.
fn with_share(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c"]);
    command.arg(r#"mount --bind "$0" /usr/share && exec "$@""#);
    command.arg(handed_over("E2E_DEBIAN").join("usr/share")).arg(program);
    command
}

pub(crate) struct Stage {
    pub(crate) farmwarden: Farmwarden,
    pub(crate) alertmanager: Alertmanager,
    pub(crate) prometheus: Prometheus,
    /// Configuration and journal.
    place: PathBuf,
}

impl Stage {
    /// farmwarden with these collectors, policies and things to touch, and a Prometheus with these rules: what is true,
    /// and the policy that is asked for then.
    pub(super) fn start(farm: &Simfarm, config: Value, asked: &[(&str, &str)]) -> Self {
        let (farmwarden, place) = start_farmwarden(farm, config);
        let alertmanager = Alertmanager::start(&farmwarden.address);
        Self::watch(
            farmwarden,
            place,
            alertmanager,
            "rules.yml",
            &[("rules.yml", rules(asked))],
        )
    }

    /// The same with the rules and the Alertmanager that are shipped.
    pub(crate) fn shipped(farm: &Simfarm, config: Value) -> Self {
        let (farmwarden, place) = start_farmwarden(farm, config);
        let alertmanager = Alertmanager::shipped(&farmwarden.address);
        let rules = alerts("rules/*.yml");
        Self::watch(farmwarden, place, alertmanager, rules.to_str().unwrap(), &[])
    }

    /// The same with these rules and this text of an Alertmanager's configuration, and with so much between two looks.
    pub(crate) fn hurried(farm: &Simfarm, config: Value, rules: &Path, alertmanager: &str, pace: &str) -> Self {
        let (farmwarden, place) = start_farmwarden(farm, config);
        let alertmanager = Alertmanager::as_shipped(alertmanager, &farmwarden.address);
        let jobs = [
            ("farmwarden", &farmwarden.address),
            ("alertmanager", &alertmanager.address),
        ];
        let jobs = jobs.map(|(name, address)| json!({"job_name": name, "static_configs": [{"targets": [address]}]}));
        let mut prometheus = Prometheus::with(
            &json!({
                "global": {"scrape_interval": pace, "scrape_timeout": pace, "evaluation_interval": pace},
                "rule_files": [rules.join("*.yml")],
                "scrape_configs": jobs,
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]},
            }),
            &[],
        );
        prometheus.wait_until_all_are_up(2);
        Self {
            farmwarden,
            alertmanager,
            prometheus,
            place,
        }
    }

    fn watch(
        farmwarden: Farmwarden,
        place: PathBuf,
        alertmanager: Alertmanager,
        rules: &str,
        files: &[(&str, Value)],
    ) -> Self {
        let mut prometheus = Prometheus::with(
            &json!({
                "rule_files": [rules],
                "scrape_configs": [{"job_name": "farmwarden", "static_configs": [{"targets": [farmwarden.address]}]}],
                "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager.address]}]}]},
            }),
            files,
        );
        prometheus.wait_until_all_are_up(1);
        Self {
            farmwarden,
            alertmanager,
            prometheus,
            place,
        }
    }

    /// Has farmwarden read its configuration again, with this change.
    pub(super) fn reload(&self, change: impl FnOnce(&mut Value)) {
        let file = self.place.join(CONFIGURATION);
        let mut config = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        change(&mut config);
        std::fs::write(file, config.to_string()).unwrap();
        self.farmwarden.process.signal(Signal::SIGHUP);
    }

    /// kill -9, and another farmwarden with the same configuration and journal.
    pub(crate) fn kill_farmwarden(&mut self) {
        let mut command = command(&self.place, &self.farmwarden.address);
        self.farmwarden.kill_and_start(&mut command);
    }

    /// An alert that Prometheus knows nothing of.
    pub(super) fn alert(&self, labels: &Value) {
        let alerts = json!([{"labels": labels, "annotations": {"summary": "somebody says so"}}]);
        let request = "POST /api/v2/alerts HTTP/1.0";
        let headers = ["Content-Type: application/json"];
        let answer = http::exchange(&self.alertmanager.address, request, &headers, &alerts.to_string()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The lines that are whole.
    fn journal_text(&self) -> String {
        let files = std::fs::read_dir(self.place.join(JOURNAL)).unwrap();
        let mut files: Vec<PathBuf> = files
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        files.sort();
        let mut text: String = files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text
    }

    /// Its records, each bound to the one before it.
    pub(super) fn journal(&self) -> Vec<Value> {
        let mut prev = "0".repeat(64);
        let mut records = Vec::new();
        for (line, number) in self.journal_text().lines().zip(1_u64..) {
            let record: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (&record["seq"], &record["prev"]),
                (&json!(number), &json!(prev)),
                "{line}"
            );
            prev = sha256(line);
            records.push(record);
        }
        records
    }

    /// farmwarden's own proof of the chain, up to the head that its metrics told.
    pub(super) fn verify_journal(&self) {
        let samples = self.farmwarden.samples();
        let head = samples.lines("farmwarden_journal_head_info").next().unwrap();
        let (_, rest) = head.split_once("sha256=\"").unwrap();
        let (head, _) = rest.split_once('"').unwrap();
        let lines = self.journal_text();
        assert!(lines.lines().any(|line| sha256(line) == head), "{head}");
        let mut command = Command::new(Farmwarden::binary());
        command.args(["audit", "verify", "--head", head, "--journal.directory"]);
        let output = command.arg(self.place.join(JOURNAL)).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// A file that is shipped.
pub(crate) fn alerts(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts").join(path)
}

/// farmwarden with this configuration, a journal, a token for alerts and a chat; and the directory of all that.
fn start_farmwarden(farm: &Simfarm, mut config: Value) -> (Farmwarden, PathBuf) {
    let directory = directory();
    let place = |name: &str| directory.path().join(name);
    farm.set(
        "dingtalk/ops",
        &json!({"access_token": CHAT_TOKEN, "secret": CHAT_SECRET, "keyword": "矿场"}),
    );
    for (name, content) in [
        ("alerts.token", TOKEN),
        ("chat.token", CHAT_TOKEN),
        ("chat.secret", CHAT_SECRET),
        ("web.yml", "scopes: {alerts: {bearer_token_file: alerts.token}}"),
    ] {
        std::fs::write(place(name), content).unwrap();
    }
    config["journal"] = json!({"directory": place(JOURNAL)});
    config["notify"] = json!([{
        "name": "ops", "kind": "dingtalk", "url": format!("http://{}/robot/send", farm.place("dingtalk", "ops")),
        "token_file": place("chat.token"), "secret_file": place("chat.secret"), "keyword": "矿场",
    }]);
    std::fs::write(place(CONFIGURATION), config.to_string()).unwrap();
    let place = directory.path().to_owned();
    let farmwarden = Farmwarden::run(&mut command(&place, "127.0.0.1:0"), directory);
    (farmwarden, place)
}

fn command(place: &Path, address: &str) -> Command {
    let mut command = Farmwarden::command();
    command.arg("--config.file").arg(place.join(CONFIGURATION));
    command.arg("--web.config.file").arg(place.join("web.yml"));
    command.args(["--web.listen-address", address]);
    command
}

fn sha256(line: &str) -> String {
    let mut text = String::new();
    for byte in digest(&SHA256, line.as_bytes()).as_ref() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

fn rules(asked: &[(&str, &str)]) -> Value {
    let rules = asked
        .iter()
        .map(|(expr, remedy)| json!({"alert": "Ill", "expr": expr, "labels": {"remedy": remedy}}));
    json!({"groups": [{"name": "farm", "rules": rules.collect::<Vec<_>>()}]})
}

/// Title and text of all that stands in the chat. Nothing was refused there.
pub(crate) fn told(farm: &Simfarm) -> Vec<(String, String)> {
    assert_eq!(farm.get("dingtalk/ops/refused"), json!([]));
    let messages = farm.get("dingtalk/ops/messages");
    let word = |message: &Value, key: &str| message["markdown"][key].as_str().unwrap().to_owned();
    let messages = messages.as_array().unwrap().iter();
    messages
        .map(|message| (word(message, "title"), word(message, "text")))
        .collect()
}
