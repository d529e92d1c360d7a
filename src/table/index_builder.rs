//! Describing an index in code: `index("by_status").hash::<S>("status").range::<N>("total").include(["cust"])`.

use super::KeyPart;
use crate::{
    engine::IndexSpec,
    schema::{IndexKind, KeyAttribute, Projection, ProvisionedThroughput},
};

/// An index that is being described.
#[derive(Clone, Debug)]
pub struct IndexBuilder {
    name: String,
    hash: Vec<KeyAttribute>,
    range: Vec<KeyAttribute>,
    projection: Projection,
    throughput: Option<ProvisionedThroughput>,
}

/// An index of that name; it carries whole items until said otherwise.
pub fn index(name: impl Into<String>) -> IndexBuilder {
    IndexBuilder {
        name: name.into(),
        hash: Vec::new(),
        range: Vec::new(),
        projection: Projection::All,
        throughput: None,
    }
}

impl IndexBuilder {
    /// Adds a partition key attribute (global indexes; up to 4).
    #[must_use]
    pub fn partition_key<P: KeyPart>(mut self, name: impl Into<String>) -> Self {
        self.hash.push(KeyAttribute::new(name, P::TYPE));
        self
    }
    /// Short for [`partition_key`](Self::partition_key), as the wire protocol names it: `HASH`.
    #[must_use]
    pub fn hash<P: KeyPart>(self, name: impl Into<String>) -> Self {
        self.partition_key::<P>(name)
    }
    /// Adds a sort key attribute (exactly 1 for a local index, up to 4 for a global one).
    #[must_use]
    pub fn sort_key<P: KeyPart>(mut self, name: impl Into<String>) -> Self {
        self.range.push(KeyAttribute::new(name, P::TYPE));
        self
    }
    /// Short for [`sort_key`](Self::sort_key), as the wire protocol names it: `RANGE`.
    #[must_use]
    pub fn range<P: KeyPart>(self, name: impl Into<String>) -> Self {
        self.sort_key::<P>(name)
    }
    /// Entries carry keys only.
    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.projection = Projection::KeysOnly;
        self
    }
    /// Entries carry keys and these attributes (1 to 20), besides those that were included before.
    #[must_use]
    pub fn include<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into);
        match &mut self.projection {
            Projection::Include(known) => known.extend(names),
            projection => *projection = Projection::Include(names.collect()),
        }
        self
    }
    /// Provisioned units a second of a global index.
    #[must_use]
    pub fn provisioned(mut self, read_units_per_sec: u64, write_units_per_sec: u64) -> Self {
        self.throughput = Some(ProvisionedThroughput { read_units_per_sec, write_units_per_sec });
        self
    }
    /// The specification; `hash` is the table's partition key for a local index.
    pub fn into_spec(self, kind: IndexKind, hash: Option<Vec<KeyAttribute>>) -> IndexSpec {
        IndexSpec {
            name: self.name,
            kind,
            hash: hash.unwrap_or(self.hash),
            range: self.range,
            projection: self.projection,
            throughput: self.throughput,
        }
    }
}
