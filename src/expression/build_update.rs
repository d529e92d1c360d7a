//! Builds updates in Rust, as the same trees that texts are parsed into.
//!
//! `UpdateBuilder::new().set("status", "PAID").set("version", attr("version") + 1).remove("hold")` is
//! `SET status = :a, version = version + :b REMOVE hold`. As with conditions, faults are kept and reported at the end.

use super::{
    ExpressionKind, UpdateExpression,
    build::{Term, parse_path, sound_value},
    check,
    parse_update::{self, CallFault},
    path,
    tree::{Action, Operand, SetOperand, SetValue},
};
use crate::{error::Result, item::AttributeValue};
use std::ops::{Add, Sub};

/// An operand of a `SET`: a value, a path, [`if_not_exists`] or [`list_append`].
#[derive(Clone, Debug)]
#[must_use]
pub struct SetTerm(std::result::Result<SetOperand, String>);

/// The right side of a `SET`: an operand, or the sum or difference of two.
#[derive(Clone, Debug)]
#[must_use]
pub struct SetExpression(std::result::Result<SetValue, String>);

impl<T: Into<AttributeValue>> From<T> for SetTerm {
    fn from(value: T) -> Self {
        Self(sound_value(value.into()).map(SetOperand::Value))
    }
}

impl From<Term> for SetTerm {
    fn from(term: Term) -> Self {
        Self(term.0.and_then(|operand| match operand {
            Operand::Path(path) => Ok(SetOperand::Path(path)),
            Operand::Value(value) => Ok(SetOperand::Value(value)),
            Operand::Size(_) | Operand::SizeOfValue(_) => {
                Err("The function is not allowed in an update expression; function: size".to_owned())
            }
        }))
    }
}

impl<T: Into<AttributeValue>> From<T> for SetExpression {
    fn from(value: T) -> Self {
        SetTerm::from(value).into()
    }
}

impl From<Term> for SetExpression {
    fn from(term: Term) -> Self {
        SetTerm::from(term).into()
    }
}

impl From<SetTerm> for SetExpression {
    fn from(term: SetTerm) -> Self {
        Self(term.0.map(SetValue::Operand))
    }
}

/// The value at a path, or another where there is none.
pub fn if_not_exists(path: impl AsRef<str>, otherwise: impl Into<SetTerm>) -> SetTerm {
    let path = parse_path(path.as_ref()).map(SetOperand::Path);
    call(path, otherwise.into().0, parse_update::if_not_exists)
}

/// Two lists, one after the other.
pub fn list_append(first: impl Into<SetTerm>, second: impl Into<SetTerm>) -> SetTerm {
    call(first.into().0, second.into().0, parse_update::list_append)
}

fn call(
    first: std::result::Result<SetOperand, String>,
    second: std::result::Result<SetOperand, String>,
    make: impl FnOnce(SetOperand, SetOperand) -> std::result::Result<SetOperand, CallFault>,
) -> SetTerm {
    SetTerm(first.and_then(|first| make(first, second?).map_err(|fault| fault.text)))
}

fn sum(left: SetTerm, right: SetTerm, minus: bool) -> SetExpression {
    let make = |left: SetOperand| {
        let right = right.0?;
        match parse_update::literal_fault(if minus { "-" } else { "+" }, "N", [&left, &right]) {
            Some(fault) => Err(fault),
            None if minus => Ok(SetValue::Minus(left, right)),
            None => Ok(SetValue::Plus(left, right)),
        }
    };
    SetExpression(left.0.and_then(make))
}

impl<T: Into<SetTerm>> Add<T> for Term {
    type Output = SetExpression;
    fn add(self, other: T) -> SetExpression {
        sum(self.into(), other.into(), false)
    }
}

impl<T: Into<SetTerm>> Sub<T> for Term {
    type Output = SetExpression;
    fn sub(self, other: T) -> SetExpression {
        sum(self.into(), other.into(), true)
    }
}

impl<T: Into<SetTerm>> Add<T> for SetTerm {
    type Output = SetExpression;
    fn add(self, other: T) -> SetExpression {
        sum(self, other.into(), false)
    }
}

impl<T: Into<SetTerm>> Sub<T> for SetTerm {
    type Output = SetExpression;
    fn sub(self, other: T) -> SetExpression {
        sum(self, other.into(), true)
    }
}

/// An update under construction.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct UpdateBuilder {
    actions: Vec<Action>,
    fault: Option<String>,
}

impl UpdateBuilder {
    /// An update without clauses.
    pub fn new() -> Self {
        Self::default()
    }

    /// `SET path = value`: a value such as `"PAID"`, or an expression such as `attr("version") + 1`.
    pub fn set(self, path: impl AsRef<str>, value: impl Into<SetExpression>) -> Self {
        let value = value.into();
        self.push(path.as_ref(), |path| Ok(Action::Set(path, value.0?)))
    }

    /// `REMOVE path`
    pub fn remove(self, path: impl AsRef<str>) -> Self {
        self.push(path.as_ref(), |path| Ok(Action::Remove(path)))
    }

    /// `ADD path value`: adds a number, or the elements of a set.
    pub fn add(self, path: impl AsRef<str>, value: impl Into<AttributeValue>) -> Self {
        let value = value.into();
        self.push(path.as_ref(), |path| {
            let value = sound_value(value)?;
            parse_update::set_operation_fault("ADD", &value).map_or(Ok(Action::Add(path, value)), Err)
        })
    }

    /// `DELETE path values`: takes elements out of a set.
    pub fn delete(self, path: impl AsRef<str>, values: impl Into<AttributeValue>) -> Self {
        let values = values.into();
        self.push(path.as_ref(), |path| {
            let values = sound_value(values)?;
            parse_update::set_operation_fault("DELETE", &values).map_or(Ok(Action::Delete(path, values)), Err)
        })
    }

    /// Whether nothing was added to it, not even a faulty clause.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.fault.is_none()
    }

    fn push(mut self, path: &str, make: impl FnOnce(path::Path) -> std::result::Result<Action, String>) -> Self {
        match parse_path(path).and_then(make) {
            Ok(action) => self.actions.push(action),
            Err(fault) => {
                self.fault.get_or_insert(fault);
            }
        }
        self
    }

    /// The finished update; one without clauses is [`UpdateExpression::none`].
    ///
    /// # Errors
    /// `Invalid UpdateExpression: ...` with DynamoDB's text for the first fault: paths that overlap or conflict, values
    /// of types that an operation does not take, too many operators, or a malformed path.
    pub fn build(self) -> Result<UpdateExpression> {
        let Self { mut actions, fault } = self;
        let is_sum = |action: &&Action| matches!(action, Action::Set(_, SetValue::Plus(..) | SetValue::Minus(..)));
        let fault = check::too_many_operators(actions.iter().filter(is_sum).count())
            .or_else(|| path::clash(&actions.iter().map(Action::target).collect::<Vec<_>>(), false))
            .or(fault);
        if let Some(fault) = fault {
            return Err(ExpressionKind::Update.error(fault));
        }
        // As in a text, the clauses of a section are together, where the first of them was made.
        let mut sections: Vec<std::mem::Discriminant<Action>> = Vec::new();
        for action in &actions {
            let section = std::mem::discriminant(action);
            if !sections.contains(&section) {
                sections.push(section);
            }
        }
        actions.sort_by_key(|action| sections.iter().position(|section| *section == std::mem::discriminant(action)));
        Ok(UpdateExpression::from_actions(actions, false))
    }
}

/// A parsed update, to which clauses can be added.
impl From<UpdateExpression> for UpdateBuilder {
    fn from(update: UpdateExpression) -> Self {
        Self { actions: update.actions().to_vec(), fault: None }
    }
}
