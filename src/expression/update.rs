//! Updates: how an item changes.
//!
//! All clauses of an update happen at once. Values are computed from the item as it was, and indexes mean the elements
//! as they were. So an update is applied in passes: compute every value; write to existing places; append what lies
//! beyond the end of a list, in the order of the indexes; remove elements, last first, so that none moves before its
//! turn.

use super::{
    names::Scope,
    parse_update,
    path::{Path, Step},
    project,
    tree::{Action, SetOperand, SetValue},
};
use crate::{
    error::{Error, Result},
    item::{AttributeValue, Item, ItemRef},
};
use std::collections::BTreeMap;

/// How many maps and lists may lie around a scalar in an item.
const MAX_NESTING: usize = 31;

/// Changes to an item, with their values: they passed every check that needs no table and no item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    actions: Vec<Action>,
    /// Made from AttributeUpdates, which says one thing differently.
    legacy: bool,
}

/// What an update makes of an item.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The item after the update; `None` if there was none and none is created, as only `REMOVE`s and `DELETE`s were
    /// applied.
    pub item: Option<Item>,
    /// Whether there was no item and now there is one.
    pub creates: bool,
    /// Where written values lie in the item after the update.
    written: Vec<Path>,
}

impl Update {
    /// Parses an UpdateExpression.
    ///
    /// # Errors
    /// `Invalid UpdateExpression: ...` with DynamoDB's text for the first fault in its order of checks.
    pub fn parse(text: &str, scope: &mut Scope<'_>) -> Result<Self> {
        Ok(Self { actions: parse_update::parse(text, scope)?, legacy: false })
    }

    /// An update without clauses: it creates an item that has its key and nothing else, or leaves an item as it is.
    pub fn none() -> Self {
        Self::default()
    }

    /// An update of actions that passed the checks.
    pub(super) fn from_actions(actions: Vec<Action>, legacy: bool) -> Self {
        Self { actions, legacy }
    }

    /// Its clauses, in the order in which they are written.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The paths that it writes, in the order in which they are written.
    pub fn paths(&self) -> Vec<&Path> {
        self.actions.iter().map(Action::target).collect()
    }

    /// The paths that it writes or reads, for checks against the schema.
    pub fn all_paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        for action in &self.actions {
            paths.push(action.target());
            if let Action::Set(_, value) = action {
                value.visit_paths(&mut |path| paths.push(path));
            }
        }
        paths
    }

    /// Refuses an update of an attribute of the table's key. `keys` are the attributes of that key, partition key first.
    pub fn check_writes_no_key<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Result<()> {
        let written = |key: &&str| self.actions.iter().any(|action| action.target().top_level() == *key);
        match keys.into_iter().find(written) {
            None => Ok(()),
            Some(key) => Err(Error::invalid_parameter(format_args!(
                "Cannot update attribute {key}. This attribute is part of the key"
            ))),
        }
    }

    /// The values that it assigns without looking at the item, by attribute: literal `SET`s and `ADD`s of whole
    /// attributes. For checks of the types of index keys.
    pub fn literal_values(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.actions.iter().filter_map(|action| match action {
            Action::Set(path, SetValue::Operand(SetOperand::Value(value))) | Action::Add(path, value)
                if !path.is_nested() =>
            {
                Some((path.top_level(), value))
            }
            _ => None,
        })
    }

    /// Applies it to an item, or to the absence of one. `key` has the key attributes of the item: a new one begins
    /// with them. The size of the result is not checked here.
    ///
    /// # Errors
    /// A missing source attribute, operands of the wrong type, a path without a parent, a number out of range, or a
    /// result that is nested too deeply; each with DynamoDB's text.
    pub fn apply(&self, old: Option<&ItemRef>, key: &Item) -> Result<Applied> {
        let writes = |action: &Action| matches!(action, Action::Set(..) | Action::Add(..));
        if old.is_none() && !self.actions.is_empty() && !self.actions.iter().any(writes) {
            return Ok(Applied { item: None, creates: false, written: Vec::new() });
        }
        let mut application = Application {
            exists: old.is_some(),
            legacy: self.legacy,
            item: old.map_or_else(|| key.clone(), ItemRef::to_item),
            written: Vec::new(),
            appended: Vec::new(),
            removed: Vec::new(),
        };
        let mut values = Vec::with_capacity(self.actions.len());
        for action in &self.actions {
            values.push(match action {
                Action::Set(_, value) => Some(value_of(value, &application.item)?),
                _ => None,
            });
        }
        for (action, value) in self.actions.iter().zip(values) {
            application.perform(action, value)?;
        }
        application.append()?;
        application.remove();
        Ok(Applied { item: Some(application.item), creates: old.is_none(), written: application.written })
    }

    /// The parts of the old item at the paths that the update writes, for ReturnValues UPDATED_OLD; `None` if it has
    /// none of them.
    pub fn updated_old(&self, old: Option<&ItemRef>) -> Option<Item> {
        let old = old?;
        project::parts(self.paths(), |path| Some(path.find(old)?.to_value()))
    }
}

impl Applied {
    /// The parts of the new item that the update wrote, for ReturnValues UPDATED_NEW; `None` if it wrote none.
    pub fn updated_new(&self) -> Option<Item> {
        let item = self.item.as_ref()?;
        project::parts(self.written.iter().collect(), |path| path.find_in(item).cloned())
    }
}

impl SetValue {
    fn visit_paths<'t>(&'t self, visit: &mut dyn FnMut(&'t Path)) {
        match self {
            Self::Operand(operand) => operand.visit_paths(visit),
            Self::Plus(left, right) | Self::Minus(left, right) => {
                left.visit_paths(visit);
                right.visit_paths(visit);
            }
        }
    }
}

impl SetOperand {
    fn visit_paths<'t>(&'t self, visit: &mut dyn FnMut(&'t Path)) {
        match self {
            Self::Path(path) => visit(path),
            Self::Value(_) => {}
            Self::IfNotExists(path, otherwise) => {
                visit(path);
                otherwise.visit_paths(visit);
            }
            Self::ListAppend(first, second) => {
                first.visit_paths(visit);
                second.visit_paths(visit);
            }
        }
    }
}

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
enum Place<'a> {
    Member(&'a mut BTreeMap<String, AttributeValue>, &'a str),
    Element(&'a mut Vec<AttributeValue>, usize),
}

impl Place<'_> {
    fn value(&self) -> Option<&AttributeValue> {
        match self {
            Self::Member(map, name) => map.get(*name),
            Self::Element(list, index) => list.get(*index),
        }
    }
}

/// The place that a path leads to; `None` if there is no parent of the right kind.
fn locate<'a>(item: &'a mut Item, path: &'a Path) -> Option<Place<'a>> {
    let mut place = Place::Member(&mut item.0, path.top_level());
    for step in path.steps() {
        let value = match place {
            Place::Member(map, name) => map.get_mut(name)?,
            Place::Element(list, index) => list.get_mut(index)?,
        };
        place = match (value, step) {
            (AttributeValue::M(map), Step::Name(name)) => Place::Member(map, name),
            (AttributeValue::L(list), Step::Index(index)) => Place::Element(list, usize::try_from(*index).ok()?),
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
    /// Where values were written, in indexes of the old item; at the end, of the new one.
    written: Vec<Path>,
    /// Values beyond the end of their lists.
    appended: Vec<(&'u Path, AttributeValue)>,
    /// Elements to remove from lists.
    removed: Vec<&'u Path>,
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
                if path.steps().len() + depth(&value) > MAX_NESTING {
                    return Err(Error::validation("Nesting Levels have exceeded supported limits"));
                }
                match place {
                    Place::Member(map, name) => {
                        map.insert(name.to_owned(), value);
                    }
                    Place::Element(list, index) => match list.get_mut(index) {
                        Some(element) => *element = value,
                        None => {
                            self.appended.push((path, value));
                            return Ok(());
                        }
                    },
                }
                self.written.push(path.clone());
            }
            None => match place {
                Place::Member(map, name) => {
                    map.remove(name);
                }
                Place::Element(list, index) if index < list.len() => self.removed.push(path),
                Place::Element(..) => {}
            },
        }
        Ok(())
    }

    /// Appends what lies beyond the end of lists, in the order of the indexes, without gaps.
    fn append(&mut self) -> Result<()> {
        self.appended.sort_unstable_by_key(|(path, _)| *path);
        for (path, value) in std::mem::take(&mut self.appended) {
            let Some(Place::Element(list, _)) = locate(&mut self.item, path) else { return Err(invalid_path()) };
            let mut written = path.clone();
            if let (Some(Step::Index(index)), Ok(end)) = (written.steps_mut().last_mut(), u32::try_from(list.len())) {
                *index = end;
            }
            list.push(value);
            self.written.push(written);
        }
        Ok(())
    }

    /// Removes elements from lists, later ones first: the place of none changes before it is removed.
    fn remove(&mut self) {
        self.removed.sort_unstable();
        for path in self.removed.iter().rev() {
            if let Some(Place::Element(list, index)) = locate(&mut self.item, path)
                && index < list.len()
            {
                list.remove(index);
            }
        }
        if !self.removed.is_empty() {
            let removed = &self.removed;
            self.written.iter_mut().for_each(|path| close_ranks(path, removed));
        }
    }
}

/// Counts a path's indexes without the removed elements before them.
fn close_ranks(path: &mut Path, removed: &[&Path]) {
    let old = path.clone();
    for (at, step) in path.steps_mut().iter_mut().enumerate() {
        let Step::Index(index) = step else { continue };
        let is_before = |removed: &&&Path| {
            let same_list =
                removed.top_level() == old.top_level() && removed.steps().get(..at) == old.steps().get(..at);
            same_list
                && removed.steps().len() == at + 1
                && matches!(removed.steps().last(), Some(Step::Index(other)) if other < index)
        };
        let before = removed.iter().filter(is_before).count();
        *index = index.saturating_sub(u32::try_from(before).unwrap_or(u32::MAX));
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

/// How many maps and lists lie around the deepest scalar of a value, the value's own included.
fn depth(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::L(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        AttributeValue::M(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
