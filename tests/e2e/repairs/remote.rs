//! Control points and a host, in two networks with a link between them: it is cut in the middle of a repair, and everybody is killed
//! while a request is held.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::super::containers::Docker;
use super::super::support::{Farmwarden, LONG, Process, Simfarm, directory, handed_over, own, same, wait_for};
use super::{break_node, mend_node, of_kind, only_begun};

/// This end of the link, where the host is.
const HERE: &str = "10.77.0.1";

/// The link has one name and one address at this end.
static ONE_LINK: Mutex<()> = Mutex::new(());

/// Another network, for as long as this lives.
struct Elsewhere {
    holder: Child,
    _only: MutexGuard<'static, ()>,
}

impl Elsewhere {
    fn start() -> Self {
        let only = ONE_LINK.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "echo there; exec sleep infinity"]);
        let mut holder = command.stdout(Stdio::piped()).spawn().unwrap();
        // Until it says so it may still be in this one.
        let mut there = [0; 5];
        std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut there).unwrap();
        let elsewhere = Self { holder, _only: only };
        // One that was here before goes some time after its network.
        wait_for("a link", LONG, || {
            let output = link(&["make", &elsewhere.holder.id().to_string()]).output().unwrap();
            if output.status.success() {
                Ok(())
            } else {
                Err(format!("{output:?}"))
            }
        });
        run(link(&["address", "fw0", HERE]));
        for (end, address) in [("fw1", "10.77.0.2"), ("lo", "127.0.0.1")] {
            let mut inside = elsewhere.command("env");
            inside.arg(handed_over("E2E_PYTHON")).arg(own("link.py"));
            inside.args(["address", end, address]);
            run(inside);
        }
        elsewhere
    }

    /// A program in that network.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id()));
        command.arg("--").arg(program);
        command
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

fn link(arguments: &[&str]) -> Command {
    let mut command = Command::new(handed_over("E2E_PYTHON"));
    command.arg(own("link.py")).args(arguments);
    command
}

#[track_caller]
fn run(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// What a farmwarden has written down so far.
pub(super) fn journal(directory: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<PathBuf> = files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    let text: String = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    // The last line may be under way.
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[track_caller]
fn wait_for_words(what: &str, directory: &Path, words: &str) {
    wait_for(what, LONG, || {
        let records = journal(directory);
        let said = records.iter().any(|record| record.to_string().contains(words));
        if said { Ok(()) } else { Err(format!("{records:#?}")) }
    });
}

#[track_caller]
fn wait_for_kind(directory: &Path, kind: &str) -> Value {
    wait_for(kind, LONG, || {
        let records = journal(directory);
        let found = of_kind(&records, kind).into_iter().next().cloned();
        found.ok_or_else(|| format!("{records:#?}"))
    })
}

fn node(farm: &Simfarm, host: &str) -> Value {
    let url = |name: &str| {
        let (_, port) = farm.place("substrate", name).rsplit_once(':').unwrap();
        format!("http://{host}:{port}")
    };
    json!([{
        "name": "node-1", "interval": "1s", "timeout": "900ms", "para": url("para"), "relay": url("relay"),
        "thresholds": {"stuck_after": "4s"},
    }])
}

fn remedies(policy: &str, rung: &Value) -> Value {
    json!({
        "warm_up": "1s",
        "policies": [{
            "name": policy, "symptom": "node_stuck", "targets": ["node-1"], "mode": "act", "ill_for": "1s",
            "budgets": {"target": "1/h 3/d"}, "rungs": [rung],
        }],
    })
}

fn host(farm: &Simfarm, docker: &Docker, place: &Path) -> Value {
    json!({
        "collectors": {"phala": node(farm, "127.0.0.1")},
        "engines": [{"name": "farm-1", "socket": docker.socket(), "containers": ["phala-node"]}],
        "stacks": [{
            "name": "farm-1",
            "node": {"target": "node-1", "container": "phala-node", "patience": "10s", "recovers_within": "5m"},
        }],
        "callers": [{"name": "control", "key_file": place.join("key"), "policies": ["restart_node"]}],
        "journal": {"directory": place.join("host")},
        "remedies": remedies(
            "restart_node",
            &json!({"action": "restart-stack", "within": "30m", "timeout": "5m", "gone_for": "6s"}),
        ),
    })
}

/// What asks the host, and is called like this there.
fn control(name: &str, farm: &Simfarm, port: &str, place: &Path) -> Value {
    json!({
        "collectors": {"phala": node(farm, HERE)},
        "remotes": [{
            "name": "host", "address": format!("https://{HERE}:{port}"), "certificate_file": place.join("host.crt"),
            "key_file": place.join("key"), "caller": name,
        }],
        "journal": {"directory": place.join(name)},
        "remedies": remedies(
            "repair_node",
            &json!({
                "action": "remote", "with": {"remote": "host", "policy": "restart_node"},
                "within": "20m", "timeout": "5m", "gone_for": "6s", "approval": true,
            }),
        ),
    })
}

fn write(place: &Path, name: &str, content: &str) -> PathBuf {
    let path = place.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// A farmwarden that is known by its control socket alone: where it listens may be out of reach for us.
fn start(mut command: Command, place: &Path, name: &str, config: &Value, more: &[&str]) -> Process {
    let file = write(place, &format!("{name}.yml"), &config.to_string());
    command.arg("--config.file").arg(file).args(more);
    command.arg(format!(
        "--web.control-socket={}",
        place.join(format!("{name}.sock")).display()
    ));
    Process::start(name, &mut command)
}

/// What a command says to the farmwarden of this name.
fn tell(place: &Path, name: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(Farmwarden::binary());
    command.args(arguments);
    command.arg(format!(
        "--web.control-socket={}",
        place.join(format!("{name}.sock")).display()
    ));
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

/// Orders the repair, waits until that waits for a person, and allows it; the host hears of it only then.
fn order_and_approve(place: &Path) {
    let at_control = || journal(&place.join("control"));
    let incident = wait_for("what was ordered waits for a person", LONG, || {
        // An order for what is well yet ends at once.
        tell(place, "control", &["run", "repair_node", "node-1", "para"])?;
        let journal = at_control();
        let mut decided = of_kind(&journal, "decided").into_iter().rev();
        let waits = decided.find(|record| record["data"]["guard"] == "approval");
        let waits = waits.ok_or_else(|| format!("{journal:#?}"))?;
        Ok::<_, String>(waits["data"]["incident"].as_str().unwrap().to_owned())
    });
    assert!(
        journal(&place.join("host")).is_empty(),
        "the host was asked for nothing"
    );
    let said = tell(place, "control", &["approve", &incident]).unwrap();
    assert!(said.contains(&incident), "{said}");
    let approved = wait_for_kind(&place.join("control"), "approved");
    assert_eq!(approved["data"]["plan"]["action"], "remote");
    let begun = wait_for_kind(&place.join("control"), "started");
    assert_eq!(begun["data"]["incident"], incident);
}

/// A node that both networks reach.
fn node_for_both() -> Simfarm {
    let farm = Simfarm::start(&["--substrate", "para=0.0.0.0:0", "--substrate", "relay=0.0.0.0:0"]);
    for chain in ["substrate/para", "substrate/relay"] {
        farm.set(chain, &json!({"block_time_ms": 300, "peers": 20}));
    }
    let genesis_hash = format!("0x{}", "77".repeat(32));
    farm.set("substrate/relay", &json!({"genesis_hash": genesis_hash, "seed": 7}));
    farm
}

/// The key of all, and the host's certificate; gives its web.yml.
fn secrets(place: &Path) -> String {
    write(place, "key", &"k".repeat(40));
    let certificate = rcgen::generate_simple_self_signed(vec!["nobody".to_owned()]).unwrap();
    write(place, "host.crt", &certificate.cert.pem());
    write(place, "host.key", &certificate.signing_key.serialize_pem());
    let web = "tls_server_config: {cert_file: host.crt, key_file: host.key}";
    write(place, "web.yml", web).display().to_string()
}

#[test]
fn a_repair_that_was_approved_here_and_is_cut_off_there_is_done_once() {
    let docker = Docker::start();
    docker.run("phala-node", &["--restart=unless-stopped"]);
    let started = || docker.inspect("phala-node", "{{.State.StartedAt}}");
    let before = started();
    let elsewhere = Elsewhere::start();
    let farm = node_for_both();
    let directory = directory();
    let place = directory.path();
    let web = secrets(place);
    let listen = format!("{HERE}:{}", super::super::support::free_port());
    let (_, port) = listen.rsplit_once(':').unwrap();
    let on_host = ["--web.listen-address", &listen, "--web.config.file", &web];
    let _host = start(
        Command::new(Farmwarden::binary()),
        place,
        "host",
        &host(&farm, &docker, place),
        &on_host,
    );
    let on_control = ["--web.listen-address", "127.0.0.1:0"];
    let _control = start(
        elsewhere.command(Farmwarden::binary()),
        place,
        "control",
        &control("control", &farm, port, place),
        &on_control,
    );

    break_node(&farm);
    order_and_approve(place);
    wait_for_words(
        "the node is waited for",
        &place.join("host"),
        "wait for phala-node at farm-1 is under way",
    );
    let restarted = started();
    assert_ne!(restarted, before);

    run(link(&["down", "fw0"]));
    wait_for_words(
        "the cut is written down",
        &place.join("control"),
        "host cannot be asked: ",
    );
    mend_node(&farm);
    wait_for_kind(&place.join("host"), "finished");
    assert!(of_kind(&journal(&place.join("control")), "finished").is_empty());
    run(link(&["up", "fw0"]));

    for name in ["control", "host"] {
        let finished = wait_for_kind(&place.join(name), "finished");
        same(&finished["data"]["outcome"], &json!("done")).unwrap();
        wait_for_kind(&place.join(name), "cured");
    }
    assert_eq!(started(), restarted, "it was restarted once");
    let (control, host) = (journal(&place.join("control")), journal(&place.join("host")));
    let asked = of_kind(&host, "asked");
    assert_eq!(asked.len(), 1, "{host:#?}");
    assert_eq!(asked[0]["data"]["incident"], only_begun(&control));
    let there = only_begun(&host);
    let finished = of_kind(&control, "finished")[0]["data"]["words"].as_str().unwrap();
    let expected = format!("host did it (incident {} there): ", there.as_str().unwrap());
    assert!(finished.starts_with(&expected), "{finished}");
}

/// Kills it as a power cut does, and waits until it is gone.
fn kill(mut process: Process) {
    process.signal(nix::sys::signal::Signal::SIGKILL);
    wait_for("it is gone", LONG, || match process.running() {
        Ok(()) => Err("it runs".to_owned()),
        Err(_) => Ok(()),
    });
}

#[test]
fn what_two_ask_for_is_done_once_and_not_for_whom_was_killed_meanwhile() {
    let docker = Docker::start();
    docker.run("phala-node", &["--restart=unless-stopped"]);
    let started = || docker.inspect("phala-node", "{{.State.StartedAt}}");
    let before = started();
    let elsewhere = Elsewhere::start();
    let farm = node_for_both();
    let directory = directory();
    let place = directory.path();
    let web = secrets(place);
    let freeze = write(place, "freeze", "hands off");
    let listen = format!("{HERE}:{}", super::super::support::free_port());
    let (_, port) = listen.rsplit_once(':').unwrap();
    let mut on_host = host(&farm, &docker, place);
    on_host["remedies"]["freeze_file"] = json!(freeze);
    let callers = on_host["callers"].as_array_mut().unwrap();
    callers.push(json!({"name": "second", "key_file": place.join("key"), "policies": ["restart_node"]}));
    let start_host = || {
        let flags = ["--web.listen-address", &listen, "--web.config.file", &web];
        start(Command::new(Farmwarden::binary()), place, "host", &on_host, &flags)
    };
    let start_control = |name: &str, mode: &str| {
        let mut config = control(name, &farm, port, place);
        let policy = &mut config["remedies"]["policies"][0];
        policy["mode"] = json!(mode);
        policy["rungs"][0]["approval"] = json!(false);
        let flags = ["--web.listen-address", "127.0.0.1:0"];
        start(elsewhere.command(Farmwarden::binary()), place, name, &config, &flags)
    };
    let first_host = start_host();
    let first_control = start_control("control", "act");
    let _second = start_control("second", "act");

    break_node(&farm);
    for name in ["control", "second"] {
        wait_for("it is ordered", LONG, || {
            // An order for what is well yet ends at once.
            tell(place, name, &["run", "repair_node", "node-1", "para"])?;
            let begun = of_kind(&journal(&place.join(name)), "started").len();
            if begun > 0 {
                Ok(())
            } else {
                Err("it is not begun".to_owned())
            }
        });
        wait_for_words("the host holds it", &place.join(name), "host holds it back by freeze");
    }
    kill(first_control);
    kill(first_host);
    let _host = start_host();
    // It only rehearses from now on: nothing else is asked for.
    let _control = start_control("control", "dry_run");
    let finished = wait_for_kind(&place.join("control"), "finished");
    same(&finished["data"]["outcome"], &json!("refused")).unwrap();
    assert_eq!(started(), before, "nothing was touched");
    std::fs::remove_file(&freeze).unwrap();
    wait_for_words(
        "the node is waited for",
        &place.join("host"),
        "wait for phala-node at farm-1 is under way",
    );
    mend_node(&farm);
    let finished = wait_for_kind(&place.join("second"), "finished");
    same(&finished["data"]["outcome"], &json!("done")).unwrap();
    let host = journal(&place.join("host"));
    let withdrawn = of_kind(&host, "withdrawn");
    assert_eq!((withdrawn.len(), of_kind(&host, "asked").len()), (1, 2), "{host:#?}");
    assert_eq!(withdrawn[0]["data"]["caller"], "control");
    only_begun(&host);
}
