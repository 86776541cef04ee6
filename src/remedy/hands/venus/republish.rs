//! The same bytes, pushed again: it changes no fee and can be done any number of times.
//!
//! The messager also says yes when its node is away, which is why a node must have answered right before.

use super::Making;
use crate::actions::venus::Change;
use crate::collectors::venus::messager::State;

impl Making<'_> {
    pub(super) async fn republish(&self) -> Result<String, String> {
        let case = self.blocked().await?.case;
        let change = Change::Republish { id: &case.before.id };
        let called = case.send("pushing once more", &change).await?;
        case.told(
            "had the messager push once more",
            called,
            &case.after().await,
            |after| after.state == State::OnChain,
        )
    }
}
