//! Wires the rooms together, starts them and stops them; the only file that knows them all.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::access::Access;
use crate::clock::Clock;
use crate::collectors::phala::{self, Chain};
use crate::collectors::{self, Link, Sections, Tools};
use crate::config::{Secrets, Settings};
use crate::exposition::Own;
use crate::notify::Post;
use crate::remedy::hands::Hands;
use crate::remedy::{self, AnyHands, Callers, Links, Notices, Repairs};
use crate::schedule::{Plan, Schedule};
use crate::server::{self, ControlSocket, ControlSocketPath, Listeners, Routes};
use crate::store::Store;
use crate::upstream::Upstream;
use crate::yaml::Mistakes;

/// How the page is served.
#[derive(Clone, Debug)]
pub struct Web {
    pub listen: Vec<SocketAddr>,
    pub telemetry_path: String,
    pub access: Arc<Access>,
    /// Nothing where there is to be none.
    pub control_socket: Option<ControlSocketPath>,
    /// Where other farmwardens on this machine may ask; nothing where there is to be none.
    pub remote_socket: Option<PathBuf>,
}

/// A running farmwarden.
pub struct App {
    listening: Vec<SocketAddr>,
    routes: Arc<Routes>,
    listeners: Listeners,
    access: Arc<Access>,
    repairs: Repairs,
    post: Post,
    keeper: Keeper,
    reloads: mpsc::Receiver<server::Reload>,
    ask_reload: mpsc::Sender<server::Reload>,
}

/// Owns what is at work and changes it: by reload, and by what is found on this machine.
struct Keeper {
    /// Where the configuration is read again; none without a file.
    file: Option<PathBuf>,
    schedule: Schedule,
    repairs: Repairs,
    hands: Arc<Hands>,
    post: Post,
    store: Arc<Store>,
    tools: Tools,
    clock: Clock,
    /// A reading that has not ended yet.
    reading: Option<JoinHandle<Result<Settings, Mistakes>>>,
    /// Usual ports on which no node was found yet.
    missing: Vec<(Chain, u16)>,
}

/// Requests for a reload that may wait; each reads the newest file, so more would say the same.
const RELOADS_WAITING: usize = 4;
/// A file that is there is read within milliseconds.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// At the end, for messages that wait.
const TELL_WITHIN: Duration = Duration::from_secs(2);
/// How often local nodes are looked for, until all usual ports have one.
const LOOK_EVERY: Duration = Duration::from_secs(30);

impl App {
    /// Binds and prepares everything, so that what is wrong is told before anything runs. `own` is counted in from before.
    pub async fn start(settings: Settings, web: &Web, clock: Clock, own: Own) -> Result<Self, String> {
        let mut listeners = Listeners::default();
        for address in &web.listen {
            listeners.tcp.push(server::bind(*address).await?);
        }
        let listening: Result<Vec<_>, _> = listeners.tcp.iter().map(tokio::net::TcpListener::local_addr).collect();
        let tools = Tools {
            upstream: Upstream::from_system()?,
            own,
        };
        let store = Arc::new(Store::default());
        let missing = if settings.look_for_local_nodes {
            phala::USUAL_PORTS.to_vec()
        } else {
            Vec::new()
        };
        let post = Post::new(tools.upstream.clone(), clock.clone());
        post.change_to(&settings.notify).map_err(|fault| fault.to_string())?;
        let hands = Hands::new(&settings.hands, &tools.upstream, Arc::clone(&store), clock.clone())?;
        let hands = Arc::new(hands);
        let links = Links::new(&settings.remedies.approvals)?;
        let repairs = Repairs::new(remedy::Parts {
            store: Arc::clone(&store),
            clock: clock.clone(),
            journal: settings.journal.clone(),
            remedies: settings.remedies.clone(),
            hands: AnyHands::new(Arc::clone(&hands)),
            links: links.clone(),
            tell: Arc::new(Notices::new(post.clone(), links)),
        });
        repairs.let_ask(Callers::read(&settings.callers)?);
        let mut keeper = Keeper {
            file: settings.file.clone(),
            schedule: Schedule::new(Arc::clone(&store), tools.clone(), clock.clone()),
            repairs: repairs.clone(),
            hands,
            post: post.clone(),
            store: Arc::clone(&store),
            tools: tools.clone(),
            clock: clock.clone(),
            reading: None,
            missing,
        };
        let plan = keeper.plan(settings.collectors, settings.links)?;
        keeper.schedule.swap(plan);
        if keeper.file.is_some() {
            keeper.tools.own.config_read("config", Some(clock.now().wall));
        }
        if store.slots().is_empty() && keeper.missing.is_empty() {
            tracing::warn!("the configuration names no target: nothing is watched");
        }
        let (ask_reload, reloads) = mpsc::channel(RELOADS_WAITING);
        // Last, so that a start that fails leaves no file behind.
        let control = web.control_socket.as_ref().map(ControlSocket::bind).transpose()?;
        listeners.control = control.flatten();
        let remote = web.remote_socket.as_deref().map(ControlSocket::for_others);
        listeners.remote = remote.transpose()?;
        let routes = Routes::new(server::Parts {
            store,
            own: tools.own.clone(),
            clock,
            telemetry_path: web.telemetry_path.clone(),
            families: &collectors::families(),
            reloads: ask_reload.clone(),
            repairs: repairs.clone(),
            post: post.clone(),
        });
        Ok(Self {
            listening: listening.map_err(|e| format!("a listening address cannot be read: {e}"))?,
            routes: Arc::new(routes),
            listeners,
            access: Arc::clone(&web.access),
            repairs,
            post,
            keeper,
            reloads,
            ask_reload,
        })
    }

    /// The addresses that were bound: port 0 has become a real one.
    pub fn listening(&self) -> &[SocketAddr] {
        &self.listening
    }

    /// Where a reload is asked for; what became of it is the answer.
    pub fn reloads(&self) -> mpsc::Sender<server::Reload> {
        self.ask_reload.clone()
    }

    /// Serves until `stop` turns true. An upstream that hangs is not waited for; an action that runs gets a few seconds.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let repairing = tokio::spawn(self.repairs.clone().run(stop.clone()));
        let serving = server::serve(
            std::mem::take(&mut self.listeners),
            Arc::clone(&self.routes),
            Arc::clone(&self.access),
            stop.clone(),
        );
        tokio::select! {
            () = serving => {}
            () = self.keeper.keep(self.reloads) => {}
            () = async { drop(stop.wait_for(|stop| *stop).await); std::future::pending().await } => {}
        }
        // The journal last: alerts are taken until the listeners are closed, and an action's end is recorded.
        drop(repairing.await);
        self.repairs.close().await;
        self.post.close(TELL_WITHIN).await;
    }
}

impl Keeper {
    /// Reloads when asked to, and looks for local nodes until all usual ports have one. Never ends.
    async fn keep(&mut self, mut reloads: mpsc::Receiver<server::Reload>) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(answer) = reloads.recv() => {
                    let outcome = self.reload().await;
                    // Whoever asked may have gone; the log has it.
                    drop(answer.send(outcome));
                }
                _ = look.tick(), if !self.missing.is_empty() => self.look_for_nodes().await,
            }
        }
    }

    /// The configuration once more, whole or not at all.
    async fn reload(&mut self) -> Result<String, String> {
        let outcome = match self.file.clone() {
            Some(file) => self.read_again(file).await,
            None => Err(
                "there is no configuration file to read again: farmwarden was started without --config.file".to_owned(),
            ),
        };
        if self.file.is_none() {
            if let Err(words) = &outcome {
                tracing::warn!("{words}");
            }
            return outcome;
        }
        match &outcome {
            Ok(words) => tracing::info!("{words}"),
            Err(words) => tracing::error!("the configuration was not changed: {}", words.replace('\n', "; ")),
        }
        self.tools
            .own
            .config_read("config", outcome.is_ok().then(|| self.clock.now().wall));
        outcome
    }

    async fn read_again(&mut self, file: PathBuf) -> Result<String, String> {
        let shown = file.display().to_string();
        // It may lie on a share that hangs; then one thread waits for it, and not one more with every request.
        let reading = match self.reading.take() {
            Some(reading) if !reading.is_finished() => reading,
            _ => tokio::task::spawn_blocking(move || Settings::read(&file, Secrets::MustBeThere)),
        };
        let reading = self.reading.insert(reading);
        let read = tokio::time::timeout(READ_WITHIN, reading).await;
        let read = read.map_err(|_| format!("{shown}: it could not be read within {READ_WITHIN:?}"))?;
        self.reading = None;
        let settings = read
            .map_err(|e| e.to_string())?
            .map_err(|mistakes| mistakes.to_string())?;
        if settings.links.is_empty() && !self.store.links().is_empty() {
            return Err(format!(
                "{shown}: it names no target any more, which could be a file that is half written; if nothing is to be watched, restart farmwarden"
            ));
        }
        // Everything that can be refused is, before anything changes.
        let hands = self.hands.prepare(&settings.hands)?;
        let callers = Callers::read(&settings.callers)?;
        let plan = self.plan(settings.collectors, settings.links)?;
        self.post
            .change_to(&settings.notify)
            .map_err(|fault| fault.to_string())?;
        let swapped = self.schedule.swap(plan);
        self.hands.replace(hands);
        self.repairs.let_ask(callers);
        let later = self.repairs.change_to(&settings.journal, settings.remedies);
        let later = later.map_or_else(String::new, |words| format!("; {words}"));
        Ok(format!("{shown} was read again; {swapped}{later}"))
    }

    fn plan(&self, collectors: Sections, links: Vec<Link>) -> Result<Plan, String> {
        self.schedule.plan(collectors, links).map_err(|faults| {
            let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
            words.join("\n")
        })
    }

    /// Nodes that start later are found later.
    async fn look_for_nodes(&mut self) {
        let mut still_missing = Vec::new();
        for (chain, port) in std::mem::take(&mut self.missing) {
            let found = phala::on_this_machine(chain, port, &self.tools).await;
            let added = found.map(|target| self.schedule.add::<phala::Node>(target));
            match added {
                Some(Ok(())) => {}
                Some(Err(fault)) => tracing::warn!("a node was found, but: {fault}"),
                None => still_missing.push((chain, port)),
            }
        }
        self.missing = still_missing;
    }
}
