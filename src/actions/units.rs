//! systemd units over D-Bus: look, restart, start, stop; each waits for the result of its job.
//!
//! Only listed units, and only kinds that are started and stopped for their own sake: a target could be the one that
//! switches the machine off. Source: `org.freedesktop.systemd1(5)`.

mod name;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::proxy::CacheProperties;
use zbus::zvariant::{OwnedObjectPath, OwnedValue};
use zbus::{Connection, Proxy};

pub use name::UnitName;

use super::{Done, Effect, Failed};
use crate::clock::UnixTime;
use crate::upstream::{Fault, Why};
use crate::values;

/// Which bus, and what may be touched there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitsSettings {
    /// Of the system bus; usually `/run/dbus/system_bus_socket`.
    pub socket: PathBuf,
    pub units: Vec<UnitName>,
}

/// The systemd of this machine.
#[derive(Clone, Debug)]
pub struct Units {
    who: String,
    bus: Bus,
    listed: Vec<UnitName>,
}

#[derive(Clone, Debug)]
enum Bus {
    Socket(PathBuf),
    #[cfg(test)]
    Peer(Connection),
}

/// A unit now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub active: Active,
    /// In systemd's words, like `running` or `auto-restart`.
    pub sub: String,
    /// When it last became active; `None` for one that never was.
    pub started_at: Option<UnixTime>,
}

/// `ActiveState`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    Active,
    Reloading,
    Inactive,
    Failed,
    Activating,
    Deactivating,
    Unknown,
}

impl Active {
    /// Whether it runs or is about to.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Active | Self::Reloading | Self::Activating)
    }

    fn named(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "reloading" | "refreshing" => Self::Reloading,
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            "activating" => Self::Activating,
            "deactivating" => Self::Deactivating,
            _ => Self::Unknown,
        }
    }
}

/// What is asked of systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Restart,
    Start,
    Stop,
}

impl Verb {
    const fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }

    const fn method(self) -> &'static str {
        match self {
            Self::Restart => "RestartUnit",
            Self::Start => "StartUnit",
            Self::Stop => "StopUnit",
        }
    }
}

/// For questions, and for the connection.
const LOOK_WITHIN: Duration = Duration::from_secs(15);
/// What a job may take; the largest that is waited for.
const LONGEST_JOB: Duration = Duration::from_secs(3600);

/// A job that contradicts one under way is refused, so that what a person has just asked for is not turned around.
const MODE: &str = "fail";

const MANAGER: &str = "org.freedesktop.systemd1.Manager";

impl Units {
    /// Nothing is asked yet.
    pub fn new(settings: UnitsSettings) -> Self {
        Self {
            who: "systemd".to_owned(),
            bus: Bus::Socket(settings.socket),
            listed: settings.units,
        }
    }

    /// How the unit is now.
    pub async fn look(&self, unit: &UnitName) -> Result<Unit, Failed> {
        let call = self.call(format!("look at {unit}"), unit)?;
        call.in_time(LOOK_WITHIN, async {
            let connection = self.connect().await?;
            call.state(&connection).await
        })
        .await
    }

    /// Has come to its end when systemd's job is done and the unit is up since a later moment than before. A job that
    /// lasts longer than `within` is not waited for any more; systemd goes on with it.
    pub async fn restart(&self, unit: &UnitName, within: Duration) -> Result<Unit, Failed> {
        let (before, after) = self.act(Verb::Restart, unit, within).await?;
        if after.active.is_up() && after.started_at != before.started_at {
            return Ok(after);
        }
        let words = format!("its job is done, but the unit is {}, as before", after.sub);
        Err(Failed::after(
            &self.who,
            format!("restart {unit}"),
            Why::upstream(words),
        ))
    }

    pub async fn start(&self, unit: &UnitName, within: Duration) -> Result<Done, Failed> {
        let (before, after) = self.act(Verb::Start, unit, within).await?;
        match (before.active == Active::Active, after.active.is_up()) {
            (true, true) => Ok(Done::AlreadySo),
            (false, true) => Ok(Done::Changed),
            (_, false) => {
                let words = format!("its job is done, but the unit is {}", after.sub);
                Err(Failed::after(&self.who, format!("start {unit}"), Why::upstream(words)))
            }
        }
    }

    pub async fn stop(&self, unit: &UnitName, within: Duration) -> Result<Done, Failed> {
        let (before, after) = self.act(Verb::Stop, unit, within).await?;
        match after.active {
            Active::Inactive | Active::Failed if before.active == after.active => Ok(Done::AlreadySo),
            Active::Inactive | Active::Failed => Ok(Done::Changed),
            _ => {
                let words = format!("its job is done, but the unit is {}", after.sub);
                Err(Failed::after(&self.who, format!("stop {unit}"), Why::upstream(words)))
            }
        }
    }

    /// The unit before and after.
    async fn act(&self, verb: Verb, unit: &UnitName, within: Duration) -> Result<(Unit, Unit), Failed> {
        let call = self.call(format!("{} {unit}", verb.word()), unit)?;
        let (connection, before) = call
            .in_time(LOOK_WITHIN, async {
                let connection = self.connect().await?;
                let before = call.state(&connection).await?;
                Ok((connection, before))
            })
            .await?;
        let job = call.job(&connection, verb);
        match tokio::time::timeout(within.min(LONGEST_JOB), job).await {
            Ok(outcome) => outcome?,
            Err(_) => return Err(call.after(Why::Timeout(within.min(LONGEST_JOB)))),
        }
        let after = call.in_time(LOOK_WITHIN, call.state(&connection)).await;
        let after = after.map_err(|failed| call.after(failed.fault.why))?;
        Ok((before, after))
    }

    fn call<'a>(&'a self, operation: String, unit: &'a UnitName) -> Result<Call<'a>, Failed> {
        if self.listed.contains(unit) {
            return Ok(Call {
                who: &self.who,
                operation,
                unit,
            });
        }
        let words = "it is not among the units that the configuration lists".to_owned();
        Err(Failed::before(&self.who, operation, Why::Forbidden(words)))
    }

    /// One for each action: nothing has to be kept alive, and systemd may restart meanwhile.
    async fn connect(&self) -> Result<Connection, Why> {
        match &self.bus {
            Bus::Socket(path) => {
                let unreachable =
                    |e: zbus::Error| Why::Unreachable(format!("no bus at {}: {}", path.display(), words(&e)));
                let stream = tokio::net::UnixStream::connect(path)
                    .await
                    .map_err(|e| Why::Unreachable(format!("no bus at {}: {}", path.display(), values::io_words(&e))))?;
                let builder = zbus::connection::Builder::unix_stream(stream);
                builder.build().await.map_err(unreachable)
            }
            #[cfg(test)]
            Bus::Peer(connection) => Ok(connection.clone()),
        }
    }
}

/// One action on one unit.
struct Call<'a> {
    who: &'a str,
    /// As failures name it.
    operation: String,
    unit: &'a UnitName,
}

impl Call<'_> {
    async fn in_time<T>(&self, within: Duration, look: impl Future<Output = Result<T, Why>>) -> Result<T, Failed> {
        match tokio::time::timeout(within, look).await {
            Ok(outcome) => outcome.map_err(|why| Failed::before(self.who, &self.operation, why)),
            Err(_) => Err(Failed::before(self.who, &self.operation, Why::Timeout(within))),
        }
    }

    async fn state(&self, connection: &Connection) -> Result<Unit, Why> {
        let manager = proxy(connection, "/org/freedesktop/systemd1", MANAGER).await?;
        let path: OwnedObjectPath = manager
            .call("LoadUnit", &(self.unit.as_str()))
            .await
            .map_err(|e| why(&e))?;
        let properties = proxy(connection, path.as_str(), "org.freedesktop.DBus.Properties").await?;
        let all: HashMap<String, OwnedValue> = properties
            .call("GetAll", &("org.freedesktop.systemd1.Unit"))
            .await
            .map_err(|e| why(&e))?;
        unit(&all)
    }

    /// Sends the job and waits for its end. Listening begins before, or a quick job would be missed.
    async fn job(&self, connection: &Connection, verb: Verb) -> Result<(), Failed> {
        let before = |why| Failed::before(self.who, &self.operation, why);
        let manager = proxy(connection, "/org/freedesktop/systemd1", MANAGER)
            .await
            .map_err(before)?;
        let mut removed = manager
            .receive_signal("JobRemoved")
            .await
            .map_err(|e| before(why(&e)))?;
        let subscribed: zbus::Result<()> = manager.call("Subscribe", &()).await;
        subscribed.map_err(|e| before(why(&e)))?;
        let asked: zbus::Result<OwnedObjectPath> = manager.call(verb.method(), &(self.unit.as_str(), MODE)).await;
        let job = asked.map_err(|e| Failed {
            fault: Fault::new(self.who, &self.operation, why(&e)),
            effect: match e {
                zbus::Error::MethodError(..) => Effect::Nothing,
                _ => Effect::Unknown,
            },
        })?;
        while let Some(signal) = removed.next().await {
            let body = signal.body();
            let Ok((_, path, _, result)) = body.deserialize::<(u32, OwnedObjectPath, String, String)>() else {
                continue;
            };
            if path == job {
                return self.judged(&result);
            }
        }
        Err(self.after(Why::Unreachable("the bus went away while its job ran".to_owned())))
    }

    fn judged(&self, result: &str) -> Result<(), Failed> {
        let words = match result {
            "done" => return Ok(()),
            "canceled" => "somebody cancelled its job".to_owned(),
            "timeout" => "systemd gave its job up after the unit's own timeout".to_owned(),
            "failed" => "its job failed: `journalctl -u` tells why".to_owned(),
            "dependency" => "something that it needs could not be started".to_owned(),
            "skipped" => "systemd skipped its job: it does not apply to the unit as it is now".to_owned(),
            other => format!("its job ended with `{other}`"),
        };
        Err(self.after(Why::upstream(words)))
    }

    fn after(&self, why: Why) -> Failed {
        Failed::after(self.who, &self.operation, why)
    }
}

async fn proxy<'a>(connection: &Connection, path: &'a str, interface: &'a str) -> Result<Proxy<'a>, Why> {
    let built = async {
        zbus::proxy::Builder::new(connection)
            .destination("org.freedesktop.systemd1")?
            .path(path)?
            .interface(interface)?
            .cache_properties(CacheProperties::No)
            .build()
            .await
    };
    built.await.map_err(|e: zbus::Error| why(&e))
}

/// From the properties of `org.freedesktop.systemd1.Unit`.
fn unit(all: &HashMap<String, OwnedValue>) -> Result<Unit, Why> {
    let text = |name: &str| all.get(name).and_then(|value| <&str>::try_from(value).ok());
    let missing = || Why::malformed("systemd does not say in which state the unit is");
    match text("LoadState").ok_or_else(missing)? {
        "loaded" => {}
        "not-found" => return Err(Why::NotFound("there is no such unit on this machine".to_owned())),
        "masked" => {
            return Err(Why::Forbidden(
                "the unit is masked: somebody wants it never to run".to_owned(),
            ));
        }
        other => return Err(Why::upstream(format!("the unit could not be loaded: {other}"))),
    }
    let micros = all
        .get("ActiveEnterTimestamp")
        .and_then(|value| u64::try_from(value).ok());
    let micros = micros.filter(|micros| *micros > 0);
    Ok(Unit {
        active: Active::named(text("ActiveState").ok_or_else(missing)?),
        sub: text("SubState").unwrap_or("in an unknown state").to_owned(),
        started_at: micros.map(|micros| UnixTime::from_duration(Duration::from_micros(micros))),
    })
}

fn why(error: &zbus::Error) -> Why {
    let zbus::Error::MethodError(name, text, _) = error else {
        return Why::Unreachable(format!("the bus failed: {}", words(error)));
    };
    let text = text.as_deref().unwrap_or_default();
    let absent = "systemd is not on this bus";
    // The bus tries to start who is asked for.
    if name.as_str().starts_with("org.freedesktop.DBus.Error.Spawn.") {
        return Why::Unreachable(absent.to_owned());
    }
    match name.as_str().rsplit('.').next().unwrap_or_default() {
        "NoSuchUnit" => Why::NotFound("there is no such unit on this machine".to_owned()),
        "AccessDenied" | "InteractiveAuthorizationRequired" | "NotAuthorized" => Why::Forbidden(
            "systemd does not let farmwarden's user do that: a polkit rule for this unit and user allows it".to_owned(),
        ),
        "ServiceUnknown" | "NameHasNoOwner" => Why::Unreachable(absent.to_owned()),
        _ => Why::upstream(text),
    }
}

/// Without addresses and structures of the library.
fn words(error: &zbus::Error) -> String {
    match error {
        zbus::Error::InputOutput(io) => values::io_words(io),
        other => other.to_string(),
    }
}
