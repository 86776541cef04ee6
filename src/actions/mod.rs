//! The only calls that change anything outside of this process: containers, systemd units, PRB's workers, messages and
//! miners of Venus, Chia's services, the ordered procedure over a stack, requests to other farmwardens, and programs that
//! an operator has listed.
//!
//! Nothing here decides whether something is done, or whether it helped. Only what the configuration lists can be touched,
//! every call is sent once and has a deadline, and there is no shell: what may hang in the kernel runs in a child of our own.

pub mod chia;
pub mod command;
pub mod containers;
pub mod handle;
pub mod keeper;
pub mod prb_workers;
pub mod remote;
pub mod stack;
#[cfg(test)]
pub(crate) mod testing;
pub mod units;
pub mod unmount;
pub mod venus;
mod wire;

use std::fmt;

use thiserror::Error;

use crate::upstream::{Fault, Why};

/// An action that did not come to its end. It reads
/// `docker farm-1: restart phala-node: no answer within 5m; whether it had an effect is not known`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{fault}; {effect}")]
pub struct Failed {
    pub fault: Fault,
    pub effect: Effect,
}

/// What a failed action may have left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was sent, or it was refused as a whole.
    Nothing,
    /// It was sent: somebody has to look.
    Unknown,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing was changed",
            Self::Unknown => "whether it had an effect is not known",
        })
    }
}

impl Failed {
    /// Before anything was changed.
    pub fn before(who: impl Into<String>, operation: impl Into<String>, why: Why) -> Self {
        Fault::new(who, operation, why).into()
    }

    /// After it was sent.
    pub fn after(who: impl Into<String>, operation: impl Into<String>, why: Why) -> Self {
        Self {
            fault: Fault::new(who, operation, why),
            effect: Effect::Unknown,
        }
    }
}

/// A fault of looking, which changes nothing.
impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            effect: Effect::Nothing,
        }
    }
}

/// What became of an action that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Changed,
    /// It was in that state before.
    AlreadySo,
}
