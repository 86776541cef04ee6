//! What a round brings, whichever PRB was asked.

use std::collections::HashSet;

use super::on_chain;
use super::peer::{Peer, PeerId};
use super::queue;
use super::roster::Known;
use super::runtime;
use super::snapshot::Inventory;
use super::v3::transactions::Transactions;
use super::worker::{Provider, Worker};
use crate::upstream::Fault;

/// What a round of one part brings.
pub enum Reading {
    Heard(Heard),
    /// What the trade queues said.
    Queues(queue::Said),
    Chain(Box<on_chain::State>),
    /// What pRuntimes said.
    Runtimes(runtime::Round),
    /// Only of a worker manager.
    Transactions(Transactions),
}

/// What the processes of a PRB said: which there are, and what each of those that were asked said.
pub struct Heard {
    pub peers: Vec<Peer>,
    /// For peers that were listed once and are no longer.
    pub gone: Fault,
    pub said: Said,
}

/// What each peer that was asked said.
pub type Each<T> = Vec<(PeerId, Result<T, Fault>)>;

/// What the peers that a part is about said.
pub enum Said {
    /// A worker manager is there: the revision that it was built from.
    Revision(String),
    Providers(Each<Provider>),
    Workers(Each<Listed<Box<Worker>>>),
    Inventories(Each<Inventory>),
}

impl Said {
    /// The workers, for those who ask others about them.
    pub fn known(&self) -> impl Iterator<Item = Known> {
        let said: &[_] = match self {
            Self::Workers(said) => said,
            Self::Revision(_) | Self::Providers(_) | Self::Inventories(_) => &[],
        };
        let lists = said.iter().filter_map(|(_, list)| list.as_ref().ok());
        lists.flat_map(|list| &list.rows).map(|worker| Known::of(worker))
    }
}

/// A list, with what was left out of it because it came twice or could not be told apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    pub rows: Vec<T>,
    /// Rows with a key that came before.
    pub duplicates: usize,
    /// Rows without a key or name: a worker that was deleted while its lifecycle started.
    pub nameless: usize,
}

impl<T> Listed<T> {
    /// `None` is a row that cannot be told apart.
    pub fn of(rows: impl Iterator<Item = Option<T>>, key: impl Fn(&T) -> String) -> Self {
        let mut seen = HashSet::new();
        let mut listed = Self {
            rows: Vec::new(),
            duplicates: 0,
            nameless: 0,
        };
        for row in rows {
            match row {
                Some(row) if seen.insert(key(&row)) => listed.rows.push(row),
                Some(_) => listed.duplicates += 1,
                None => listed.nameless += 1,
            }
        }
        listed
    }
}
