//! What a table knows of its replicas in other regions.

use serde::{Deserialize, Serialize};

/// How replicas of a table agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Consistency {
    /// Each region decides on its own, and the last writer wins (MREC).
    #[default]
    Eventual,
    /// A write is acknowledged once a second region has it, and strongly consistent reads see it everywhere (MRSC).
    Strong,
}

/// Where a replica is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReplicaStatus {
    /// Items are being copied to it; requests do not find it yet.
    Creating,
    /// In use.
    #[default]
    Active,
}

/// A replica, as the tables of the other regions know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Its region.
    pub region: String,
    /// Where it is in its life.
    pub status: ReplicaStatus,
    /// When it was asked for, in milliseconds since 1970.
    pub created_millis: u64,
    /// The region at which it was asked for; absent in the table of that replica itself, and where an older version wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// The replicas of a table. A table has it as long as it has at least one replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    /// The region of the table itself.
    pub region: String,
    /// The replicas in other regions, in the order in which they were created.
    pub replicas: Vec<Replica>,
    /// How they agree.
    pub consistency: Consistency,
    /// The region that keeps what was written and serves no requests, if there is one.
    pub witness: Option<String>,
}

impl Replication {
    /// The replica in a region.
    pub fn replica(&self, region: &str) -> Option<&Replica> {
        self.replicas.iter().find(|replica| replica.region == region)
    }
    /// All regions that have the items: the table's own first, then those of the replicas, then the witness.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        let others = self.replicas.iter().map(|replica| replica.region.as_str()).chain(self.witness.as_deref());
        std::iter::once(self.region.as_str()).chain(others)
    }
}
