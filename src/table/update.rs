//! UpdateItem: changes attributes of an item in place, and creates the item if it is not there.

use super::{Key, KeyShape, Table, write::write_builder};
use crate::{
    error::{Error, Result},
    expression::{self, IntoUpdate, SetExpression, UpdateBuilder},
    item::AttributeValue,
    request::{Executor, RequestKey, ReturnValues, UpdateItem, WriteOutput},
};

/// An update that is being described; [`Update::send`] does it.
#[derive(Debug)]
#[must_use = "nothing is written before `send`"]
pub struct Update<'a> {
    executor: Executor<'a>,
    request: Result<UpdateItem<'a>>,
    clauses: UpdateBuilder,
    /// Whether [`Update::apply`] was called.
    is_applied: bool,
}

impl<K: KeyShape> Table<K> {
    /// An update of the item with this key, which [`Update::send`] carries out. Without any change it makes sure that the item exists.
    /// It is charged by the larger of the old and the new item: a write unit for each KB, rounded up, and what indexes take.
    ///
    /// Errors of `send`: a key, path or value that breaks a rule, an item over 400 KB ([`Validation`](crate::ErrorKind::Validation));
    /// the condition was false ([`ConditionFailed`](crate::ErrorKind::ConditionFailed)); the table was deleted; what options ask for
    /// (throttled, denied, conflicts, a fault); disk; writing has ended; closed.
    pub fn update(&self, key: impl Key<K>) -> Update<'_> {
        let key = key.encode(&self.slot.state().definition);
        let update = expression::UpdateExpression::none();
        let request = key.map(|key| UpdateItem::new(self.table_ref(), RequestKey::encoded(key), update));
        Update { executor: self.executor(), request, clauses: UpdateBuilder::new(), is_applied: false }
    }
}

write_builder!(Update);

impl<'a> Update<'a> {
    /// All changes at once: parsed, built, or as text with placeholders. Comes once and without single clauses, or `send`
    /// rejects the update.
    pub fn apply(mut self, update: impl IntoUpdate) -> Self {
        let is_second = std::mem::replace(&mut self.is_applied, true);
        self.try_change(|request| {
            if is_second {
                return Err(applied_twice());
            }
            request.update = update.into_update()?;
            Ok(())
        })
    }
    /// Sets a path to a value.
    pub fn set(mut self, path: impl AsRef<str>, value: impl Into<SetExpression>) -> Self {
        self.clauses = self.clauses.set(path, value);
        self
    }
    /// Removes a path.
    pub fn remove(mut self, path: impl AsRef<str>) -> Self {
        self.clauses = self.clauses.remove(path);
        self
    }
    /// Adds a number to a number, or elements to a set.
    pub fn add(mut self, path: impl AsRef<str>, value: impl Into<AttributeValue>) -> Self {
        self.clauses = self.clauses.add(path, value);
        self
    }
    /// Removes elements from a set.
    pub fn delete(mut self, path: impl AsRef<str>, value: impl Into<AttributeValue>) -> Self {
        self.clauses = self.clauses.delete(path, value);
        self
    }
    /// Returns the item as it is after the update.
    pub fn return_new(self) -> Self {
        self.return_values(ReturnValues::AllNew)
    }

    fn try_change(mut self, change: impl FnOnce(&mut UpdateItem<'a>) -> Result<()>) -> Self {
        self.request = self.request.and_then(|mut request| change(&mut request).map(|()| request));
        self
    }
    /// What was described, or what is wrong with it.
    pub(super) fn into_request(self) -> Result<UpdateItem<'a>> {
        let mut request = self.request?;
        match (self.is_applied, self.clauses.is_empty()) {
            (true, true) => {}
            (true, false) => return Err(applied_twice()),
            (false, _) => request.update = self.clauses.build()?,
        }
        Ok(request)
    }
    /// Writes. Errors also: what is wrong with the description.
    pub fn send(self) -> Result<WriteOutput> {
        let executor = self.executor;
        executor.execute(&self.into_request()?)
    }
}

fn applied_twice() -> Error {
    Error::validation("the update has changes besides those given to `apply`; give all of them to one `apply`")
}
