//! The global indexes whose lag is modelled, by their number. Innermost: replaced as a whole by the holder of the schema gate,
//! and read without a lock.

use super::{IndexLag, PendingPropagation};
use arc_swap::ArcSwap;
use std::{collections::BTreeMap, sync::Arc};

/// Changes on their way, by the number of the index.
#[derive(Debug, Default)]
pub struct PropagationModels(ArcSwap<BTreeMap<u32, Arc<PendingPropagation>>>);

impl PropagationModels {
    /// Changes on their way to an index, if its lag is modelled.
    pub fn of(&self, index: u32) -> Option<Arc<PendingPropagation>> {
        self.0.load().get(&index).cloned()
    }
    /// Models the lag of an index from now on; `None` ends it, and what is on its way arrives at once.
    pub fn set(&self, index: u32, lag: Option<IndexLag>) {
        let mut models = BTreeMap::clone(&self.0.load());
        match lag {
            Some(lag) => models.insert(index, Arc::new(PendingPropagation::new(lag))),
            None => models.remove(&index),
        };
        self.0.store(Arc::new(models));
    }
    /// An index is gone, and with it what was on its way there.
    pub fn forget(&self, index: u32) {
        if self.0.load().contains_key(&index) {
            self.set(index, None);
        }
    }
}
