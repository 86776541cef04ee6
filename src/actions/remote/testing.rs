//! For tests: a request and keys.

use super::{Key, Nonce, Request, Wants};
use crate::clock::UnixTime;
use crate::values::SecretSource;

pub(crate) fn key(letter: char) -> Key {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    std::fs::write(&path, letter.to_string().repeat(40)).unwrap();
    Key::read(&SecretSource::File(path)).unwrap()
}

pub(crate) fn request() -> Request {
    let time = UnixTime::from_millis(1_795_262_400_000);
    Request {
        caller: "control".parse().unwrap(),
        nonce: Nonce::of([7; 16]),
        time,
        wants: Wants::Repair,
        policy: "restart_node".parse().unwrap(),
        target: "node-1".parse().unwrap(),
        entity: "para".to_owned(),
        symptom: "node_stuck".to_owned(),
        incident: "412.0".to_owned(),
        rung: 2,
        until: time.plus(std::time::Duration::from_secs(300)),
    }
}
