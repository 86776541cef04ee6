//! A real Prometheus scrapes the real binary, in both formats.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

use super::page::varied;
use super::support::{LONG, Process, debian, directory, free_port, http, same, wait_for};

/// Passes each request on as a scraper that knows only the text format. It ends with the test program.
fn text_only_proxy(upstream: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            pass_on(&upstream, stream.unwrap());
        }
    });
    address
}

fn pass_on(upstream: &str, mut stream: TcpStream) {
    let head = BufReader::new(&stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty());
    // Only what lies before the empty line is there; reading on would wait for ever.
    assert!(head.count() > 0, "a scraper connected and asked nothing");
    let answer = http::get(
        upstream,
        "/metrics",
        &["Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1"],
    )
    .unwrap();
    let kind = answer.header("content-type").unwrap();
    write!(stream, "HTTP/1.0 {} OK\r\nContent-Type: {kind}\r\n\r\n", answer.status).unwrap();
    stream.write_all(&answer.body).unwrap();
}

pub(crate) struct Prometheus {
    pub(crate) address: String,
    process: Process,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    /// With these `scrape_configs`, every second.
    fn start(jobs: &[Value]) -> Self {
        Self::with(&json!({"scrape_configs": jobs}), &[])
    }

    /// With a configuration of its own, everything every second if it does not say otherwise, and files that it names.
    pub(crate) fn with(config: &Value, files: &[(&str, Value)]) -> Self {
        Self::in_directory(directory(), config, files)
    }

    /// That scrapes nothing, and has this in its store: text in OpenMetrics with a time for every sample.
    pub(crate) fn of_the_past(text: &str) -> Self {
        let directory = directory();
        let (samples, data) = (directory.path().join("samples"), directory.path().join("data"));
        std::fs::write(&samples, text).unwrap();
        let mut command = Command::new(debian("usr/bin/promtool"));
        command.args(["tsdb", "create-blocks-from", "openmetrics"]);
        let output = command.arg(samples).arg(data).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let mut prometheus = Self::in_directory(directory, &json!({}), &[]);
        wait_for("Prometheus is ready", LONG, || {
            prometheus.process.running()?;
            let answer = http::get(&prometheus.address, "/-/ready", &[])?;
            same(&answer.status, &200)
        });
        prometheus
    }

    fn in_directory(directory: tempfile::TempDir, config: &Value, files: &[(&str, Value)]) -> Self {
        let path = directory.path().join("prometheus.yml");
        let mut whole = config.clone();
        if whole["global"].is_null() {
            whole["global"] = json!({"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"});
        }
        // JSON is YAML, too.
        std::fs::write(&path, whole.to_string()).unwrap();
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content.to_string()).unwrap();
        }
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(debian("usr/bin/prometheus"));
        command.arg(format!("--config.file={}", path.display()));
        command.arg(format!(
            "--storage.tsdb.path={}",
            directory.path().join("data").display()
        ));
        command.arg(format!("--web.listen-address={address}"));
        Self {
            process: Process::start("prometheus", command.current_dir(directory.path())),
            address,
            _directory: directory,
        }
    }

    /// The data of an answer of its API.
    pub(crate) fn api(&mut self, path: &str) -> Result<Value, String> {
        self.process.running()?;
        let mut answer = http::get_json(&self.address, &format!("/api/v1/{path}"))?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }

    /// Waits until every target was scraped with success. The first scrape comes 5 s after the start.
    pub(crate) fn wait_until_all_are_up(&mut self, jobs: usize) {
        wait_for("Prometheus has scraped all targets", LONG, || {
            let targets = self.api("targets")?;
            let targets = targets
                .get("activeTargets")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let up = targets
                .iter()
                .filter(|target| target.get("health") == Some(&json!("up")));
            if targets.len() == jobs && up.count() == jobs {
                Ok(())
            } else {
                Err(format!("its targets are {targets:#?}"))
            }
        });
    }

    /// Type of every metric of a job, as Prometheus has understood it.
    fn types(&mut self, job: &str) -> BTreeMap<String, String> {
        // {job="..."}
        let data = self
            .api(&format!("targets/metadata?match_target=%7Bjob%3D%22{job}%22%7D"))
            .unwrap();
        let text = |entry: &Value, key| entry.get(key).and_then(Value::as_str).unwrap().to_owned();
        let entries = data.as_array().unwrap().iter();
        entries
            .map(|entry| (text(entry, "metric"), text(entry, "type")))
            .collect()
    }

    /// The one value of a query, once there is one.
    fn value(&mut self, query: &str) -> f64 {
        wait_for(query, LONG, || {
            let data = self.api(&format!("query?query={query}"))?;
            let value = data.pointer("/result/0/value/1").and_then(Value::as_str);
            value
                .and_then(|value| value.parse().ok())
                .ok_or_else(|| format!("the answer is {data}"))
        })
    }
}

/// A job that scrapes one address.
fn job(name: &str, address: &str) -> Value {
    json!({"job_name": name, "static_configs": [{"targets": [address]}]})
}

/// The types that a page declares.
fn declared(page: &str) -> BTreeMap<String, String> {
    let headers = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    headers.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

#[test]
fn prometheus_understands_both_formats_and_every_type() {
    let (farm, warden) = varied();
    farm.set("substrate/para", &json!({"block_time_ms": 0, "best": 4321}));
    let proxy = text_only_proxy(warden.address.clone());
    let mut prometheus = Prometheus::start(&[job("openmetrics", &warden.address), job("text", &proxy)]);
    prometheus.wait_until_all_are_up(2);

    for (job, accept) in [("openmetrics", "application/openmetrics-text"), ("text", "text/plain")] {
        // A family may appear between a scrape and this look at the page.
        wait_for("Prometheus understands what the page declares", LONG, || {
            let page = http::get(&warden.address, "/metrics", &[&format!("Accept: {accept}")])?;
            same(&prometheus.types(job), &declared(&page.text()))
        });
    }
    for (job, name, kind) in [
        ("openmetrics", "phala_node_best_block_height", "gauge"),
        ("openmetrics", "phala_node_restarts", "counter"),
        ("openmetrics", "phala_node", "info"),
        ("openmetrics", "mount_avail_bytes", "gauge"),
        ("openmetrics", "mount", "info"),
        ("openmetrics", "farmwarden_target_failures", "counter"),
        ("openmetrics", "farmwarden_build", "info"),
        ("text", "phala_node_best_block_height", "gauge"),
        ("text", "phala_node_restarts_total", "counter"),
        ("text", "phala_node_info", "gauge"),
        ("text", "farmwarden_target_failures_total", "counter"),
        ("text", "farmwarden_build_info", "gauge"),
    ] {
        let types = prometheus.types(job);
        assert_eq!(
            types.get(name).map(String::as_str),
            Some(kind),
            "{job}: {name} in {types:#?}"
        );
    }

    for job in ["openmetrics", "text"] {
        // phala_node_best_block_height{chain="para",job="..."}
        let height = format!("phala_node_best_block_height%7Bchain%3D%22para%22%2Cjob%3D%22{job}%22%7D");
        wait_for("the height arrives", LONG, || same(&prometheus.value(&height), &4321.0));
        let up = format!("farmwarden_target_up%7Btarget%3D%22down%22%2Cjob%3D%22{job}%22%7D");
        wait_for("the target that is down is seen as down", LONG, || {
            same(&prometheus.value(&up), &0.0)
        });
    }
}

#[test]
fn prometheus_finds_every_target_by_service_discovery_and_probes_each() {
    let (farm, warden) = varied();
    farm.set("substrate/para", &json!({"block_time_ms": 0, "best": 4321}));
    let discovery = json!({"url": format!("http://{}/api/v1/sd", warden.address), "refresh_interval": "1s"});
    let mut prometheus = Prometheus::start(&[json!({"job_name": "farm", "http_sd_configs": [discovery]})]);
    // node, down and host: /probe answers for each, whatever the state of the target.
    prometheus.wait_until_all_are_up(3);
    for (target, success) in [("node", 1.0), ("down", 0.0), ("host", 1.0)] {
        let query = format!("probe_success%7Binstance%3D%22{target}%22%7D");
        wait_for("the probe's outcome", LONG, || {
            same(&prometheus.value(&query), &success)
        });
    }
    let height = "phala_node_best_block_height%7Binstance%3D%22node%22%2Cchain%3D%22para%22%7D";
    wait_for("the height of a probe", LONG, || {
        same(&prometheus.value(height), &4321.0)
    });
}
