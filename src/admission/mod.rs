//! What may delay or reject a request before it is logged: backpressure of memtables and streams, client request tokens,
//! the limit on item collections, and the model of throughput. This room keeps the numbers; `engine` asks for them under its locks.
//!
//! Imports: sync, error, clock, capacity, faults, config, wal, service, ledger.

mod backpressure;
mod item_collection_sizes;
mod throughput;
mod tokens;

pub use backpressure::WriteBudget;
pub use item_collection_sizes::{CollectionDelta, ItemCollectionSizes};
pub use throughput::Throughput;
pub use tokens::{Claim, TokenUse, Tokens};

use crate::{config::Options, faults::Faults, ledger::Recorder, service::InFlight};
use std::sync::Arc;

/// What may delay or reject a write. Each part has a lock of its own; that of the tokens is held while they are logged once
/// more, the others are innermost.
pub struct Admission {
    /// Memory of memtables and stream tails, and the writers that wait for it to shrink.
    pub write_budget: WriteBudget,
    /// Client request tokens of the last ten minutes.
    pub tokens: Tokens,
    /// Sizes of item collections, where they are limited.
    pub item_collection_sizes: ItemCollectionSizes,
    /// Operations that are going on, where conflicts are reported.
    pub in_flight: Arc<InFlight>,
    /// The model of throughput, if there is one.
    pub throughput: Option<Throughput>,
    /// Faults that requests meet, if they can meet any.
    pub faults: Option<Arc<Faults>>,
    /// Where accesses are noted, if they are.
    pub ledger: Option<Arc<Recorder>>,
    /// Whether accesses are asked for throughput or noted.
    pub is_metered: bool,
}

impl Admission {
    /// Admission to a database with these options, with the tokens that opening found.
    pub fn new(options: &Options, ledger: Option<Arc<Recorder>>, tokens: Tokens) -> Self {
        Self {
            write_budget: WriteBudget::new(options.memtable_bytes),
            tokens,
            item_collection_sizes: ItemCollectionSizes::default(),
            in_flight: InFlight::new(options.conflicts),
            is_metered: options.capacity.is_some() || ledger.is_some(),
            throughput: Throughput::of(options.capacity, &options.clock),
            faults: options.faults.clone().map(|model| Arc::new(Faults::new(model, options.clock.clone()))),
            ledger,
        }
    }
}
