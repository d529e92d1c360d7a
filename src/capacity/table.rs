//! A table with its global indexes, as the model sees them.

use super::{
    limits::ResourceLimits,
    model::CapacityModel,
    report::{ResourceReport, ThroughputReport},
    resource::Resource,
};
use crate::sync::Mutex;
use arc_swap::{ArcSwap, Guard};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Global indexes by their numbers.
type Indexes = Vec<(u32, Arc<Resource>)>;

/// What a table and its global indexes may use.
#[derive(Clone, Debug)]
pub struct TableLimits {
    /// Which version of its definition says so.
    pub version: u64,
    /// The table itself.
    pub table: ResourceLimits,
    /// Its global indexes, by number.
    pub indexes: Vec<(u32, ResourceLimits)>,
    /// When it begins to act.
    pub from_millis: u64,
}

/// A table with its global indexes.
#[derive(Debug)]
pub struct TableCapacity {
    model: Arc<CapacityModel>,
    /// The table itself.
    pub table: Resource,
    indexes: ArcSwap<Indexes>,
    version: AtomicU64,
    changing: Mutex<()>,
}

impl TableCapacity {
    /// A table that nothing was asked of yet.
    pub fn new(model: Arc<CapacityModel>, limits: &TableLimits, seed: u64, now_millis: u64) -> Self {
        let table = Resource::new(model.clone(), limits.table, seed, now_millis);
        let capacity = Self {
            model,
            table,
            indexes: ArcSwap::from_pointee(Vec::new()),
            version: AtomicU64::new(limits.version),
            changing: Mutex::new(()),
        };
        capacity.set_indexes(limits, now_millis);
        capacity
    }

    /// Whether it follows this version of the table's definition.
    #[inline]
    pub fn is_of(&self, version: u64) -> bool {
        self.version.load(Ordering::Acquire) == version
    }

    /// Follows another version of the table's definition.
    pub fn set_limits(&self, limits: &TableLimits, now_millis: u64) {
        let _one_at_a_time = self.changing.lock();
        // A thread that has an older definition in its hands changes nothing.
        if self.version.load(Ordering::Acquire) < limits.version {
            self.table.set_limits(limits.table, limits.from_millis, now_millis);
            self.set_indexes(limits, now_millis);
            self.version.store(limits.version, Ordering::Release);
        }
    }

    fn set_indexes(&self, limits: &TableLimits, now_millis: u64) {
        let before = self.indexes.load_full();
        let indexes = limits.indexes.iter().map(|(number, of_index)| {
            let resource = match before.iter().find(|(known, _)| known == number) {
                Some((_, resource)) => {
                    resource.set_limits(*of_index, limits.from_millis, now_millis);
                    resource.clone()
                }
                None => Arc::new(Resource::new(self.model.clone(), *of_index, u64::from(*number), now_millis)),
            };
            (*number, resource)
        });
        let indexes = indexes.collect();
        self.indexes.store(Arc::new(indexes));
    }

    /// Its global indexes.
    pub fn indexes(&self) -> Guard<Arc<Indexes>> {
        self.indexes.load()
    }
    /// The global index with a number.
    pub fn index(&self, number: u32) -> Option<Arc<Resource>> {
        self.indexes.load().iter().find(|(known, _)| *known == number).map(|(_, resource)| resource.clone())
    }

    /// What can be seen of it; `name` gives the names of indexes.
    pub fn report(&self, name: impl Fn(u32) -> Option<String>, now_millis: u64) -> ThroughputReport {
        let mut resources: Vec<ResourceReport> = vec![self.table.report(None, now_millis)];
        for (number, index) in self.indexes.load().iter() {
            resources.push(index.report(name(*number), now_millis));
        }
        ThroughputReport { resources }
    }
}
