//! The rules of a model of faults, and what is rejected of them.

use super::Delay;
use crate::error::{Error, Result};

/// Names of the operations that a rule can be about: those on items, statements, tables and streams.
const OPERATIONS: &[&str] = &[
    "BatchExecuteStatement",
    "BatchGetItem",
    "BatchWriteItem",
    "CancelBulkOperation",
    "CreateBackup",
    "CreateGlobalTable",
    "CreateTable",
    "DeleteBackup",
    "DeleteItem",
    "DeleteResourcePolicy",
    "DeleteTable",
    "DescribeBackup",
    "DescribeBulkOperation",
    "DescribeContinuousBackups",
    "DescribeContributorInsights",
    "DescribeEndpoints",
    "DescribeExport",
    "DescribeGlobalTable",
    "DescribeGlobalTableSettings",
    "DescribeImport",
    "DescribeKinesisStreamingDestination",
    "DescribeLimits",
    "DescribeStream",
    "DescribeTable",
    "DescribeTableReplicaAutoScaling",
    "DescribeTimeToLive",
    "DisableKinesisStreamingDestination",
    "EnableKinesisStreamingDestination",
    "ExecuteStatement",
    "ExecuteTransaction",
    "ExportTableToPointInTime",
    "GetItem",
    "GetRecords",
    "GetResourcePolicy",
    "GetShardIterator",
    "ImportTable",
    "ListBackups",
    "ListBulkOperations",
    "ListContributorInsights",
    "ListExports",
    "ListGlobalTables",
    "ListImports",
    "ListStreams",
    "ListTables",
    "ListTagsOfResource",
    "PutItem",
    "PutResourcePolicy",
    "Query",
    "RestoreTableFromBackup",
    "RestoreTableToPointInTime",
    "Scan",
    "SearchVectors",
    "StartBulkPutItems",
    "TagResource",
    "TransactGetItems",
    "TransactWriteItems",
    "UntagResource",
    "UpdateContinuousBackups",
    "UpdateContributorInsights",
    "UpdateGlobalTable",
    "UpdateGlobalTableSettings",
    "UpdateItem",
    "UpdateKinesisStreamingDestination",
    "UpdateTable",
    "UpdateTableReplicaAutoScaling",
    "UpdateTimeToLive",
];
/// Longest delay, in milliseconds: an hour.
pub(super) const MOST_DELAY_MILLIS: u64 = 3_600_000;
/// Rules at most: each is asked about each request.
const MOST_RULES: usize = 1_000;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceFault {
    /// `InternalServerError`, status 500. Nothing is done.
    InternalServerError,
    /// `ServiceUnavailable`, status 503. Nothing is done.
    ServiceUnavailable,
    /// `ProvisionedThroughputExceededException`. Nothing is done; in a batch the item comes back unprocessed, in a
    /// transaction it is the reason of a cancellation.
    ProvisionedThroughputExceeded,
    /// `ThrottlingException`. Likewise.
    Throttling,
    /// `RequestLimitExceeded`. Likewise.
    RequestLimitExceeded,
    /// No answer: a server closes the connection. Nothing is done.
    ConnectionClosed,
    /// No answer, but the request was carried out before: a server closes the connection then. The only fault that does
    /// not leave everything as it was.
    AnswerLost,
}

impl ServiceFault {
    /// All faults, with their names in files.
    pub(super) const NAMES: [(&'static str, Self); 7] = [
        ("InternalServerError", Self::InternalServerError),
        ("ServiceUnavailable", Self::ServiceUnavailable),
        ("ProvisionedThroughputExceededException", Self::ProvisionedThroughputExceeded),
        ("ThrottlingException", Self::Throttling),
        ("RequestLimitExceeded", Self::RequestLimitExceeded),
        ("ConnectionClosed", Self::ConnectionClosed),
        ("AnswerLost", Self::AnswerLost),
    ];

    /// Whether it concerns each item of a batch or transaction by itself.
    pub(super) fn is_throttle(self) -> bool {
        matches!(self, Self::ProvisionedThroughputExceeded | Self::Throttling | Self::RequestLimitExceeded)
    }
}

/// Which requests meet a fault, how often, and which fault. Without more than a name it delays nothing and fails nothing.
///
/// ```
/// use hashrange::service::{Delay, ServiceFault, FaultRule};
///
/// let rule = FaultRule::new("slow and flaky orders")
///     .operation("GetItem")
///     .table("orders")
///     .key_prefix("c#1")
///     .rate(0.1)
///     .delay(Delay::LogNormal(5, 200))
///     .fail(ServiceFault::InternalServerError);
/// assert_eq!(rule.operations, ["GetItem"]);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FaultRule {
    /// What errors and counts call it. Not empty.
    pub name: String,
    /// Operations that it is about, by DynamoDB's names; empty for all.
    pub operations: Vec<String>,
    /// Tables that it is about; empty for all, and for operations that are about no table.
    pub tables: Vec<String>,
    /// What the partition key begins with: of a text its characters, of a number its digits, of a binary value its base64.
    /// A request without a key, such as a scan, does not match then.
    pub key_prefix: Option<String>,
    /// Share of the matching requests that it strikes, 0 to 1. Default 1.
    pub rate: f64,
    /// Matching requests that it leaves alone at the beginning. Default 0.
    pub skip: u64,
    /// How often it strikes at most. Default: without end.
    pub times: Option<u64>,
    /// How much longer the request takes. At most an hour, also where chance draws more. Under a manual clock the clock is
    /// advanced instead of waiting.
    pub delay: Option<Delay>,
    /// What happens to the request; without, it is only delayed.
    pub fault: Option<ServiceFault>,
}

impl FaultRule {
    /// A rule that strikes every request, with nothing yet.
    pub fn new(name: impl Into<String>) -> Self {
        let (operations, tables) = (Vec::new(), Vec::new());
        let (key_prefix, times, delay, fault) = (None, None, None, None);
        Self { name: name.into(), operations, tables, key_prefix, rate: 1.0, skip: 0, times, delay, fault }
    }
    /// Is about this operation, besides those named before.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operations.push(operation.into());
        self
    }
    /// Is about this table, besides those named before.
    #[must_use]
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.tables.push(table.into());
        self
    }
    /// Is about partition keys that begin with this.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = Some(prefix.into());
        self
    }
    /// Strikes this share of what matches.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Self {
        self.rate = rate;
        self
    }
    /// Leaves so many alone at the beginning.
    #[must_use]
    pub fn skip(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }
    /// Strikes so often at most.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
    /// Delays what it strikes.
    #[must_use]
    pub fn delay(mut self, delay: Delay) -> Self {
        self.delay = Some(delay);
        self
    }
    /// Fails what it strikes.
    #[must_use]
    pub fn fail(mut self, fault: ServiceFault) -> Self {
        self.fault = Some(fault);
        self
    }

    fn check(&self) -> std::result::Result<(), String> {
        if self.name.is_empty() {
            return Err("name: is empty".to_owned());
        }
        for (at, operation) in self.operations.iter().enumerate() {
            if !OPERATIONS.contains(&operation.as_str()) {
                return Err(format!("operations[{at}]: there is no operation {operation}"));
            }
        }
        if let Some(at) = self.tables.iter().position(String::is_empty) {
            return Err(format!("tables[{at}]: is empty"));
        }
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(format!("rate: must be from 0 to 1, not {}", self.rate));
        }
        if self.delay.is_none() && self.fault.is_none() {
            return Err("fault: a rule needs a fault, a delay, or both".to_owned());
        }
        match self.delay.map(Delay::largest_millis) {
            Some(millis) if millis > MOST_DELAY_MILLIS => {
                Err(format!("delay: must be at most {MOST_DELAY_MILLIS} ms, not {millis}"))
            }
            _ => Ok(()),
        }
    }
}

/// How long tables stay in states that pass by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDelay {
    /// Tables that it is about; empty for all.
    pub tables: Vec<String>,
    /// Milliseconds for which a new table is `CREATING`, by the clock: items are rejected meanwhile. At most an hour.
    pub creating_millis: u64,
    /// Milliseconds for which a server says that a table is `UPDATING` after a change of its throughput, billing, class or
    /// encryption, by the clock. At most an hour.
    pub updating_millis: u64,
}

impl StateDelay {
    fn check(&self) -> std::result::Result<(), String> {
        for (field, millis) in [("creating_millis", self.creating_millis), ("updating_millis", self.updating_millis)] {
            if millis > MOST_DELAY_MILLIS {
                return Err(format!("{field}: must be at most {MOST_DELAY_MILLIS}, not {millis}"));
            }
        }
        Ok(())
    }
}

/// Faults that requests meet; see [`OpenOptions::faults`](crate::OpenOptions::faults).
///
/// ```
/// use hashrange::{Database, ErrorKind, Item, key::S, service::{ServiceFault, FaultModel, FaultRule}};
///
/// # fn main() -> hashrange::Result<()> {
/// let rule = FaultRule::new("every put once").operation("PutItem").times(1).fail(ServiceFault::InternalServerError);
/// let db = Database::options().faults(FaultModel::default().rule(rule)).in_memory()?;
/// let stock = db.create_table("stock").hash::<S>("sku").create()?;
/// let bolt = Item::new().with("sku", "bolt");
/// let error = stock.put(&bolt).unwrap_err();
/// assert_eq!((error.code(), error.kind()), ("InternalServerError", ErrorKind::Unavailable));
/// assert!(error.is_retryable() && stock.get("bolt")?.is_none());
/// stock.put(&bolt)?;
/// assert_eq!(db.fault_counts()[0].struck, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FaultModel {
    /// The same seed strikes the same requests of the same sequence.
    pub seed: u64,
    /// The rules. Delays of all rules that strike a request add up; the first one with a fault decides on it.
    pub rules: Vec<FaultRule>,
    /// How long tables stay in passing states. The longest that applies counts.
    pub states: Vec<StateDelay>,
}

impl FaultModel {
    /// Draws chance from this seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, rule: FaultRule) -> Self {
        self.rules.push(rule);
        self
    }
    /// Adds a delay of states.
    #[must_use]
    pub fn state(mut self, state: StateDelay) -> Self {
        self.states.push(state);
        self
    }

    /// Rejects what cannot be modelled, by the name of the field.
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |list: &str, at: usize, why: String| Error::validation(format!("faults.{list}[{at}].{why}"));
        if self.rules.len() > MOST_RULES {
            let text = format!("faults.rules: at most {MOST_RULES}, not {}", self.rules.len());
            return Err(Error::validation(text));
        }
        for (at, rule) in self.rules.iter().enumerate() {
            rule.check().map_err(|why| invalid("rules", at, why))?;
        }
        for (at, state) in self.states.iter().enumerate() {
            state.check().map_err(|why| invalid("states", at, why))?;
        }
        Ok(())
    }
}
