//! The key of an item in a request.

use crate::{
    error::Result,
    item::Item,
    schema::{EncodedKey, TableDefinition},
};
use std::{borrow::Cow, fmt};

/// Something that can be encoded as the key of a table.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no key of a table",
    label = "the key of a `Table<(S, N)>` is a pair such as `(\"c#1\", 7)`, of a `Table<S>` a text, of a `Table<Dynamic>` an `Item`"
)]
pub trait EncodeKey {
    /// Where the item is. Errors: it is no key of that table.
    fn encode(&self, table: &TableDefinition) -> Result<EncodedKey>;
}

/// A whole primary key: an [`Item`] of exactly the key attributes, owned or borrowed.
#[derive(Clone)]
pub struct RequestKey<'a>(Form<'a>);

#[derive(Clone)]
enum Form<'a> {
    Attributes(Cow<'a, Item>),
    Typed(&'a dyn EncodeKey),
    Encoded(Box<EncodedKey>),
}

impl<'a> RequestKey<'a> {
    /// A key that is encoded once the table's definition is at hand.
    #[inline]
    pub(crate) fn typed(key: &'a dyn EncodeKey) -> Self {
        Self(Form::Typed(key))
    }
    /// A key that is encoded already.
    pub(crate) fn encoded(key: EncodedKey) -> Self {
        Self(Form::Encoded(Box::new(key)))
    }
    #[inline(always)]
    pub(crate) fn encode(&self, table: &TableDefinition) -> Result<EncodedKey> {
        match &self.0 {
            Form::Typed(key) => key.encode(table),
            Form::Attributes(key) => table.key_of_attributes(key),
            Form::Encoded(key) => Ok((**key).clone()),
        }
    }
    /// The same key of that table, for requests that outlive what it borrows. Errors: it is no key of that table.
    pub fn into_owned(self, table: &TableDefinition) -> Result<RequestKey<'static>> {
        Ok(RequestKey(match self.0 {
            Form::Attributes(key) => Form::Attributes(Cow::Owned(key.into_owned())),
            Form::Typed(key) => Form::Encoded(Box::new(key.encode(table)?)),
            Form::Encoded(key) => Form::Encoded(key),
        }))
    }
    /// The key as attributes of the item. Errors: it is no key of that table.
    pub fn attributes(&self, table: &TableDefinition) -> Result<Cow<'_, Item>> {
        let key = match &self.0 {
            Form::Attributes(key) => return Ok(Cow::Borrowed(key)),
            Form::Typed(key) => &key.encode(table)?,
            Form::Encoded(key) => key,
        };
        table.attributes_of_key(key).map(Cow::Owned).ok_or_else(|| table.key_mismatch())
    }
}

impl<'a> From<&'a Item> for RequestKey<'a> {
    fn from(key: &'a Item) -> Self {
        Self(Form::Attributes(Cow::Borrowed(key)))
    }
}
impl<'a> From<Cow<'a, Item>> for RequestKey<'a> {
    fn from(key: Cow<'a, Item>) -> Self {
        Self(Form::Attributes(key))
    }
}
impl From<Item> for RequestKey<'_> {
    fn from(key: Item) -> Self {
        Self(Form::Attributes(Cow::Owned(key)))
    }
}

impl fmt::Debug for RequestKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Attributes(key) => write!(f, "RequestKey({key:?})"),
            Form::Typed(_) => f.write_str("RequestKey(typed)"),
            Form::Encoded(key) => write!(f, "RequestKey({key:?})"),
        }
    }
}
