//! Capacity: what an operation costs in the service's units, and a model of how many units a second the service admits.
//!
//! The arithmetic of units is always on: each response can say what it [`Consumed`]. The model of admission is off unless a
//! [`CapacityModel`] is given to [`OpenOptions::capacity`](crate::OpenOptions::capacity). With it, tables and global indexes
//! have the throughput that they were provisioned with, or that the service gives on demand, and a request beyond it is
//! rejected as the service rejects it. The model reads no clock and does no I/O: it computes from a time that it is given,
//! in integers, so that the same requests at the same times are rejected in every run.
//!
//! Buckets of tokens carry it. A bucket earns tokens with time and keeps them up to a limit; a request is admitted if every
//! bucket that it concerns holds something, and pays afterwards what it really cost, into debt if need be. Each table and
//! global index is one *resource* with buckets for its reads and writes, and *virtual partitions*
//! with buckets of their own, so that a hot key is rejected while the rest of a table goes on. Virtual partitions are
//! apart from the partitions that hold items: cutting one moves no data.
//!
//! Imports: sync, error.

mod bucket;
mod heat;
mod key_position;
mod lease;
mod limits;
mod model;
mod model_time;
mod partition;
mod peaks;
mod refusal;
mod report;
mod resource;
mod sampler;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod units;

pub(crate) use bucket::TOKENS_PER_UNIT;
pub(crate) use key_position::KeyPosition;
pub use limits::{ResourceLimits, ThroughputMode};
pub use model::{AdmissionRule, CapacityModel, HeatModel, IndexRefusal, Quotas};
pub(crate) use model_time::ModelTime;
pub(crate) use partition::Use;
pub(crate) use refusal::throttled;
pub use report::{ArmReport, ResourceReport, ThroughputReport, VirtualPartitionReport};
pub(crate) use resource::Resource;
pub use sampler::CutRefusal;
pub(crate) use state::{Rejected, Ticket};
pub(crate) use table::{TableCapacity, TableLimits};
pub use units::{Consumed, IndexUnits, READ_UNIT_BYTES, ReadStrength, WRITE_UNIT_BYTES, read_units, write_units};

/// Compiles and runs what the guide shows.
#[cfg(doctest)]
#[doc = include_str!("../../docs/capacity.md")]
struct Guide;
