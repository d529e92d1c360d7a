//! The model of throughput of an open database; each table keeps its own buckets.

use crate::{
    capacity::{CapacityModel, ModelTime},
    clock::Clock,
};
use std::sync::Arc;

/// The model, and its time.
#[derive(Debug)]
pub struct Throughput {
    model: Arc<CapacityModel>,
    time: ModelTime,
}

impl Throughput {
    /// The model, if there is one.
    pub fn of(model: Option<CapacityModel>) -> Option<Self> {
        model.map(|model| Self { model: Arc::new(model), time: ModelTime::default() })
    }
    /// The switches of the model.
    pub fn model(&self) -> &Arc<CapacityModel> {
        &self.model
    }
    /// The model's time, in milliseconds since 1970.
    #[inline]
    pub fn now_millis(&self, clock: &Clock) -> u64 {
        self.time.at(clock.coarse_millis())
    }
}
