//! UpdateItem: changes attributes of an item in place, and creates the item if it is not there.

use super::{
    any::RequestRef,
    cached::Behind,
    executor::{Executor, Request, Run},
    key::RequestKey,
    key_paths::check_update_paths,
    table_ref::TableRef,
    write::{Change, Write, write_one},
    write_output::{ReturnValues, WriteOutput, consumed},
};
use crate::{
    config::Durability,
    engine::{WriteAction, WriteOptions},
    error::{Detail, Error, Result},
    expression::{Applied, Condition, UpdateExpression},
    index,
    item::{
        Item, ItemRef, encode_item_of_size,
        size::{MAX_ITEM_BYTES, item_size, updated_item_too_large},
    },
    schema::{EncodedKey, TableDefinition},
};
use bytes::Bytes;

/// Changes attributes of the item with a key. Without any change it makes sure that the item exists.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UpdateItem<'a> {
    /// The table.
    pub table: TableRef<'a>,
    /// The key.
    pub key: RequestKey<'a>,
    /// The changes.
    pub update: UpdateExpression,
    /// Must hold for the item that is there, or for no item.
    pub condition: Option<Condition>,
    /// What to return.
    pub return_values: ReturnValues,
    /// Attaches the item to the error if the condition fails.
    pub return_old_on_failure: bool,
    /// Whether the update as it is written counts as well as the item that comes out, as in most regions of the service: by a
    /// rule of its own it may have 400 KB. Default false.
    pub measures_statement: bool,
    /// When to answer; the database's durability if absent.
    pub durability: Option<Durability>,
}

impl<'a> UpdateItem<'a> {
    /// Changes the item with this key.
    pub fn new(table: impl Into<TableRef<'a>>, key: impl Into<RequestKey<'a>>, update: UpdateExpression) -> Self {
        Self {
            table: table.into(),
            key: key.into(),
            update,
            condition: None,
            return_values: ReturnValues::None,
            return_old_on_failure: false,
            measures_statement: false,
            durability: None,
        }
    }
}

impl UpdateItem<'_> {
    /// The same request of that table without what it borrows. Errors: the key is none of that table.
    pub fn into_owned(self, definition: &TableDefinition) -> Result<UpdateItem<'static>> {
        let (table, key) = (self.table.into_owned(), self.key.into_owned(definition)?);
        let Self { update, condition, return_values, return_old_on_failure, measures_statement, durability, .. } = self;
        Ok(UpdateItem {
            table,
            key,
            update,
            condition,
            return_values,
            return_old_on_failure,
            measures_statement,
            durability,
        })
    }
}

impl Request for UpdateItem<'_> {}
impl Run for UpdateItem<'_> {
    type Response = WriteOutput;
    fn run(&self, executor: &Executor<'_>) -> Result<WriteOutput> {
        let engine = executor.engine;
        let slot = self.table.resolve(engine)?;
        let held = engine.hold_tables([&**slot])?;
        let key = self.key.encode(held.definition(0))?;
        check_targets(held.definition(0), &self.update)?;
        if self.measures_statement {
            self.update.check_statement_size()?;
        }
        let write = Write {
            slot: &slot,
            key,
            change: Change::Update(&self.update),
            condition: self.condition.as_ref(),
            return_old_on_failure: self.return_old_on_failure,
        };
        let options = WriteOptions { durability: self.durability, ..executor.write_options() };
        let (outcome, applied) = write_one(engine, held, &write, &options)?;
        let consumed = consumed(&outcome, 1.0);
        let update = &self.update;
        let attributes = match (self.return_values, applied) {
            (ReturnValues::None, _) | (_, None) => None,
            (ReturnValues::AllOld, _) => outcome.old,
            (ReturnValues::AllNew, _) => outcome.new,
            (ReturnValues::UpdatedOld, _) => update.updated_old(outcome.old.as_ref()).as_ref().map(ItemRef::from),
            (ReturnValues::UpdatedNew, Some(applied)) => update.updated_new(&applied).as_ref().map(ItemRef::from),
        };
        Ok(WriteOutput { attributes, consumed })
    }
    fn run_cached(&self, behind: &Behind<'_>) -> Result<WriteOutput> {
        let output = behind.pass(self)?;
        behind.replace(&self.table, |definition| self.key.encode(definition));
        Ok(output)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::UpdateItem(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        vec![&self.table]
    }
}

/// Key attributes cannot be changed, not even to what they are, and have no parts.
pub(super) fn check_targets(definition: &TableDefinition, update: &UpdateExpression) -> Result<()> {
    check_update_paths(definition, update)?;
    update.check_writes_no_key(definition.key.attributes().map(|key| key.name.as_str()))
}

/// An index key that a transaction sets to an empty value rejects the request, and does not cancel the transaction.
pub(super) fn check_literal_index_keys(definition: &TableDefinition, update: &UpdateExpression) -> Result<()> {
    let check = |(name, value)| definition.check_index_key_not_empty(name, value).map_err(as_update_error);
    update.literal_values().try_for_each(check)
}

/// Applies an update to the newest item, and checks what comes out.
pub(super) fn apply_update(
    definition: &TableDefinition,
    update: &UpdateExpression,
    old: Option<&ItemRef>,
    key: &EncodedKey,
) -> Result<(WriteAction, Option<Applied>)> {
    let (applied, encoded) = match old {
        Some(old) => {
            let indexed = definition.indexes.iter().flat_map(|index| index.attributes());
            let (applied, bytes, size) = update.apply_encoded(old, indexed.map(|key| key.name.as_str()))?;
            (applied, Some((bytes, size)))
        }
        None => (update.apply(None, &attributes_of(definition, key)?)?, None),
    };
    let Some(item) = &applied.item else { return Ok((WriteAction::Keep, Some(applied))) };
    let size = encoded.as_ref().map_or_else(|| item_size(item), |(_, size)| *size);
    if size > MAX_ITEM_BYTES {
        return Err(updated_item_too_large(size));
    }
    definition.check_index_keys(item).map_err(as_update_error)?;
    let bytes = Bytes::from(encoded.map_or_else(|| encode_item_of_size(item, size), |(bytes, _)| bytes));
    let with_entries = index::bytes_with_local_entries(definition, &bytes, size);
    if with_entries > MAX_ITEM_BYTES {
        return Err(updated_item_too_large(with_entries));
    }
    Ok((WriteAction::Put(bytes), Some(applied)))
}

fn attributes_of(definition: &TableDefinition, key: &EncodedKey) -> Result<Item> {
    definition.attributes_of_key(key).ok_or_else(|| definition.key_mismatch())
}

/// An update says of an index key that is empty or too long that it was updated to be so.
fn as_update_error(error: Error) -> Error {
    let text = match error.detail() {
        Some(Detail::KeyEmpty { what, index: Some(_), .. }) => format!(
            "One or more parameter values are not valid. The update expression attempted to update a secondary index key \
             to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty {what} value."
        ),
        Some(Detail::KeyTooLarge { .. }) => {
            "The update expression attempted to update the secondary index key beyond allowed size limits".to_owned()
        }
        _ => return error,
    };
    Error::validation(text).with_detail_of(&error)
}
