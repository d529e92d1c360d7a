//! GetItem: one item by its whole key.

use super::{Key, KeyShape, Table, key_shape::TypedKey};
use crate::{
    capacity::ReadStrength,
    error::{Error, Result},
    expression::IntoProjection,
    item::ItemRef,
    request::{Executor, GetItem, GetOutput, RequestKey, hit_by_key, read_by_key},
};
use serde::de::DeserializeOwned;

/// A get that is being described; [`Get::send`] does it.
#[derive(Debug)]
#[must_use = "nothing is read before `send`"]
pub struct Get<'a> {
    executor: Executor<'a>,
    request: Result<GetItem<'a>>,
}

impl<K: KeyShape> Table<K> {
    /// The item with this key, as a view that decodes what is looked at; `None` if there is none. Sees every write that returned
    /// before, and is charged as an eventually consistent read: half a read unit for each 4 KB, rounded up.
    ///
    /// Errors: a key of the wrong type, or empty or too long ([`Validation`](crate::ErrorKind::Validation)); the table was deleted;
    /// what options ask for (throttled, denied, a fault); damage; disk; closed.
    pub fn get(&self, key: impl Key<K>) -> Result<Option<ItemRef>> {
        if !self.hooks.is_some() {
            // What the request below does, without the request that no hook looks at.
            return read_by_key(&self.executor(), &self.slot, ReadStrength::Eventual, |table| key.encode(table));
        }
        if let Some(item) = hit_by_key(&self.executor(), &self.slot, |table| key.encode(table)) {
            return Ok(item);
        }
        let key = TypedKey::new(&key);
        Ok(self.executor().execute(&GetItem::new(self.table_ref(), RequestKey::typed(&key)))?.item)
    }

    /// The item with this key as a value of a type. Errors also: kind [`Decode`](crate::ErrorKind::Decode), if the item does
    /// not fit.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct User {
    ///     mail: String,
    /// }
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// # let db = Database::in_memory()?;
    /// let users = db.create_table("users").hash::<S>("id").create()?;
    /// users.put(&Item::new().with("id", "u1").with("mail", "a@b.c"))?;
    /// let user: Option<User> = users.get_as("u1")?;
    /// assert_eq!(user.map(|user| user.mail).as_deref(), Some("a@b.c"));
    /// assert_eq!(users.get_as::<User>("u2")?.is_none(), true);
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_as<T: DeserializeOwned>(&self, key: impl Key<K>) -> Result<Option<T>> {
        self.get(key)?.map(|item| item.de()).transpose()
    }

    /// A get with a projection or a statement of its consistency.
    pub fn get_with(&self, key: impl Key<K>) -> Get<'_> {
        let key = key.encode(&self.slot.state().definition);
        let request = key.map(|key| GetItem::new(self.table_ref(), RequestKey::encoded(key)));
        Get { executor: self.executor(), request }
    }
}

impl Get<'_> {
    /// Returns only these paths. Comes once, or `send` rejects the read.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        self.request = self.request.and_then(|mut request| {
            if request.projection.is_some() {
                return Err(projected_twice());
            }
            request.projection = Some(projection.into_projection()?);
            Ok(request)
        });
        self
    }
    /// Whether the read must be strongly consistent: it always is, and costs twice as much if it says so.
    pub fn consistent(mut self, consistent: bool) -> Self {
        self.request = self.request.map(|request| GetItem { consistent_read: consistent, ..request });
        self
    }
    /// Reads. Errors also: what is wrong with the description.
    pub fn send(self) -> Result<GetOutput> {
        self.executor.execute(&self.request?)
    }
}

/// The error of a second projection.
pub(super) fn projected_twice() -> Error {
    Error::validation("the read has a projection already; give all paths to one `project`")
}
