//! Requests as a whole, by operation: how they ended, and how long they took.

use crate::error::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As asked, with so many items of a query or scan.
    Done { items: u64 },
    /// Rejected for lack of capacity.
    Throttled,
    /// A condition was false, of so many items.
    ConditionFailed { items: u64 },
    /// A transaction was at the item, or at so many items.
    Conflict { items: u64 },
    /// Rejected for what it asks for.
    UserError,
    /// The database failed.
    SystemError,
}

impl Ending {
    /// How a request ended that failed.
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Throttled => Self::Throttled,
            ErrorKind::ConditionFailed => Self::ConditionFailed { items: 1 },
            ErrorKind::Conflict => Self::Conflict { items: 1 },
            ErrorKind::TransactionCanceled => Self::of_cancelled(error),
            kind if kind.is_server_fault() => Self::SystemError,
            _ => Self::UserError,
        }
    }
    fn of_cancelled(error: &Error) -> Self {
        let reasons = error.cancellation_reasons();
        let count = |code: &str| reasons.iter().filter(|reason| reason.code() == code).count() as u64;
        let throttled = count("ProvisionedThroughputExceeded") + count("ThrottlingError");
        match (throttled, count("ConditionalCheckFailed"), count("TransactionConflict")) {
            (1.., ..) => Self::Throttled,
            (0, items @ 1.., _) => Self::ConditionFailed { items },
            (0, 0, items @ 1..) => Self::Conflict { items },
            (0, 0, 0) => Self::UserError,
        }
    }
}

/// Requests of one operation on one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Calls {
    pub succeeded: u64,
    pub throttled: u64,
    pub conditions_failed: u64,
    pub conflicts: u64,
    /// Items of these conflicts.
    pub conflicting_items: u64,
    pub user_errors: u64,
    pub system_errors: u64,
    pub items_returned: u64,
    /// Most and fewest items of one answer.
    pub most_items: u64,
    pub least_items: u64,
    /// Items that the sweeper deleted.
    pub items_expired: u64,
    /// Microseconds of those that succeeded.
    pub latency_micros: u64,
    pub least_micros: u64,
    pub most_micros: u64,
    /// How many took how long: positions of buckets and their counts, in order.
    pub latencies: Vec<(u8, u64)>,
}

/// Buckets of a doubling: each is a quarter of it wide.
const PER_DOUBLING: u32 = 4;

/// The bucket of a latency.
fn bucket(micros: u64) -> u8 {
    if micros < u64::from(PER_DOUBLING) {
        return u8::try_from(micros).unwrap_or(0);
    }
    let exponent = micros.ilog2();
    let quarter = (micros >> (exponent - 2)) & 3;
    u8::try_from((exponent - 1) * PER_DOUBLING + u32::try_from(quarter).unwrap_or(0)).unwrap_or(u8::MAX)
}

/// The highest latency of a bucket, in microseconds.
pub fn highest_micros(bucket: u8) -> u64 {
    let bucket = u32::from(bucket);
    if bucket < PER_DOUBLING {
        return u64::from(bucket);
    }
    let (exponent, quarter) = (bucket / PER_DOUBLING + 1, u64::from(bucket % PER_DOUBLING));
    ((5 + quarter) << (exponent - 2)) - 1
}

impl Calls {
    /// A request ended after so many microseconds.
    pub fn note(&mut self, ending: Ending, micros: u64) {
        match ending {
            Ending::Done { items } => {
                let is_first = self.succeeded == 0;
                self.least_items = if is_first { items } else { self.least_items.min(items) };
                self.most_items = self.most_items.max(items);
                self.least_micros = if is_first { micros } else { self.least_micros.min(micros) };
                self.most_micros = self.most_micros.max(micros);
                self.succeeded += 1;
                self.items_returned += items;
                self.latency_micros += micros;
                self.note_latencies(bucket(micros), 1);
            }
            Ending::Throttled => self.throttled += 1,
            Ending::ConditionFailed { items } => self.conditions_failed += items,
            Ending::Conflict { items } => {
                self.conflicts += 1;
                self.conflicting_items += items;
            }
            Ending::UserError => self.user_errors += 1,
            Ending::SystemError => self.system_errors += 1,
        }
    }
    fn note_latencies(&mut self, bucket: u8, count: u64) {
        match self.latencies.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.latencies[at].1 += count,
            Err(at) => self.latencies.insert(at, (bucket, count)),
        }
    }
    /// Adds other requests.
    pub fn add(&mut self, other: &Self) {
        if other.succeeded > 0 {
            let is_first = self.succeeded == 0;
            self.least_items = if is_first { other.least_items } else { self.least_items.min(other.least_items) };
            self.least_micros = if is_first { other.least_micros } else { self.least_micros.min(other.least_micros) };
        }
        self.most_items = self.most_items.max(other.most_items);
        self.most_micros = self.most_micros.max(other.most_micros);
        self.succeeded += other.succeeded;
        self.throttled += other.throttled;
        self.conditions_failed += other.conditions_failed;
        self.conflicts += other.conflicts;
        self.conflicting_items += other.conflicting_items;
        self.user_errors += other.user_errors;
        self.system_errors += other.system_errors;
        self.items_returned += other.items_returned;
        self.items_expired += other.items_expired;
        self.latency_micros += other.latency_micros;
        other.latencies.iter().for_each(|(bucket, count)| self.note_latencies(*bucket, *count));
    }
    /// The latency that so many of a thousand requests had at most, in microseconds; a quarter too much at most.
    pub fn percentile_micros(&self, per_mille: u64) -> Option<u64> {
        let wanted = (self.succeeded * per_mille).div_ceil(1_000).max(1);
        let mut seen = 0;
        let at = self.latencies.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        at.map(|(bucket, _)| highest_micros(*bucket).min(self.most_micros))
    }
}

impl Calls {
    /// Upper ends of ranges of latencies, in microseconds, and how many are in each.
    pub fn distribution(&self) -> impl Iterator<Item = (u64, u64)> {
        self.latencies.iter().map(|(bucket, count)| (highest_micros(*bucket), *count))
    }
}
