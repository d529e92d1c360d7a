//! DynamoDB's data model as an embedded database with its own log-structured storage engine.
//!
//! A partition key is hashed to a 64-bit token; the tokens of a table are cut into partitions; in a partition, items are
//! sorted by (token, partition key, sort key), in a memtable first and in immutable sorted runs later. Every change is
//! one record of one write-ahead log. Memtables, index entries and stream records are derived from that record, by the writer
//! and by recovery alike.
//!
//! ```
//! use hashrange::prelude::*;
//!
//! # fn main() -> hashrange::Result<()> {
//! let db = Database::in_memory()?;
//! let orders = db.create_table("orders").hash::<S>("customer").range::<S>("order").create()?;
//! orders.put(&Item::new().with("customer", "c#1").with("order", "o#7").with("total", 120))?;
//!
//! let item = orders.get(("c#1", "o#7"))?.expect("it was just put");
//! assert_eq!(item.get("total").and_then(|total| total.as_i64()), Some(120));
//! assert_eq!(orders.query("c#1").range(begins_with("o#")).count()?, 1);
//! # Ok(())
//! # }
//! ```
//!
//! Where to look: [`Database`] opens and creates, [`Table`] reads and writes, [`Item`] and [`ItemRef`] are what is
//! written and read, [`Error`] tells what to do about a failure. The [`prelude`] has what a usual program needs. The rest
//! is in groups: [`key`] (shapes of keys, conditions on sort keys), [`expression`], [`table`] (the operations of a table as
//! builders), [`request`] (the same as plain values), [`admin`] and [`schema`] (tables and indexes), [`streams`],
//! [`partiql`], [`access`] (policies), [`item`] and [`entity`] (from and to Rust's types), [`service`] (models of what the
//! service does), [`capacity`] and [`ledger`] (what requests consume, and what that costs), [`scaling`] (throughput that follows
//! consumption), [`trace`] (requests recorded and replayed), [`regions`] (replicas in
//! several regions), [`mod@history`] (the database as it was), `asynchronous` (with feature
//! `tokio`), [`inspect`] and [`observe`] (what is inside, and what happens there), [mod@file] and [`testing`] (disks).

pub mod access;
mod admission;
mod archive;
#[cfg(feature = "tokio")]
pub mod asynchronous;
mod cache;
#[cfg(hashrange_canaries)]
#[doc(hidden)]
pub mod canary;
#[cfg(not(hashrange_canaries))]
mod canary;
pub mod capacity;
mod cipher;
mod clock;
mod config;
mod consumer;
mod database;
pub mod date;
mod engine;
pub mod entity;
pub mod error;
pub mod expression;
mod faults;
pub mod file;
mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod index;
pub mod item;
mod kinesis;
pub mod ledger;
mod maintenance;
mod manifest;
pub mod observe;
pub mod partiql;
mod partition;
mod random;
pub mod regions;
pub mod request;
pub mod scaling;
pub mod schema;
pub mod service;
mod stream;
mod sync;
pub mod table;
pub mod trace;
mod visible;
mod wal;

pub use clock::Clock;
pub use config::{Durability, ReadMode};
pub use database::{Database, OpenOptions, RestrictedDatabase};
pub use error::{Error, ErrorKind, Result};
pub use expression::attr;
pub use item::{AttributeValue, Item, ItemRef, Number, ValueRef};
pub use table::{Table, Transaction};

/// What a usual program needs: `use hashrange::prelude::*;`.
///
/// Neither [`Result`] nor [`Error`] is here, as most programs have their own.
pub mod prelude {
    pub use crate::{
        AttributeValue, Database, Durability, Item, ItemRef, Number, Table, Transaction, ValueRef,
        admin::index,
        attr,
        expression::{if_not_exists, list_append},
        item::{to_item, to_value},
        key::{B, N, S, begins_with, between},
        schema::StreamView,
        values,
    };
}

/// Keys: the shape of a table's primary key as a type, what may be given as a key, and conditions on the sort key of a
/// query.
///
/// `Table<S>` has a string as its partition key, `Table<(S, N)>` a string and a number as its sort key; a key of another
/// shape does not compile. [`Dynamic`](key::Dynamic) is for programs that learn the shape at run time.
pub mod key {
    pub use crate::{
        item::key::{KeyScalar, KeyType},
        table::{
            key_shape::{B, Dynamic, HashKey, Key, KeyPart, KeyShape, KeyValue, N, S},
            range::{begins_with, between, eq, ge, gt, le, lt},
        },
    };
}

/// Encryption of all files of a database, with the feature `encryption`: where root keys come from.
///
/// [`OpenOptions::encryption`] begins here.
#[cfg(feature = "encryption")]
pub mod encryption {
    pub use crate::cipher::{Encryption, KeyCommand, KeyContext, KeyProvider, Passphrase, RootKey, Secret, WrappedKey};
    pub use crate::engine::{KeyGeneration, RewriteReport};
}

/// Tables and indexes as a whole: created, described, updated.
///
/// [`Database::create_table`] and [`Database::update_table`] begin here. The parts of a definition are in [`schema`].
pub mod admin {
    pub use crate::{
        database::{DryRun, IndexStats, TableBuilder, TableDescription, TableDifference, TableLoader},
        engine::{IndexSpec, TableSpec, TableUpdate},
        maintenance::{TtlDescription, TtlStatus},
        table::index_builder::{IndexBuilder, index},
    };
}

/// Change streams: consumers with checkpoints, and the shards, iterators and records underneath; Kinesis destinations.
///
/// [`Table::stream`] and [`Database::kinesis`] begin here.
pub mod streams {
    pub use crate::{
        consumer::{Batch, Consumer, Deliveries, Delivery, Follow, Gap, TableStream},
        database::{DestinationDescription, KinesisDestinations},
        kinesis::{DeliveryStats, Disorder, DisorderedSink, KinesisRecord, KinesisSink},
        maintenance::TriggerHealth,
        stream::{ChangeEvent, ChangeRecord, IteratorStart, Sequence},
        table::stream::{MAX_PAGE_RECORDS, ShardDescription, StreamDescription, StreamRecords, StreamStatus},
    };
}

/// What is inside of a database: partitions, memtables, runs, the log, and what one step of background work did.
///
/// [`Database::opened_with`] says how it was opened. [`Database::facts`], [`Database::stepper`], [`Database::recovery`] and [`Database::verify`] answer with these.
pub mod inspect {
    pub use crate::{
        config::Options,
        database::{StepReport, Stepper},
        engine::{
            Amplification, DatabaseStats, KeptSegment, LogHolder, LogPin, LogStats, RecoveryReport,
            TablePartitionStats, VerifyReport, Work,
        },
        maintenance::Piece,
        partition::{MemtableStats, PartitionStats, RunContentStats, RunStats},
        wal::{SegmentStats, SegmentVerdict},
    };
}

/// For tests, and for looking at what a crash leaves: a disk in memory that fails and crashes when a test says so, and a
/// database on a machine with such a disk.
///
/// Time is controlled by [`Clock::manual`], and a whole database in memory opens with [`Database::in_memory`].
pub mod testing {
    pub use crate::{
        database::{CrashOutcomes, FollowedPoint, Machine},
        file::simulated::{CRASHED, Fault, FaultPlan, Operation, SimulatedDisk},
        random::Random,
    };
}

/// A cache in front of a database, whose answers are fast and may be old: what DAX is to DynamoDB.
///
/// [`Database::accelerator`] begins here. The page `docs/accelerator.md` shows how to use it.
pub mod accelerator {
    pub use crate::{
        cache::{AcceleratorOptions, AcceleratorStats, CacheUse},
        database::{Accelerated, Accelerator},
    };
}

/// The database as it was: after any commit of the last days, for reading.
///
/// [`Database::at`] begins here; [`OpenOptions::history`] says how far back. The page `docs/history.md` shows how to use it.
/// [`Database::archive_to`] keeps a second copy elsewhere (`docs/archive.md`).
pub mod history {
    pub use crate::{
        archive::{
            Archive, ArchiveMode, ArchiveOptions, ArchivePlace, ArchiveStatus, Archiving, Backlog, Pruned,
            RestorePoint, TimelineStatus,
        },
        config::HistoryOptions,
        database::Snapshot,
        engine::{Digest, HistoryWindow, ItemChange, ItemChanges, ItemVersion, Moment, Point, TableDigest},
    };
}

/// Compiles and runs what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles and runs what the page on asynchronous programs shows.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../docs/async.md")]
struct AsyncPage;

/// Compiles and runs the recipes, the first steps, and what pages on parts of the service show.
#[cfg(doctest)]
#[doc = include_str!("../docs/recipes.md")]
#[doc = include_str!("../docs/start.md")]
#[doc = include_str!("../docs/schema.md")]
#[doc = include_str!("../docs/regions.md")]
#[doc = include_str!("../docs/kinesis.md")]
struct Recipes;
