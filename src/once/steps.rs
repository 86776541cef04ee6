//! A look at a part as the steps that a person walks: does the name resolve, does it connect, is TLS agreed on, may we
//! ask, does it answer, can the answer be read, is it of now.

use std::time::Duration;

use super::{PartSeen, Round};
use crate::upstream::walk::{self, STEPS};
use crate::upstream::{Fault, Reason};

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    Well,
    Wrong,
    /// This way has no such step.
    Unused,
    /// A step before it failed.
    Untried,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSeen {
    pub name: &'static str,
    pub went: Went,
    /// What was found; empty where there is nothing to say.
    pub words: String,
    pub took: Option<Duration>,
}

/// The steps behind the way: those of a round.
const AUTHORISED: &str = "authorised";
const ANSWERS: &str = "answers";
const PARSES: &str = "parses";
const FRESH: &str = "fresh";
const OF_A_ROUND: [&str; 4] = [AUTHORISED, ANSWERS, PARSES, FRESH];

impl PartSeen {
    /// All steps in their order; those of the way only where there is an endpoint.
    pub fn steps(&self) -> Vec<StepSeen> {
        let mut steps = Vec::new();
        if self.endpoint.is_some() {
            steps.extend(STEPS.iter().map(|name| self.way_step(name)));
        }
        match &self.round {
            Some(round) => steps.extend(round_steps(round, self.credentials)),
            None => steps.extend(OF_A_ROUND.map(|name| bare(name, Went::Untried))),
        }
        steps
    }

    fn way_step(&self, name: &'static str) -> StepSeen {
        match self.way.iter().find(|step| step.name == name) {
            Some(walk::Step { outcome, took, .. }) => StepSeen {
                name,
                went: if outcome.is_ok() { Went::Well } else { Went::Wrong },
                words: outcome.clone().unwrap_or_else(|fault| fault.why.to_string()),
                took: Some(*took),
            },
            None if self.round.is_some() => bare(name, Went::Unused),
            None => bare(name, Went::Untried),
        }
    }
}

fn round_steps(round: &Round, credentials: bool) -> [StepSeen; 4] {
    let failed = round.outcome.as_ref().err();
    let failed_at = failed.map(failed_step);
    OF_A_ROUND.map(|name| {
        if failed_at == Some(name) {
            let words = failed.map(|fault| format!("{}: {}", fault.operation, fault.why));
            return StepSeen {
                took: Some(round.took),
                words: words.unwrap_or_default(),
                ..bare(name, Went::Wrong)
            };
        }
        match (failed_at, &round.outcome) {
            // An answer without credentials says nothing of them.
            (None | Some(PARSES), _) if name == AUTHORISED && !credentials => bare(name, Went::Unused),
            // What came and could not be read was allowed to come.
            (Some(PARSES), _) if name != FRESH => bare(name, Went::Well),
            (Some(_), _) => bare(name, Went::Untried),
            (None, Ok(gist)) if name == FRESH => StepSeen {
                words: gist.clone().unwrap_or_else(|old| old),
                ..bare(name, if gist.is_ok() { Went::Well } else { Went::Wrong })
            },
            (None, _) => StepSeen {
                took: (name == ANSWERS).then_some(round.took),
                ..bare(name, Went::Well)
            },
        }
    })
}

const fn bare(name: &'static str, went: Went) -> StepSeen {
    StepSeen {
        name,
        went,
        words: String::new(),
        took: None,
    }
}

const fn failed_step(fault: &Fault) -> &'static str {
    match fault.reason() {
        Reason::Unauthorized | Reason::Forbidden | Reason::ClientCertRefused | Reason::AuthDown => AUTHORISED,
        Reason::Malformed | Reason::TooLarge => PARSES,
        Reason::Unreachable
        | Reason::Timeout
        | Reason::Tls
        | Reason::NotFound
        | Reason::Status
        | Reason::Upstream
        | Reason::InProgress
        | Reason::Internal => ANSWERS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Why;

    /// The steps as `name=how`.
    fn steps(way: Vec<walk::Step>, round: Option<Result<Result<&str, &str>, Why>>) -> String {
        steps_with(true, way, round)
    }

    fn steps_with(credentials: bool, way: Vec<walk::Step>, round: Option<Result<Result<&str, &str>, Why>>) -> String {
        let part = PartSeen {
            name: "para",
            endpoint: Some("http://farm:9944".parse().unwrap()),
            way,
            round: round.map(|outcome| Round {
                took: Duration::from_millis(20),
                outcome: match outcome {
                    Ok(gist) => Ok(gist.map(str::to_owned).map_err(str::to_owned)),
                    Err(why) => Err(Fault::new("http://farm:9944", "system_health", why)),
                },
            }),
            credentials,
            advice: None,
        };
        let steps = part.steps();
        let short = steps.iter().map(|step| format!("{}={:?}", step.name, step.went));
        short.collect::<Vec<_>>().join(" ")
    }

    fn step(name: &'static str, outcome: Result<String, Fault>) -> walk::Step {
        walk::Step {
            name,
            took: Duration::ZERO,
            outcome,
        }
    }

    fn connected() -> Vec<walk::Step> {
        vec![step("name", Ok(String::new())), step("connect", Ok(String::new()))]
    }

    #[test]
    fn without_tls_its_step_is_unused_and_the_rest_is_walked() {
        assert_eq!(
            steps(connected(), Some(Ok(Ok("all is well")))),
            "name=Well connect=Well tls=Unused authorised=Well answers=Well parses=Well fresh=Well"
        );
        assert_eq!(
            steps(connected(), Some(Ok(Err("too old")))),
            "name=Well connect=Well tls=Unused authorised=Well answers=Well parses=Well fresh=Wrong"
        );
    }

    #[test]
    fn what_comes_after_a_step_that_failed_is_untried() {
        let mut way = connected();
        way[1].outcome = Err(Fault::new("x", "connect", Why::Timeout(Duration::from_secs(3))));
        assert_eq!(
            steps(way, None),
            "name=Well connect=Wrong tls=Untried authorised=Untried answers=Untried parses=Untried fresh=Untried"
        );
    }

    #[test]
    fn without_credentials_nothing_was_authorised_unless_it_was_refused() {
        let round = |outcome| {
            let all = steps_with(false, connected(), Some(outcome));
            all.split(' ').nth(3).unwrap().to_owned()
        };
        assert_eq!(round(Ok(Ok("all is well"))), "authorised=Unused");
        assert_eq!(round(Err(Why::malformed("a web page"))), "authorised=Unused");
        assert_eq!(round(Err(Why::NoCredentials(401))), "authorised=Wrong");
        assert_eq!(round(Err(Why::Timeout(Duration::from_secs(5)))), "authorised=Untried");
    }

    #[test]
    fn a_fault_of_a_round_stands_at_its_step() {
        let round = |why| steps(connected(), Some(Err(why))).split_off("name=Well connect=Well tls=Unused ".len());
        assert_eq!(
            round(Why::malformed("a web page")),
            "authorised=Well answers=Well parses=Wrong fresh=Untried"
        );
        assert_eq!(
            round(Why::Unauthorized(401)),
            "authorised=Wrong answers=Untried parses=Untried fresh=Untried"
        );
        assert_eq!(
            round(Why::Timeout(Duration::from_secs(5))),
            "authorised=Untried answers=Wrong parses=Untried fresh=Untried"
        );
    }
}
