//! What can be seen of the model: what each bucket holds, and how hot each virtual partition is.

use super::{limits::ResourceLimits, sampler::CutRefusal};

/// Throughput of a table and its global indexes at one moment, as the model has it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ThroughputReport {
    /// The table, then its global indexes in the order of its definition.
    pub resources: Vec<ResourceReport>,
}

/// Throughput of a table or of a global index.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResourceReport {
    /// The global index; `None` for the table.
    pub index: Option<String>,
    /// What it may use.
    pub limits: ResourceLimits,
    /// Its reads.
    pub reads: ArmReport,
    /// Its writes.
    pub writes: ArmReport,
    /// Its virtual partitions, in the order of what they hold.
    pub partitions: Vec<VirtualPartitionReport>,
}

/// Reads or writes of a table or index.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ArmReport {
    /// Units that are left of provisioned throughput, or of the limit on demand; negative while a debt is repaid. `None`
    /// if only partitions limit it.
    pub units_left: Option<f64>,
    /// Units that can be kept at most.
    pub most_units: Option<f64>,
}

/// A virtual partition.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct VirtualPartitionReport {
    /// First token of its range.
    pub first_token: u64,
    /// Whether its range begins within a collection.
    pub begins_within_collection: bool,
    /// Read units that it did since it exists.
    pub read_units: f64,
    /// Write units that it did since it exists.
    pub write_units: f64,
    /// Reads that were rejected because of it since it exists.
    pub refused_reads: u64,
    /// Writes that were rejected because of it since it exists.
    pub refused_writes: u64,
    /// Hot seconds among those that the model looks at.
    pub hot_secs: u32,
    /// Whether it is about to be cut.
    pub is_cut_decided: bool,
    /// Why it stays whole although it is hot.
    pub cut_refusal: Option<CutRefusal>,
}
