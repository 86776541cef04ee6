//! Every route, in one table (`table.rs`) and one match:
//!
//! | route | scope | answers |
//! |---|---|---|
//! | `GET /` | scrape | the status page; `?target=NAME`, `?all`, `?refresh=SECONDS` |
//! | `GET /api/v1/targets` | scrape | the same as JSON; `?target=NAME` |
//! | `GET /api/v1/incidents` | scrape | repairs: what is open, what holds it, what comes next |
//! | `GET /api/v1/sd` | scrape | Prometheus' HTTP service discovery: every target by itself |
//! | `GET /metrics` (`--web.telemetry-path`) | scrape | the scrape |
//! | `GET /probe?target=NAME` | scrape | one target, looked at now |
//! | `GET /-/healthy` | open | 200 while the process runs |
//! | `GET /-/ready` | scrape | 200 once every part of every target had its first round, else 503 and what is missing |
//! | `POST /alerts` | alerts | what Alertmanager sends: 200 once it is recorded (`alerts.rs`) |
//! | `POST /chat/NAME` | alerts | alerts as a message to people: 200 once it waits to be sent (`alerts.rs`) |
//! | `GET /approve/LINK`, `POST` | open | a rung that waits for a person; POST approves it (`approve.rs`) |
//! | `POST /-/remote` | its own | what another farmwarden asks for (`remote.rs`) |
//! | `POST /-/repairs/...` | control | pauses, approvals, repairs that people ask for (`orders.rs`) |
//! | `POST /api/v1/decide` | control | what would be done about a delivery of alerts now |
//! | `POST /-/reload` | control | reads the configuration again; 500 and the mistakes if it stays as it was |

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::alerts::Inbox;
use super::answer::{Answer, HTML};
use super::connection::Client;
use super::places::{Place, Places, Reader};
use super::refusals::Refusals;
use super::status_page::{self, View};
use super::table::{APPROVE, CHAT, OTHER, ROUTES, Route};
use super::{Reload, api, approve, compression, orders, probe, remote};
use crate::access::{Access, Tcp, Via};
use crate::actions::remote::ROUTE;
use crate::clock::Clock;
use crate::exposition::{Family, Format, Own, ProcessUsage, Refused, RequestLabels, write_families};
use crate::notify::{self, Post};
use crate::relations;
use crate::remedy::{self, Repairs};
use crate::report::Report;
use crate::store::{self, Store};

/// What routes are made from.
pub struct Parts<'a> {
    pub store: Arc<Store>,
    pub own: Own,
    pub clock: Clock,
    pub telemetry_path: String,
    /// Of the collectors, in the order of the page.
    pub families: &'a [&'static Family],
    /// Where a reload is asked for.
    pub reloads: mpsc::Sender<Reload>,
    pub repairs: Repairs,
    pub post: Post,
}

/// What the answers are made from.
pub struct Routes {
    store: Arc<Store>,
    own: Own,
    refusals: Refusals,
    clock: Clock,
    telemetry_path: String,
    order: Vec<&'static Family>,
    /// Size of the last page: growing a buffer step by step would cost more than filling it.
    last_size: AtomicUsize,
    scrapes: Arc<Places>,
    probes: Arc<Semaphore>,
    reports: Arc<Places>,
    reloads: mpsc::Sender<Reload>,
    inbox: Inbox,
    post: Post,
}

/// Pages that are being sent at once, one more than that for a moment while a slow reader gives way. Without it clients
/// that ask and do not read would hold a page of memory each.
const MAX_SCRAPES: usize = 16;
/// The same for the status page and the API, which a large farm makes large, too. Their own, so that people who keep
/// them open never cost a scrape.
const MAX_REPORTS: usize = 16;
/// Probes wait for upstreams, so many run at once where a Prometheus probes every target of a large farm.
const MAX_PROBES: usize = 256;

impl Routes {
    pub fn new(parts: Parts<'_>) -> Self {
        let Parts {
            store,
            own,
            clock,
            telemetry_path,
            families,
            reloads,
            repairs,
            post,
        } = parts;
        Self {
            store,
            refusals: Refusals::new(own.clone()),
            own,
            clock,
            telemetry_path,
            order: [
                store::FAMILIES,
                relations::FAMILIES,
                remedy::FAMILIES,
                notify::FAMILIES,
                families,
            ]
            .concat(),
            last_size: AtomicUsize::new(0),
            scrapes: Places::new(MAX_SCRAPES),
            probes: Arc::new(Semaphore::new(MAX_PROBES)),
            reports: Places::new(MAX_REPORTS),
            reloads,
            inbox: Inbox::new(repairs),
            post,
        }
    }

    pub(super) fn own(&self) -> &Own {
        &self.own
    }

    pub(super) fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        client: &Client,
        access: &Access,
    ) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let route = self.find(path);
        let in_json = path.starts_with("/api/");
        let head_only = request.method() == Method::HEAD;
        // Nothing of the request is looked at before it is clear that it may be answered.
        let answer = match access.admit(&request, client.via, route.need).await {
            Ok(()) => self.route(route, request, client).await,
            Err(refusal) => {
                if let Some(why) = refusal.why {
                    self.refusals.request(why, client.via.peer());
                }
                Answer::refusal(refusal)
            }
        };
        let labels = RequestLabels {
            route: route.path,
            code: answer.status.as_u16().into(),
        };
        self.own.requests.get_or_create(&labels).inc();
        let answer = if in_json { answer.in_json() } else { answer };
        let mut response = answer.response(head_only);
        for (name, value) in access.headers() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn find(&self, path: &str) -> &'static Route {
        let is_asked = |route: &&Route| match route.path {
            "/metrics" => path == self.telemetry_path,
            _ => route.is_of(path),
        };
        ROUTES.iter().find(is_asked).unwrap_or(OTHER)
    }

    async fn route(&self, route: &Route, request: Request<Incoming>, client: &Client) -> Answer {
        if route.path == OTHER.path {
            return Answer::words(StatusCode::NOT_FOUND, self.what_there_is());
        }
        if !route.takes(request.method()) {
            let words = format!("only {} are answered here", route.methods.replace(", ", " and "));
            return Answer {
                headers: vec![(header::ALLOW, HeaderValue::from_static(route.methods))],
                ..Answer::words(StatusCode::METHOD_NOT_ALLOWED, words)
            };
        }
        let headers = request.headers();
        if announced_length(headers) > route.largest_body {
            return Answer::words(
                StatusCode::PAYLOAD_TOO_LARGE,
                "a body of this size is not expected here",
            );
        }
        match route.path {
            "/metrics" => self.metrics(headers, client),
            "/probe" => self.probe(&request, client).await,
            "/-/ready" => self.ready(),
            "/-/reload" => self.reload().await,
            "/-/repairs/pause" | "/-/repairs/resume" | "/-/repairs/approve" | "/-/repairs/run" => {
                let from = orders::From {
                    by: client.name(headers),
                    now: self.clock.now().wall,
                };
                orders::take(self.inbox.repairs(), route.path, &from, request.into_body()).await
            }
            APPROVE => {
                let from = client
                    .via
                    .peer()
                    .map_or_else(|| client.name(headers), |peer| peer.to_string());
                approve::answer(self.inbox.repairs(), &request, &from).await
            }
            "/api/v1/decide" => self.inbox.foresee(request.into_body()).await,
            ROUTE => self.remote(request, client).await,
            CHAT => self.inbox.tell(&self.post, request, self.clock.now().wall).await,
            "/alerts" => self.inbox.take(request.into_body()).await,
            "/" | "/api/v1/targets" | "/api/v1/incidents" | "/api/v1/sd" => self.report(route, &request, client),
            _ => Answer::words(StatusCode::OK, "farmwarden runs"),
        }
    }

    async fn remote(&self, request: Request<Incoming>, client: &Client) -> Answer {
        let Some(answer) = remote::take(self.inbox.repairs(), client.via, request.into_body()).await else {
            return Answer::words(StatusCode::NOT_FOUND, self.what_there_is());
        };
        if answer.status == StatusCode::UNAUTHORIZED {
            self.refusals.request(Refused::WrongCredentials, client.via.peer());
        }
        answer
    }

    fn what_there_is(&self) -> String {
        let readable = ROUTES
            .iter()
            .filter(|route| route.takes(&Method::GET) && route.path != APPROVE);
        let paths = readable.map(|route| match route.path {
            "/metrics" => self.telemetry_path.as_str(),
            path => path,
        });
        format!("nothing here; there are {}", paths.collect::<Vec<_>>().join(" "))
    }

    /// What is known now, for people, for programs, or as a list of targets for Prometheus.
    fn report(&self, route: &Route, request: &Request<Incoming>, client: &Client) -> Answer {
        let place = match self.place(&self.reports, client) {
            Ok(place) => place,
            Err(answer) => return answer,
        };
        let report = Report::of(&self.store, self.clock.now());
        let view = View::read(request.uri().query());
        match route.path {
            "/api/v1/targets" => {
                let (status, text) = api::targets(report, view.target.as_deref());
                Answer {
                    status,
                    ..Answer::page(api::JSON, text, place)
                }
            }
            "/api/v1/incidents" => Answer::page(api::JSON, api::incidents(&self.inbox.repairs().overview()), place),
            "/api/v1/sd" => {
                let tls = matches!(client.via, Via::Tcp(Tcp { tls: true, .. }));
                match host(request) {
                    Some(host) => Answer::page(api::JSON, api::discovery(&report, host, tls), place),
                    None => Answer::words(StatusCode::BAD_REQUEST, "the request needs a Host header"),
                }
            }
            _ => match status_page::render(report, &self.inbox.repairs().overview(), &self.telemetry_path, &view) {
                Some(page) => Answer::page(HTML, page, place),
                None => Answer {
                    status: StatusCode::NOT_FOUND,
                    ..Answer::page(HTML, status_page::unknown_target(&view), place)
                },
            },
        }
    }

    fn ready(&self) -> Answer {
        let waiting = self.store.waiting();
        if waiting.is_empty() {
            Answer::words(StatusCode::OK, "farmwarden is ready")
        } else {
            let words = format!("waiting for the first round of: {}", waiting.join(", "));
            Answer::words(StatusCode::SERVICE_UNAVAILABLE, words)
        }
    }

    async fn reload(&self) -> Answer {
        let (ask, outcome) = oneshot::channel();
        let asked = self.reloads.send(ask).await.is_ok();
        match outcome.await {
            Ok(Ok(words)) => Answer::words(StatusCode::OK, words),
            Ok(Err(words)) => {
                let words = format!("the configuration was not changed:\n{words}");
                Answer::words(StatusCode::INTERNAL_SERVER_ERROR, words)
            }
            Err(_) => {
                let words = if asked {
                    "farmwarden is stopping"
                } else {
                    "nobody reloads here"
                };
                Answer::words(StatusCode::SERVICE_UNAVAILABLE, words)
            }
        }
    }

    async fn probe(&self, request: &Request<Incoming>, client: &Client) -> Answer {
        let headers = request.headers();
        let asked = request.headers().get("x-prometheus-scrape-timeout-seconds");
        let asked = asked.map(|value| value.to_str().unwrap_or_default());
        let within = match probe::timeout(asked) {
            Ok(within) => within,
            Err(words) => return Answer::words(StatusCode::BAD_REQUEST, words),
        };
        let Some(target) = probe::target_of(request.uri().query()) else {
            let words = "which target? /probe?target=NAME; /api/v1/targets lists all";
            return Answer::words(StatusCode::BAD_REQUEST, words);
        };
        let Some(slot) = self.store.slot(target) else {
            let words = "there is no such target; /api/v1/targets lists all, and nothing else is ever probed";
            return Answer::words(StatusCode::NOT_FOUND, words);
        };
        // Not of those that give way: most of the time a probe waits for its upstream, not for its reader.
        let Ok(permit) = Arc::clone(&self.probes).try_acquire_owned() else {
            return self.no_place(MAX_PROBES, client);
        };
        let format = Format::negotiate(&joined(headers, &header::ACCEPT));
        let page = probe::page(&self.store, &slot, within, &self.order, format).await;
        Answer::page(format.content_type(), page, permit)
    }

    fn metrics(&self, headers: &HeaderMap, client: &Client) -> Answer {
        let place = match self.place(&self.scrapes, client) {
            Ok(place) => place,
            Err(answer) => return answer,
        };
        let format = Format::negotiate(&joined(headers, &header::ACCEPT));
        let gzip = compression::wants_gzip(&joined(headers, &header::ACCEPT_ENCODING));
        // Here and not on another thread: it takes milliseconds, and depends on nothing but memory.
        let (page, gzip) = self.write_page(format, gzip);
        Answer {
            gzip,
            ..Answer::page(format.content_type(), page, place)
        }
    }

    /// One of the places for large answers of a kind, or the answer that there is none.
    fn place(&self, places: &Arc<Places>, client: &Client) -> Result<Place, Answer> {
        let reader = Reader {
            peer: client.via.peer(),
            cut: Arc::clone(&client.cut),
        };
        match places.take(reader, Instant::now()) {
            Some((place, slow)) => {
                if let Some(slow) = slow {
                    self.refusals.request(Refused::SlowReader, slow.peer);
                }
                Ok(place)
            }
            None => Err(self.no_place(places.most(), client)),
        }
    }

    fn no_place(&self, all: usize, client: &Client) -> Answer {
        self.refusals.request(Refused::AnswersWaiting, client.via.peer());
        let words = format!("{all} such answers are being made or read already; ask again");
        Answer::words(StatusCode::SERVICE_UNAVAILABLE, words)
    }

    /// The whole page as it is sent, and whether it was compressed.
    pub fn write_page(&self, format: Format, gzip: bool) -> (Vec<u8>, bool) {
        let body = self.page(format).into_bytes();
        match gzip.then(|| compression::gzip(&body)).flatten() {
            Some(small) => (small, true),
            None => (body, false),
        }
    }

    /// The whole page.
    pub fn page(&self, format: Format) -> String {
        let mut pages = self.store.pages();
        pages.push(Arc::new(self.inbox.repairs().page()));
        pages.push(Arc::new(self.post.page()));
        // A little more than last time covers counters that gained a digit.
        let mut out = String::with_capacity(self.last_size.load(Ordering::Relaxed) + 4096);
        write_families(&self.order, pages.iter().map(AsRef::as_ref), format, &mut out);
        self.own.write(ProcessUsage::read(), format, &mut out);
        self.last_size.store(out.len(), Ordering::Relaxed);
        out
    }
}

/// Under which address the client reached us.
fn host(request: &Request<Incoming>) -> Option<&str> {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    header.or_else(|| request.uri().authority().map(hyper::http::uri::Authority::as_str))
}

/// All values of a header that may be repeated.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    values.join(",")
}

fn announced_length(headers: &HeaderMap) -> u64 {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}
