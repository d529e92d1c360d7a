//! Why a request was throttled: what had no capacity, and which of its limits was reached.

use super::{Detail, Error};
use std::fmt;

/// A limit of a table or global index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ThrottledLimit {
    /// What it is provisioned with.
    ProvisionedThroughput,
    /// What one partition can do: a key, or a range of keys, is hot.
    KeyRangeThroughput,
    /// The most that its owner allows it on demand.
    MaxOnDemandThroughput,
    /// The quota of the account.
    AccountLimit,
}

/// A table or global index that had no capacity for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottlingReason {
    /// Name of the table.
    pub table: String,
    /// Name of the global index; `None` for the table itself.
    pub index: Option<String>,
    /// Whether it lacked write units; otherwise it lacked read units.
    pub is_write: bool,
    /// The limit that was reached.
    pub limit: ThrottledLimit,
}

impl ThrottlingReason {
    pub(crate) fn new(table: impl Into<String>, index: Option<String>, is_write: bool, limit: ThrottledLimit) -> Self {
        Self { table: table.into(), index, is_write, limit }
    }
    /// The service's name of the reason, such as `TableReadKeyRangeThroughputExceeded`.
    pub fn name(&self) -> &'static str {
        use ThrottledLimit::{AccountLimit, KeyRangeThroughput, MaxOnDemandThroughput, ProvisionedThroughput};
        match (self.index.is_some(), self.is_write, self.limit) {
            (false, false, ProvisionedThroughput) => "TableReadProvisionedThroughputExceeded",
            (false, false, KeyRangeThroughput) => "TableReadKeyRangeThroughputExceeded",
            (false, false, MaxOnDemandThroughput) => "TableReadMaxOnDemandThroughputExceeded",
            (false, false, AccountLimit) => "TableReadAccountLimitExceeded",
            (false, true, ProvisionedThroughput) => "TableWriteProvisionedThroughputExceeded",
            (false, true, KeyRangeThroughput) => "TableWriteKeyRangeThroughputExceeded",
            (false, true, MaxOnDemandThroughput) => "TableWriteMaxOnDemandThroughputExceeded",
            (false, true, AccountLimit) => "TableWriteAccountLimitExceeded",
            (true, false, ProvisionedThroughput) => "IndexReadProvisionedThroughputExceeded",
            (true, false, KeyRangeThroughput) => "IndexReadKeyRangeThroughputExceeded",
            (true, false, MaxOnDemandThroughput) => "IndexReadMaxOnDemandThroughputExceeded",
            (true, false, AccountLimit) => "IndexReadAccountLimitExceeded",
            (true, true, ProvisionedThroughput) => "IndexWriteProvisionedThroughputExceeded",
            (true, true, KeyRangeThroughput) => "IndexWriteKeyRangeThroughputExceeded",
            (true, true, MaxOnDemandThroughput) => "IndexWriteMaxOnDemandThroughputExceeded",
            (true, true, AccountLimit) => "IndexWriteAccountLimitExceeded",
        }
    }
}

impl fmt::Display for ThrottlingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of table {}", self.name(), self.table)?;
        self.index.as_ref().map_or(Ok(()), |index| write!(f, ", index {index}"))
    }
}

impl Error {
    /// What had no capacity for a request that was throttled; empty for other errors.
    pub fn throttling_reasons(&self) -> &[ThrottlingReason] {
        match self.detail() {
            Some(Detail::Throttled { reasons }) => reasons,
            _ => &[],
        }
    }
}
