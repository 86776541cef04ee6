//! Who may ask our own server what: `--web.config.file` as Prometheus' exporters have it, credentials for each scope,
//! names under which the server may be asked. docs/access.md says it for operators.
//!
//! It listens to nothing and answers nothing; that is `server/`.

mod client_cert;
mod credentials;
mod decide;
mod file;
mod follow;
mod hosts;
mod passwords;
mod rate;
mod report;
mod settings;
mod tls;
mod tls_names;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use hyper::Request;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::ServerConfig;
use tokio::time::Instant;

pub use decide::{Need, Refusal, Tcp, Via};

use credentials::Presented;
use decide::{Decision, Facts, Rules};
use hosts::Hosts;
use passwords::{Passwords, Proof};
use rate::Bucket;
use report::Fingerprint;
pub use report::Named;
use settings::{Look, WebSettings};

use crate::exposition::Refused;

/// All mistakes of web.yml and of the flags beside it, one line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

/// What a web.yml without mistakes comes to.
#[derive(Debug)]
pub struct Checked {
    /// In a few words; nothing where the files that it names were not looked at.
    pub summary: Option<String>,
    pub warnings: Vec<String>,
}

/// Looks at a web.yml as the start does, as far as it depends on nothing but that file and those that it names.
pub fn check(file: &Path, named: Named) -> Result<Checked, Mistakes> {
    let look = Look::at(file, named);
    let settings = look.settings?;
    Ok(Checked {
        summary: (named == Named::MustBeThere).then(|| settings.summary()),
        warnings: look.warnings,
    })
}

/// What a request may be about; each has credentials of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Says nothing but that the process runs.
    Open,
    /// Reads what is known.
    Scrape,
    /// Hands in alerts.
    Alerts,
    /// Changes what farmwarden does.
    Control,
    /// Asks for a repair as another farmwarden, and shows by its signature who it is.
    Remote,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Scrape => "scrape",
            Self::Alerts => "alerts",
            Self::Control => "control",
            Self::Remote => "remote",
        })
    }
}

/// What the command line says about access.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--web.config.file`; without it everything readable is open.
    pub config_file: Option<PathBuf>,
    /// `--web.listen-address`
    pub listen: Vec<SocketAddr>,
    /// `--web.allowed-host`
    pub allowed_hosts: Vec<String>,
    /// The machine's own name, where it has one.
    pub host_name: Option<String>,
    /// `--web.enable-lifecycle`
    pub enable_lifecycle: bool,
}

/// The present rules; they follow the file while [`Access::follow`] runs.
pub struct Access {
    options: Options,
    hosts: Hosts,
    passwords: Passwords,
    current: RwLock<Arc<Current>>,
}

/// What one reading of the file led to.
struct Current {
    settings: WebSettings,
    bucket: Option<Bucket>,
    /// Every file it came from.
    seen: Fingerprint,
}

impl Access {
    /// Reads the file, if there is one, and refuses what would be dangerous. Warnings are logged.
    pub fn read(options: Options) -> Result<Self, Mistakes> {
        let current = if let Some(file) = &options.config_file {
            Current::from_look(Look::at(file, Named::MustBeThere), &options)?
        } else {
            Current::checked(WebSettings::default(), Fingerprint::default(), &options)?
        };
        Ok(Self {
            hosts: Hosts::new(options.host_name.as_deref(), &options.allowed_hosts),
            options,
            passwords: Passwords::default(),
            current: RwLock::new(Arc::new(current)),
        })
    }

    /// What new connections over TCP are encrypted with; nothing for plain HTTP.
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.current().settings.tls.clone()
    }

    /// What to set in every answer, in place of ours of the same name.
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        self.current().settings.headers.clone()
    }

    /// Whether the request may be answered. The future waits only while an unproven password is checked, and does not
    /// hold on to the request.
    pub fn admit<'a, B>(
        &'a self,
        request: &Request<B>,
        via: Via,
        need: Need,
    ) -> impl Future<Output = Result<(), Refusal>> + Send + use<'a, B> {
        let current = self.current();
        let decision = self.decide(&current, request, via, need);
        let presented = Presented::of(request.headers());
        async move {
            match decision {
                Decision::Answer => Ok(()),
                Decision::Refuse(refusal) => Err(refusal),
                Decision::AskForCredentials { peer } => self.check(&current, need.scope, presented, peer).await,
            }
        }
    }

    fn decide<B>(&self, current: &Current, request: &Request<B>, via: Via, need: Need) -> Decision {
        if let (Some(bucket), Via::Tcp(_)) = (&current.bucket, via)
            && need.scope != Scope::Open
            && !bucket.take(Instant::now())
        {
            return Decision::Refuse(Refusal::too_many());
        }
        let rules = Rules {
            hosts: &self.hosts,
            lifecycle: self.options.enable_lifecycle,
            has_credentials: current.settings.scopes.has(need.scope),
        };
        decide::decide(&Facts::of(request, via, need), &rules)
    }

    async fn check(
        &self,
        current: &Current,
        scope: Scope,
        presented: Option<Presented>,
        peer: IpAddr,
    ) -> Result<(), Refusal> {
        let Some(credentials) = current.settings.scopes.of(scope) else {
            return Ok(());
        };
        let proof = match &presented {
            Some(presented) => credentials.check(presented, peer, &self.passwords).await,
            None => Proof::Wrong,
        };
        match proof {
            Proof::Fits => Ok(()),
            Proof::Wrong => {
                let why = presented.map_or(Refused::NoCredentials, |_| Refused::WrongCredentials);
                Err(Refusal::unauthorized(why, credentials.challenges()))
            }
            Proof::Busy => Err(Refusal::busy()),
        }
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, current: Current) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
        self.passwords.forget();
    }
}

/// The user that a request names, proven only by [`Access::admit`]; nothing with a token, or without credentials.
pub fn user(headers: &HeaderMap) -> Option<String> {
    match Presented::of(headers)? {
        Presented::Basic { user, .. } => Some(user),
        Presented::Bearer(_) => None,
    }
}

impl Current {
    fn from_look(look: Look, options: &Options) -> Result<Self, Mistakes> {
        let current = Self::checked(look.settings?, look.seen, options)?;
        for warning in look.warnings.into_iter().chain(exposed(&current.settings, options)) {
            tracing::warn!("{warning}");
        }
        Ok(current)
    }

    fn checked(settings: WebSettings, seen: Fingerprint, options: &Options) -> Result<Self, Mistakes> {
        if let Some(mistake) = dangerous(&settings, options) {
            return Err(Mistakes(vec![mistake]));
        }
        Ok(Self {
            bucket: settings.rate.map(|rate| Bucket::new(rate, Instant::now())),
            settings,
            seen,
        })
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

fn beyond_loopback(options: &Options) -> Option<&SocketAddr> {
    options
        .listen
        .iter()
        .find(|address| !address.ip().to_canonical().is_loopback())
}

/// What would let strangers control a farm.
fn dangerous(settings: &WebSettings, options: &Options) -> Option<String> {
    let outside = beyond_loopback(options)?;
    if settings.scopes.has(Scope::Control) {
        settings.tls.is_none().then(|| {
            format!(
                "scopes.control over plain HTTP on {outside} would send the password that controls the farm in the clear; add tls_server_config, listen on loopback, or use the control socket"
            )
        })
    } else {
        options.enable_lifecycle.then(|| {
            format!(
                "--web.enable-lifecycle on {outside} would let everybody who reaches it reload; configure scopes.control in --web.config.file, listen on loopback, or use the control socket"
            )
        })
    }
}

/// Credentials that everybody on the way can read.
fn exposed(settings: &WebSettings, options: &Options) -> Option<String> {
    let outside = beyond_loopback(options)?;
    let exposed = settings.tls.is_none() && !settings.scopes.is_empty();
    exposed.then(|| format!("passwords and tokens go over plain HTTP to {outside}; add tls_server_config"))
}
