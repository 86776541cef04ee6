//! One of the five services on its own port, with its own incident, in front of the Filecoin that all share.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use hyper::{Method, Request, Response};
use serde_json::Value;
use tokio::{net::ToSocketAddrs, time::sleep};

use super::{
    access::{At, admitted, own_token},
    auth, rpc,
    settings::Instance,
    version::Role,
    world::World,
};
use crate::{
    standin::{StandIn, locked, served},
    wire::{Calls, Dials, Fault, Load, Server, Tally, Upstream, View, reply},
};

/// A service in this process. Dropping it closes its port and every connection.
#[derive(Debug)]
pub struct Service {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    role: Role,
    world: Arc<Mutex<World>>,
    tally: Tally,
}

impl Service {
    /// Listens on `address` as the service `name`, which begins with its role.
    pub(super) async fn start(
        world: &Arc<Mutex<World>>,
        name: &str,
        role: Role,
        address: impl ToSocketAddrs,
    ) -> io::Result<Self> {
        locked(world).add(name, role);
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            role,
            world: Arc::clone(world),
            tally: Tally::default(),
        });
        let server = Server::start(address, Arc::clone(&shared)).await?;
        Ok(Self { server, shared })
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Changes the named settings (see [`Instance`]); when it returns, they hold, and the token file is written.
    pub async fn set(&self, patch: Value) -> Result<(), String> {
        let fault = locked(&self.shared.world).patch_service(&self.shared.name, &patch)?;
        self.server.apply(fault).await?;
        let file = self.settings().token_file;
        if file.is_empty() {
            return Ok(());
        }
        let written = tokio::fs::write(&file, self.token()).await;
        written.map_err(|error| format!("token_file: {file}: {error}"))
    }

    pub fn settings(&self) -> Instance {
        self.shared.instance().unwrap_or_else(|| {
            let era = locked(&self.shared.world).settings.era;
            Instance::new(era, self.shared.role)
        })
    }

    /// The service's own admin token, as it stands in its folder now.
    pub fn token(&self) -> String {
        own_token(&self.shared.name, &self.settings())
    }

    pub fn calls(&self) -> Calls {
        self.shared.tally.calls()
    }
}

impl Shared {
    fn instance(&self) -> Option<Instance> {
        let world = locked(&self.world);
        world.services.get(&self.name).map(|known| known.instance.clone())
    }

    fn answered(&self, request: &Request<Bytes>) -> Response<Load> {
        let mut world = locked(&self.world);
        let world = world.now();
        match self.forwarded(world, request) {
            Ok(Some((name, role))) => self.answered_as(world, &name, role, request),
            Ok(None) => self.answered_as(world, &self.name, self.role, request),
            Err((status, words)) => reply(status, "text/plain; charset=utf-8", words).map(Load::Whole),
        }
    }

    /// Since 1.13 the gateway passes requests with a certain header on.
    fn forwarded(&self, world: &World, request: &Request<Bytes>) -> Result<Option<(String, Role)>, (u16, String)> {
        let known = world.services.get(&self.name);
        let wanted = request.headers().get("X-VENUS-API-NAMESPACE");
        let wanted = wanted.filter(|_| known.is_some_and(|known| known.instance.version.from(13)));
        let Some(wanted) = wanted.filter(|_| self.role == Role::Gateway) else {
            return Ok(None);
        };
        let (role, key) = match wanted.as_bytes() {
            b"v1.FullNode" | b"v0.FullNode" => (Role::Node, "VENUS"),
            b"messager.IMessager" => (Role::Messager, "MESSAGER"),
            b"miner.MinerAPI" => (Role::Miner, "MINER"),
            b"auth.IAuthClient" => (Role::Auth, "AUTH"),
            b"gateway.IGateway" => (Role::Gateway, "GATEWAY"),
            other => {
                let name = String::from_utf8_lossy(other);
                let words = format!("header({name}): invalid venus proxy header for X-VENUS-API-NAMESPACE");
                return Err((400, words));
            }
        };
        match (world.first(role), world.well(role)) {
            (None, _) => Err((400, format!("host key({key}) : no reverse proxy registered"))),
            (Some(_), None) => Err((502, String::new())),
            (Some(name), Some(_)) => Ok(Some((name.to_owned(), role))),
        }
    }

    fn answered_as(&self, world: &mut World, name: &str, role: Role, request: &Request<Bytes>) -> Response<Load> {
        let Some(instance) = world.services.get(name).map(|known| known.instance.clone()) else {
            return rpc::bare(404);
        };
        if role == Role::Auth {
            return auth::answer(world, &self.tally, name, &instance, request).map(Load::Whole);
        }
        let path = request.uri().path();
        if request.method() == Method::GET && path == "/healthcheck" && instance.version.from(11) {
            return reply(200, "application/json", "{\"status\":\"OK\"}").map(Load::Whole);
        }
        let Some(who) = admitted(world, name, role, &instance, request) else {
            return rpc::bare(401);
        };
        let at = At {
            name: name.to_owned(),
            role,
            instance,
            path: path.to_owned(),
            who,
        };
        rpc::serve(world, &self.tally, &at, request)
    }

    /// How long a mining round, or an order, keeps this call waiting.
    fn waits(&self, request: &Request<Bytes>) -> u64 {
        let method = &*method_of(request);
        let locked = self.role == Role::Miner && method.ends_with(".StatesForMining");
        self.instance().map_or(0, |instance| {
            let ordered = instance.waits_ms.get(method).copied().unwrap_or_default();
            ordered.max(if locked { instance.lock_ms } else { 0 })
        })
    }
}

fn method_of(request: &Request<Bytes>) -> String {
    let call: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let method = call.get("method").and_then(Value::as_str);
    method.unwrap_or_default().to_owned()
}

impl Upstream for Shared {
    fn view(&self) -> View {
        let instance = self.instance();
        View {
            fault: instance.as_ref().map_or(Fault::Healthy, |own| own.incident.fault()),
            dials: instance.map_or_else(Dials::default, |own| own.dials),
        }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn answer_in_pieces<'a>(&'a self, request: &'a Request<Bytes>) -> BoxFuture<'a, Response<Load>> {
        async move {
            let waits = self.waits(request);
            if waits > 0 {
                sleep(Duration::from_millis(waits)).await;
            }
            let answer = self.answered(request);
            let method = method_of(request);
            let lost = |own: Instance| own.answers_lost.contains(&method);
            if self.instance().is_some_and(lost) {
                return rpc::bare(504);
            }
            answer
        }
        .boxed()
    }
}

impl StandIn for Service {
    served!();

    fn ask(&self, noun: &str) -> Option<Value> {
        (noun == "token").then(|| Value::String(self.token()))
    }
}
