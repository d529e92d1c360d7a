//! UpdateItem: changes attributes of an item in place, and creates the item if it is not there.

use super::{
    IntoCondition, IntoUpdate, Key, KeyShape, ReturnValues, Table, WriteOutput, into_expression::and_also, put::check,
    write_output::consumed,
};
use crate::{
    config::Durability,
    engine::{WriteAction, WriteOp, WriteOptions},
    error::{Detail, Error, Result},
    expression::{self, Applied, Condition, ExpressionKind, SetExpression, UpdateBuilder},
    item::{
        AttributeValue, Item, ItemRef, encode_item_of_size,
        size::{MAX_ITEM_BYTES, item_size, updated_item_too_large},
    },
    schema::{EncodedKey, TableDefinition},
};

/// An update that is being described; [`Update::send`] does it.
#[derive(Debug)]
#[must_use = "nothing is written before `send`"]
pub struct Update<K> {
    table: Table<K>,
    key: Result<(EncodedKey, Item)>,
    clauses: UpdateBuilder,
    whole: Option<Result<expression::Update>>,
    condition: Result<Option<Condition>>,
    return_values: ReturnValues,
    return_old_on_failure: bool,
    options: WriteOptions,
}

impl<K: KeyShape> Table<K> {
    /// An update of the item with this key. Without any change it makes sure that the item exists.
    pub fn update(&self, key: impl Key<K>) -> Update<K> {
        let definition = self.definition();
        let encoded = key.encode(&definition).and_then(|encoded| Ok((encoded, key.attributes(&definition)?)));
        Update {
            table: self.clone(),
            key: encoded,
            clauses: UpdateBuilder::new(),
            whole: None,
            condition: Ok(None),
            return_values: ReturnValues::None,
            return_old_on_failure: false,
            options: WriteOptions::default(),
        }
    }
}

impl<K: KeyShape> Update<K> {
    /// All changes at once: parsed, built, or as text with placeholders. Comes once and without single clauses, or `send`
    /// refuses the update.
    pub fn apply(mut self, update: impl IntoUpdate) -> Self {
        self.whole = Some(match self.whole {
            Some(before) => before.and_then(|_| Err(applied_twice())),
            None => update.into_update(),
        });
        self
    }
    /// Sets a path to a value.
    pub fn set(mut self, path: &str, value: impl Into<SetExpression>) -> Self {
        self.clauses = self.clauses.set(path, value);
        self
    }
    /// Removes a path.
    pub fn remove(mut self, path: &str) -> Self {
        self.clauses = self.clauses.remove(path);
        self
    }
    /// Adds a number to a number, or elements to a set.
    pub fn add(mut self, path: &str, value: impl Into<AttributeValue>) -> Self {
        self.clauses = self.clauses.add(path, value);
        self
    }
    /// Removes elements from a set.
    pub fn delete(mut self, path: &str, value: impl Into<AttributeValue>) -> Self {
        self.clauses = self.clauses.delete(path, value);
        self
    }
    /// Writes only if the condition holds for the item that is there (or for no item). Several conditions must all hold.
    pub fn when(mut self, condition: impl IntoCondition) -> Self {
        self.condition = and_also(self.condition, condition.into_condition(ExpressionKind::Condition));
        self
    }
    /// Returns the item as it is after the update.
    pub fn return_new(self) -> Self {
        self.return_values(ReturnValues::AllNew)
    }
    /// Returns the item as it was before the update.
    pub fn return_old(self) -> Self {
        self.return_values(ReturnValues::AllOld)
    }
    /// What to return.
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
        let (key, key_item) = self.key?;
        let mut applied = None;
        let update = match self.whole {
            Some(whole) if self.clauses.is_empty() => whole?,
            Some(whole) => return Err(whole.err().unwrap_or_else(applied_twice)),
            None => self.clauses.build()?,
        };
        let condition = self.condition?;
        let (condition, update, return_old) = (condition.as_ref(), &update, self.return_old_on_failure);
        let mut decide = |definition: &TableDefinition, old: Option<&ItemRef>| {
            check(condition, old, return_old)?;
            let (decision, result) = decide(definition, update, old, &key_item)?;
            applied = result;
            Ok(decision)
        };
        check_targets(&self.table.definition(), update)?;
        let _here = self.table.engine.enter_write(&self.table.slot, &key)?;
        let op = WriteOp { slot: &self.table.slot, key: &key, decide: &mut decide };
        let outcome = self.table.engine.write_one(op, &self.options)?;
        let consumed = consumed(&outcome, 1.0);
        let attributes = match (self.return_values, applied) {
            (ReturnValues::None, _) | (_, None) => None,
            (ReturnValues::AllOld, _) => outcome.old,
            (ReturnValues::AllNew, _) => outcome.new,
            (ReturnValues::UpdatedOld, _) => update.updated_old(outcome.old.as_ref()).as_ref().map(ItemRef::from),
            (ReturnValues::UpdatedNew, Some(applied)) => update.updated_new(&applied).as_ref().map(ItemRef::from),
        };
        Ok(WriteOutput { attributes, consumed })
    }
}

fn applied_twice() -> Error {
    Error::validation("the update has changes besides those given to `apply`; give all of them to one `apply`")
}

/// Key attributes cannot be changed, not even to what they are.
pub(super) fn check_targets(definition: &TableDefinition, update: &expression::Update) -> Result<()> {
    update.check_writes_no_key(definition.key.attributes().map(|key| key.name.as_str()))
}

/// Applies an update to the newest item, and checks what comes out.
pub(super) fn decide(
    definition: &TableDefinition,
    update: &expression::Update,
    old: Option<&ItemRef>,
    key: &Item,
) -> Result<(WriteAction, Option<Applied>)> {
    let (applied, encoded) = match old {
        Some(old) => {
            let indexed = definition.indexes.iter().flat_map(|index| index.attributes());
            let (applied, bytes, size) = update.apply_encoded(old, indexed.map(|key| key.name.as_str()))?;
            (applied, Some((bytes, size)))
        }
        None => (update.apply(None, key)?, None),
    };
    let Some(item) = &applied.item else { return Ok((WriteAction::Keep, Some(applied))) };
    let size = encoded.as_ref().map_or_else(|| item_size(item), |(_, size)| *size);
    if size > MAX_ITEM_BYTES {
        return Err(updated_item_too_large(size));
    }
    definition.check_index_keys(item).map_err(as_update_error)?;
    let bytes = encoded.map_or_else(|| encode_item_of_size(item, size), |(bytes, _)| bytes);
    Ok((WriteAction::Put(bytes.into()), Some(applied)))
}

/// An update says of an empty index key that it was updated to be so.
fn as_update_error(error: Error) -> Error {
    let Some(Detail::KeyEmpty { what, index: Some(_), .. }) = error.detail() else { return error };
    let text = format!(
        "One or more parameter values are not valid. The update expression attempted to update a secondary index key to \
         a value that is not supported. The AttributeValue for a key attribute cannot contain an empty {what} value."
    );
    Error::validation(text).with_detail_of(&error)
}
