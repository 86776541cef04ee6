//! Another farmwarden is asked, again and again with the same number until it is known what became of it: over there the same
//! number is the same request, so nothing is done twice, whatever is lost on the way.

mod asking;

use std::time::Duration;

use tokio::time::Instant;

use super::catalogue::{self, Action, Key};
use super::check::Checked;
use super::tools::Tools;
use super::{Hands, left_alone};
use crate::actions::remote::{Nonce, Remote, Request, Wants};
use crate::remedy::requests::LASTS_AT_MOST;
use crate::remedy::runner::{About, Notes, Undone};
use crate::remedy::settings::{REMOTE, Rung};
use crate::remedy::step::Plan;
use crate::values::{self, Name};
use asking::{Asking, Came};

/// What is asked of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    remote: Name,
    policy: Name,
    begin_within: Duration,
}

impl Order {
    pub(super) fn is_of(&self, remote: &Name) -> bool {
        self.remote == *remote
    }

    /// What is asked for there.
    pub(super) const fn policy(&self) -> &Name {
        &self.policy
    }
}

const NAME: Key = Key {
    name: "remote",
    is: "the other farmwarden, by its name in `remotes`",
};
const POLICY: Key = Key {
    name: "policy",
    is: "a policy of the other farmwarden, for the same target and symptom",
};
const BEGIN_WITHIN: Key = Key {
    name: "begin_within",
    is: "what the other farmwarden is given until it begins; what it holds back for longer is not asked for any more; 10m",
};

pub(super) static ACTIONS: [Action; 1] = [Action {
    name: REMOTE,
    does: "asks another farmwarden for one of its repairs, and waits for what becomes of it",
    keys: &[NAME, POLICY, BEGIN_WITHIN],
    read: |with| {
        let (remote, policy) = (with.remote(&NAME), with.required(&POLICY));
        let begin_within = with.optional::<values::Duration>(BEGIN_WITHIN.name);
        Some(catalogue::Order::Remote(Order {
            remote: remote?,
            policy: policy?,
            begin_within: begin_within?.map_or(BEGINS_WITHIN, values::Duration::get),
        }))
    },
}];

/// It is asked and answers, its action is short, and there is time for the last word.
pub(super) const NEEDS: Duration = Duration::from_secs(60);
/// A guard that is a matter of minutes lets it pass by then; a rung that waits longer holds up its target here.
const BEGINS_WITHIN: Duration = Duration::from_secs(600);
/// Kept of the time of a rung for the last word: that nothing is to be begun any more, or how it ended.
/// Two messages, each of which may take some seconds.
const LAST_WORD: Duration = Duration::from_secs(20);

impl Checked<'_> {
    pub(super) fn remote(&mut self, rung: &Rung, place: &str) {
        let most = values::Duration::from(LASTS_AT_MOST);
        if rung.within > most {
            let words = format!("another farmwarden is asked for at most {most}");
            self.say(format!("{place}.within"), words);
        }
    }
}

impl Hands {
    pub(super) async fn remote(
        &self,
        tools: &Tools,
        order: &Order,
        plan: &Plan,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        let Order { remote: name, .. } = order;
        let remote = tools.remote(name).map_err(left_alone)?;
        let nonce = Nonce::random().map_err(left_alone)?;
        let about = notes.about().filter(|about| about.symptom.is_some());
        let about = about.ok_or_else(|| left_alone("nobody knows on whose behalf"))?;
        let asking = self.asking(&remote, order, plan, nonce, (&about, notes));
        told(asking.run().await, notes)
    }

    /// What farmwarden asked for before it last ended: nothing must come of it any more that nobody here knows of, so it is
    /// taken back, and what has begun is waited for.
    pub(super) async fn take_back(
        &self,
        tools: &Tools,
        order: &Order,
        plan: &Plan,
        nonce: Nonce,
        notes: &dyn Notes,
    ) -> Result<String, Undone> {
        notes.lose_sight();
        let unknown = |words: String| {
            let name = &order.remote;
            Undone::Failed(format!(
                "whether {name} did it is not known (look at request {nonce} in its journal): {words}"
            ))
        };
        let remote = tools.remote(&order.remote).map_err(unknown)?;
        // Its policy may be gone, also to stop it.
        let about = notes
            .about()
            .ok_or_else(|| unknown("nobody knows on whose behalf".to_owned()))?;
        let mut asking = self.asking(&remote, order, plan, nonce, (&about, notes));
        asking.is_same_place = tools
            .settings
            .meaning(&catalogue::Order::Remote(order.clone()), &plan.target)
            .is_of(plan);
        told(asking.take_back().await, notes)
    }

    fn asking<'a>(
        &'a self,
        remote: &'a Remote,
        order: &'a Order,
        plan: &Plan,
        nonce: Nonce,
        (about, notes): (&About, &'a dyn Notes),
    ) -> Asking<'a> {
        let within = plan.within.get().saturating_sub(LAST_WORD);
        let begin_within = order.begin_within.min(within);
        let (started, now) = (Instant::now(), self.clock.now().wall);
        let request = Request {
            caller: remote.caller().clone(),
            nonce,
            time: now,
            wants: Wants::Repair,
            policy: order.policy.clone(),
            target: plan.target.clone(),
            entity: plan.entity.clone(),
            symptom: about.symptom.unwrap_or_default().to_owned(),
            incident: about.incident.to_string(),
            rung: plan.rung.saturating_add(1),
            until: now.plus(begin_within),
        };
        Asking {
            name: &order.remote,
            remote,
            notes,
            clock: &self.clock,
            begins_by: started + begin_within,
            ends: started + within,
            every: self.look_every,
            request,
            began: about.began,
            is_same_place: true,
            may_have_arrived: false,
            was_known: false,
            noted: (String::new(), 0),
            last: None,
            trouble: None,
        }
    }
}

fn told(came: Came, notes: &dyn Notes) -> Result<String, Undone> {
    if !matches!(came, Came::Unknown(_)) {
        notes.regain_sight();
    }
    match came {
        Came::Done(words) => Ok(words),
        Came::NotDone(words) => Err(left_alone(words)),
        Came::Failed(words) | Came::Unknown(words) => Err(Undone::Failed(words)),
    }
}
