//! The binary by itself: no configuration, nothing around it.

use std::net::TcpStream;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::support::{Farmwarden, LONG, Simfarm, directory, http, wait_for};

/// The ports without which there is no zero configuration: one test at a time.
pub(crate) static USUAL_PORTS: Mutex<()> = Mutex::new(());

fn node_at(port: u16) -> Simfarm {
    Simfarm::start(&["--substrate", &format!("node=127.0.0.1:{port}")])
}

#[test]
fn without_arguments_it_finds_local_nodes_also_later_ones() {
    let _alone = USUAL_PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let _para = node_at(9944);
    let warden = Farmwarden::run(&mut Farmwarden::command(), directory());
    assert_eq!(warden.address, "127.0.0.1:19977");
    warden.wait_for("the node at its usual port is found", |page| {
        page.is(
            "farmwarden_target_up",
            &[("target", "node-9944"), ("part", "para")],
            1.0,
        )?;
        page.is(
            "phala_node_info",
            &[("target", "node-9944"), ("chain_name", "Khala")],
            1.0,
        )
    });
    assert_eq!(
        warden.samples().get("farmwarden_target_up", &[("target", "node-9945")]),
        None
    );
    let _relay = node_at(9945);
    warden.wait_for("the relay chain that comes later is found later", |page| {
        page.is(
            "farmwarden_target_up",
            &[("target", "node-9945"), ("part", "relay")],
            1.0,
        )
    });
}

#[test]
fn it_runs_and_scrapes_in_an_empty_chroot() {
    let _alone = USUAL_PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    let _node = node_at(9944);
    let root = directory();
    std::fs::copy(Farmwarden::binary(), root.path().join("farmwarden")).unwrap();
    let mut command = Command::new("/usr/sbin/chroot");
    command
        .arg(root.path())
        .arg("/farmwarden")
        .args(["--web.listen-address", "127.0.0.1:0"])
        .env_clear();
    let warden = Farmwarden::run(&mut command, root);
    warden.wait_for("the node is read", |page| {
        page.is(
            "phala_node_info",
            &[("target", "node-9944"), ("chain_name", "Khala")],
            1.0,
        )
    });
    let index = http::get(&warden.address, "/", &[]).unwrap();
    assert_eq!(
        (index.status, index.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    warden.stops_at_once();
}

#[test]
fn it_stops_at_once_although_clients_and_nodes_hang() {
    let farm = Simfarm::start(&["--substrate", "para=127.0.0.1:0", "--substrate", "relay=127.0.0.1:0"]);
    let (para, relay) = (farm.place("substrate", "para"), farm.place("substrate", "relay"));
    for node in ["para", "relay"] {
        farm.set(&format!("substrate/{node}"), &serde_json::json!({"incident": "silent"}));
    }
    let target = format!("{{name: silent, para: 'http://{para}', relay: 'ws://{relay}', interval: 1m, timeout: 50s}}");
    let warden = Farmwarden::start(&format!("collectors: {{phala: [{target}]}}"));
    let _stalled: Vec<TcpStream> = ["", "GET /metrics HTTP/1.1\r\nHost: farm"]
        .map(|beginning| warden.begin(beginning))
        .into();
    wait_for("both nodes are being asked", LONG, || {
        let asked = |node: &str| farm.get(&format!("substrate/{node}/calls")).get("connections") != Some(&0.into());
        if asked("para") && asked("relay") {
            Ok(())
        } else {
            Err("they are not")
        }
    });
    warden.stops_at_once();
}
