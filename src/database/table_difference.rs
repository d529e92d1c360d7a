//! Where a table that exists differs from what a program describes, and what can be done about it.

use crate::{
    engine::{IndexSpec, TableSpec, TableUpdate},
    schema::{
        BillingMode, IndexDefinition, IndexKind, KeySchema, Projection, ProvisionedThroughput, StreamView,
        TableDefinition,
    },
};
use std::fmt;

/// A difference between a table and its description; see [`TableBuilder::differences`](crate::admin::TableBuilder::differences).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableDifference {
    /// The table has another primary key. Cannot be changed.
    Key {
        /// The key that it has.
        existing: KeySchema,
    },
    /// An index is missing. A global one can be added.
    IndexMissing {
        /// Its name.
        index: String,
        /// Its kind.
        kind: IndexKind,
    },
    /// An index of the name has another kind, key or projection. It can be deleted and created again, not changed.
    IndexDiffers {
        /// Its name.
        index: String,
    },
    /// A global index has other provisioned units.
    IndexThroughput {
        /// Its name.
        index: String,
        /// The units that it has.
        existing: Option<ProvisionedThroughput>,
    },
    /// There is no stream, or one of other images. The images of an enabled stream cannot be changed: it would be another
    /// stream, whose consumers begin anew.
    Stream {
        /// The images of the stream that there is.
        existing: Option<StreamView>,
    },
    /// Time to live is off, or looks at another attribute.
    TimeToLive {
        /// The attribute that it looks at.
        existing: Option<String>,
    },
    /// The table is billed otherwise, or has other provisioned units.
    Throughput {
        /// How it is billed.
        existing: BillingMode,
        /// Its units, where they are provisioned.
        units: ProvisionedThroughput,
    },
    /// The table is not protected against deletion.
    DeletionProtection,
}

impl TableDifference {
    /// All differences between a description and a table, for what the description speaks of.
    pub(super) fn all(spec: &TableSpec, table: &TableDefinition) -> Vec<Self> {
        let mut all = Vec::new();
        if spec.key != table.key {
            all.push(Self::Key { existing: table.key.clone() });
        }
        all.extend(spec.indexes.iter().filter_map(|index| Self::of_index(index, table)));
        let existing = table.stream.as_ref().map(|stream| stream.view);
        if spec.stream.is_some() && spec.stream != existing {
            all.push(Self::Stream { existing });
        }
        if spec.ttl_attribute.is_some() && spec.ttl_attribute != table.ttl_attribute {
            all.push(Self::TimeToLive { existing: table.ttl_attribute.clone() });
        }
        let billed_alike = spec.billing == table.billing && spec.throughput == table.throughput;
        if spec.billing == BillingMode::Provisioned && !billed_alike {
            all.push(Self::Throughput { existing: table.billing, units: table.throughput });
        }
        if spec.deletion_protection && !table.deletion_protection {
            all.push(Self::DeletionProtection);
        }
        all
    }

    fn of_index(spec: &IndexSpec, table: &TableDefinition) -> Option<Self> {
        let Some(existing) = table.indexes.iter().find(|index| index.name == spec.name) else {
            return Some(Self::IndexMissing { index: spec.name.clone(), kind: spec.kind });
        };
        if !is_alike(spec, existing) {
            return Some(Self::IndexDiffers { index: spec.name.clone() });
        }
        let other_units = spec.throughput.is_some() && spec.throughput != existing.throughput;
        other_units.then(|| Self::IndexThroughput { index: spec.name.clone(), existing: existing.throughput })
    }

    /// Whether [`TableBuilder::open_or_update`](crate::admin::TableBuilder::open_or_update) makes it go away.
    pub fn can_be_changed(&self) -> bool {
        match self {
            Self::Key { .. } | Self::IndexDiffers { .. } | Self::Stream { existing: Some(_) } => false,
            Self::IndexMissing { kind, .. } => *kind == IndexKind::Global,
            Self::IndexThroughput { .. }
            | Self::Stream { existing: None }
            | Self::TimeToLive { .. }
            | Self::Throughput { .. }
            | Self::DeletionProtection => true,
        }
    }

    /// What makes it go away.
    pub(super) fn update(&self, spec: &TableSpec) -> TableUpdate {
        let described = |name: &String| spec.indexes.iter().find(|index| index.name == *name).cloned();
        let nothing = TableUpdate::default();
        match self {
            Self::Key { .. } | Self::IndexDiffers { .. } => nothing,
            Self::IndexMissing { index, .. } => TableUpdate { create_index: described(index), ..nothing },
            Self::IndexThroughput { index, .. } => {
                let throughput = described(index).and_then(|index| index.throughput);
                let index_throughput = throughput.map(|throughput| (index.clone(), throughput)).into_iter().collect();
                TableUpdate { index_throughput, ..nothing }
            }
            Self::Stream { .. } => TableUpdate { stream: Some(spec.stream), ..nothing },
            Self::TimeToLive { .. } => TableUpdate { ttl_attribute: Some(spec.ttl_attribute.clone()), ..nothing },
            Self::Throughput { .. } => {
                TableUpdate { billing: Some(spec.billing), throughput: Some(spec.throughput), ..nothing }
            }
            Self::DeletionProtection => TableUpdate { deletion_protection: Some(true), ..nothing },
        }
    }
}

fn is_alike(spec: &IndexSpec, existing: &IndexDefinition) -> bool {
    let names = |projection: &Projection| match projection {
        Projection::Include(names) => {
            let mut names = names.clone();
            names.sort_unstable();
            Projection::Include(names)
        }
        other => other.clone(),
    };
    spec.kind == existing.kind
        && spec.hash == existing.hash
        && spec.range == existing.range
        && names(&spec.projection) == names(&existing.projection)
}

impl fmt::Display for TableDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { existing } => {
                let range = existing.range.iter();
                let parts = std::iter::once(&existing.hash).chain(range);
                let parts: Vec<_> = parts.map(|part| format!("{} ({:?})", part.name, part.kind)).collect();
                write!(f, "its key is {}", parts.join(", "))
            }
            Self::IndexMissing { index, kind: IndexKind::Local } => {
                write!(f, "it has no local index {index}, which can only be created with the table")
            }
            Self::IndexMissing { index, .. } => write!(f, "it has no index {index}"),
            Self::IndexDiffers { index } => write!(f, "its index {index} has another kind, key or projection"),
            Self::IndexThroughput { index, .. } => write!(f, "its index {index} has other provisioned units"),
            Self::Stream { existing: None } => write!(f, "it has no stream"),
            Self::Stream { existing: Some(view) } => write!(f, "its stream has the images {view:?}"),
            Self::TimeToLive { existing: None } => write!(f, "its items do not expire"),
            Self::TimeToLive { existing: Some(attribute) } => write!(f, "its items expire by {attribute}"),
            Self::Throughput { existing: BillingMode::Provisioned, units } => {
                let ProvisionedThroughput { read_units_per_sec, write_units_per_sec } = units;
                write!(f, "it has {read_units_per_sec} read and {write_units_per_sec} write units")
            }
            Self::Throughput { .. } => write!(f, "it is billed by request"),
            Self::DeletionProtection => write!(f, "it is not protected against deletion"),
        }
    }
}
