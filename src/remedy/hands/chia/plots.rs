//! `refresh-plots`: harmless, and to be repeated without harm, so nothing is looked at before.

use super::super::{Hands, left_alone};
use super::identity;
use crate::actions::chia::Harvester;
use crate::collectors::chia::{Pick, Target};
use crate::remedy::runner::Undone;
use crate::values::{self, Name};

/// The harvester that is told, by its name or as a symptom names it.
pub(super) fn chosen<'a>(target: &'a Target, name: Option<&Name>, entity: &str) -> Result<&'a Pick, String> {
    let mut told = target.harvesters.iter().filter(|pick| pick.rpc.is_some());
    if let Some(name) = name {
        let words = || format!("`{}` has no harvester `{name}` with an `rpc`", target.name);
        return told.find(|pick| pick.name == *name).ok_or_else(words);
    }
    // One that was told apart from others of its name has its id behind it.
    let named = entity.split_once('#').map_or(entity, |(name, _)| name);
    let mut ill = told.clone().filter(|pick| pick.name.as_str() == named);
    if let Some(pick) = ill.next() {
        return Ok(pick);
    }
    let is_one = target.harvesters.iter().any(|pick| pick.name.as_str() == named);
    match (told.next(), told.next()) {
        // What is ill is no harvester that has a name: a directory, or the farm.
        (Some(only), None) if !is_one => Ok(only),
        _ => Err(format!(
            "`{}` has no `rpc` for its harvester {}: name one by `harvester`, or give it its `rpc`",
            target.name,
            values::repeated(entity)
        )),
    }
}

impl Hands {
    pub(in crate::remedy::hands) async fn refresh_plots(&self, target: &Target, pick: &Pick) -> Result<String, Undone> {
        let Some(place) = &pick.rpc else {
            return Err(left_alone(format!("{} has no `rpc`", pick.name)));
        };
        let harvester = Harvester::new(&self.upstream, &identity(target)?, place);
        harvester.refresh_plots().await?;
        Ok(format!(
            "{} of {} looks through its plot directories",
            pick.name, target.name
        ))
    }
}
