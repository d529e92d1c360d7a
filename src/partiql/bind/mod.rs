//! Statements meet their parameters: what is written becomes paths, values, conditions and updates.
//!
//! The trees are those of `expression/`; nothing is evaluated here. DynamoDB reads a statement in passes, and so does
//! the [`Binder`]: what cannot be read at all ends binding where it is; then parameters are counted; and only then
//! the faults of operands count, of which the first is kept while reading goes on.

mod condition;
mod path;
mod statement;
mod update;
mod value;

pub(super) use path::result_name;
pub(super) use statement::{Bound, BoundDelete, BoundInsert, BoundOrder, BoundSelect, BoundUpdate, Target};

use super::{
    error,
    parse::Parsed,
    syntax::{ExpressionKind, Statement},
};
use crate::{
    error::{Error, Result},
    expression::check,
    item::AttributeValue,
};

/// Binds parameters to a statement.
///
/// # Errors
/// DynamoDB's text for the first fault that needs no table.
pub(super) fn bind(parsed: &Parsed, parameters: &[AttributeValue]) -> Result<Bound> {
    let mut binder = Binder { parameters, fault: None, operators: 0 };
    let bound = binder.statement(&parsed.statement)?;
    if parsed.parameters > parameters.len() {
        return Err(error::parameter_count());
    }
    binder.fault.map_or(Ok(bound), Err)
}

/// Whether a statement is `EXISTS(..)`, which only a transaction may have.
pub(super) fn is_exists(statement: &Statement) -> bool {
    match statement {
        Statement::Expression(expression) => {
            matches!(&expression.kind, ExpressionKind::Call(name, _) if &**name == "exists")
        }
        _ => false,
    }
}

struct Binder<'p> {
    parameters: &'p [AttributeValue],
    /// The first fault of an operand.
    fault: Option<Error>,
    /// Operators so far.
    operators: usize,
}

impl Binder<'_> {
    /// Keeps a fault that counts only if the whole statement can be read.
    fn note(&mut self, fault: Option<String>) {
        if let (Some(fault), None) = (fault, &self.fault) {
            self.fault = Some(Error::validation(fault));
        }
    }

    /// Counts operators. One too many ends binding, so that no tree grows beyond what may be evaluated.
    fn count(&mut self, operators: usize) -> Result<()> {
        self.operators = (self.operators + operators).min(check::MAX_OPERATORS + 1);
        check::too_many_operators(self.operators).map_or(Ok(()), |fault| Err(Error::validation(fault)))
    }

    /// The value of a parameter; one that is missing is found out when all are counted.
    fn parameter(&self, position: usize) -> AttributeValue {
        self.parameters.get(position).cloned().unwrap_or(AttributeValue::Null)
    }
}
