//! What lies around the runner: hands that change something, and eyes.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::actions::remote::Nonce;
use crate::clock::UnixTime;
use crate::collectors::Symptom;
use crate::remedy::incident::Key;
use crate::remedy::step::{IncidentId, Plan};
use crate::remedy::view::View;

/// What acts. Nothing else here changes anything outside.
pub trait Hands: Send + Sync + 'static {
    /// Carries out the action of a plan once. What it says is for people; whether it helped is seen by looking. An action
    /// of several steps says in `notes` how far it is, and goes on only when that is recorded.
    fn run(&self, plan: &Plan, notes: &dyn Notes) -> impl Future<Output = Result<String, Undone>> + Send;

    /// Ends what an action has asked another farmwarden for and did not outlive itself. Nothing new is begun.
    fn take_back(
        &self,
        plan: &Plan,
        request: Nonce,
        notes: &dyn Notes,
    ) -> impl Future<Output = Result<String, Undone>> + Send {
        let (action, target) = (plan.action.clone(), plan.target.clone());
        notes.lose_sight();
        async move {
            Err(Undone::Failed(format!(
                "{action} on {target} asked for request {request}, which these hands know nothing of"
            )))
        }
    }
}

/// An action that did not come to its end, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// Nothing was touched.
    Refused(String),
    /// Something may have been changed.
    Failed(String),
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(words) | Self::Failed(words)) = self;
        f.write_str(words)
    }
}

/// Where nothing is known of it, something may have been.
impl From<String> for Undone {
    fn from(words: String) -> Self {
        Self::Failed(words)
    }
}

/// Where an action that runs says how far it is.
pub trait Notes: Send + Sync {
    /// Comes back when the words are on the disk; with an error nothing more may be done.
    fn note(&self, words: String) -> BoxFuture<'_, Result<(), String>>;

    /// The same, before another farmwarden is asked under this number: after a crash it is known what to take back.
    fn asks(&self, words: String, request: Nonce) -> BoxFuture<'_, Result<(), String>>;

    /// On whose behalf it runs; nothing where nobody keeps incidents.
    fn about(&self) -> Option<About> {
        None
    }

    /// From now on it is not known whether anything is done, until sight is regained. An action that ends like that, however it
    /// ends, is one of which nobody knows what it did.
    fn lose_sight(&self) {}

    fn regain_sight(&self) {}
}

/// The incident that an action is for, and what it is to cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    pub incident: IncidentId,
    /// Nothing where its policy is gone.
    pub symptom: Option<&'static str>,
    /// When it was begun.
    pub began: UnixTime,
}

/// What sees.
pub trait Eyes: Send + Sync + 'static {
    /// A fresh round of what the symptom on the entity rests on; it ends in bounded time.
    fn look(&self, key: &Key, symptom: Option<&'static Symptom>) -> impl Future<Output = ()> + Send;

    /// What is known now, without waiting; how many actions run is filled in by the runner. Without a symptom there is no
    /// such policy.
    fn view(&self, key: &Key, symptom: Option<&'static Symptom>, now: UnixTime) -> View;
}

impl<E: Eyes> Eyes for Arc<E> {
    fn look(&self, key: &Key, symptom: Option<&'static Symptom>) -> impl Future<Output = ()> + Send {
        E::look(self, key, symptom)
    }

    fn view(&self, key: &Key, symptom: Option<&'static Symptom>, now: UnixTime) -> View {
        E::view(self, key, symptom, now)
    }
}
