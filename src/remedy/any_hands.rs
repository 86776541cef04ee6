//! Hands of whatever kind: the configured ones, or those of a test.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::runner::{Hands, Notes, Undone};
use super::step::Plan;
use crate::actions::remote::Nonce;

/// Cloning gives the same ones.
#[derive(Clone)]
pub struct AnyHands(Arc<dyn Boxed>);

trait Boxed: Send + Sync {
    fn run_boxed<'a>(&'a self, plan: &'a Plan, notes: &'a dyn Notes) -> BoxFuture<'a, Result<String, Undone>>;

    fn take_back_boxed<'a>(
        &'a self,
        plan: &'a Plan,
        request: Nonce,
        notes: &'a dyn Notes,
    ) -> BoxFuture<'a, Result<String, Undone>>;
}

impl<H: Hands> Boxed for H {
    fn run_boxed<'a>(&'a self, plan: &'a Plan, notes: &'a dyn Notes) -> BoxFuture<'a, Result<String, Undone>> {
        self.run(plan, notes).boxed()
    }

    fn take_back_boxed<'a>(
        &'a self,
        plan: &'a Plan,
        request: Nonce,
        notes: &'a dyn Notes,
    ) -> BoxFuture<'a, Result<String, Undone>> {
        self.take_back(plan, request, notes).boxed()
    }
}

impl AnyHands {
    pub fn new<H: Hands>(hands: Arc<H>) -> Self {
        Self(hands)
    }
}

impl Hands for AnyHands {
    async fn run(&self, plan: &Plan, notes: &dyn Notes) -> Result<String, Undone> {
        self.0.run_boxed(plan, notes).await
    }

    async fn take_back(&self, plan: &Plan, request: Nonce, notes: &dyn Notes) -> Result<String, Undone> {
        self.0.take_back_boxed(plan, request, notes).await
    }
}
