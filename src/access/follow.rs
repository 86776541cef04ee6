//! web.yml and every file that it names, read again when one of them changes.
//!
//! A state that is wrong does not replace the one that works.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::report::{Fingerprint, Named};
use super::settings::Look;
use super::{Access, Current, Mistakes};
use crate::clock::Clock;
use crate::exposition::Own;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A change counts when a second look this much later sees the same: a file is not read while it is being written.
const SETTLED_AFTER: Duration = Duration::from_millis(250);

/// How our own metrics name it.
const FILE: &str = "web";

impl Access {
    /// Keeps up with the files; never ends. Success and time of the last reading go to `own`.
    pub async fn follow(self: Arc<Self>, own: Own, clock: Clock) {
        if self.options.config_file.is_none() {
            return std::future::pending().await;
        }
        own.config_read(FILE, Some(clock.now().wall));
        let mut watch = Watch::default();
        loop {
            let settling = watch.changed.is_some();
            tokio::time::sleep(if settling { SETTLED_AFTER } else { LOOK_EVERY }).await;
            let access = Arc::clone(&self);
            // Files can hang (a dead share), and hashing keys takes its time: not on a thread that answers.
            let looked = tokio::task::spawn_blocking(move || {
                let outcome = access.look_again(&mut watch);
                (watch, outcome)
            });
            let outcome;
            // A panic is logged where it happens; the next look then begins anew.
            (watch, outcome) = looked.await.unwrap_or_default();
            match outcome {
                Some(Ok(())) => {
                    tracing::info!("the changed web configuration is in use");
                    own.config_read(FILE, Some(clock.now().wall));
                }
                Some(Err(mistakes)) => {
                    for mistake in &mistakes.0 {
                        tracing::error!("the changed web configuration is not used, the one before stays: {mistake}");
                    }
                    own.config_read(FILE, None);
                }
                None => {}
            }
        }
    }

    /// Nothing while nothing has changed.
    fn look_again(&self, watch: &mut Watch) -> Option<Result<(), Mistakes>> {
        let file = self.options.config_file.as_deref()?;
        let current = self.current();
        let read = watch.read.as_ref().unwrap_or(&current.seen);
        let now = read.again();
        if now == *read {
            watch.changed = None;
            return None;
        }
        if watch.changed.as_ref() != Some(&now) {
            watch.changed = Some(now);
            return None;
        }
        watch.changed = None;
        let look = Look::at(file, Named::MustBeThere);
        // Good or bad: whoever corrects one of the files changes it.
        watch.read = Some(look.seen.clone());
        Some(self.take(file, look))
    }

    fn take(&self, file: &Path, look: Look) -> Result<(), Mistakes> {
        let current = self.current();
        let lost = look
            .settings
            .as_ref()
            .ok()
            .and_then(|settings| settings.lost_since(&current.settings));
        if let Some(lost) = lost {
            let words = format!(
                "{}: holds no {lost} any more, which could be a file that is half written; if that protection is to go, restart farmwarden",
                file.display()
            );
            return Err(Mistakes(vec![words]));
        }
        self.replace(Current::from_look(look, &self.options)?);
        Ok(())
    }
}

/// What the last looks saw; empty until the first change.
#[derive(Default)]
struct Watch {
    /// The files of the last reading, also of one that failed.
    read: Option<Fingerprint>,
    /// Those that have changed since, until the next look sees the same again.
    changed: Option<Fingerprint>,
}
