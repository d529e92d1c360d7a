//! DeleteItem: removes an item; removing one that is not there succeeds.

use super::{Key, KeyShape, Table, write::write_builder};
use crate::{
    error::Result,
    request::{DeleteItem, Executor, RequestKey, WriteOutput},
};

/// A delete that is being described; [`Delete::send`] does it.
#[derive(Debug)]
#[must_use = "nothing is deleted before `send`"]
pub struct Delete<'a> {
    executor: Executor<'a>,
    request: Result<DeleteItem<'a>>,
}

impl<K: KeyShape> Table<K> {
    /// Deletes the item with this key, if there is one. It is charged by the item that was there: a write unit for each KB, rounded
    /// up, one if there was none.
    ///
    /// Errors: a key that breaks a rule ([`Validation`](crate::ErrorKind::Validation)); the table was deleted; what options ask for
    /// (throttled, denied, conflicts, a fault); disk; writing has ended ([`Poisoned`](crate::ErrorKind::Poisoned)); closed.
    pub fn delete(&self, key: impl Key<K>) -> Result<WriteOutput> {
        self.delete_with(key).send()
    }

    /// A delete with conditions, return values or another durability.
    pub fn delete_with(&self, key: impl Key<K>) -> Delete<'_> {
        let key = key.encode(&self.slot.state().definition);
        let request = key.map(|key| DeleteItem::new(self.table_ref(), RequestKey::encoded(key)));
        Delete { executor: self.executor(), request }
    }
}

write_builder!(Delete);

impl<'a> Delete<'a> {
    fn try_change(mut self, change: impl FnOnce(&mut DeleteItem<'a>) -> Result<()>) -> Self {
        self.request = self.request.and_then(|mut request| change(&mut request).map(|()| request));
        self
    }
    /// What was described, or what is wrong with it.
    pub(super) fn into_request(self) -> Result<DeleteItem<'a>> {
        self.request
    }
    /// Deletes. Errors also: what is wrong with the description.
    pub fn send(self) -> Result<WriteOutput> {
        self.executor.execute(&self.request?)
    }
}
