//! The model of throughput of an open database; each table keeps its own buckets.

use crate::{
    capacity::{AdmissionRule, CapacityModel, ModelTime},
    clock::Clock,
};
use std::sync::Arc;

/// The model, and its time.
#[derive(Debug)]
pub struct Throughput {
    model: Arc<CapacityModel>,
    time: ModelTime,
    /// Whether threads take units of reads ahead.
    pub gives_leases: bool,
}

impl Throughput {
    /// The model, if there is one.
    pub fn of(model: Option<CapacityModel>, clock: &Clock) -> Option<Self> {
        model.map(|model| {
            let gives_leases = model.admission == AdmissionRule::PostPaid && !clock.is_manual();
            Self { model: Arc::new(model), time: ModelTime::default(), gives_leases }
        })
    }
    /// The switches of the model.
    pub fn model(&self) -> &Arc<CapacityModel> {
        &self.model
    }
    /// The model's time, in milliseconds since 1970.
    #[inline]
    pub fn now_millis(&self, clock: &Clock) -> u64 {
        self.time.of(|| clock.coarse_millis())
    }
}
