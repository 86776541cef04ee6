//! What can be wrong in a chain service, and from where on: names, grounds, advice. How it is found stands in `diagnose`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Fil;
use crate::collectors::Symptom;
use crate::values::Duration;

/// From where on something counts as ill.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Epochs between a node's head and the clock. Default 3: 1 is normal, 2 an epoch without a block, 3 in a row come once in years.
    pub lagging_epochs: u64,
    /// The same, from where on blocks are lost. Default 5, where Lotus itself says behind.
    pub behind_epochs: u64,
    /// Age of the newest block that a node has. Default 5m, ten epochs.
    pub head_stalled_after: Duration,
    /// Fewer peers than this. Default 10, a judgement.
    pub min_peers: u64,
    /// A base fee beyond this. Default 3 nanoFIL, where Lotus' own colours begin to warn.
    pub base_fee: Fil,
    /// How long a filled message may wait for its block. Default 10m, 20 epochs; normal are 1 to 3.
    pub filled_old_after: Duration,
    /// The same, until it is stuck. Default 30m, one window for proofs.
    pub filled_stuck_after: Duration,
    /// How long a message may wait to be filled. Default 5m, the messager's own gauge of blocked messages.
    pub unfilled_old_after: Duration,
    /// The same, until it is stuck. Default 30m, one window for proofs.
    pub unfilled_stuck_after: Duration,
    /// How long a proof for a window may wait. Default 10m, a third of the window.
    pub window_post_after: Duration,
    /// How long a message that pays less than the base fee may wait before that is told by itself. Default 5m: the fee swings from epoch to epoch.
    pub underpriced_after: Duration,
    /// A balance below this. Default 20 FIL, as in a storage provider's published script; per wallet in `wallets`.
    pub wallet_minimum: Fil,
    /// Requests that one connection of a gateway has not taken. Default 20: its channel holds 30.
    pub gateway_pending: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            lagging_epochs: 3,
            behind_epochs: 5,
            head_stalled_after: Duration::from_secs(300),
            min_peers: 10,
            base_fee: Fil::nano(3),
            filled_old_after: Duration::from_secs(600),
            filled_stuck_after: Duration::from_secs(1800),
            unfilled_old_after: Duration::from_secs(300),
            unfilled_stuck_after: Duration::from_secs(1800),
            window_post_after: Duration::from_secs(600),
            underpriced_after: Duration::from_secs(300),
            wallet_minimum: Fil::whole(20),
            gateway_pending: 20,
        }
    }
}

impl Thresholds {
    pub(super) fn setting(&self, key: &str) -> Option<String> {
        Some(match key {
            "lagging_epochs" => self.lagging_epochs.to_string(),
            "behind_epochs" => self.behind_epochs.to_string(),
            "head_stalled_after" => self.head_stalled_after.to_string(),
            "min_peers" => self.min_peers.to_string(),
            "base_fee" => self.base_fee.to_string(),
            "filled_old_after" => self.filled_old_after.to_string(),
            "filled_stuck_after" => self.filled_stuck_after.to_string(),
            "unfilled_old_after" => self.unfilled_old_after.to_string(),
            "unfilled_stuck_after" => self.unfilled_stuck_after.to_string(),
            "window_post_after" => self.window_post_after.to_string(),
            "underpriced_after" => self.underpriced_after.to_string(),
            "wallet_minimum" => self.wallet_minimum.to_string(),
            "gateway_pending" => self.gateway_pending.to_string(),
            _ => return None,
        })
    }
}

macro_rules! symptoms {
    ($($name:ident $label:literal $($kind:ident)?: $meaning:literal, $advice:literal, [$($threshold:literal),*];)*) => {
        $(pub static $name: Symptom = Symptom {
            name: $label,
            meaning: $meaning,
            advice: $advice,
            thresholds: &[$(concat!("venus.thresholds.", $threshold)),*],
            takes_time: symptoms!(@ over_time $($kind)?),
            hint: symptoms!(@ hint $($kind)?),
        };)*

        pub(super) const SYMPTOMS: &[&Symptom] = &[$(&$name),*];
    };
    (@ over_time over_time) => { true };
    (@ hint hint) => { true };
    (@ $($other:ident)+) => { false };
}

symptoms! {
    INSTANCE_DOWN "venus_instance_down":
        "A process of the chain service (component/instance) gave no answer in the last round, while nothing speaks for a \
         refused token. Of several in a role the others may still serve.",
        "Is its process running, and what does its log say? Start order is auth, gateway and node, messager, miner. A miner \
         service does not answer until its node is synchronised.",
        [];
    INSTANCE_UNUSABLE "venus_instance_unusable":
        "A process of the chain service (component/instance) answers, but not with what it was asked for, or not with the \
         lists that matter: it limits how often a user may ask, it fails itself (its database, say), or something else \
         listens there. One that gives no answer at all has another name (venus_instance_down).",
        "The evidence has its own words. Limited: raise the limit of the token's user in auth, or ask less often \
         (`interval`). No JSON-RPC, or another shape: is this the port of that service? Else its own log.",
        [];
    TOKEN_REFUSED "venus_token_refused":
        "A process (component/instance) refuses our token with 401, and auth answers: the token is wrong, or this process \
         does not reach auth. A dead auth has another name (auth_down).",
        "Was the token deleted, or the service restarted? The token in a service's own folder is a new one after every \
         start; prefer one that auth issued (`sophon-auth token gen`). Files are read again when a token is refused. \
         venus-miner up to 1.9 takes only the token of its own folder.",
        [];
    TOKEN_TOO_WEAK "venus_token_too_weak" hint:
        "A process (component/instance) answers, but the token may not ask everything: what it hides is absent here, \
         not zero.",
        "Issue a token with the permission that the evidence names. docs/venus.md says what is lost without it.",
        [];
    NODE_LAGGING "venus_node_lagging":
        "A node's head is more than `lagging_epochs` (3) behind the clock of its chain: 1 is normal, 2 an epoch without a \
         block, 3 in a row come about once in years.",
        "If it falls, wait. Else look at the node's peers and disk; and compare with another node.",
        ["lagging_epochs"];
    NODE_BEHIND "venus_node_behind":
        "A node's head is more than `behind_epochs` (5) behind the clock of its chain, where Lotus itself says behind: \
         blocks are lost and proofs for windows at risk.",
        "Do targets synchronise (venus_chain_sync_targets)? Then wait. Else: peers, disk, log; take messager and miner to \
         another node.",
        ["behind_epochs"];
    HEAD_STALLED "venus_head_stalled":
        "The newest block that a node has is older than `head_stalled_after` (5m, ten epochs).",
        "Has it peers, is its disk full? If neither and nothing synchronises, restart the node. Compare the clock of the \
         machine with another one.",
        ["head_stalled_after"];
    FEW_PEERS "venus_node_few_peers":
        "A node has fewer than `min_peers` (10) peers, or none that takes messages or blocks from it.",
        "Is its p2p port open (`swarm.address`), does the machine reach the internet? After a start it takes minutes.",
        ["min_peers"];
    BASE_FEE_HIGH "venus_base_fee_high" hint:
        "The base fee of the network is beyond `base_fee` (3 nanoFIL): messages wait for their ceilings.",
        "Nothing is broken. Leave batches for later; see that proofs for windows have fee caps above it.",
        ["base_fee"];
    WINDOW_POST_PENDING "venus_window_post_pending":
        "A proof for a window (SubmitWindowedPoSt) of this sender waits for longer than `window_post_after` (10m, a third of \
         the window). After the deadline closes it is worthless and the sectors count as faulty.",
        "The evidence says why it waits. Unfilled with an error: mend that cause now. Filled and too cheap: replace it with a \
         higher fee cap. Filled behind another one: that one first.",
        ["window_post_after"];
    FILLED_STUCK "venus_message_filled_stuck":
        "A filled message of this sender has waited for its block for longer than `filled_stuck_after` (30m, one window for \
         proofs); everything with a higher nonce waits behind it.",
        "First `msg update-filled-msg` for it: it may be on chain already. Then republish it; if its fee cap is below the \
         base fee, replace it. Never mark a filled message bad: that leaves a gap.",
        ["filled_stuck_after"];
    FILLED_OLD "venus_message_filled_old":
        "A filled message of this sender waits for its block for longer than `filled_old_after` (10m, 20 epochs; 1 to 3 are \
         normal).",
        "See venus_message_filled_stuck, into which it turns.",
        ["filled_old_after"];
    NONCE_MISSING "venus_nonce_missing" over_time:
        "The lowest filled message of this sender has a nonce above the one that the chain expects, in lists that \
         are a minute apart: a nonce in between is missing, and nothing of this sender gets on chain.",
        "Was a filled message marked bad, or a nonce used elsewhere? `msg recover-failed-msg` for this sender brings marked \
         ones back. Do not send more.",
        [];
    NONCE_GAP "venus_nonce_gap_full":
        "This sender has as many filled messages off chain as its selection limit allows: nothing more is selected.",
        "What hangs first? If nothing does, the node may be slow to see messages land, or the limit is too low for this \
         sender (`address set-sel-msg-num`).",
        [];
    UNDERPRICED "venus_message_underpriced":
        "A filled message of this sender pays at most less than the base fee, for longer than `underpriced_after` (5m).",
        "Wait if the fee falls, else replace the message with the lowest nonce (`msg replace --auto` with a limit).",
        ["underpriced_after"];
    MESSAGE_ERRORS "venus_message_errors":
        "Unfilled messages of this sender carry an error, the same with every selection: each takes the place of one that \
         could be sent.",
        "gas_estimate: the chain would refuse it; tell whoever sent it, then mark it bad, unless it is a proof for a window. \
         sign: mend wallet or gateway, and it goes by itself. insufficient funds: fill the wallet.",
        [];
    UNFILLED_STUCK "venus_message_unfilled_stuck":
        "A message of this sender has waited to be filled for longer than `unfilled_stuck_after` (30m, one window for proofs).",
        "With an error, see venus_message_errors. Without: is the sender known to auth and its wallet connected, has the \
         node heads, and is the selection full?",
        ["unfilled_stuck_after"];
    UNFILLED_OLD "venus_message_unfilled_old":
        "A message of this sender waits to be filled for longer than `unfilled_old_after` (5m, the messager's own gauge).",
        "See venus_message_unfilled_stuck, into which it turns.",
        ["unfilled_old_after"];
    SENDER_FORBIDDEN "venus_sender_forbidden":
        "The messager takes no messages of this sender, because it is forbidden or being removed.",
        "If that is not on purpose: `address active`.",
        [];
    SIGNER_MISSING "venus_signer_missing":
        "No wallet that is connected to a gateway signs for this active sender: nothing of it can be sent.",
        "Is the wallet running, unlocked and connected to this gateway (`wallet list` of the gateway)? Does its account \
         still have the key?",
        [];
    WALLET_LOW "venus_wallet_low":
        "A wallet has less than its `minimum`, or `wallet_minimum` (20 FIL) where it has none of its own.",
        "Fill it, before its proofs fail for lack of funds.",
        ["wallet_minimum"];
    NOT_MINING "venus_miner_not_mining":
        "A miner that is expected to mine is in no miner service's set: every block that it could win is lost.",
        "The evidence says where it is missing. Closed: `address start`. Open but not mining: the prover could not be \
         built; is the node reached, is the id right? Not listed: its user is disabled in auth, or it is not bound there.",
        [];
    DOUBLE_MINING "venus_miner_mined_twice":
        "More than one miner service mines for this miner: two blocks at one height are a consensus fault, for which the \
         miner is slashed.",
        "Stop it in all but one at once: `address stop` there.",
        [];
    MINER_ERRORS "venus_miner_errors":
        "A miner service reports errors for a miner (of the last minute from 1.8 on; before, since its start).",
        "Mining timeout: the prover or the node is too slow. No connection: look at the gateway's list of miners and wallets.",
        [];
    NO_POWER "venus_miner_no_power":
        "The chain has the miner below the minimum power: it can never win a block.",
        "A young miner has to grow. Otherwise sectors were lost: see venus_miner_faulty_sectors.",
        [];
    FAULTY_SECTORS "venus_miner_faulty_sectors":
        "The chain has sectors of the miner as faulty: they earn nothing and cost a fee every day.",
        "Were proofs for a window late (venus_window_post_pending), or is storage gone? Declare them recovered when it is \
         back.",
        [];
    PROVER_MISSING "venus_prover_missing":
        "Nobody who proves for this miner is connected to a gateway: it cannot win a block, and sectors cannot be unsealed.",
        "Is the sector manager (damocles, venus-cluster) running, and does it dial this gateway with a token that holds?",
        [];
    GATEWAY_QUEUE "venus_gateway_queue_full":
        "A connection of a wallet, prover or market has not taken more than `gateway_pending` (20) requests of a gateway; \
         its channel holds 30.",
        "The evidence says whose side hangs: restart that wallet or prover, not the gateway.",
        ["gateway_pending"];
    USER_DISABLED "venus_user_disabled" over_time:
        "A user that was enabled while farmwarden watched is disabled in auth: its miners silently drop out of the miner \
         service.",
        "If that is not on purpose, enable it again (`sophon-auth user update --state 1`).",
        [];
}
