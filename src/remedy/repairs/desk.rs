//! The journal and the runner that goes on behind it: there, or why not.

use std::sync::Arc;

use super::Inner;
use crate::journal::{Journal, JournalError, JournalSettings};
use crate::remedy::any_hands::AnyHands;
use crate::remedy::eyes::StoreEyes;
use crate::remedy::ledger::Ledger;
use crate::remedy::lines::Lines;
use crate::remedy::notices::untold::Untold;
use crate::remedy::runner::Runner;
use crate::remedy::state::State;
use crate::remedy::step::Step;
use crate::remedy::tell::{self, Tell};

pub(super) enum Desk {
    /// No directory is configured.
    NoJournal,
    /// Not open, and why.
    Closed(String),
    Open(Arc<Open>),
}

pub(super) struct Open {
    pub(super) journal: Journal<Step>,
    pub(super) runner: Runner<Journal<Step>, Arc<StoreEyes>, AnyHands>,
}

impl Desk {
    pub(super) fn open(&self) -> Result<Arc<Open>, String> {
        match self {
            Self::NoJournal => Err(
                "alerts are not taken: nothing can be recorded without `journal.directory` in the configuration"
                    .to_owned(),
            ),
            Self::Closed(words) => Err(words.clone()),
            Self::Open(open) => Ok(Arc::clone(open)),
        }
    }
}

impl Inner {
    /// Reads the journal and goes on behind it. Waits for the disk, however long that takes.
    pub(super) async fn read_journal(&self, settings: JournalSettings) -> Result<Open, String> {
        let clock = self.clock.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let (mut state, mut last, mut untold) = (State::default(), 0, Untold::default());
            let opened = Journal::<Step>::open(settings, clock, |record| {
                last = record.sequence;
                tell::take(&mut state, record.head(), record.time, &record.step, |told| {
                    untold.take(told);
                });
            });
            let (journal, replayed) = opened?;
            Ok::<_, JournalError>((journal, replayed, state, last, untold))
        });
        let read = reading
            .await
            .map_err(|_| "the journal could not be read: a defect of farmwarden, please report it".to_owned())?;
        let (journal, replayed, state, last, untold) = read.map_err(|error| {
            format!("{error} (`farmwarden audit verify` says more; moved aside, it costs what is known of budgets and cool-downs)")
        })?;
        if let Some(torn) = &replayed.torn {
            tracing::warn!("{torn}");
        }
        let incidents = state.incidents().count();
        tracing::info!(
            records = replayed.records,
            incidents,
            "repairs: the journal was read: {} records, {incidents} open incidents",
            replayed.records
        );
        if replayed.records == 0 {
            tracing::warn!("repairs: the journal is empty: budgets, attempts and cool-downs begin at nothing");
        }
        let told: Vec<Arc<dyn Tell>> = vec![
            Arc::<super::Counters>::clone(&self.counters),
            Arc::new(Lines::default()),
            Arc::clone(&self.tell),
        ];
        untold.tell(&*self.tell, self.clock.now().wall);
        let ledger = Ledger::telling(journal.clone(), state, last, Arc::new(told));
        let (eyes, hands) = (Arc::clone(&self.eyes), self.hands.clone());
        let remedies = Arc::clone(&super::locked(&self.remedies));
        Ok(Open {
            journal,
            runner: Runner::new(ledger, eyes, hands, remedies, self.clock.clone()),
        })
    }
}
