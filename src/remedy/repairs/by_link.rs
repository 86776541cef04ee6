//! Approvals by the link in a message: what it would allow, and allowing it.

use super::Repairs;
use super::orders::{Declined, approved, short};
use crate::clock::UnixTime;
use crate::remedy::decide::{Decision, Guard, Hold};
use crate::remedy::incident::Incident;
use crate::remedy::links::Claim;
use crate::remedy::step::{IncidentId, Plan};

/// What a link allows, for whoever opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub incident: IncidentId,
    pub plan: Plan,
    /// What is seen of it, and since when.
    pub evidence: String,
    pub seen_since: UnixTime,
    /// When the link ends.
    pub until: UnixTime,
}

/// Old links and those of before a start are told apart from nothing: both were never valid, or are no longer.
const UNKNOWN: &str = "this link is not, or no longer, valid: it may be of before farmwarden started anew, or what it was for has \
                       changed; `farmwarden incidents` shows what waits, and how it is approved";

impl Repairs {
    /// What the link would allow. Changes nothing.
    pub fn offered(&self, link: &str) -> Result<Offer, Declined> {
        Ok(self.claimed(link)?.1)
    }

    /// Allows it, once: whoever comes second is told so.
    pub async fn approve_by_link(&self, link: &str, from: &str) -> Result<Plan, Declined> {
        let only = self.0.approving.lock().await;
        let (claim, offer) = self.claimed(link)?;
        let by = short(&format!("the link in a message, opened by {from}"));
        let now = self.0.clock.now().wall;
        self.record(approved(offer.incident, offer.plan.clone(), by, now, Some(claim.id())))
            .await?;
        drop(only);
        Ok(offer.plan)
    }

    fn claimed(&self, link: &str) -> Result<(Claim, Offer), Declined> {
        let unknown = || Declined::Unknown(UNKNOWN.to_owned());
        let claim: Claim = link.parse().map_err(|()| unknown())?;
        let open = self.open().map_err(Declined::Unrecorded)?;
        let incident = open
            .runner
            .ledger()
            .with(|state| state.incident(claim.incident).cloned());
        let (Some(incident), Some(decision)) = (incident, open.runner.outlook(claim.incident)) else {
            return Err(unknown());
        };
        // Only whoever has a link that we made hears more of the incident than that.
        let planned = open.runner.planned(claim.incident).ok_or_else(unknown)?;
        if !self.0.links.fits(&claim, &planned) {
            return Err(unknown());
        }
        let now = self.0.clock.now().wall;
        if now >= claim.until {
            let words = format!(
                "this link ended at {}; `farmwarden approve {} --plan {}` approves it",
                claim.until,
                claim.incident,
                planned.mark()
            );
            return Err(Declined::NotNow(words));
        }
        if incident.used_links.contains(&claim.id()) {
            return Err(Declined::NotNow("this link was used already".to_owned()));
        }
        let offer = self.offer(&claim, &incident, decision)?;
        Ok((claim, offer))
    }

    fn offer(&self, claim: &Claim, incident: &Incident, decision: Decision) -> Result<Offer, Declined> {
        let Decision::Hold(Hold {
            guard: Guard::Approval,
            plan: Some(plan),
            ..
        }) = decision
        else {
            let words = match decision {
                Decision::Hold(hold) => hold.words,
                Decision::Done(_, words) => words,
                Decision::Act(plan) => format!("{} needs no approval", plan.action),
            };
            return Err(Declined::NotNow(format!("nothing waits for an approval: {words}")));
        };
        let remedies = self.remedies();
        let policy = remedies.policy(&incident.key.policy);
        let open = self.open().map_err(Declined::Unrecorded)?;
        let seen = open.runner.seen(&incident.key, policy, self.0.clock.now().wall);
        Ok(Offer {
            incident: claim.incident,
            plan,
            evidence: seen.evidence,
            seen_since: seen.since,
            until: claim.until,
        })
    }
}
