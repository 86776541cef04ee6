//! The auth service: REST, with the order of checks that its middleware has.

use bytes::Bytes;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};

use super::{
    access::{bearer, issued, own_token},
    people::{Miner, Perm, User},
    rpc::same,
    settings::{Instance, Own},
    text,
    version::Version,
    world::World,
};
use crate::{
    phala::identity,
    wire::{Tally, reply},
};

const JSON: &str = "application/json; charset=utf-8";
const NO_DATABASE: &str = "dial tcp 127.0.0.1:3306: connect: connection refused";

/// What is not the answer hoped for.
type Refusal = (u16, String);

pub(super) fn answer(
    world: &World,
    tally: &Tally,
    name: &str,
    instance: &Instance,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    let path = request.uri().path().trim_start_matches('/');
    tally.call(path);
    match routed(world, name, instance, request, path) {
        Ok(value) => reply(200, JSON, value.to_string()),
        Err((404 | 401, words)) if words.is_empty() => {
            let known = admin(world, name, instance, request) || !instance.version.from(12);
            reply(if known { 404 } else { 401 }, "text/plain", "404 page not found")
        }
        Err((status, words)) => reply(status, JSON, json!({"error": words}).to_string()),
    }
}

/// Whether the caller's token permits lists; releases before 1.12 do not ask.
fn admin(world: &World, name: &str, instance: &Instance, request: &Request<Bytes>) -> bool {
    let Some(token) = bearer(request) else { return false };
    token == own_token(name, instance) || issued(world, token).is_some_and(|issued| issued.perm == Perm::Admin)
}

fn routed(
    world: &World,
    name: &str,
    instance: &Instance,
    request: &Request<Bytes>,
    path: &str,
) -> Result<Value, Refusal> {
    let version = instance.version;
    let nothing = || (404, String::new());
    match (request.method(), path) {
        (&Method::GET, "healthcheck") if version.from(11) => return Ok(json!({"status": "OK"})),
        (&Method::GET, "version") if version.from(8) => {
            return Ok(json!({"Version": format!("{}.{}.0+git.1a2b3c4", version.0, version.1)}));
        }
        (&Method::POST, "verify") => (),
        (&Method::GET, path) if routes(version).contains(&path) => {
            if version.from(12) && !admin(world, name, instance, request) {
                return Err((400, "need admin prem: permission not found".to_owned()));
            }
        }
        _ => return Err(nothing()),
    }
    if instance.is(Own::DatabaseDown) {
        return Err((400, NO_DATABASE.to_owned()));
    }
    if path == "verify" {
        return verified(world, request.body());
    }
    listed(world, instance, path, &Query::of(request))
}

fn routes(version: Version) -> &'static [&'static str] {
    match (version.from(9), version.from(4)) {
        (true, _) => &[
            "tokens",
            "user",
            "user/list",
            "user/miner",
            "user/miner/list",
            "user/signer/list",
            "miner",
            "miner/list-by-user",
        ],
        (false, true) => &["tokens", "user", "user/list", "miner", "miner/list-by-user"],
        (false, false) => &["tokens", "user", "user/list", "miner"],
    }
}

fn verified(world: &World, body: &[u8]) -> Result<Value, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|error| (400, error.to_string()))?;
    let token = body.get("token").and_then(Value::as_str).unwrap_or_default();
    if let Some(issued) = issued(world, token) {
        return Ok(json!({"name": issued.name, "perm": issued.perm, "ext": ""}));
    }
    Err((
        401,
        match token.split('.').count() {
            3 => "A non-registered token",
            _ => "Verification Failed",
        }
        .to_owned(),
    ))
}

struct Query(Vec<(String, String)>);

impl Query {
    fn of(request: &Request<Bytes>) -> Self {
        let parts = request.uri().query().unwrap_or_default().split('&');
        let pairs = parts.filter_map(|part| part.split_once('='));
        Self(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    fn text(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map_or("", |(_, value)| value)
    }

    fn number(&self, key: &str) -> i64 {
        self.text(key).parse().unwrap_or_default()
    }

    /// A page: below 0 and above 1000 is 1000, and 0 is all (with Badger).
    fn page(&self, rows: impl Iterator<Item = Value>) -> Value {
        let skip = usize::try_from(self.number("skip")).unwrap_or_default();
        let take = match self.number("limit") {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(1000).min(1000),
        };
        rows.skip(skip).take(take).collect()
    }
}

fn listed(world: &World, instance: &Instance, path: &str, query: &Query) -> Result<Value, Refusal> {
    let settings = &world.settings;
    let version = instance.version;
    let not_found = || (400, "record not found".to_owned());
    let when = text::time(world.started_ms, settings.zone_hours);
    Ok(match path {
        "tokens" => query.page(settings.tokens.iter().map(|token| {
            json!({"token": token.text(), "name": token.name, "perm": token.perm, "custom": "", "createTime": when})
        })),
        "user/list" => {
            // As a value of the query, 0 is no filter since it is no state any more.
            let wanted = query.number("state");
            let asked = version.from(9) && wanted > 0;
            let users = settings.users.iter().map(|user| user_row(world, user, version));
            query.page(users.filter(|row| !asked || row.get("state") == Some(&json!(wanted))))
        }
        "user" => {
            let user = world.user(query.text("name")).ok_or_else(not_found)?;
            user_row(world, user, version)
        }
        "user/miner" | "miner" => {
            let id = query.text("miner");
            let miner = settings.miners.iter().find(|miner| same(&miner.id, id));
            let user = miner.and_then(|miner| world.user(&miner.user)).ok_or_else(not_found)?;
            user_row(world, user, version)
        }
        "user/signer/list" => {
            let name = query.text("user");
            let signers = settings.senders.iter().filter(|of| of.account == name);
            let row = |address: &str| json!({"Signer": address, "User": name, "CreatedAt": when, "UpdatedAt": when});
            signers.map(|of| row(&of.address)).collect()
        }
        _ => {
            let name = query.text("user");
            let prefix = if version.from(4) { 'f' } else { 't' };
            let row = |miner: &Miner| {
                json!({
                    "Miner": text::on_network(&miner.id, prefix), "User": name, "OpenMining": miner.open, "CreatedAt": when,
                    "UpdatedAt": when,
                })
            };
            settings.miners.iter().filter(|miner| miner.user == name).map(row).collect()
        }
    })
}

/// Disabled is 0 up to 1.8, and 2 since.
fn user_row(world: &World, user: &User, version: Version) -> Value {
    let state = match (user.enabled, version.from(9)) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    };
    let since = world.started_ms / 1000;
    let mut row = json!({
        "id": identity::uuid(&user.name), "name": user.name, "comment": "",
        "state": state, "createTime": since, "updateTime": since,
    });
    if let Some(members) = row.as_object_mut() {
        if !version.from(4) {
            members.insert("miner".to_owned(), json!(""));
        }
        if !version.from(9) {
            members.insert("sourceType".to_owned(), json!(0));
        }
    }
    row
}
