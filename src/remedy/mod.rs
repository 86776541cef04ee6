//! Repairs: which alert asks for one, what holds it back, and whether it helped.
//!
//! Nothing here changes anything outside: what acts is handed in ([`Hands`]). `decide` is pure, and all that is remembered is
//! made from the journal ([`State::apply`]).

mod any_hands;
mod callers;
mod check;
mod decide;
mod episodes;
mod eyes;
mod freeze;
mod guards;
pub mod hands;
mod hindsight;
mod history;
mod incident;
mod ledger;
mod lines;
mod links;
mod most;
mod notices;
mod relapse;
mod repairs;
mod requests;
mod rerun;
mod runner;
pub mod settings;
mod share;
mod state;
mod step;
mod story;
mod symptom_name;
mod tell;
#[cfg(test)]
mod testing;
mod turn;
mod view;
mod window;

pub use any_hands::AnyHands;
pub use callers::{Caller, Callers, contradictions as caller_contradictions};
pub use check::Contradiction;
pub use decide::{Decision, Guard, Hold, OLDEST_VIEW, Proof, Why, decide, proof};
pub use hindsight::{AtMost, HeldBack, Hindsight, Looking, Retrospect, Tried, Used};
pub use history::{History, Of};
pub use incident::{After, Approval, Askers, Ended, Held, Incident, Key, Order, Phase};
pub use ledger::{Ledger, Record};
pub use links::{Approvals, ExternalUrl, IN_CHINESE as LINK_IN_CHINESE, Links, PATH as LINK_PATH};
pub use most::Most;
pub use notices::Notices;
pub use relapse::Resting;
pub use repairs::{
    Declined, FAMILIES, Foreseen, Foresight, IncidentSeen, JournalSeen, NotTaken, Offer, Ordered, Overview, Parts,
    PauseSeen, PolicySeen, Repairs, RestingSeen, Shown, Unheard,
};
pub use requests::{Asked, LASTS_AT_MOST, Requests, Stage};
pub use rerun::{Glimpse, Illness, Moment, OfPolicy, Replayed, Rerun};
pub use runner::{About, Begun, Eyes, Hands, Notes, Runner, Undone, Visited};
pub use settings::{Policy, Remedies};
pub use share::Share;
pub use state::State;
pub use step::{IncidentId, Outcome, Pause, Plan, Scope, Step};
pub use story::{Account, Mark, Of as Story, Recounted, replay};
pub use symptom_name::SymptomName;
pub use tell::{Tell, Told};
pub use turn::{Turn, turn};
pub use view::{Fleet, Runs, Seen, Sight, View};
pub use window::Window;
