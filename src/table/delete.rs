//! DeleteItem: removes an item; removing one that is not there succeeds.

use super::{
    IntoCondition, Key, KeyShape, ReturnValues, Table, WriteOutput, into_expression::and_also, put::check,
    write_output::consumed,
};
use crate::{
    config::Durability,
    engine::{WriteAction, WriteOp, WriteOptions},
    error::{Error, Result},
    expression::{Condition, ExpressionKind},
    item::ItemRef,
    schema::{EncodedKey, TableDefinition},
};

/// A delete that is being described; [`Delete::send`] does it.
#[derive(Debug)]
#[must_use = "nothing is deleted before `send`"]
pub struct Delete<K> {
    table: Table<K>,
    key: Result<EncodedKey>,
    condition: Result<Option<Condition>>,
    return_values: ReturnValues,
    return_old_on_failure: bool,
    options: WriteOptions,
}

impl<K: KeyShape> Table<K> {
    /// Deletes the item with this key, if there is one.
    pub fn delete(&self, key: impl Key<K>) -> Result<WriteOutput> {
        self.delete_with(key).send()
    }

    /// A delete with conditions, return values or another durability.
    pub fn delete_with(&self, key: impl Key<K>) -> Delete<K> {
        Delete {
            table: self.clone(),
            key: key.encode(&self.definition()),
            condition: Ok(None),
            return_values: ReturnValues::None,
            return_old_on_failure: false,
            options: WriteOptions::default(),
        }
    }
}

impl<K: KeyShape> Delete<K> {
    /// Deletes only if the condition holds for the item that is there (or for no item). Several conditions must all hold.
    pub fn when(mut self, condition: impl IntoCondition) -> Self {
        self.condition = and_also(self.condition, condition.into_condition(ExpressionKind::Condition));
        self
    }
    /// Returns the deleted item.
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
    /// Deletes.
    pub fn send(self) -> Result<WriteOutput> {
        if !matches!(self.return_values, ReturnValues::None | ReturnValues::AllOld) {
            return Err(Error::validation("ReturnValues can only be ALL_OLD or NONE"));
        }
        let key = self.key?;
        let condition = self.condition?;
        let condition = condition.as_ref();
        let return_old = self.return_old_on_failure;
        let mut decide = |_: &TableDefinition, old: Option<&ItemRef>| {
            check(condition, old, return_old)?;
            Ok(WriteAction::Delete)
        };
        let _here = self.table.engine.enter_write(&self.table.slot, &key)?;
        let op = WriteOp { slot: &self.table.slot, key: &key, decide: &mut decide };
        let outcome = self.table.engine.write_one(op, &self.options)?;
        let consumed = consumed(&outcome, 1.0);
        let attributes = outcome.old.filter(|_| self.return_values == ReturnValues::AllOld);
        Ok(WriteOutput { attributes, consumed })
    }
}
