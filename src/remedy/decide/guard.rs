//! The guards by name, in their order.

use serde::{Deserialize, Serialize};

/// What can hold an action back, in the order in which it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The rung before is not over.
    UnderWay,
    Enabled,
    KnownTarget,
    KnownPolicy,
    TwoKeys,
    FreshView,
    StillIll,
    CauseUpstream,
    Fleet,
    WarmUp,
    Window,
    Freeze,
    Pause,
    CoolDown,
    Attempts,
    Budget,
    Flapping,
    Concurrency,
    Approval,
    DryRun,
}

impl Guard {
    pub const ALL: [Self; 20] = [
        Self::UnderWay,
        Self::Enabled,
        Self::KnownTarget,
        Self::KnownPolicy,
        Self::TwoKeys,
        Self::FreshView,
        Self::StillIll,
        Self::CauseUpstream,
        Self::Fleet,
        Self::WarmUp,
        Self::Window,
        Self::Freeze,
        Self::Pause,
        Self::CoolDown,
        Self::Attempts,
        Self::Budget,
        Self::Flapping,
        Self::Concurrency,
        Self::Approval,
        Self::DryRun,
    ];

    /// Its words hold no figure that moves by itself, so other words are another cause.
    pub const fn says_its_cause(self) -> bool {
        matches!(
            self,
            Self::Enabled
                | Self::KnownTarget
                | Self::KnownPolicy
                | Self::TwoKeys
                | Self::Freeze
                | Self::Pause
                | Self::Approval
        )
    }

    /// The label value `guard`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::UnderWay => "under_way",
            Self::Enabled => "enabled",
            Self::KnownTarget => "known_target",
            Self::KnownPolicy => "known_policy",
            Self::TwoKeys => "two_keys",
            Self::FreshView => "fresh_view",
            Self::StillIll => "still_ill",
            Self::CauseUpstream => "cause_upstream",
            Self::Fleet => "fleet",
            Self::WarmUp => "warm_up",
            Self::Window => "window",
            Self::Freeze => "freeze",
            Self::Pause => "pause",
            Self::CoolDown => "cool_down",
            Self::Attempts => "attempts",
            Self::Budget => "budget",
            Self::Flapping => "flapping",
            Self::Concurrency => "concurrency",
            Self::Approval => "approval",
            Self::DryRun => "dry_run",
        }
    }

    /// Whether it holds back what changes something, and lets pass what only tells people.
    pub const fn lets_notices_pass(self) -> bool {
        matches!(
            self,
            Self::Window
                | Self::Freeze
                | Self::Pause
                | Self::CoolDown
                | Self::Attempts
                | Self::Budget
                | Self::Flapping
                | Self::Concurrency
                | Self::Approval
        )
    }
}
