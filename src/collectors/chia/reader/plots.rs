//! Plots one by one: rarely, and only where they have changed.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::farmer;
use super::super::plots::{self, Plots};
use super::super::reading::{Looked, Reading, Round};
use super::super::target::PlotDetail;
use super::{Reader, Told, ask, supported};
use crate::upstream::chia::{Call, NodeId, Service};
use crate::upstream::{Fault, Reason, Why};
use crate::values::Size;

/// A plot has 584 bytes, so this is 220,000 of one harvester.
const PLOTS_CAP: Size = Size::from_bytes(128 << 20);
/// 100,000 plots take the farmer half a second, and a slow network longer.
const PLOTS_WITHIN: Duration = Duration::from_secs(60);
/// Plots that were moved from one disk to another are as many and as large as before.
const LOOK_AGAIN: Duration = Duration::from_secs(4 * 3_600);
/// Above this `plot_detail: auto` does not look.
const AUTO_MOST: u64 = 20_000;

impl Reader {
    /// One harvester after the other, on one page each, and only those whose plots have changed.
    pub(in super::super) async fn plots(&self) -> Result<Round, Fault> {
        let harvesters = self
            .ask(Service::Farmer, &Call::HarvestersSummary, farmer::summary)
            .await;
        // A farmer before 1.6 counts none, and has no pages of them.
        let harvesters = supported(harvesters)?.map(|listed| listed.all).unwrap_or_default();
        let (mut all, mut told) = (Vec::new(), Told::default());
        let total: u64 = harvesters.iter().filter_map(|harvester| harvester.plots).sum();
        for harvester in harvesters {
            let Some(plots) = harvester.plots else { continue };
            let figures = (plots, harvester.bytes.unwrap_or_default());
            let before = self
                .looked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&harvester.id)
                .filter(|(_, at)| at.elapsed() < LOOK_AGAIN)
                .map(|(figures, _)| *figures);
            let looked = if self.detail == PlotDetail::Auto && total > AUTO_MOST {
                Looked::TooMany
            } else if before == Some(figures) {
                Looked::AsBefore
            } else {
                let page = self.page(Call::Plots(harvester.id, plots)).await;
                match page {
                    Ok(plots) => Looked::At(Arc::new(plots), figures),
                    // It went away meanwhile: `Receiver missing`.
                    Err(fault) if fault.reason() == Reason::Upstream => continue,
                    // The others have pages as well.
                    Err(fault) => {
                        told.faults.push(fault);
                        Looked::Failed
                    }
                }
            };
            all.push((harvester.id, looked));
        }
        let failed = all.iter().all(|(_, looked)| matches!(looked, Looked::Failed));
        match told.faults.first().filter(|_| failed) {
            Some(fault) => Err(fault.clone()),
            None => Ok(told.with(Reading::Plots(all))),
        }
    }

    async fn page(&self, call: Call) -> Result<Plots, Fault> {
        let rpc = self.services.get(&Service::Farmer).ok_or_else(|| {
            let words = "a target without a farmer".to_owned();
            Fault::new("farmer", call.route(), Why::Internal(words))
        })?;
        ask(&rpc.with((PLOTS_WITHIN, PLOTS_CAP)), &call, plots::page).await
    }

    /// What was taken into the picture need not be looked at again.
    pub(in super::super) fn took(&self, looked: &[(NodeId, Looked)]) {
        let mut before = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        before.retain(|id, _| looked.iter().any(|(other, _)| other == id));
        for (id, looked) in looked {
            match looked {
                Looked::At(_, figures) => drop(before.insert(*id, (*figures, Instant::now()))),
                Looked::TooMany | Looked::Failed => drop(before.remove(id)),
                Looked::AsBefore => {}
            }
        }
    }

    /// The picture has lost them.
    pub(in super::super) fn look_anew(&self) {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
