//! PutItem: replaces a whole item.

use super::{KeyShape, Table, write::write_builder};
use crate::{
    error::Result,
    item::{self, Item},
    request::{Executor, PutItem, WriteOutput},
};
use serde::Serialize;
use std::{any::Any, borrow::Cow};

/// Whatever can be put: an [`Item`], or any owned type that serialises as a map. A type that borrows is put as
/// `&to_item(&value)?`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be put",
    label = "an item is an `Item`, or an owned struct or map that implements `serde::Serialize`; a type that borrows is put as `&to_item(&value)?`"
)]
pub trait ToItem {
    /// The item. Errors: the value is no struct or map, or holds what no attribute can be.
    fn to_item(&self) -> Result<Cow<'_, Item>>;
}

impl<T: Serialize + Any> ToItem for T {
    #[inline]
    fn to_item(&self) -> Result<Cow<'_, Item>> {
        // An item is serialisable too, but needs no copy.
        match (self as &dyn Any).downcast_ref::<Item>() {
            Some(item) => Ok(Cow::Borrowed(item)),
            None => item::to_item(self).map(Cow::Owned),
        }
    }
}

/// A put that is being described; [`Put::send`] does it.
#[derive(Debug)]
#[must_use = "nothing is written before `send`"]
pub struct Put<'a> {
    executor: Executor<'a>,
    request: Result<PutItem<'a>>,
}

impl<K: KeyShape> Table<K> {
    /// Puts an item, replacing the one with the same key. It is charged by the larger of the two: a write unit for each KB, rounded
    /// up, and what indexes take.
    ///
    /// Errors: keys, sizes or types that break a rule, such as an item over 400 KB ([`Validation`](crate::ErrorKind::Validation)); the
    /// table was deleted; what options ask for (throttled, denied, conflicts, a fault); disk; writing has ended
    /// ([`Poisoned`](crate::ErrorKind::Poisoned)); closed.
    pub fn put<T: ToItem + ?Sized>(&self, item: &T) -> Result<WriteOutput> {
        self.put_with(item).send()
    }

    /// A put with conditions, return values or another durability.
    pub fn put_with<'a, T: ToItem + ?Sized>(&'a self, item: &'a T) -> Put<'a> {
        let request = item.to_item().map(|item| PutItem::new(self.table_ref(), item));
        Put { executor: self.executor(), request }
    }
}

write_builder!(Put);

impl<'a> Put<'a> {
    fn try_change(mut self, change: impl FnOnce(&mut PutItem<'a>) -> Result<()>) -> Self {
        self.request = self.request.and_then(|mut request| change(&mut request).map(|()| request));
        self
    }
    /// What was described, or what is wrong with it.
    pub(super) fn into_request(self) -> Result<PutItem<'a>> {
        self.request
    }
    /// Writes. Errors also: what is wrong with the description.
    pub fn send(self) -> Result<WriteOutput> {
        self.executor.execute(&self.request?)
    }
}
