//! An installation of chia on this machine: its usual `CHIA_ROOT`s and the ports that its `config.yaml` names.
//!
//! Whether something listens there is tried; certificates are proposed by their path and not opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::root::Config;
use super::target::is_loopback;
use crate::collectors::{Discovery, Here, Key, Proposal, Tools};
use crate::upstream::chia::Service;

/// Something on this machine accepts a connection at once.
const WITHIN: Duration = Duration::from_secs(1);
/// A machine has one or two installations; a directory of homes may have many.
const MOST_HOMES: usize = 64;

/// Where an installation lies, relative to a home.
const USUAL: &str = ".chia/mainnet";

pub(super) async fn discover(here: &Here, tools: &Tools) -> Discovery {
    let mut discovery = Discovery::default();
    let rootfs = here.rootfs.clone();
    let listed = tokio::task::spawn_blocking(move || roots(&rootfs)).await;
    for (number, root) in listed.unwrap_or_default().into_iter().enumerate() {
        installation(&root, number + 1, tools, &mut discovery).await;
    }
    if discovery.looked.is_empty() {
        let words = format!("/root/{USUAL}, /home/*/{USUAL}: no installation of chia that may be read");
        discovery.looked.push(words);
    }
    discovery
}

/// Installations whose configuration may be read.
fn roots(rootfs: &Path) -> Vec<(PathBuf, Config)> {
    let homes = std::fs::read_dir(rootfs.join("home")).into_iter().flatten().flatten();
    let homes = homes.map(|entry| entry.path()).take(MOST_HOMES);
    let all = std::iter::once(rootfs.join("root"))
        .chain(homes)
        .map(|home| home.join(USUAL));
    let read = all.filter_map(|root| Config::read(&root).ok().map(|config| (root, config)));
    read.collect()
}

async fn installation((root, config): &(PathBuf, Config), number: usize, tools: &Tools, discovery: &mut Discovery) {
    let shown = root.display();
    let listens = |port: u16| async move { tools.upstream.connects("127.0.0.1", port, WITHIN).await.is_ok() };
    let mut keys = vec![
        Key::text("name", format!("chia-{number}")).about("What metrics and alerts call it."),
        Key::text("root", shown.to_string())
            .about("Its certificates open the wallet as well; docs/chia.md says how another user gets at them."),
    ];
    let mut found = Vec::new();
    for (service, key) in [(Service::Farmer, "farmer"), (Service::FullNode, "full_node")] {
        let Some(port) = config.port(service) else { continue };
        if listens(port).await {
            found.push(service.name());
            keys.push(Key::text(key, format!("127.0.0.1:{port}")));
        }
    }
    if listens(config.daemon_port()).await {
        found.push("daemon");
        keys.push(Key::text("daemon", format!("127.0.0.1:{}", config.daemon_port())));
    }
    if let Some(port) = config.port(Service::Harvester)
        && listens(port).await
    {
        found.push("harvester");
        let pick = vec![Key::text("name", "here"), Key::text("rpc", format!("127.0.0.1:{port}"))];
        keys.push(Key::list("harvesters", vec![pick]));
    }
    if let Some(port) = config.port(Service::Wallet)
        && listens(port).await
    {
        found.push("wallet");
        let wallet = Key::text("wallet", format!("127.0.0.1:{port}"));
        keys.push(
            wallet
                .about("Whether it is synchronised, and what was won.")
                .only_proposed(),
        );
    }
    if !is_loopback(config.self_hostname()) {
        let words = format!(
            "{shown}: self_hostname is {}: every RPC, with the wallet's, can be reached from outside",
            config.self_hostname()
        );
        discovery.looked.push(words);
    }
    if found.is_empty() {
        discovery
            .looked
            .push(format!("{shown}: an installation of chia of which nothing runs"));
        return;
    }
    discovery
        .looked
        .push(format!("{shown}: chia runs here ({})", found.join(", ")));
    discovery.proposals.push(Proposal {
        why: format!("chia runs on this machine: {}.", found.join(", ")),
        keys,
    });
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::collectors::Setting;
    use crate::exposition::Own;
    use crate::upstream::Upstream;

    async fn found(text: &str) -> (String, Discovery) {
        let machine = tempfile::tempdir().unwrap();
        let root = machine.path().join("home/chia").join(USUAL);
        std::fs::create_dir_all(root.join("config")).unwrap();
        std::fs::write(root.join("config/config.yaml"), text).unwrap();
        let here = Here {
            procfs: "/proc".into(),
            rootfs: machine.path().to_owned(),
        };
        let tools = Tools {
            upstream: Upstream::from_system().unwrap(),
            own: Own::default(),
        };
        (root.display().to_string(), discover(&here, &tools).await)
    }

    #[tokio::test]
    async fn what_runs_becomes_an_entry() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = open.local_addr().unwrap().port();
        let off = |section: &str| format!("{section}: {{rpc_port: 1}}\n");
        let text = format!(
            "farmer: {{rpc_port: {port}}}\ndaemon_port: 1\n{}{}{}",
            off("full_node"),
            off("harvester"),
            off("wallet")
        );
        let (root, found) = found(&text).await;
        assert_eq!(found.looked, [format!("{root}: chia runs here (farmer)")]);
        let keys = found.proposals[0].keys.iter().map(|key| (key.name, key.value.clone()));
        let text = |text: &str| Setting::Text(text.to_owned());
        let expected = [
            ("name", text("chia-1")),
            ("root", text(&root)),
            ("farmer", text(&format!("127.0.0.1:{port}"))),
        ];
        assert_eq!(keys.collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn a_wide_open_farm_and_one_that_rests_are_told() {
        let quiet = "self_hostname: 0.0.0.0\ndaemon_port: 1\nfarmer: {rpc_port: 1}\nfull_node: {rpc_port: 1}\n\
                     harvester: {rpc_port: 1}\nwallet: {start_rpc_server: false}\n";
        let (root, found) = found(quiet).await;
        assert!(
            found.looked[0].contains("can be reached from outside"),
            "{:?}",
            found.looked
        );
        assert_eq!(
            found.looked[1],
            format!("{root}: an installation of chia of which nothing runs")
        );
        assert!(found.proposals.is_empty());
    }
}
