//! PutItem: replaces a whole item.

use super::{
    any::RequestRef,
    cached::Behind,
    executor::{Executor, Request, Run},
    table_ref::TableRef,
    write::{Change, Write, prepare_put, write_one},
    write_output::{ReturnValues, WriteOutput, consumed},
};
use crate::{
    config::Durability,
    engine::WriteOptions,
    error::{Error, Result},
    expression::Condition,
    item::Item,
};
use std::borrow::Cow;

/// Puts an item, replacing the one with the same key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PutItem<'a> {
    /// The table.
    pub table: TableRef<'a>,
    /// The item.
    pub item: Cow<'a, Item>,
    /// Must hold for the item that is there, or for no item.
    pub condition: Option<Condition>,
    /// What to return: `None` or `AllOld`.
    pub return_values: ReturnValues,
    /// Attaches the item to the error if the condition fails.
    pub return_old_on_failure: bool,
    /// When to answer; the database's durability if absent.
    pub durability: Option<Durability>,
}

impl<'a> PutItem<'a> {
    /// Puts this item.
    pub fn new(table: impl Into<TableRef<'a>>, item: impl Into<Cow<'a, Item>>) -> Self {
        Self {
            table: table.into(),
            item: item.into(),
            condition: None,
            return_values: ReturnValues::None,
            return_old_on_failure: false,
            durability: None,
        }
    }
}

impl PutItem<'_> {
    /// The same request without what it borrows.
    pub fn into_owned(self) -> PutItem<'static> {
        let Self { table, item, condition, return_values, return_old_on_failure, durability } = self;
        let (table, item) = (table.into_owned(), Cow::Owned(item.into_owned()));
        PutItem { table, item, condition, return_values, return_old_on_failure, durability }
    }
}

impl From<Item> for Cow<'_, Item> {
    fn from(item: Item) -> Self {
        Cow::Owned(item)
    }
}
impl<'a> From<&'a Item> for Cow<'a, Item> {
    fn from(item: &'a Item) -> Self {
        Cow::Borrowed(item)
    }
}

/// Puts and deletes return nothing or the old item.
pub(super) fn check_return_values(values: ReturnValues) -> Result<()> {
    if matches!(values, ReturnValues::None | ReturnValues::AllOld) {
        Ok(())
    } else {
        Err(Error::validation("ReturnValues can only be ALL_OLD or NONE"))
    }
}

impl Request for PutItem<'_> {}
impl Run for PutItem<'_> {
    type Response = WriteOutput;
    fn run(&self, executor: &Executor<'_>) -> Result<WriteOutput> {
        check_return_values(self.return_values)?;
        let engine = executor.engine;
        let slot = self.table.resolve(engine)?;
        let held = engine.hold_tables([&**slot])?;
        let (key, bytes) = prepare_put(held.definition(0), &self.item)?;
        let write = Write {
            slot: &slot,
            key,
            change: Change::Put(bytes),
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
        behind.replace(&self.table, |definition| definition.key_of_item(&self.item));
        Ok(output)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::PutItem(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        vec![&self.table]
    }
}
