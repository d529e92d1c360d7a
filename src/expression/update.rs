//! Updates: how an item changes.
//!
//! An update is parsed once and applied to any number of items. It knows what it writes and reads, for checks against
//! the key of a table, and it can tell the parts of an item that it changed from the rest.

use super::{
    apply,
    names::Scope,
    parse_update,
    path::Path,
    project,
    tree::{Action, SetOperand, SetValue},
};
use crate::{
    error::{Detail, Error, Result},
    item::{AttributeValue, Item, ItemRef, replace_attributes, size::item_size},
};
use std::sync::Arc;

/// Changes to an item, with their values: they passed every check that needs no table and no item. Clones share them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateExpression {
    actions: Arc<[Action]>,
    /// Made from AttributeUpdates, which says one thing differently.
    legacy: bool,
}

/// What an update makes of an item.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The item after the update, or the part of it that was asked for; `None` if there was none and none is created, as
    /// only `REMOVE`s and `DELETE`s were applied.
    pub item: Option<Item>,
    /// Whether there was no item and now there is one.
    pub creates: bool,
}

impl UpdateExpression {
    /// Parses an UpdateExpression.
    ///
    /// # Errors
    /// `Invalid UpdateExpression: ...` with DynamoDB's text for the first fault in its order of checks.
    pub fn parse(text: &str, scope: &mut Scope<'_>) -> Result<Self> {
        Ok(Self::from_actions(parse_update::parse(text, scope)?, false))
    }

    /// An update without clauses: it creates an item that has its key and nothing else, or leaves an item as it is.
    pub fn none() -> Self {
        Self::default()
    }

    /// An update of actions that passed the checks.
    pub(crate) fn from_actions(actions: Vec<Action>, legacy: bool) -> Self {
        Self { actions: actions.into(), legacy }
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
        for action in self.actions.iter() {
            paths.push(action.target());
            if let Action::Set(_, value) = action {
                value.visit_paths(&mut |path| paths.push(path));
            }
        }
        paths
    }

    /// The paths into attributes among those that it writes or reads.
    pub(crate) fn nested_paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        let mut visit = |path| {
            if Path::is_nested(path) {
                paths.push(path);
            }
        };
        for action in self.actions.iter() {
            visit(action.target());
            if let Action::Set(_, value) = action {
                value.visit_paths(&mut visit);
            }
        }
        paths
    }

    /// Rejects an update of an attribute of the table's key. `keys` are the attributes of that key, in its order.
    pub fn check_writes_no_key<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Result<()> {
        let written = |key: &&str| self.actions.iter().any(|action| action.target().top_level() == *key);
        match keys.into_iter().find(written) {
            None => Ok(()),
            Some(key) => Err(Error::invalid_parameter(format_args!(
                "Cannot update attribute {key}. This attribute is part of the key"
            ))
            .with_detail(Detail::KeyUpdated { attribute: key.to_owned() })),
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
            return Ok(Applied { item: None, creates: false });
        }
        let item = old.map_or_else(|| key.clone(), ItemRef::to_item);
        let item = apply::apply(&self.actions, item, old.is_some(), self.legacy)?;
        Ok(Applied { item: Some(item), creates: old.is_none() })
    }

    /// Applies it to an encoded item, of which only the attributes are decoded that it reads or writes, and those of
    /// `also`: [`Applied::item`] has them, the rest of the item is copied. Returns the new item, encoded, with what it
    /// counts in bytes. The size is not checked here.
    ///
    /// # Errors
    /// Those of [`UpdateExpression::apply`], and kind [`Corrupt`](crate::error::ErrorKind::Corrupt) if the item is damaged.
    pub(crate) fn apply_encoded<'n>(
        &'n self,
        old: &ItemRef,
        also: impl IntoIterator<Item = &'n str>,
    ) -> Result<(Applied, Vec<u8>, usize)> {
        let mut names: Vec<&str> = self.all_paths().into_iter().map(Path::top_level).chain(also).collect();
        names.sort_unstable();
        names.dedup();
        let value_of = |name: &&str| Some(((*name).to_owned(), old.get(name)?.to_value()));
        let before: Item = names.iter().filter_map(value_of).collect();
        let (gone, size_before) = (before.len(), item_size(&before));
        let after = apply::apply(&self.actions, before, true, self.legacy)?;
        let size = (old.size_bytes() + item_size(&after)).saturating_sub(size_before);
        let bytes = replace_attributes(old, (&names, gone), &after, size)?;
        Ok((Applied { item: Some(after), creates: false }, bytes, size))
    }

    /// The parts of the old item at the paths that the update writes, for ReturnValues UPDATED_OLD; `None` if it has
    /// none of them.
    pub fn updated_old(&self, old: Option<&ItemRef>) -> Option<Item> {
        let old = old?;
        project::parts(self.paths(), |path| Some(path.find(old)?.to_value()))
    }

    /// The parts of the new item at the paths that the update writes, for ReturnValues UPDATED_NEW; `None` if it has none
    /// of them. Paths mean what they say: the value of `SET list[100]` is at the end of a shorter list and is not shown,
    /// and after `REMOVE list[0]` the element is that has come to be there.
    pub fn updated_new(&self, applied: &Applied) -> Option<Item> {
        let item = applied.item.as_ref()?;
        project::parts(self.paths(), |path| path.find_in(item).cloned())
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
