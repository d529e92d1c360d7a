//! What writes return, and what they may be asked to return.

use crate::{
    capacity::{Consumed, write_units},
    engine::ItemResult,
    item::ItemRef,
    schema::IndexKind,
};

/// Which attributes of the item a write returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReturnValues {
    /// None.
    #[default]
    None,
    /// The whole item as it was before.
    AllOld,
    /// The whole item as it is now (updates only).
    AllNew,
    /// The paths that an update touched, as they were before.
    UpdatedOld,
    /// The paths that an update touched, as they are now.
    UpdatedNew,
}

/// The answer to a write.
#[derive(Clone, Debug, Default)]
pub struct WriteOutput {
    /// What [`ReturnValues`] asked for; absent if there was nothing to return.
    pub attributes: Option<ItemRef>,
    /// Capacity in write units.
    pub consumed: Consumed,
}

impl WriteOutput {
    /// What [`ReturnValues`] asked for.
    pub fn attributes(&self) -> Option<&ItemRef> {
        self.attributes.as_ref()
    }
    /// Capacity in write units.
    pub fn consumed(&self) -> &Consumed {
        &self.consumed
    }
}

/// Capacity of a write by its outcome; `factor` is 2 for the table's share of a transaction.
pub(super) fn consumed(outcome: &ItemResult, factor: f64) -> Consumed {
    let size = |item: &Option<ItemRef>| item.as_ref().map_or(0, ItemRef::size_bytes);
    let mut consumed = Consumed::of_table(factor * write_units(size(&outcome.old), size(&outcome.new)));
    for units in &outcome.index_units {
        let Some(index) = outcome.definition.indexes.get(units.index) else { continue };
        let sums = match index.kind {
            IndexKind::Local => &mut consumed.local_indexes,
            IndexKind::Global => &mut consumed.global_indexes,
            IndexKind::Expiry => continue, // the sweeper's bookkeeping costs nobody units
        };
        sums.push((index.name.clone(), f64::from(units.units)));
    }
    consumed
}
