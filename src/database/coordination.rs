//! Handles of a database that is one region of several.

use super::Database;
use crate::{engine::Engine, request::Coordination};
use std::sync::Arc;

impl Database {
    /// What reads and writes.
    pub(crate) fn shared_engine(&self) -> &Arc<Engine> {
        self.engine()
    }
    /// The same database, whose requests agree with those of other regions.
    pub(crate) fn coordinated(&self, coordination: Arc<dyn Coordination>) -> Self {
        Self { inner: self.inner.clone(), hooks: self.hooks.coordinated(coordination) }
    }
}
