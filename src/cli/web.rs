//! The flags of our own server, and what of the environment concerns it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::access::{Access, Mistakes, Options};
use crate::app::Web;
use crate::server::{self, ControlSocketPath};

#[derive(Debug, clap::Args)]
#[group(id = "web")]
pub(super) struct Args {
    /// Address to serve on; may be given several times.
    #[arg(
        long = "web.listen-address",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:19977", value_parser = listen_address)]
    listen: Vec<SocketAddr>,
    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", value_name = "PATH", default_value = "/metrics", value_parser = telemetry_path)]
    telemetry_path: String,
    /// TLS, client certificates, passwords and tokens, as Prometheus' exporters have it (docs/access.md). Read again when it
    /// changes.
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config_file: Option<PathBuf>,
    /// Name under which this server may be asked, besides addresses, localhost and the host name; may be given several
    /// times. For a reverse proxy that passes its own Host on.
    #[arg(long = "web.allowed-host", value_name = "NAME", value_parser = host_name)]
    allowed_hosts: Vec<String>,
    /// Unix socket on which root and the user of the service may do everything. Empty for none. [default: control.sock in
    /// `$RUNTIME_DIRECTORY`, else in /run/farmwarden for root, else in `$XDG_RUNTIME_DIR/farmwarden`]
    #[arg(long = "web.control-socket", value_name = "PATH")]
    control_socket: Option<OsString>,
    /// Unix socket on which other farmwardens of this machine may ask for repairs (docs/remote.md), and nothing else. Its group
    /// may open it: that of the service.
    #[arg(long = "web.remote-socket", value_name = "PATH")]
    remote_socket: Option<PathBuf>,
    /// Allow POST /-/reload over TCP, too: with the credentials of scopes.control, or without any on loopback.
    #[arg(long = "web.enable-lifecycle")]
    enable_lifecycle: bool,
}

impl Args {
    /// Reads web.yml, if there is one, and refuses flags that would be dangerous together.
    pub(super) fn read(self) -> Result<Web, Mistakes> {
        let access = Access::read(Options {
            config_file: self.web_config_file,
            listen: self.listen.clone(),
            allowed_hosts: self.allowed_hosts,
            host_name: nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()),
            enable_lifecycle: self.enable_lifecycle,
        })?;
        Ok(Web {
            listen: self.listen,
            telemetry_path: self.telemetry_path,
            access: Arc::new(access),
            control_socket: control_socket(self.control_socket),
            remote_socket: self.remote_socket,
        })
    }
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "an address and a port, like 127.0.0.1:19977, [::1]:19977, or 0.0.0.0:19977 for every IPv4 address of this machine"
            .to_owned()
    })
}

fn telemetry_path(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    let taken = server::is_taken(text);
    // Two slashes at the beginning would make a link on the status page lead to another host.
    if text.starts_with('/') && !text.starts_with("//") && text.chars().all(plain) && !taken {
        Ok(text.to_owned())
    } else {
        Err("a path like /metrics: it begins with `/`, has only letters, digits, `/`, `-`, `_` or `.`, and is not already taken".to_owned())
    }
}

fn host_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a name like farm.example: without scheme, port or path".to_owned())
    }
}

/// From the flag, or the usual place of whoever runs this.
fn control_socket(flag: Option<OsString>) -> Option<ControlSocketPath> {
    const FILE: &str = "control.sock";
    if let Some(path) = flag {
        let given = !path.is_empty();
        return given.then_some(ControlSocketPath {
            path: path.into(),
            required: true,
        });
    }
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    // systemd separates several directories with colons; the first one is the service's own.
    let given = variable("RUNTIME_DIRECTORY").map(|path| {
        let first = path.to_str().and_then(|text| text.split(':').next()).map(PathBuf::from);
        first.unwrap_or(path)
    });
    let directory = given
        .or_else(|| {
            nix::unistd::geteuid()
                .is_root()
                .then(|| PathBuf::from("/run/farmwarden"))
        })
        .or_else(|| Some(variable("XDG_RUNTIME_DIR")?.join("farmwarden")))?;
    Some(ControlSocketPath {
        path: directory.join(FILE),
        required: false,
    })
}
