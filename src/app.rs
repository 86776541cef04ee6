//! Wires the rooms together, starts them and stops them; the only file that knows them all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::access::Access;
use crate::clock::Clock;
use crate::collectors::phala::{self, Chain};
use crate::collectors::{self, Tools, Visit as _};
use crate::config::Settings;
use crate::exposition::Own;
use crate::schedule::Schedule;
use crate::server::{self, ControlSocket, ControlSocketPath, Listeners, Routes};
use crate::store::Store;
use crate::upstream::Upstream;
use crate::values::{Endpoint, Name};

/// How the page is served.
#[derive(Clone, Debug)]
pub struct Web {
    pub listen: Vec<SocketAddr>,
    pub telemetry_path: String,
    pub access: Arc<Access>,
    /// Nothing where there is to be none.
    pub control_socket: Option<ControlSocketPath>,
}

/// A running farmwarden.
pub struct App {
    listening: Vec<SocketAddr>,
    routes: Arc<Routes>,
    listeners: Listeners,
    access: Arc<Access>,
    schedule: Schedule,
    tools: Tools,
    store: Arc<Store>,
    look_for_local_nodes: bool,
}

/// How often local nodes are looked for, until all usual ports have one.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// A local node answers within milliseconds.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// Where a Phala node listens: parachain and relay chain. Older images take HTTP on other ports and websocket here.
const USUAL_PORTS: [(Chain, u16); 2] = [(Chain::Para, 9944), (Chain::Relay, 9945)];

impl App {
    /// Binds and prepares everything, so that what is wrong is told before anything runs.
    pub async fn start(settings: Settings, web: &Web, clock: Clock) -> Result<Self, String> {
        let mut listeners = Listeners::default();
        for address in &web.listen {
            listeners.tcp.push(server::bind(*address).await?);
        }
        let listening: Result<Vec<_>, _> = listeners.tcp.iter().map(tokio::net::TcpListener::local_addr).collect();
        let tools = Tools {
            upstream: Upstream::from_system()?,
            own: Own::default(),
        };
        let store = Arc::new(Store::default());
        let mut schedule = Schedule::new(Arc::clone(&store), tools.clone(), clock.clone());
        settings.collectors.visit(&mut schedule);
        if let Some(fault) = schedule.faults().first() {
            return Err(fault.to_string());
        }
        if store.slots().is_empty() && !settings.look_for_local_nodes {
            tracing::warn!("the configuration names no target: nothing is watched");
        }
        // Last, so that a start that fails leaves no file behind.
        let control = web.control_socket.as_ref().map(ControlSocket::bind).transpose()?;
        listeners.control = control.flatten();
        let routes = Routes::new(
            Arc::clone(&store),
            tools.own.clone(),
            clock,
            web.telemetry_path.clone(),
            &collectors::families(),
        );
        Ok(Self {
            listening: listening.map_err(|e| format!("a listening address cannot be read: {e}"))?,
            routes: Arc::new(routes),
            listeners,
            access: Arc::clone(&web.access),
            schedule,
            tools,
            store,
            look_for_local_nodes: settings.look_for_local_nodes,
        })
    }

    /// The addresses that were bound: port 0 has become a real one.
    pub fn listening(&self) -> &[SocketAddr] {
        &self.listening
    }

    /// Serves until `stop` turns true. Nothing that hangs is waited for.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let serving = server::serve(
            std::mem::take(&mut self.listeners),
            Arc::clone(&self.routes),
            Arc::clone(&self.access),
            stop.clone(),
        );
        let working = async {
            if self.look_for_local_nodes {
                self.look_for_nodes().await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = serving => {}
            () = working => {}
            () = async { drop(stop.wait_for(|stop| *stop).await); std::future::pending().await } => {}
        }
    }

    /// Nodes that start later are found later.
    async fn look_for_nodes(&mut self) {
        let mut missing = USUAL_PORTS.to_vec();
        while !missing.is_empty() {
            let mut still_missing = Vec::new();
            for (chain, port) in missing {
                match self.find_node(chain, port).await {
                    Some(target) => self.schedule.target::<phala::Node>(target),
                    None => still_missing.push((chain, port)),
                }
            }
            missing = still_missing;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn find_node(&self, chain: Chain, port: u16) -> Option<phala::Target> {
        let name: Name = format!("node-{port}").parse().ok()?;
        for scheme in ["http", "ws"] {
            let endpoint: Endpoint = format!("{scheme}://127.0.0.1:{port}").parse().ok()?;
            match phala::recognise(&endpoint, &self.tools, LOOK_WITHIN).await {
                Ok(chain_name) => {
                    tracing::info!(target = %name, "found a node of {chain_name} at {endpoint}; it is now target {name}");
                    return Some(phala::Target::single(name, chain, endpoint));
                }
                Err(fault) => tracing::debug!("no chain node there: {fault}"),
            }
        }
        None
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }
}
