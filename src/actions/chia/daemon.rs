//! A daemon: services that it started itself are stopped and started again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::client_transport::ws::WsTransportClientBuilder;
use jsonrpsee::core::client::{ReceivedMessage, TransportReceiverT, TransportSenderT};
use serde::Deserialize;
use url::Url;

use super::super::Failed;
use crate::upstream::chia::{Identity, Way};
use crate::upstream::{Upstream, Why};
use crate::values::HostPort;

/// A service that may be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Harvester,
    Farmer,
    FullNode,
}

impl Service {
    pub const ALL: [Self; 3] = [Self::Harvester, Self::Farmer, Self::FullNode];

    /// As daemons call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Harvester => "chia_harvester",
            Self::Farmer => "chia_farmer",
            Self::FullNode => "chia_full_node",
        }
    }

    /// What a person types to start it alone.
    const fn started_by(self) -> &'static str {
        match self {
            Self::Harvester => "chia start harvester",
            Self::Farmer => "chia start farmer-only",
            Self::FullNode => "chia start node",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What may be sent.
#[derive(Clone, Copy)]
enum Order {
    IsRunning,
    Stop,
    Start,
}

impl Order {
    const fn command(self) -> &'static str {
        match self {
            Self::IsRunning => "is_running",
            Self::Stop => "stop_service",
            Self::Start => "start_service",
        }
    }

    /// SIGTERM gets 15 s, then a process is killed, and what hangs in the kernel is waited for without end.
    const fn within(self) -> Duration {
        match self {
            Self::Stop => Duration::from_secs(75),
            Self::IsRunning | Self::Start => Duration::from_secs(20),
        }
    }
}

/// What a restart found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restarted {
    /// It ran, was stopped and started.
    StoppedAndStarted,
    /// It did not run, and was started.
    Started,
}

/// The daemon of a machine.
#[derive(Clone, Debug)]
pub struct Daemon {
    way: Way,
}

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Answers to what is sent here have some hundred bytes.
const LARGEST_FRAME: u32 = 1 << 20;
/// It is registered nowhere, so nothing is pushed to it; more frames than these are no daemon of chia.
const MOST_FRAMES: usize = 100;

impl Daemon {
    /// Longest that a restart takes: connect, look, stop, start, connect once more, start.
    pub const LONGEST: Duration = Duration::from_secs(10 + 20 + 75 + 20 + 10 + 20);

    /// Nothing is sent yet.
    pub fn new(upstream: &Upstream, identity: &Arc<Identity>, place: &HostPort) -> Self {
        Self {
            way: Way::new(upstream, identity, "wss", place),
        }
    }

    /// Stops it if it runs, and starts it. One that somebody else started is left alone: the daemon has no hold of it.
    pub async fn restart(&self, service: Service) -> Result<Restarted, Failed> {
        let operation = format!("restart {service}");
        let before = |why| Failed::before(self.way.who(), &operation, why);
        let mut talk = self.connect().await?;
        let runs = talk.order(Order::IsRunning, service).await.map_err(before)?;
        let runs = runs
            .is_running
            .ok_or_else(|| before(Why::malformed("it does not say whether the service runs")))?;
        if runs {
            // It may be being stopped: a start now would come in between, so it is left to people.
            let stopped = talk.order(Order::Stop, service).await.map_err(|why| {
                let operation = format!(
                    "stop {service}, which may be stopped now (once it is gone, `{}` starts it)",
                    service.started_by()
                );
                Failed::after(self.way.who(), operation, why)
            })?;
            if stopped.success != Some(true) {
                let words = "this daemon did not start the service and cannot stop it; one that systemd runs is restarted \
                             with `restart-unit`";
                return Err(before(Why::Forbidden(words.to_owned())));
            }
        }
        self.start(&mut talk, service).await.map_err(|why| {
            let stopped = format!(
                "start {service}, which is stopped now (`{}` starts it)",
                service.started_by()
            );
            Failed::after(self.way.who(), stopped, why)
        })?;
        Ok(if runs {
            Restarted::StoppedAndStarted
        } else {
            Restarted::Started
        })
    }

    /// By a new connection if this one is lost: a service must not be left stopped, and to be told twice does no harm.
    async fn start(
        &self,
        talk: &mut Talk<impl TransportSenderT, impl TransportReceiverT>,
        service: Service,
    ) -> Result<(), Why> {
        let mut said = talk.order(Order::Start, service).await;
        if said.is_err() {
            let mut talk = self.connect().await.map_err(|failed| failed.fault.why)?;
            said = talk.order(Order::Start, service).await;
        }
        let said = said?;
        match (said.success, said.error) {
            (Some(true), _) => Ok(()),
            (_, Some(words)) => Err(Why::upstream(words)),
            (_, None) => Err(Why::upstream("it does not say why")),
        }
    }

    async fn connect(&self) -> Result<Talk<impl TransportSenderT + use<>, impl TransportReceiverT + use<>>, Failed> {
        let opened = tokio::time::timeout(CONNECT_WITHIN, self.open()).await;
        opened.map_err(|_| Failed::before(self.way.who(), "connect", Why::Timeout(CONNECT_WITHIN)))?
    }

    async fn open(&self) -> Result<Talk<impl TransportSenderT + use<>, impl TransportReceiverT + use<>>, Failed> {
        let fault = |why| Failed::before(self.way.who(), "websocket handshake", why);
        let stream = self.way.dial(CONNECT_WITHIN).await?;
        let url: Url = format!("ws://{}/", self.way.place())
            .parse()
            .map_err(|e: url::ParseError| fault(Why::Internal(e.to_string())))?;
        let builder = WsTransportClientBuilder::default()
            .max_response_size(LARGEST_FRAME)
            .max_frame_size(LARGEST_FRAME)
            .max_redirections(0);
        let opened = builder.build_with_stream(url, stream).await;
        let (sender, receiver) = opened.map_err(|e| {
            let words = "no daemon of chia takes a connection there, or it refused our certificate";
            fault(crate::upstream::chia::ended_unheard(&e).unwrap_or_else(|| Why::malformed(words)))
        })?;
        Ok(Talk {
            sender,
            receiver,
            number: 0,
        })
    }
}

/// One connection.
struct Talk<S, R> {
    sender: S,
    receiver: R,
    number: u32,
}

/// What a daemon answers.
#[derive(Debug, Default, Deserialize)]
struct Said {
    success: Option<bool>,
    is_running: Option<bool>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    ack: bool,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    data: Said,
}

impl<S: TransportSenderT, R: TransportReceiverT> Talk<S, R> {
    async fn order(&mut self, order: Order, service: Service) -> Result<Said, Why> {
        let within = order.within();
        match tokio::time::timeout(within, self.exchange(order, service)).await {
            Ok(said) => said,
            Err(_) => Err(Why::Timeout(within)),
        }
    }

    async fn exchange(&mut self, order: Order, service: Service) -> Result<Said, Why> {
        self.number += 1;
        let id = format!("farmwarden-{}", self.number);
        let frame = serde_json::json!({
            "command": order.command(), "ack": false, "data": {"service": service.name()},
            "request_id": id, "destination": "daemon", "origin": "farmwarden",
        });
        let ended = |_| Why::Unreachable("it ended the connection".to_owned());
        self.sender.send(frame.to_string()).await.map_err(ended)?;
        for _ in 0..MOST_FRAMES {
            let message = self.receiver.receive().await;
            let ReceivedMessage::Text(text) =
                message.map_err(|_| Why::Unreachable("it ended the connection".to_owned()))?
            else {
                continue;
            };
            match serde_json::from_str::<Frame>(&text) {
                Ok(frame) if frame.ack && frame.request_id == id => return Ok(frame.data),
                Ok(_) => {}
                Err(_) => return Err(Why::malformed("no answer of a daemon")),
            }
        }
        Err(Why::malformed("it says much, and does not answer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lists that a reviewer reads: what is added does not compile until it has its place here.
    #[test]
    fn nothing_else_can_be_ordered_and_no_other_service_named() {
        let orders = std::iter::successors(Some(Order::IsRunning), |order| match order {
            Order::IsRunning => Some(Order::Stop),
            Order::Stop => Some(Order::Start),
            Order::Start => None,
        });
        let orders: Vec<_> = orders.map(Order::command).collect();
        assert_eq!(orders, ["is_running", "stop_service", "start_service"]);
        let services = std::iter::successors(Some(Service::Harvester), |service| match service {
            Service::Harvester => Some(Service::Farmer),
            Service::Farmer => Some(Service::FullNode),
            Service::FullNode => None,
        });
        let services: Vec<_> = services.collect();
        assert_eq!(services, Service::ALL);
        assert_eq!(
            Service::ALL.map(Service::name),
            ["chia_harvester", "chia_farmer", "chia_full_node"]
        );
    }
}
