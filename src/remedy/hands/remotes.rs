//! The section `remotes` of the configuration: other farmwardens that may be asked for repairs.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::actions::remote::{Believes, Place, RemoteSettings};
use crate::values::{Endpoint, Name, Scheme, SecretSource};

/// Another farmwarden, which is asked for its own repairs by the action `remote`: see docs/remote.md.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// What actions and messages call it; best the machine's name.
    #[schemars(example = &"rack-2")]
    pub name: Name,
    /// Where it listens, with TLS.
    #[serde(default)]
    #[schemars(example = &"https://10.0.0.12:19977")]
    pub address: Option<Endpoint>,
    /// In place of `address`, the unix socket of one on this machine (its flag `--web.remote-socket`).
    #[serde(default)]
    #[schemars(example = &"/run/farmwarden-actuator/remote.sock", extend("x-off" = true))]
    pub socket: Option<PathBuf>,
    /// With `address`: its certificate. Exactly this one is believed, whatever stands in it.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/rack-2/cert.pem")]
    pub certificate_file: Option<PathBuf>,
    /// In place of `certificate_file`: the authority that signed it; no other is believed.
    #[serde(default)]
    #[schemars(example = &"/etc/farmwarden/ca.pem", extend("x-off" = true))]
    pub ca_file: Option<PathBuf>,
    /// A file that only farmwarden can read, with a secret that the two have and nobody else: `openssl rand -hex 32`.
    #[schemars(example = &"/etc/farmwarden/rack-2/key")]
    pub key_file: PathBuf,
    /// What it calls us, in its section `callers`.
    #[schemars(example = &"control")]
    pub caller: Name,
}

impl Remote {
    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        let socket = self.socket.as_ref().map(|socket| socket.display().to_string());
        let place = socket.or_else(|| Some(self.address.as_ref()?.to_string()));
        format!("{} {}", self.name, place.unwrap_or_default())
    }

    pub(super) fn wrong(&self) -> Vec<(String, String)> {
        let mut wrong: Vec<(&str, &str)> = Vec::new();
        let files = [("certificate_file", &self.certificate_file), ("ca_file", &self.ca_file)];
        match (&self.socket, &self.address) {
            (Some(_), Some(_)) => wrong.push(("address", "either a `socket` or an `address`")),
            (None, None) => wrong.push((
                "",
                "say where it is: an `address`, like https://10.0.0.12:19977, or a `socket` on this machine",
            )),
            (Some(socket), None) => {
                if !socket.is_absolute() {
                    wrong.push(("socket", "the absolute path of a socket is expected here"));
                }
                let given = files.iter().filter(|(_, file)| file.is_some());
                wrong.extend(given.map(|(key, _)| (*key, "a socket has no certificate")));
            }
            (None, Some(address)) => {
                if address.scheme() != Scheme::Https {
                    wrong.push(("address", "over the network only with TLS: https://"));
                }
                if address.url().path() != "/" || address.url().query().is_some() {
                    wrong.push(("address", "scheme, host and port, without a path"));
                }
                match files.map(|(_, file)| file.is_some()) {
                    [true, true] => wrong.push(("ca_file", "either its `certificate_file` or a `ca_file`")),
                    [false, false] => wrong.push((
                        "",
                        "say how it is known: its certificate by `certificate_file`, or who signed it by `ca_file`",
                    )),
                    _ => {}
                }
            }
        }
        let owned = |(key, words): (&str, &str)| (key.to_owned(), words.to_owned());
        wrong.into_iter().map(owned).collect()
    }

    /// What is wrong with the file by which it is known, and the key that names that file.
    pub fn unreadable(&self) -> Option<(&'static str, String)> {
        let Place::Tls { believes, .. } = self.for_actions()?.place else {
            return None;
        };
        let key = match believes {
            Believes::Certificate(_) => "certificate_file",
            Believes::Authority(_) => "ca_file",
        };
        Some((key, believes.trust().err()?))
    }

    /// For the room that acts; nothing for one that says neither or both ways to it.
    pub(super) fn for_actions(&self) -> Option<RemoteSettings> {
        let place = match (&self.socket, &self.address) {
            (Some(socket), None) => Place::Socket(socket.clone()),
            (None, Some(address)) => Place::Tls {
                address: address.clone(),
                believes: match (&self.certificate_file, &self.ca_file) {
                    (Some(file), _) => Believes::Certificate(file.clone()),
                    (None, Some(file)) => Believes::Authority(file.clone()),
                    (None, None) => return None,
                },
            },
            _ => return None,
        };
        Some(RemoteSettings {
            name: self.name.clone(),
            place,
            caller: self.caller.clone(),
            key: SecretSource::File(self.key_file.clone()),
        })
    }
}
