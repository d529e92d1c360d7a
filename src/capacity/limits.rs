//! What a table or global index may use, as its description says.

/// How throughput is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThroughputMode {
    /// So many units a second, set in advance.
    Provisioned {
        /// Read units a second.
        read_units: u64,
        /// Write units a second.
        write_units: u64,
    },
    /// As many as are asked for, up to limits that the owner may have set.
    OnDemand {
        /// Most read units a second.
        max_read_units: Option<u64>,
        /// Most write units a second.
        max_write_units: Option<u64>,
    },
}

/// What a table or global index may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceLimits {
    /// How throughput is given.
    pub mode: ThroughputMode,
    /// Read units a second that it is ready for: it was provisioned with them once, or was warmed up.
    pub warm_read_units: u64,
    /// Write units a second that it is ready for.
    pub warm_write_units: u64,
    /// Bytes that are stored.
    pub size_bytes: u64,
    /// Whether the table has local indexes, so that no collection can be cut.
    pub keeps_collections: bool,
}

/// Bytes of one partition of the service.
const PARTITION_BYTES: u64 = 10 << 30;
/// Partitions at most: what the model keeps for each is small, but not nothing.
const MAX_PARTITIONS: u64 = 10_000;

impl ResourceLimits {
    /// Whether it is on demand.
    pub(crate) fn is_on_demand(&self) -> bool {
        matches!(self.mode, ThroughputMode::OnDemand { .. })
    }

    /// Partitions that it needs, with ceilings of so many read and write units.
    pub(crate) fn partitions(&self, read_ceiling: u64, write_ceiling: u64) -> usize {
        let by_rate = match self.mode {
            ThroughputMode::Provisioned { read_units, write_units } => {
                // Shares of a partition in millionths; a table may need a part of one for reads and one for writes.
                let share = |units: u64, ceiling: u64| u128::from(units) * 1_000_000 / u128::from(ceiling);
                let shares = share(read_units, read_ceiling) + share(write_units, write_ceiling);
                u64::try_from(shares.div_ceil(1_000_000)).unwrap_or(u64::MAX)
            }
            ThroughputMode::OnDemand { .. } => {
                self.warm_read_units.div_ceil(read_ceiling).max(self.warm_write_units.div_ceil(write_ceiling))
            }
        };
        let partitions = by_rate.max(self.size_bytes.div_ceil(PARTITION_BYTES)).clamp(1, MAX_PARTITIONS);
        usize::try_from(partitions).unwrap_or(1)
    }
}
