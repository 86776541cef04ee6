//! Whether what repairs may touch can be reached, for whoever asks before anything is ill. It looks and changes nothing.

use futures_util::future::join_all;

use super::settings::{Settings, Thing};
use super::things::Was;
use super::tools::Tools;
use crate::upstream::Upstream;

/// One container or unit that is listed, and how it is, or why that cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// `phala-node at farm-1`.
    pub thing: String,
    pub said: Result<String, String>,
}

/// Looks at everything that is listed, side by side; each look has a deadline. The error has a line for every certificate
/// that cannot be read.
pub async fn reach(settings: &Settings, upstream: &Upstream) -> Result<Vec<Reached>, String> {
    let tools = Tools::new(settings, upstream)?;
    let containers = settings.engines.iter().flat_map(|engine| {
        let thing = |which: &_| Thing::Container {
            engine: engine.name.clone(),
            which: Clone::clone(which),
        };
        engine.containers.iter().map(thing)
    });
    let units = settings.units.allowed.iter().cloned().map(Thing::Unit);
    let things: Vec<Thing> = containers.chain(units).collect();
    let mut reached = join_all(things.iter().map(|thing| look(&tools, thing))).await;
    let unusable = settings.commands.unusable().into_iter();
    reached.extend(unusable.map(|(thing, why)| Reached { thing, said: Err(why) }));
    Ok(reached)
}

async fn look(tools: &Tools, thing: &Thing) -> Reached {
    let said = match tools.handle(thing) {
        Ok(handle) => handle.look().await.map_err(|failed| failed.fault.to_string()),
        Err(words) => Err(words),
    };
    Reached {
        thing: thing.to_string(),
        said: said.map(|look| Was(&look).to_string()),
    }
}
