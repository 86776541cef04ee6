//! A bearer token for an upstream: read at the start, and again when the upstream refuses it, because tokens are
//! renewed while we run.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::HeaderValue;
use tokio::sync::Semaphore;

use super::{Fault, Why};
use crate::values::{Secret, SecretSource};

/// Cloning gives another handle to the same token.
#[derive(Clone, Debug)]
pub struct Token {
    source: SecretSource,
    current: Arc<Mutex<Secret>>,
    /// Held while it is read again.
    reading: Arc<Semaphore>,
}

impl Token {
    /// Reads it once. `who` stands in the fault.
    pub fn read(who: &str, source: SecretSource) -> Result<Self, Fault> {
        let secret = source.read();
        let secret = secret.map_err(|words| Fault::new(who, "its token", Why::Configuration(words)))?;
        Ok(Self {
            source,
            current: Arc::new(Mutex::new(secret)),
            reading: Arc::new(Semaphore::new(1)),
        })
    }

    /// Whether an address stands behind it, as in Filecoin's "API info": `JWT:/ip4/10.0.0.1/tcp/3453`.
    pub fn holds_address(&self) -> bool {
        let current = self.current();
        [":/", ":http"].iter().any(|mark| current.expose().contains(mark))
    }

    /// The header `Authorization`, marked so that no library prints it.
    pub fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.current().expose())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The token itself, for the one service that is asked whether it holds.
    pub(super) fn current(&self) -> Secret {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads it again; true if it is another one now. A place that cannot be read keeps the old one: the refusal is
    /// what gets reported.
    pub async fn renewed(&self) -> bool {
        let source = self.source.clone();
        // The file may lie on a share that hangs: then one thread waits for it, and not one more with every call.
        let Ok(permit) = Arc::clone(&self.reading).try_acquire_owned() else {
            return false;
        };
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            source.read()
        });
        let Ok(Ok(read)) = reading.await else {
            return false;
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let differs = *current != read;
        *current = read;
        differs
    }
}
