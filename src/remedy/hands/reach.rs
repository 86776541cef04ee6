//! Whether what repairs may touch can be reached, for whoever asks before anything is ill. It looks and changes nothing.

use futures_util::future::join_all;

use super::catalogue::{self, Order};
use super::remotes::Remote;
use super::settings::{Settings, Thing};
use super::things::Was;
use super::tools::Tools;
use super::venus;
use crate::actions::remote::{Answer, Course, Nonce, Request, Said, WINDOW, Wants};
use crate::clock::Clock;
use crate::remedy::settings::{Policy, Remedies};
use crate::upstream::Upstream;
use crate::values::{Name, SecretSource};

/// Questions to one other farmwarden, which may have policies for a whole farm.
const MOST_QUESTIONS: usize = 50;

/// One container or unit that is listed, what another farmwarden may be asked for, or a token that changes something; and how it
/// is, or why that cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// `phala-node at farm-1`.
    pub thing: String,
    pub said: Result<String, String>,
}

/// Looks at everything that is listed, side by side; each look has a deadline. The error has a line for every certificate
/// that cannot be read.
pub async fn reach(
    settings: &Settings,
    remedies: &Remedies,
    upstream: &Upstream,
    clock: &Clock,
) -> Result<Vec<Reached>, String> {
    let tools = Tools::new(settings, upstream)?;
    let containers = settings.engines.iter().flat_map(|engine| {
        let thing = |which: &_| Thing::Container {
            engine: engine.name.clone(),
            which: Clone::clone(which),
        };
        engine.containers.iter().map(thing)
    });
    let units = settings.units.allowed.iter().cloned().map(Thing::Unit);
    let things: Vec<Thing> = containers.chain(units).collect();
    let mut reached = join_all(things.iter().map(|thing| look(&tools, thing))).await;
    let unusable = settings.commands.unusable().into_iter();
    reached.extend(unusable.map(|(thing, why)| Reached { thing, said: Err(why) }));
    let tokens = join_all(settings.venus.iter().map(|target| async {
        let policies = remedies.policies.iter();
        let policies = policies.filter(|policy| policy.targets.contains(&target.name));
        let rungs = policies.flat_map(|policy| &policy.rungs);
        let actions: Vec<&str> = rungs.map(|rung| rung.action.as_str()).collect();
        venus::try_tokens(target, &actions, upstream).await
    }));
    let remotes = settings.remotes.iter();
    let remotes = join_all(remotes.map(|remote| ask(&tools, remote, remedies, clock)));
    let (tokens, remotes) = tokio::join!(tokens, remotes);
    reached.extend(tokens.into_iter().chain(remotes).flatten());
    Ok(reached)
}

impl Settings {
    /// Which keys and tokens others than farmwarden have as well, a line each.
    pub fn exposed(&self) -> Vec<String> {
        let keys = self.remotes.iter().map(|remote| {
            let source = SecretSource::File(remote.key_file.clone());
            (format!("the key for farmwarden {}", remote.name), source)
        });
        let tokens = self.venus.iter().flat_map(|target| {
            let instances = target.messagers.iter().chain(&target.miner_services);
            instances.filter_map(|instance| {
                let words = format!("{}: the token for repairs of {}", target.name, instance.label());
                Some((words, target.act_token(instance)?))
            })
        });
        let all = keys.chain(tokens);
        all.filter_map(|(whose, source)| Some(format!("{whose}: {}", source.exposed()?)))
            .collect()
    }
}

async fn look(tools: &Tools, thing: &Thing) -> Reached {
    let said = match tools.handle(thing) {
        Ok(handle) => handle.look().await.map_err(|failed| failed.fault.to_string()),
        Err(words) => Err(words),
    };
    Reached {
        thing: thing.to_string(),
        said: said.map(|look| Was(&look).to_string()),
    }
}

/// Asks another farmwarden whether it would take what policies ask it for; nothing is begun or recorded there.
async fn ask(tools: &Tools, remote: &Remote, remedies: &Remedies, clock: &Clock) -> Vec<Reached> {
    let mut reached = Vec::new();
    let place = format!("farmwarden {}", remote.place());
    let questions = questions(tools, remote, remedies);
    let untried = questions.len().saturating_sub(MOST_QUESTIONS);
    for (policy, there, target) in questions.into_iter().take(MOST_QUESTIONS) {
        let asked = would_take(tools, remote, (policy, &there, &target), clock).await;
        let is_away = asked.is_err();
        reached.push(Reached {
            thing: format!("{place}: {there} for {target}"),
            said: asked.and_then(|said| said),
        });
        // It would be waited for once more for every question.
        if is_away {
            return reached;
        }
    }
    if untried > 0 {
        reached.push(Reached {
            thing: place,
            said: Ok(format!(
                "{untried} more that policies ask it for were not tried: at most {MOST_QUESTIONS} are"
            )),
        });
    } else if reached.is_empty() {
        reached.push(Reached {
            thing: place,
            said: Ok("no policy asks it for anything, so it was not tried".to_owned()),
        });
    }
    reached
}

/// What policies here ask it for: for which of ours, by which name there, for whom.
fn questions<'a>(tools: &Tools, remote: &Remote, remedies: &'a Remedies) -> Vec<(&'a Policy, Name, Name)> {
    let mut questions: Vec<(&Policy, Name, Name)> = Vec::new();
    for policy in &remedies.policies {
        for rung in &policy.rungs {
            let order = catalogue::read(&rung.action, &rung.with, &tools.settings);
            let Ok(Order::Remote(order)) = order else { continue };
            let targets = policy.targets.iter().filter(|_| order.is_of(&remote.name));
            for target in targets {
                let is_same = |(known, there, of): &&(&Policy, Name, Name)| {
                    known.symptom == policy.symptom && there == order.policy() && of == target
                };
                if !questions.iter().any(|question| is_same(&question)) {
                    questions.push((policy, order.policy().clone(), target.clone()));
                }
            }
        }
    }
    questions
}

/// The outer error: nothing came of asking at all.
async fn would_take(
    tools: &Tools,
    remote: &Remote,
    (policy, there, target): (&Policy, &Name, &Name),
    clock: &Clock,
) -> Result<Result<String, String>, String> {
    let client = tools.remote(&remote.name)?;
    let now = clock.now().wall;
    let request = Request {
        caller: remote.caller.clone(),
        nonce: Nonce::random()?,
        time: now,
        wants: Wants::ToKnow,
        policy: there.clone(),
        target: target.clone(),
        entity: String::new(),
        symptom: policy.symptom.get().name.to_owned(),
        incident: "a question".to_owned(),
        rung: 1,
        until: now.plus(WINDOW.get() * 2),
    };
    match client.ask(&request).await {
        Ok(Said::Told(Answer { course, words, .. })) => Ok(match course {
            Course::Welcome => Ok(words),
            Course::Declined => Err(words),
            _ => Err(format!("it answers another question: {words}")),
        }),
        Ok(Said::Refused { words, .. } | Said::Unclear(words)) => Err(words),
        Err(failed) => Err(failed.fault.to_string()),
    }
}
