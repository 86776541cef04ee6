//! The control port: reads and changes the farm's stand-ins over HTTP, with JSON bodies.
//!
//! `GET /`, `GET /kind/name`, `POST /kind/name` (settings), `GET /kind/name/noun`, `POST /kind/name/verb`.

use std::{collections::BTreeMap, convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, time::sleep};

use crate::{standin::StandIn, wire::reply};

/// An order is small; a storage value of a few megabytes still fits.
const LARGEST_ORDER: usize = 16 * 1024 * 1024;

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Every running stand-in by kind and name.
#[derive(Default)]
pub struct Farm(BTreeMap<&'static str, BTreeMap<String, Box<dyn StandIn>>>);

impl Farm {
    /// Adds a stand-in; refuses a second one of the same kind and name.
    pub fn add(&mut self, kind: &'static str, name: String, stand_in: Box<dyn StandIn>) -> Result<(), String> {
        let names = self.0.entry(kind).or_default();
        if names.contains_key(&name) {
            return Err(format!("there is already a {kind} named {name}"));
        }
        names.insert(name, stand_in);
        Ok(())
    }

    /// Where everything is, by kind and name.
    pub fn places(&self) -> Map<String, Value> {
        self.each(|stand_in| Value::String(stand_in.place()))
    }

    fn each(&self, of: impl Fn(&dyn StandIn) -> Value) -> Map<String, Value> {
        let names = |names: &BTreeMap<String, Box<dyn StandIn>>| -> Value {
            names
                .iter()
                .map(|(name, stand_in)| (name.clone(), of(&**stand_in)))
                .collect()
        };
        self.0
            .iter()
            .map(|(kind, all)| ((*kind).to_owned(), names(all)))
            .collect()
    }

    fn find(&self, kind: &str, name: &str) -> Option<&dyn StandIn> {
        self.0.get(kind)?.get(name).map(|stand_in| &**stand_in)
    }
}

/// Serves the control port until dropped.
pub async fn serve(listener: TcpListener, farm: Arc<Farm>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let farm = Arc::clone(&farm);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let farm = &farm;
                async move { Ok::<_, Infallible>(respond(farm, request).await.map(Full::new)) }
            });
            // A client that leaves in the middle of its order has told nobody anything.
            drop::<Result<(), hyper::Error>>(
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn respond(farm: &Farm, request: Request<Incoming>) -> Response<Bytes> {
    let (head, body) = request.into_parts();
    let outcome = match Limited::new(body, LARGEST_ORDER).collect().await {
        Ok(body) => route(farm, &head.method, head.uri.path(), &body.to_bytes()).await,
        Err(error) => Err((400, error.to_string())),
    };
    match outcome {
        Ok(answer) => reply(200, "application/json", format!("{answer}\n")),
        Err((status, words)) => reply(status, "application/json", format!("{}\n", json!({"error": words}))),
    }
}

async fn route(farm: &Farm, method: &Method, path: &str, body: &[u8]) -> Result<Value, (u16, String)> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (kind, name, rest) = match *parts.as_slice() {
        [] if method == Method::GET => return Ok(Value::Object(farm.each(report))),
        [kind, name] => (kind, name, None),
        [kind, name, rest] => (kind, name, Some(rest)),
        _ => return Err((404, format!("nothing at {method} {path}; GET / lists what there is"))),
    };
    let unknown = || (404, format!("no {kind} named {name}; GET / lists what there is"));
    let stand_in = farm.find(kind, name).ok_or_else(unknown)?;
    let no_word = |word: &str| (404, format!("a {kind} has no {method} {word}"));
    match (method, rest) {
        (&Method::GET, None) => (),
        (&Method::GET, Some("calls")) => return stand_in.calls().ok_or_else(|| no_word("calls")),
        (&Method::GET, Some(noun)) => return stand_in.ask(noun).ok_or_else(|| no_word(noun)),
        (&Method::POST, None) => stand_in.set(order(body)?).await.map_err(|words| (400, words))?,
        (&Method::POST, Some(verb)) => {
            let outcome = stand_in.act(verb, &order(body)?).ok_or_else(|| no_word(verb))?;
            outcome.map_err(|words| (400, words))?;
        }
        _ => return Err((405, "GET and POST only".to_owned())),
    }
    Ok(report(stand_in))
}

/// The body as JSON; an empty one is an empty object.
fn order(body: &[u8]) -> Result<Value, (u16, String)> {
    if body.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| (400, format!("the body is not JSON: {error}")))
}

fn report(stand_in: &dyn StandIn) -> Value {
    json!({"place": stand_in.place(), "settings": stand_in.settings()})
}

/// Opens the control port.
pub async fn listen(address: &str) -> Result<TcpListener, String> {
    let bound: io::Result<TcpListener> = TcpListener::bind(address).await;
    bound.map_err(|error| format!("control port {address}: {error}"))
}
