//! What a replay answers with.

/// A trace under several designs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReplayReport {
    /// Accesses of the trace.
    pub accesses: u64,
    /// Time from the first to the last one, in milliseconds.
    pub millis: u64,
    /// Whether the end of the trace is missing.
    pub is_cut_off: bool,
    /// One for each design, in their order.
    pub designs: Vec<DesignReport>,
}

/// What a design came to.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DesignReport {
    /// Its name.
    pub name: String,
    /// Accesses that it made: those of the trace, and a read for each further shard.
    pub accesses: u64,
    /// Attempts that were throttled.
    pub throttled: u64,
    /// Accesses that were throttled at each attempt.
    pub failed: u64,
    /// Half of the accesses took at most so many milliseconds, by the model.
    pub p50_millis: u64,
    /// 99 of 100 took at most so many.
    pub p99_millis: u64,
    /// Tables and global indexes, by name.
    pub resources: Vec<ResourceTotals>,
    /// The partition keys with the most units, highest first.
    pub hot_keys: Vec<HotKey>,
}

impl DesignReport {
    /// Read units of all tables and indexes.
    pub fn read_units(&self) -> f64 {
        self.resources.iter().map(|resource| resource.read_units).sum()
    }
    /// Write units of all tables and indexes.
    pub fn write_units(&self) -> f64 {
        self.resources.iter().map(|resource| resource.write_units).sum()
    }
}

/// What a table or global index did.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ResourceTotals {
    /// The table.
    pub table: String,
    /// The global index; `None` for the table itself.
    pub index: Option<String>,
    /// Read and write units a second; `None` if it is on demand.
    pub provisioned: Option<(u64, u64)>,
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
    /// Attempts that it throttled.
    pub throttled: u64,
    /// Virtual partitions at the end.
    pub partitions: usize,
}

/// A partition key and its units.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HotKey {
    /// The table.
    pub table: String,
    /// The key, as it was recorded or as a template made it; a hash in hexadecimal digits.
    pub key: String,
    /// Units that it did: at least so many, and at most `error` more.
    pub units: f64,
    /// Units that may be missing, because the key was forgotten for a while.
    pub error: f64,
}
