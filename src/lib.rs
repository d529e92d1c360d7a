//! DynamoDB's data model as an embedded database with its own log-structured storage engine.
//!
//! A partition key is hashed to a 64-bit token; the tokens of a table are cut into partitions; in a partition, items lie
//! sorted by (token, partition key, sort key), in a memtable first and in immutable sorted runs later. Every change is
//! one record of one write-ahead log, and everything downstream reads that log.
//!
//! ```
//! use hashrange::{Database, Item, S, begins_with};
//!
//! # fn main() -> hashrange::Result<()> {
//! let db = Database::in_memory()?;
//! let orders = db.create_table("orders").hash::<S>("customer").range::<S>("order").create()?;
//! orders.put(&Item::new().with("customer", "c#1").with("order", "o#7").with("total", 120))?;
//!
//! let item = orders.get(("c#1", "o#7"))?.expect("it was just put");
//! assert_eq!(item.get("total").and_then(|total| total.as_i64()), Some(120));
//! assert_eq!(orders.query("c#1").range(begins_with("o#")).items().count(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Where to look: [`Database`] opens and creates, [`Table`] reads and writes, [`Item`] and [`ItemRef`] are what is
//! written and read, [`Error`] tells what to do about a failure.

mod admission;
#[cfg(hashrange_canaries)]
#[doc(hidden)]
pub mod canary;
#[cfg(not(hashrange_canaries))]
mod canary;
pub mod capacity;
mod clock;
mod config;
mod consumer;
mod database;
mod engine;
pub mod entity;
pub mod error;
pub mod expression;
pub mod file;
mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod index;
pub mod item;
mod maintenance;
mod manifest;
pub mod observe;
pub mod partiql;
mod partition;
pub mod request;
pub mod schema;
mod service;
mod stream;
mod sync;
mod table;
mod visible;
mod wal;

pub use capacity::Consumed;
pub use clock::Clock;
pub use config::{ConflictModel, Durability, Options, ReadMode};
pub use consumer::{Batch, Consumer, Deliveries, Delivery, Gap, TableStream};
pub use database::{Database, IndexStats, OpenOptions, TableBuilder, TableDescription, TableDifference};
pub use engine::{DatabaseStats, IndexSpec, LogStats, TablePartitionStats, TableSpec, TableUpdate, VerifyReport, Work};
pub use error::{Error, ErrorKind, Result};
pub use expression::{IntoCondition, IntoProjection, IntoUpdate, Placeholders, attr, if_not_exists, list_append};
pub use item::{AttributeValue, Item, ItemRef, KeyScalar, KeyType, Number, ValueRef, from_item, to_item};
pub use maintenance::{TriggerHealth, TtlDescription, TtlStatus};
pub use partition::{MemtableStats, PartitionStats, RunContentStats, RunStats};
pub use request::{
    BatchGetOutput, BatchWriteOutput, GetOutput, MAX_BATCH_GET_KEYS, MAX_BATCH_WRITES, MAX_TRANSACTION_ACTIONS, Page,
    ReturnValues, SortCondition, TransactGetOutput, TransactOutput, WriteOutput,
};
pub use schema::{
    BillingMode, IndexDefinition, IndexKind, IndexStatus, KeyAttribute, KeySchema, Projection, ProvisionedThroughput,
    StreamView, TableDefinition, TableStatus,
};
pub use service::{ConflictGuard, Delay, IndexLag, StaleReplica};
pub use stream::{ChangeEvent, ChangeRecord, IteratorStart, Sequence};
pub use table::{
    B, BatchGet, BatchItems, BatchWrite, Delete, Dynamic, Get, HashKey, IndexBuilder, ItemCollectionMetrics, Items,
    Key, KeyPart, KeyShape, KeyValue, N, PagedRequest, Pages, Put, Read, S, Table, ToItem, TransactGet, TransactWrite,
    Transaction, TypedItems, Update, begins_with, between, eq, ge, gt, index, le, lt,
};
pub use table::{ShardDescription, StreamDescription, StreamRecords, StreamStatus};
pub use wal::SegmentStats;

/// Compiles and runs what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
