//! PutItem: replaces a whole item.

use super::{
    IntoCondition, KeyShape, ReturnValues, Table, WriteOutput, into_expression::and_also, write_output::consumed,
};
use crate::{
    config::Durability,
    engine::{WriteAction, WriteOp, WriteOptions},
    error::{Error, Result},
    expression::{Condition, ExpressionKind},
    item::{self, Item, ItemRef, size::validate_item},
    schema::{EncodedKey, TableDefinition},
};
use bytes::Bytes;
use serde::Serialize;
use std::borrow::Cow;

/// Whatever can be put: an [`Item`], or any type that serialises as a map.
pub trait ToItem {
    /// The item.
    fn to_item(&self) -> Result<Cow<'_, Item>>;
}

impl ToItem for Item {
    fn to_item(&self) -> Result<Cow<'_, Item>> {
        Ok(Cow::Borrowed(self))
    }
}
impl<T: Serialize> ToItem for T {
    fn to_item(&self) -> Result<Cow<'_, Item>> {
        item::to_item(self).map(Cow::Owned)
    }
}

/// A put that is being described; [`Put::send`] does it.
#[derive(Debug)]
#[must_use = "nothing is written before `send`"]
pub struct Put<K> {
    table: Table<K>,
    item: Result<(EncodedKey, Bytes)>,
    condition: Result<Option<Condition>>,
    return_values: ReturnValues,
    return_old_on_failure: bool,
    options: WriteOptions,
}

impl<K: KeyShape> Table<K> {
    /// Puts an item, replacing the one with the same key. Errors: validation (keys, sizes, types), disk.
    pub fn put<T: ToItem + ?Sized>(&self, item: &T) -> Result<WriteOutput> {
        self.put_with(item).send()
    }

    /// A put with conditions, return values or another durability.
    pub fn put_with<T: ToItem + ?Sized>(&self, item: &T) -> Put<K> {
        Put {
            item: item.to_item().and_then(|item| prepare(&self.slot.state().definition, &item)),
            table: self.clone(),
            condition: Ok(None),
            return_values: ReturnValues::None,
            return_old_on_failure: false,
            options: WriteOptions::default(),
        }
    }
}

impl<K: KeyShape> Put<K> {
    /// Writes only if the condition holds for the item that is there (or for no item). Several conditions must all hold.
    pub fn when(mut self, condition: impl IntoCondition) -> Self {
        self.condition = and_also(self.condition, condition.into_condition(ExpressionKind::Condition));
        self
    }
    /// Returns the old item.
    pub fn return_old(self) -> Self {
        self.return_values(ReturnValues::AllOld)
    }
    /// What to return: `None` or `AllOld`.
    pub fn return_values(mut self, values: ReturnValues) -> Self {
        self.return_values = values;
        self
    }
    /// Attaches the item to the error if the condition fails.
    pub fn return_old_on_failure(mut self) -> Self {
        self.return_old_on_failure = true;
        self
    }
    /// Overrides the database's durability for this write.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = Some(durability);
        self
    }
    /// Writes.
    pub fn send(self) -> Result<WriteOutput> {
        if !matches!(self.return_values, ReturnValues::None | ReturnValues::AllOld) {
            return Err(Error::validation("ReturnValues can only be ALL_OLD or NONE"));
        }
        let (key, bytes) = self.item?;
        let condition = self.condition?;
        let condition = condition.as_ref();
        let return_old = self.return_old_on_failure;
        let mut decide = |_: &TableDefinition, old: Option<&ItemRef>| {
            check(condition, old, return_old)?;
            Ok(WriteAction::Put(bytes.clone()))
        };
        let _here = self.table.engine.enter_write(&self.table.slot, &key)?;
        let op = WriteOp { slot: &self.table.slot, key: &key, decide: &mut decide };
        let outcome = self.table.engine.write_one(op, &self.options)?;
        let consumed = consumed(&outcome, 1.0);
        let attributes = outcome.old.filter(|_| self.return_values == ReturnValues::AllOld);
        Ok(WriteOutput { attributes, consumed })
    }
}

/// Checks an item against the rules of items and of its table, and encodes it.
pub(super) fn prepare(definition: &TableDefinition, item: &Item) -> Result<(EncodedKey, Bytes)> {
    let size = validate_item(item)?;
    let key = definition.key_of_item(item)?;
    definition.check_index_keys(item)?;
    Ok((key, Bytes::from(item::encode_item_of_size(item, size))))
}

/// A condition that is false refuses the write, with the old item if it was asked for.
pub(super) fn check(condition: Option<&Condition>, old: Option<&ItemRef>, return_old: bool) -> Result<()> {
    match condition {
        Some(condition) if !condition.matches(old) => {
            Err(Error::condition_failed(old.filter(|_| return_old).map(ItemRef::to_inline_bytes)))
        }
        _ => Ok(()),
    }
}
