//! DeleteItem: removes an item; removing one that is not there succeeds.

use super::{
    any::RequestRef,
    cached::Behind,
    executor::{Executor, Request, Run},
    key::RequestKey,
    put_item::check_return_values,
    table_ref::TableRef,
    write::{Change, Write, write_one},
    write_output::{ReturnValues, WriteOutput, consumed},
};
use crate::{config::Durability, engine::WriteOptions, error::Result, expression::Condition, schema::TableDefinition};

/// Deletes the item with a key, if there is one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeleteItem<'a> {
    /// The table.
    pub table: TableRef<'a>,
    /// The key.
    pub key: RequestKey<'a>,
    /// Must hold for the item that is there, or for no item.
    pub condition: Option<Condition>,
    /// What to return: `None` or `AllOld`.
    pub return_values: ReturnValues,
    /// Attaches the item to the error if the condition fails.
    pub return_old_on_failure: bool,
    /// When to answer; the database's durability if absent.
    pub durability: Option<Durability>,
}

impl<'a> DeleteItem<'a> {
    /// Deletes the item with this key.
    pub fn new(table: impl Into<TableRef<'a>>, key: impl Into<RequestKey<'a>>) -> Self {
        Self {
            table: table.into(),
            key: key.into(),
            condition: None,
            return_values: ReturnValues::None,
            return_old_on_failure: false,
            durability: None,
        }
    }
}

impl DeleteItem<'_> {
    /// The same request of that table without what it borrows. Errors: the key is none of that table.
    pub fn into_owned(self, definition: &TableDefinition) -> Result<DeleteItem<'static>> {
        let Self { table, key, condition, return_values, return_old_on_failure, durability } = self;
        let (table, key) = (table.into_owned(), key.into_owned(definition)?);
        Ok(DeleteItem { table, key, condition, return_values, return_old_on_failure, durability })
    }
}

impl Request for DeleteItem<'_> {}
impl Run for DeleteItem<'_> {
    type Response = WriteOutput;
    fn run(&self, executor: &Executor<'_>) -> Result<WriteOutput> {
        check_return_values(self.return_values)?;
        let engine = executor.engine;
        let slot = self.table.resolve(engine)?;
        let held = engine.hold_tables([&**slot])?;
        let write = Write {
            slot: &slot,
            key: self.key.encode(held.definition(0))?,
            change: Change::Delete,
            condition: self.condition.as_ref(),
            return_old_on_failure: self.return_old_on_failure,
        };
        let options = WriteOptions { durability: self.durability, ..executor.write_options() };
        let (outcome, _) = write_one(engine, held, &write, &options)?;
        let consumed = consumed(&outcome, 1.0);
        Ok(WriteOutput { attributes: outcome.old.filter(|_| self.return_values == ReturnValues::AllOld), consumed })
    }
    fn run_cached(&self, behind: &Behind<'_>) -> Result<WriteOutput> {
        let output = behind.pass(self)?;
        behind.replace(&self.table, |definition| self.key.encode(definition));
        Ok(output)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::DeleteItem(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        vec![&self.table]
    }
}
