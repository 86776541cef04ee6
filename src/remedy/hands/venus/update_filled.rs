//! The right first step for a stuck message: it may be on chain already, and the messager not have noticed.

use super::Making;
use crate::actions::venus::Change;
use crate::collectors::venus::messager::State;

impl Making<'_> {
    pub(super) async fn update_filled(&self) -> Result<String, String> {
        let case = self.blocked().await?.case;
        let change = Change::UpdateFilled { id: &case.before.id };
        let called = case.send("looking on the chain for", &change).await?;
        let noticed = |state| matches!(state, State::OnChain | State::Replaced);
        case.told(
            "had the messager look on the chain for",
            called,
            &case.after().await,
            |after| noticed(after.state),
        )
    }
}
