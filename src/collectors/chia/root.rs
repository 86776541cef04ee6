//! `CHIA_ROOT`: where the certificates of an installation lie, and what its `config.yaml` says of ports and plots.
//!
//! The file is rewritten by the services while they run; it is read, never written.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::details;
use crate::upstream::chia::{Certificates, NodeId, Service};
use crate::values;
use crate::yaml::{Document, LARGEST};

/// What is of use in `config/config.yaml`. A value that is not what it should be is left out, and nothing else with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    self_hostname: Option<String>,
    daemon_port: Option<u16>,
    daemon_ssl: Leaf,
    private_ssl_ca: Authority,
    full_node: Section,
    farmer: Section,
    harvester: Section,
    wallet: Section,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Leaf {
    private_crt: Option<PathBuf>,
    private_key: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Authority {
    crt: Option<PathBuf>,
}

/// Of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Section {
    rpc_port: Option<u16>,
    start_rpc_server: Option<bool>,
    /// Only of a harvester.
    plot_directories: Vec<PathBuf>,
    plots_refresh_parameter: Refresh,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Refresh {
    interval_seconds: Option<u64>,
}

impl Config {
    /// Any text gives what could be read of it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let document = Document::of_another("config.yaml", text).map_err(|mistakes| {
            let first = mistakes.0.first().map(ToString::to_string);
            first.unwrap_or_else(|| "config.yaml cannot be read".to_owned())
        })?;
        Ok(document.read().value.unwrap_or_default())
    }

    /// Reads `root`'s. It blocks, as files do.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let path = root.join("config/config.yaml");
        let shown = path.display();
        let wrong = |e: std::io::Error| format!("{shown} cannot be read: {}", values::io_words(&e));
        if !std::fs::metadata(&path).map_err(wrong)?.is_file() {
            return Err(format!("{shown} is no regular file"));
        }
        let mut text = String::new();
        let file = std::fs::File::open(&path).map_err(wrong)?;
        file.take(LARGEST).read_to_string(&mut text).map_err(wrong)?;
        Self::parse(&text).map_err(|words| format!("{shown}: {words}"))
    }

    /// The port of a service's RPC, unless it is switched off.
    pub(super) fn port(&self, service: Service) -> Option<u16> {
        let section = match service {
            Service::FullNode => &self.full_node,
            Service::Farmer => &self.farmer,
            Service::Harvester => &self.harvester,
            Service::Wallet => &self.wallet,
        };
        let on = section.start_rpc_server.unwrap_or(true);
        on.then(|| section.rpc_port.unwrap_or(service.usual_port()))
    }

    pub(super) fn daemon_port(&self) -> u16 {
        self.daemon_port.unwrap_or(DAEMON_PORT)
    }

    /// Where all RPCs and the daemon listen.
    pub(super) fn self_hostname(&self) -> &str {
        self.self_hostname.as_deref().unwrap_or("localhost")
    }

    /// Of the harvester, each absolute one once.
    pub(super) fn plot_directories(&self) -> Vec<PathBuf> {
        details::sound(self.harvester.plot_directories.iter().cloned())
    }

    /// How often the harvester looks through its directories.
    pub(super) fn refresh_seconds(&self) -> Option<u64> {
        self.harvester.plots_refresh_parameter.interval_seconds
    }
}

/// Of a daemon, unless configured otherwise.
pub(super) const DAEMON_PORT: u16 = 55400;

/// The certificates of an installation: its authority, and the leaf of its daemon, as there always is one.
pub(super) fn certificates(root: &Path) -> Certificates {
    let config = Config::read(root).unwrap_or_default();
    let under = |path: Option<PathBuf>, usual: &str| root.join(path.unwrap_or_else(|| usual.into()));
    Certificates {
        authority: under(config.private_ssl_ca.crt, "config/ssl/ca/private_ca.crt"),
        certificate: under(config.daemon_ssl.private_crt, "config/ssl/daemon/private_daemon.crt"),
        key: under(config.daemon_ssl.private_key, "config/ssl/daemon/private_daemon.key"),
    }
}

/// Under which id the farmer knows the harvester of this installation, if it has one. Not a secret: the certificate.
pub(super) fn harvester_id(root: &Path) -> Option<NodeId> {
    NodeId::of_file(&root.join("config/ssl/harvester/private_harvester.crt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Config {
        let room = concat!(env!("CARGO_MANIFEST_DIR"), "/src/collectors/chia/fixtures");
        Config::parse(&std::fs::read_to_string(Path::new(room).join(name)).unwrap()).unwrap()
    }

    #[test]
    fn the_file_of_a_running_installation_is_read() {
        let config = fixture("2.7.5/config.yaml");
        let ports = Service::ALL.map(|service| config.port(service));
        assert_eq!(ports, [Some(8555), Some(8559), Some(8560), Some(9256)]);
        assert_eq!((config.daemon_port(), config.self_hostname()), (55400, "localhost"));
        let directories = ["/mnt/plots/disk1", "/mnt/plots/disk2"].map(PathBuf::from);
        assert_eq!(config.plot_directories(), directories);
        assert_eq!(config.refresh_seconds(), Some(120));
    }

    #[test]
    fn anchors_and_sets_are_read_and_what_is_wrong_costs_only_itself() {
        let config = fixture("config-made-up.yaml");
        let ports = Service::ALL.map(|service| config.port(service));
        assert_eq!(ports, [None, Some(9559), Some(9560), Some(9256)]);
        assert_eq!((config.daemon_port(), config.self_hostname()), (55401, "localhost"));
        // The 7 is a path for YAML, and not an absolute one.
        assert_eq!(config.plot_directories(), [PathBuf::from("/mnt/my disk")]);
        assert_eq!(config.refresh_seconds(), Some(300));
    }

    #[test]
    fn certificates_lie_where_the_file_says_or_at_their_usual_place() {
        let root = tempfile::tempdir().unwrap();
        let under = |path: &str| root.path().join(path);
        let usual = certificates(root.path());
        assert_eq!(usual.key, under("config/ssl/daemon/private_daemon.key"));
        std::fs::create_dir(under("config")).unwrap();
        let text = "private_ssl_ca: {crt: /srv/ca.crt}\ndaemon_ssl: {private_crt: d.crt, private_key: d.key}\n";
        std::fs::write(under("config/config.yaml"), text).unwrap();
        let said = certificates(root.path());
        assert_eq!(said.authority, PathBuf::from("/srv/ca.crt"));
        assert_eq!((said.certificate, said.key), (under("d.crt"), under("d.key")));
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_configuration_or_an_error(text in ".*|(harvester|daemon_port):[ {}\\[\\]a-z0-9:!*&\n]*") {
            drop(Config::parse(&text));
        }
    }
}
