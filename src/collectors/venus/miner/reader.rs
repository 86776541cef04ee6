//! Asks miner services.

use futures_util::future::join_all;
use serde_json::json;

use super::answers::{self, MinerSeen};
use crate::collectors::venus::server::{Asking, Said, Server};
use crate::upstream::VenusCall;

/// All miner services of a target, each with miners of its own. They are asked side by side.
pub(in crate::collectors::venus) struct MinerServices {
    pub(super) servers: Vec<Server>,
    pub(super) most_miners: usize,
}

impl MinerServices {
    pub(in crate::collectors::venus) const fn new(servers: Vec<Server>, most_miners: usize) -> Self {
        Self { servers, most_miners }
    }

    pub(in crate::collectors::venus) async fn read(&self) -> Vec<Said<MinerSeen>> {
        let ask = async |asking: &mut Asking<'_>| {
            // One parameter, a list, which is empty: all of them.
            let states = asking
                .must(VenusCall::MINING_STATES, json!([[]]), answers::states)
                .await?;
            let listed = asking.may(VenusCall::LIST_MINERS, json!([]), answers::miners).await?;
            Ok(MinerSeen::of(states, listed))
        };
        join_all(self.servers.iter().map(|server| server.ask(ask))).await
    }
}
