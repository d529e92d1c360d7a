//! What single writes are asked to return, and their response.

use super::{any::ResponseRef, executor::Response};
use crate::{
    capacity::{Consumed, write_units},
    engine,
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

/// The response to a put, update or delete.
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

impl Response for WriteOutput {
    fn as_response(&self) -> ResponseRef<'_> {
        ResponseRef::Write(self)
    }
    fn consumed_by_table(&self) -> Vec<(usize, Consumed)> {
        vec![(0, self.consumed.clone())]
    }
}

/// Capacity of a write by its outcome; `factor` is 2 for the table's share of a transaction.
pub(super) fn consumed(outcome: &engine::ItemResult, factor: f64) -> Consumed {
    let size = |item: &Option<ItemRef>| item.as_ref().map_or(0, ItemRef::size_bytes);
    let mut consumed = Consumed::of_table(factor * write_units(size(&outcome.old), size(&outcome.new)));
    for units in &outcome.index_units {
        let Some(index) = outcome.definition.indexes.get(units.index) else { continue };
        let sums = match index.kind {
            IndexKind::Local => &mut consumed.local_indexes,
            IndexKind::Global => &mut consumed.global_indexes,
            IndexKind::Expiry => continue, // the sweeper's bookkeeping is free for users
        };
        sums.push((index.name.clone(), f64::from(units.units)));
    }
    consumed
}

/// Adds to the sum of a table, in order of first appearance.
pub(super) fn add_consumed(sums: &mut Vec<(String, Consumed)>, table: &str, consumed: &Consumed) {
    match sums.iter_mut().find(|(name, _)| name == table) {
        Some((_, sum)) => sum.add(consumed),
        None => sums.push((table.to_owned(), consumed.clone())),
    }
}

/// Sums by table, which are in the order of first appearance, by position.
pub(super) fn by_position(sums: &[(String, Consumed)]) -> Vec<(usize, Consumed)> {
    sums.iter().enumerate().map(|(at, (_, consumed))| (at, consumed.clone())).collect()
}
