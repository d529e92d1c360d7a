//! What all writes have in common: how an item is prepared, how its fate is decided, and that an operation says which
//! items it is at before it begins.

use super::{key_paths::check_condition_paths, update_item::apply_update};
use crate::{
    engine::{Engine, HeldTables, ItemResult, TableSlot, WriteAction, WriteOp, WriteOptions},
    error::{Detail, Error, ErrorKind, Result},
    expression::{Applied, Condition, UpdateExpression},
    index,
    item::{
        self, Item, ItemRef,
        size::{MAX_ITEM_BYTES, item_too_large, validate_item},
    },
    schema::{EncodedKey, TableDefinition},
};
use bytes::Bytes;

/// A write of one item, checked and encoded for a definition of its table that does not change until it is done.
pub(crate) struct Write<'a> {
    pub slot: &'a TableSlot,
    pub key: EncodedKey,
    pub change: Change<'a>,
    pub condition: Option<&'a Condition>,
    /// Attaches the item to the error if the condition fails.
    pub return_old_on_failure: bool,
}

/// What becomes of an item.
pub(crate) enum Change<'a> {
    Put(Bytes),
    Delete,
    Update(&'a UpdateExpression),
    /// Nothing; only the condition counts.
    Check,
}

impl Write<'_> {
    /// Whether the item that is there makes a difference.
    pub fn depends_on_item(&self) -> bool {
        self.condition.is_some() || matches!(self.change, Change::Update(_))
    }
    /// Decides what becomes of the newest item; `applied` receives what an update made of it.
    pub fn decide(
        &self,
        definition: &TableDefinition,
        old: Option<&ItemRef>,
        applied: &mut Option<Applied>,
    ) -> Result<WriteAction> {
        if self.condition.is_some_and(|condition| !condition.matches(old)) {
            return Err(self.condition_failed(old));
        }
        Ok(match &self.change {
            Change::Put(bytes) => WriteAction::Put(bytes.clone()),
            Change::Delete => WriteAction::Delete,
            Change::Check => WriteAction::Keep,
            Change::Update(update) => {
                let (decision, result) = apply_update(definition, update, old, &self.key)?;
                *applied = result;
                decision
            }
        })
    }
    /// A condition that is false rejects the write, with the old item if it was asked for.
    #[cold]
    fn condition_failed(&self, old: Option<&ItemRef>) -> Error {
        let put_bytes = match &self.change {
            Change::Put(bytes) => Some(ItemRef::size_of(bytes)),
            _ => None,
        };
        let item_bytes = old.map(ItemRef::size_bytes);
        Error::condition_failed(old.filter(|_| self.return_old_on_failure).map(ItemRef::to_inline_bytes))
            .with_detail(Detail::ConditionFailed { item_bytes, put_bytes })
    }
}

/// Carries out a put, update or delete, as one commit of one item.
pub(super) fn write_one(
    engine: &Engine,
    held: HeldTables<'_>,
    write: &Write<'_>,
    options: &WriteOptions,
) -> Result<(ItemResult, Option<Applied>)> {
    check_condition_paths(held.definition(0), write.condition)?;
    let _here = engine.enter_write(write.slot, &write.key)?;
    let mut applied = None;
    let mut decide = |definition: &TableDefinition, old: Option<&ItemRef>| write.decide(definition, old, &mut applied);
    let op = WriteOp { slot: write.slot, key: &write.key, decide: &mut decide };
    let outcomes = engine.write_held(held, &mut [op], options)?.pop();
    let none = || Err(Error::new(ErrorKind::Validation, "ValidationException", "a commit needs at least one item"));
    let outcome = outcomes.unwrap_or_else(none)?;
    Ok((outcome, applied))
}

/// Checks an item against the rules of items and of its table, and encodes it. The definition is to stay the table's until
/// the item is logged, or its index keys have to be checked again.
pub(crate) fn prepare_put(definition: &TableDefinition, item: &Item) -> Result<(EncodedKey, Bytes)> {
    let size = validate_item(item)?;
    let key = definition.key_of_item(item)?;
    definition.check_index_keys(item)?;
    let bytes = Bytes::from(item::encode_item_of_size(item, size));
    let with_entries = index::bytes_with_local_entries(definition, &bytes, size);
    if with_entries > MAX_ITEM_BYTES {
        return Err(item_too_large(with_entries));
    }
    Ok((key, bytes))
}
