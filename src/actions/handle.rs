//! One thing that can be stopped and started, whatever runs it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::containers::{Engine, Selector, Status};
use super::units::{UnitName, Units};
use super::{Done, Failed};
use crate::clock::UnixTime;

/// A container of an engine, or a unit of systemd.
#[derive(Clone, Debug)]
pub enum Handle {
    Container { engine: Arc<Engine>, which: Selector },
    Unit { units: Arc<Units>, unit: UnitName },
}

/// How it is now, as far as both can say it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Look {
    pub up: bool,
    pub started_at: Option<UnixTime>,
}

impl Handle {
    pub async fn look(&self) -> Result<Look, Failed> {
        match self {
            Self::Container { engine, which } => {
                let seen = engine.inspect(which).await?;
                Ok(Look {
                    // Between two attempts of its policy it is meant to run.
                    up: matches!(seen.status, Status::Running | Status::Restarting | Status::Paused),
                    started_at: seen.started_at,
                })
            }
            Self::Unit { units, unit } => {
                let seen = units.look(unit).await?;
                Ok(Look {
                    up: seen.active.is_up(),
                    started_at: seen.started_at,
                })
            }
        }
    }

    /// `patience` is what it is given to stop by itself; of a unit, what the whole job may take.
    pub async fn restart(&self, patience: Duration) -> Result<(), Failed> {
        match self {
            Self::Container { engine, which } => engine.restart(which, patience).await.map(drop),
            Self::Unit { units, unit } => units.restart(unit, patience).await.map(drop),
        }
    }

    pub async fn stop(&self, patience: Duration) -> Result<Done, Failed> {
        match self {
            Self::Container { engine, which } => engine.stop(which, patience).await,
            Self::Unit { units, unit } => units.stop(unit, patience).await,
        }
    }

    pub async fn start(&self, patience: Duration) -> Result<Done, Failed> {
        match self {
            Self::Container { engine, which } => engine.start(which).await,
            Self::Unit { units, unit } => units.start(unit, patience).await,
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { engine, which } => write!(f, "{which} at {}", engine.who()),
            Self::Unit { unit, .. } => write!(f, "{unit}"),
        }
    }
}
