//! Applies the clauses of an update to an item.
//!
//! All of them happen at once: values are computed from the item as it was, and indexes mean the elements as they were.
//! So there are four passes. Compute every value; write to existing places; append what is beyond the end of a list,
//! in the order of the indexes; remove elements of lists, last first, so that none moves before its turn.

use super::{
    path::{Path, Step},
    tree::{Action, SetOperand, SetValue},
};
use crate::{
    error::{Error, Result},
    item::{
        AttributeValue, Item,
        size::{MAX_NESTING_LEVELS, UPDATED_ITEM_TOO_DEEP, is_deeper_than},
    },
};
use std::collections::BTreeMap;

fn invalid_path() -> Error {
    Error::validation("The document path provided in the update expression is invalid for update")
}

fn wrong_operand_type() -> Error {
    Error::validation("An operand in the update expression has an incorrect data type")
}

fn value_of(value: &SetValue, item: &Item) -> Result<AttributeValue> {
    let (left, right, minus) = match value {
        SetValue::Operand(operand) => return operand_of(operand, item),
        SetValue::Plus(left, right) => (left, right, false),
        SetValue::Minus(left, right) => (left, right, true),
    };
    match (operand_of(left, item)?, operand_of(right, item)?) {
        (AttributeValue::N(left), AttributeValue::N(right)) => {
            let result = if minus { left.checked_sub(&right)? } else { left.checked_add(&right)? };
            Ok(AttributeValue::N(result))
        }
        _ => Err(wrong_operand_type()),
    }
}

fn operand_of(operand: &SetOperand, item: &Item) -> Result<AttributeValue> {
    match operand {
        SetOperand::Value(value) => Ok(value.clone()),
        SetOperand::Path(path) => path.find_in(item).cloned().ok_or_else(|| {
            Error::validation("The provided expression refers to an attribute that does not exist in the item")
        }),
        SetOperand::IfNotExists(path, otherwise) => match path.find_in(item) {
            Some(value) => Ok(value.clone()),
            None => operand_of(otherwise, item),
        },
        SetOperand::ListAppend(first, second) => match (operand_of(first, item)?, operand_of(second, item)?) {
            (AttributeValue::L(mut list), AttributeValue::L(more)) => {
                list.extend(more);
                Ok(AttributeValue::L(list))
            }
            _ => Err(wrong_operand_type()),
        },
    }
}

/// A place in an item: a member of a map, there or not, or an element of a list, there or beyond its end.
enum ValueSlot<'a> {
    Member(&'a mut BTreeMap<String, AttributeValue>, &'a str),
    Element(&'a mut Vec<AttributeValue>, usize),
}

impl ValueSlot<'_> {
    fn value(&self) -> Option<&AttributeValue> {
        match self {
            Self::Member(map, name) => map.get(*name),
            Self::Element(list, index) => list.get(*index),
        }
    }
}

/// The place that a path leads to; `None` if there is no parent of the right kind.
fn locate<'a>(item: &'a mut Item, path: &'a Path) -> Option<ValueSlot<'a>> {
    let mut place = ValueSlot::Member(&mut item.0, path.top_level());
    for step in path.steps() {
        let value = match place {
            ValueSlot::Member(map, name) => map.get_mut(name)?,
            ValueSlot::Element(list, index) => list.get_mut(index)?,
        };
        place = match (value, step) {
            (AttributeValue::M(map), Step::Name(name)) => ValueSlot::Member(map, name),
            (AttributeValue::L(list), Step::Index(index)) => ValueSlot::Element(list, usize::try_from(*index).ok()?),
            _ => return None,
        };
    }
    Some(place)
}

/// An update under way.
struct Application<'u> {
    exists: bool,
    legacy: bool,
    item: Item,
    /// Values beyond the end of their lists.
    appended: Vec<(&'u Path, AttributeValue)>,
    /// Elements to remove from lists.
    removed: Vec<&'u Path>,
}

/// Applies actions to an item, or to the key of an item that does not exist.
pub(super) fn apply(actions: &[Action], item: Item, exists: bool, legacy: bool) -> Result<Item> {
    let mut values = Vec::with_capacity(actions.len());
    for action in actions {
        values.push(match action {
            Action::Set(_, value) => Some(value_of(value, &item)?),
            _ => None,
        });
    }
    let mut application = Application { exists, legacy, item, appended: Vec::new(), removed: Vec::new() };
    for (action, value) in actions.iter().zip(values) {
        application.perform(action, value)?;
    }
    application.append()?;
    application.remove();
    Ok(application.item)
}

impl<'u> Application<'u> {
    fn perform(&mut self, action: &'u Action, value: Option<AttributeValue>) -> Result<()> {
        let (path, legacy) = (action.target(), self.legacy);
        let Some(place) = locate(&mut self.item, path) else {
            let only_removes = matches!(action, Action::Remove(_) | Action::Delete(..));
            return if only_removes && !self.exists { Ok(()) } else { Err(invalid_path()) };
        };
        let old = place.value();
        let new = match action {
            Action::Set(..) => value,
            Action::Remove(_) => None,
            Action::Add(_, more) => Some(added(old, more).map_err(|fault| fault.error(legacy))?),
            Action::Delete(_, fewer) => match old {
                None => return Ok(()),
                Some(old) => deleted(old, fewer).map_err(|fault| fault.error(legacy))?,
            },
        };
        match new {
            Some(value) => {
                let room = MAX_NESTING_LEVELS.checked_sub(path.steps().len());
                if room.is_none_or(|levels| is_deeper_than(&value, levels)) {
                    return Err(Error::validation(UPDATED_ITEM_TOO_DEEP));
                }
                match place {
                    ValueSlot::Member(map, name) => {
                        map.insert(name.to_owned(), value);
                    }
                    ValueSlot::Element(list, index) => match list.get_mut(index) {
                        Some(element) => *element = value,
                        None => self.appended.push((path, value)),
                    },
                }
            }
            None => match place {
                ValueSlot::Member(map, name) => {
                    map.remove(name);
                }
                ValueSlot::Element(list, index) if index < list.len() => self.removed.push(path),
                ValueSlot::Element(..) => {}
            },
        }
        Ok(())
    }

    /// Appends what is beyond the end of lists, in the order of the indexes, without gaps.
    fn append(&mut self) -> Result<()> {
        self.appended.sort_unstable_by_key(|(path, _)| *path);
        for (path, value) in std::mem::take(&mut self.appended) {
            let Some(ValueSlot::Element(list, _)) = locate(&mut self.item, path) else { return Err(invalid_path()) };
            list.push(value);
        }
        Ok(())
    }

    /// Removes elements from lists, later ones first: the place of none changes before it is removed.
    fn remove(&mut self) {
        self.removed.sort_unstable();
        for path in self.removed.iter().rev() {
            if let Some(ValueSlot::Element(list, index)) = locate(&mut self.item, path)
                && index < list.len()
            {
                list.remove(index);
            }
        }
    }
}

/// Why `ADD` or `DELETE` cannot be applied.
enum Fault {
    Type,
    Number(Error),
}

impl Fault {
    fn error(self, legacy: bool) -> Error {
        match self {
            Self::Type if legacy => Error::validation("Type mismatch for attribute to update"),
            Self::Type => wrong_operand_type(),
            Self::Number(error) => error,
        }
    }
}

/// The value after `ADD`: a sum of numbers, a union of sets, or, from the legacy parameter, a longer list.
fn added(old: Option<&AttributeValue>, more: &AttributeValue) -> std::result::Result<AttributeValue, Fault> {
    Ok(match (old, more) {
        (None, more) => more.clone(),
        (Some(AttributeValue::N(old)), AttributeValue::N(more)) => {
            AttributeValue::N(old.checked_add(more).map_err(Fault::Number)?)
        }
        (Some(AttributeValue::Ss(old)), AttributeValue::Ss(more)) => AttributeValue::Ss(old | more),
        (Some(AttributeValue::Ns(old)), AttributeValue::Ns(more)) => AttributeValue::Ns(old | more),
        (Some(AttributeValue::Bs(old)), AttributeValue::Bs(more)) => AttributeValue::Bs(old | more),
        (Some(AttributeValue::L(old)), AttributeValue::L(more)) => {
            AttributeValue::L(old.iter().chain(more).cloned().collect())
        }
        _ => return Err(Fault::Type),
    })
}

/// The set after `DELETE`; `None` if nothing is left of it.
fn deleted(old: &AttributeValue, fewer: &AttributeValue) -> std::result::Result<Option<AttributeValue>, Fault> {
    let (left, is_empty) = match (old, fewer) {
        (AttributeValue::Ss(old), AttributeValue::Ss(fewer)) => {
            let left = old - fewer;
            let is_empty = left.is_empty();
            (AttributeValue::Ss(left), is_empty)
        }
        (AttributeValue::Ns(old), AttributeValue::Ns(fewer)) => {
            let left = old - fewer;
            let is_empty = left.is_empty();
            (AttributeValue::Ns(left), is_empty)
        }
        (AttributeValue::Bs(old), AttributeValue::Bs(fewer)) => {
            let left = old - fewer;
            let is_empty = left.is_empty();
            (AttributeValue::Bs(left), is_empty)
        }
        _ => return Err(Fault::Type),
    };
    Ok((!is_empty).then_some(left))
}
