//! The ledger: what each request consumed, of what, by whom and when; which keys took most of it; what that costs.
//!
//! It is off unless [`OpenOptions::ledger`](crate::OpenOptions::ledger) turns it on. Then the code that knows the cost of an
//! access (where requests ask the model of capacity, and pay) notes it here, whether or not there is such a model. An access
//! is one item that is read or written, one index entry that a write changes, or what a page reads in one partition. It is
//! noted by resource (a table or index), operation, tag of the caller, partition and minute, in thousandths of a unit, so that
//! nothing is lost by rounding.
//!
//! What is noted takes bounded memory. Beyond a number of rows, rows of the oldest minute are added up without minute and
//! partition, so that sums stay exact. Keys are counted by a sketch of a fixed size that says how far it may be wrong. Time
//! comes from the database's clock: the same requests at the same times give the same ledger.
//!
//! [`Ledger`] is a copy of it as plain values. Everything else is computed from such a copy: [`Bill`] prices it by a file of
//! [`Prices`], [`MetricSeries`] shows it under the names that the service's metrics have.
//!
//! Imports: sync, error, capacity, config, item, schema.

mod bill;
mod book;
mod calls;
mod heat;
mod label;
mod metric_names;
mod metrics;
mod prices;
mod rates;
mod recorder;
mod report;
mod row;
mod sketch;
#[cfg(test)]
mod tests;

pub use crate::config::LedgerOptions;
pub use bill::{Bill, BillItem, BillLine, BillOptions, BillingPlan, PlanCost};
pub(crate) use calls::Ending;
pub use heat::{HeatReport, KeyHeat, KeyMinute, PartitionHeat, ResourceHeat};
pub(crate) use label::RequestLabel;
pub use metrics::{MetricPoint, MetricSeries};
pub use prices::{ClassPrices, Prices, ReservedPrices, UnitPrices};
pub(crate) use recorder::{Access, Recorder, SizedTable};
pub use report::{CallRow, HourRow, Ledger, ResourceRow, UsageRow};
pub use row::Usage;

/// Compiles and runs what the guide shows.
#[cfg(doctest)]
#[doc = include_str!("../../docs/cost.md")]
struct Guide;
