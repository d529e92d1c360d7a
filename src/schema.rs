//! What a table is: its keys, indexes and settings, as recorded in the log and the manifest.
//!
//! Imports: error, date, item.

mod decreases;
mod expiry;
mod keys;
mod kinesis;
mod replication;
mod settings;
mod stamp;
mod validate;

pub(crate) use expiry::{EXPIRY_LANES, ExpiryPlace, expiry_place, expiry_token};
pub(crate) use keys::{EncodedKey, ITEM_SPACE, key_attributes, refuse_empty};
pub(crate) use kinesis::{ChangeTime, StreamPurpose, WantedStream};
pub use kinesis::{DestinationStatus, KinesisArn, KinesisDestination, KinesisFeed, KinesisTiming, RecordPrecision};
pub use replication::{Consistency, Replica, ReplicaStatus, Replication};
pub use settings::{
    IndexSettings, Insights, InsightsMode, PointInTimeRecovery, ResourcePolicy, Since, TableClass, TableSettings,
    ThroughputChanges, UnitPair,
};
pub(crate) use stamp::STAMP_SPACE;
pub use stamp::Stamp;
pub use validate::{MAX_GLOBAL_INDEXES, MAX_LOCAL_INDEXES, validate_index, validate_name, validate_table};

use crate::item::{ItemRef, KeyType};
use serde::{Deserialize, Serialize};

/// A key attribute: its name and type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAttribute {
    /// Attribute name, 1 to 255 bytes.
    pub name: String,
    /// `S`, `N` or `B`.
    pub kind: KeyType,
}

impl KeyAttribute {
    /// A key attribute.
    pub fn new(name: impl Into<String>, kind: KeyType) -> Self {
        Self { name: name.into(), kind }
    }
}

/// How a table is paid for; recorded, and the source of the throughput model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillingMode {
    /// Read and write units per second are set in advance.
    Provisioned,
    /// Per request. The default of native tables.
    #[default]
    PayPerRequest,
}

/// Provisioned units per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisionedThroughput {
    /// Strongly consistent reads of 4 KB a second.
    pub read_units_per_sec: u64,
    /// Writes of 1 KB a second.
    pub write_units_per_sec: u64,
}

/// Which attributes an index entry carries besides the keys of index and table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Projection {
    /// Only keys.
    KeysOnly,
    /// Keys and the named attributes (1 to 20).
    Include(Vec<String>),
    /// The whole item.
    #[default]
    All,
}

/// Local or global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IndexKind {
    /// Same partition key as the table, other sort key; strongly consistent.
    Local,
    /// Keys and partitions of its own.
    Global,
    /// Items by the second in which their time to live ends. There is one while TTL is on; it is not for queries and
    /// counts in no limit.
    Expiry,
}

/// Whether an index is being built, usable or being removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexStatus {
    /// Backfill is running; the index takes writes and rejects reads.
    Creating,
    /// Usable.
    #[default]
    Active,
    /// Its space is being given back.
    Deleting,
}

/// A secondary index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDefinition {
    /// Number within the database; names the index's key space in files, never reused.
    pub id: u32,
    /// 3 to 255 characters of `[a-zA-Z0-9_.-]`.
    pub name: String,
    /// Local or global.
    pub kind: IndexKind,
    /// Partition key attributes: the table's for a local index, 1 to 4 for a global one.
    pub hash: Vec<KeyAttribute>,
    /// Sort key attributes: exactly 1 for a local index, 0 to 4 for a global one.
    pub range: Vec<KeyAttribute>,
    /// What an entry carries.
    pub projection: Projection,
    /// Life cycle; always active for a local index.
    pub status: IndexStatus,
    /// Log records up to this number are older than the index: replay does not derive its entries from them.
    pub created_seqno: u64,
    /// Provisioned units of a global index, if the table is provisioned.
    pub throughput: Option<ProvisionedThroughput>,
}

/// Which images a stream record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StreamView {
    /// Keys alone.
    KeysOnly,
    /// The item after the change.
    NewImage,
    /// The item before the change.
    OldImage,
    /// Both.
    NewAndOld,
}

impl StreamView {
    /// Whether the item before the change is shown.
    pub(crate) fn shows_old(self) -> bool {
        matches!(self, Self::OldImage | Self::NewAndOld)
    }
}

/// A stream of a table that is or was enabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDefinition {
    /// What records carry.
    pub view: StreamView,
    /// Milliseconds since 1970 at which it was enabled; part of its ARN.
    pub label_millis: u64,
}

/// Where a table is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableStatus {
    /// Being created.
    Creating,
    /// In use.
    #[default]
    Active,
    /// Settings or indexes are changing; items are served.
    Updating,
    /// Being removed.
    Deleting,
}

/// The primary key of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySchema {
    /// Partition key.
    pub hash: KeyAttribute,
    /// Sort key, if the table has one.
    pub range: Option<KeyAttribute>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDefinition {
    /// Number within the database; names the table in files, never reused.
    pub id: u32,
    /// 3 to 255 characters of `[a-zA-Z0-9_.-]`.
    pub name: String,
    /// Primary key.
    pub key: KeySchema,
    /// Local and global indexes, in order of creation.
    #[serde(default)]
    pub indexes: Vec<IndexDefinition>,
    /// How it is paid for.
    pub billing: BillingMode,
    /// Units per second under [`BillingMode::Provisioned`].
    pub throughput: ProvisionedThroughput,
    /// Life cycle.
    pub status: TableStatus,
    /// Milliseconds since 1970.
    pub created_millis: u64,
    /// Attribute that holds the expiry time in epoch seconds, if TTL is on.
    #[serde(default)]
    pub ttl_attribute: Option<String>,
    /// The stream, if one is enabled.
    #[serde(default)]
    pub stream: Option<StreamDefinition>,
    /// Rejects deletion of the table while set.
    #[serde(default)]
    pub deletion_protection: bool,
    /// Tags, at most 50.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// What it was asked to be and the engine does not act on.
    #[serde(default, skip_serializing_if = "TableSettings::is_default")]
    pub settings: TableSettings,
    /// Its replicas in other regions, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Box<Replication>>,
    /// Whether it has or had replicas, so that stamps are among its items.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_stamps: bool,
    /// Log record of the last change of this definition: replay ignores older ones.
    #[serde(default)]
    pub changed_seqno: u64,
}

/// Whether a number can be that of a table or an index: they are counted up from 1, so that none comes near the limit, and what
/// reads one from a file may add to it.
pub fn is_keyspace(number: u32) -> bool {
    number < 1 << 31
}

/// How the names of tables begin that the database keeps for itself.
pub const INTERNAL_PREFIX: &str = "hashrange.";

impl TableDefinition {
    /// Whether its number and those of its indexes can be such.
    pub fn has_sound_numbers(&self) -> bool {
        is_keyspace(self.id) && self.indexes.iter().all(|index| is_keyspace(index.id))
    }
    /// Whether the database keeps the table for itself.
    pub fn is_internal(&self) -> bool {
        self.name.starts_with(INTERNAL_PREFIX)
    }
    /// Whether other entries are among its items: those of local indexes, or stamps.
    pub(crate) fn is_mixed(&self) -> bool {
        self.has_stamps || self.indexes.iter().any(|index| index.kind == IndexKind::Local)
    }
    /// The index of that name.
    pub fn index(&self, name: &str) -> Option<&IndexDefinition> {
        self.indexes.iter().find(|index| index.name == name)
    }
    /// Whether an attribute is part of the primary key.
    pub fn is_key(&self, attribute: &str) -> bool {
        self.key.attributes().any(|key| key.name == attribute)
    }
}

impl KeySchema {
    /// The key attributes, partition key first.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        std::iter::once(&self.hash).chain(&self.range)
    }
    /// The encoding of an item of the key attributes of an item.
    pub fn project(&self, item: &ItemRef) -> Vec<u8> {
        item.project_bytes(self.attributes().count(), |name| self.attributes().any(|key| key.name == name))
    }
}

impl IndexDefinition {
    /// The key attributes, partition key parts first.
    pub fn attributes(&self) -> impl Iterator<Item = &KeyAttribute> {
        self.hash.iter().chain(&self.range)
    }
    /// Whether an entry carries this attribute of the item.
    pub fn projects(&self, table: &KeySchema, attribute: &str) -> bool {
        match &self.projection {
            Projection::All => true,
            Projection::KeysOnly => self.is_entry_key(table, attribute),
            Projection::Include(names) => {
                names.iter().any(|name| name == attribute) || self.is_entry_key(table, attribute)
            }
        }
    }
    fn is_entry_key(&self, table: &KeySchema, attribute: &str) -> bool {
        self.attributes().chain(table.attributes()).any(|key| key.name == attribute)
    }
}
