//! What an UpdateExpression counts against the limit of an item's size, whatever the item is.
//!
//! Besides the finished item, the service measures the statement: the bytes that it writes, and a price of its own for each
//! clause, operator and step of a path. The prices are those that public tests found by trying: they count names and values,
//! not how the expression is spelt.

use super::{
    path::{Path, Step},
    tree::{Action, SetOperand, SetValue},
    update::UpdateExpression,
};
use crate::{
    error::Result,
    item::size::{MAX_ITEM_BYTES, updated_item_too_large, value_size},
};

/// Every statement.
const STATEMENT: usize = 3;
/// `SET` and `ADD`.
const WRITE: usize = 19;
/// `REMOVE`, `DELETE`, and reading a path.
const TOUCH: usize = 1;
/// Each step of a path that is read.
const STEP_READ: usize = 14;
/// Each step of a path that is written, behind the first.
const STEP_WRITTEN: usize = 4;
const PLUS: usize = 34;
const MINUS: usize = 37;
const IF_NOT_EXISTS: usize = 39;
const LIST_APPEND: usize = 37;

impl UpdateExpression {
    /// Bytes that the statement counts; the limit is that of an item.
    pub fn statement_bytes(&self) -> usize {
        STATEMENT + self.actions().iter().map(clause).sum::<usize>()
    }

    /// Rejects a statement that counts more than an item may have.
    ///
    /// # Errors
    /// DynamoDB's text for an update that makes an item too large.
    pub fn check_statement_size(&self) -> Result<()> {
        let bytes = self.statement_bytes();
        if bytes > MAX_ITEM_BYTES { Err(updated_item_too_large(bytes)) } else { Ok(()) }
    }
}

fn clause(action: &Action) -> usize {
    match action {
        Action::Set(path, value) => WRITE + target(path) + set_value(value),
        Action::Add(path, value) => WRITE + target(path) + value_size(value),
        Action::Remove(path) | Action::Delete(path, _) => TOUCH + target(path),
    }
}

fn set_value(value: &SetValue) -> usize {
    match value {
        SetValue::Operand(only) => operand(only),
        SetValue::Plus(left, right) => PLUS + operand(left) + operand(right),
        SetValue::Minus(left, right) => MINUS + operand(left) + operand(right),
    }
}

fn operand(value: &SetOperand) -> usize {
    match value {
        SetOperand::Path(path) => read(path),
        SetOperand::Value(given) => value_size(given),
        SetOperand::IfNotExists(path, other) => IF_NOT_EXISTS + read(path) + operand(other),
        SetOperand::ListAppend(first, second) => LIST_APPEND + operand(first) + operand(second),
    }
}

fn read(path: &Path) -> usize {
    TOUCH + STEP_READ + path.top_level().len() + path.steps().iter().map(|step| STEP_READ + length(step)).sum::<usize>()
}

fn target(path: &Path) -> usize {
    path.top_level().len() + path.steps().iter().map(|step| STEP_WRITTEN + length(step)).sum::<usize>()
}

fn length(step: &Step) -> usize {
    match step {
        Step::Name(name) => name.len(),
        Step::Index(index) => index.checked_ilog10().unwrap_or(0) as usize + 1,
    }
}
