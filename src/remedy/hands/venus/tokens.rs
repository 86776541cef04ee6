//! Whether the tokens with which something would be changed are good for it, before anything is ill. Nothing is changed: the
//! service is asked for its version with the token, and auth whose it is.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::super::reach::Reached;
use crate::collectors::venus::{Instance, Target};
use crate::upstream::{
    Refused, Token, Upstream, Venus, VenusAuth, VenusCall, VenusPlace, VenusService, Verdict, Verified,
};

/// Both questions are answered from memory.
const WITHIN: Duration = Duration::from_secs(10);

/// What these take from an admin only, in every version.
const OF_ADMINS: [(VenusService, &str); 2] = [
    (VenusService::Messager, "republish-message"),
    (VenusService::Miner, "reload-miners"),
];

/// Every token for changes of a chain service, and what its process and auth say of it; `actions` are those that policies have for
/// this target.
pub(in super::super) async fn try_tokens(target: &Target, actions: &[&str], upstream: &Upstream) -> Vec<Reached> {
    let messagers = target.messagers.iter().map(|one| (VenusService::Messager, one));
    let miners = target.miner_services.iter().map(|one| (VenusService::Miner, one));
    let tried = messagers.chain(miners).map(|(service, instance)| async move {
        let source = target.act_token(instance)?;
        let thing = format!(
            "{}: the token for repairs of {} {}",
            target.name,
            service.label(),
            instance.label()
        );
        let said = match Token::read(&thing, source) {
            Ok(token) => {
                let of_admins = OF_ADMINS
                    .iter()
                    .filter(|(of, action)| *of == service && actions.contains(action));
                let of_admins = of_admins.map(|(_, action)| *action).next();
                try_token(target, upstream, (service, instance), token, of_admins).await
            }
            Err(fault) => Err(fault.to_string()),
        };
        Some(Reached { thing, said })
    });
    join_all(tried).await.into_iter().flatten().collect()
}

async fn try_token(
    target: &Target,
    upstream: &Upstream,
    (service, instance): (VenusService, &Instance),
    token: Token,
    of_admins: Option<&str>,
) -> Result<String, String> {
    let place = |instance: &Instance, token: Option<Token>| VenusPlace {
        endpoint: instance.url.clone(),
        token,
        deadline: WITHIN,
        through_gateway: instance.through_gateway,
    };
    let auth = target.auth_services.iter();
    let auth: Arc<[VenusAuth]> = auth.map(|one| VenusAuth::new(upstream, place(one, None))).collect();
    let client = Venus::new(
        upstream,
        service,
        place(instance, Some(token.clone())),
        Arc::clone(&auth),
    );
    let asked = client.call(VenusCall::version(service), &json!([]), |_| Ok(())).await;
    match asked {
        Ok(()) => {}
        // Older ones have no such method, and say so to whom they know.
        Err(refusal) if matches!(refusal.kind, Refused::NoSuchMethod | Refused::Arity(_)) => {}
        Err(refusal) => return Err(refusal.fault.to_string()),
    }
    for one in auth.iter() {
        match one.verify(&token).await {
            Verdict::Holds(verified) => return suffices(&verified, of_admins),
            Verdict::Refused => {
                return Ok("the process knows it, and auth does not: its own token, of an admin".to_owned());
            }
            Verdict::Unknown(_) => {}
        }
    }
    Ok("it is known; what it permits is not, because no auth service says it".to_owned())
}

fn suffices(Verified { name, perm }: &Verified, of_admins: Option<&str>) -> Result<String, String> {
    match of_admins {
        _ if perm == "read" => Err(format!(
            "it is the token of {name} and only reads: nothing can be changed with it"
        )),
        Some(action) if perm != "admin" => Err(format!(
            "it is the token of {name} with the permission {perm}, and {action} of a policy needs admin: make another one, or leave \
             the rung out"
        )),
        _ => Ok(format!("it is known, of {name}, with the permission {perm}")),
    }
}
