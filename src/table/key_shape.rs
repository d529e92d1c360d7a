//! Key shapes at compile time: `Table<(S, N)>` takes `("c#1", 7)` as a key and rejects `(1, 2)` before the program runs.

use crate::{
    error::{Error, Result},
    item::{AttributeValue, Item, KeyScalar, KeyType, Number},
    request::EncodeKey,
    schema::{EncodedKey, KeySchema, TableDefinition},
};
use bytes::Bytes;
use std::{borrow::Cow, marker::PhantomData, sync::Arc};

/// A string key attribute.
#[derive(Clone, Copy, Debug)]
pub enum S {}
/// A number key attribute.
#[derive(Clone, Copy, Debug)]
pub enum N {}
/// A binary key attribute.
#[derive(Clone, Copy, Debug)]
pub enum B {}
/// The key shape of a table that is known only at run time: keys are given as [`Item`]s.
#[derive(Clone, Copy, Debug)]
pub enum Dynamic {}

/// The type of one key attribute, as a type: [`S`], [`N`] or [`B`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of a key attribute",
    label = "the type of a key attribute is `S`, `N` or `B`"
)]
pub trait KeyPart: 'static {
    /// The type, as a value.
    const TYPE: KeyType;
}
impl KeyPart for S {
    const TYPE: KeyType = KeyType::S;
}
impl KeyPart for N {
    const TYPE: KeyType = KeyType::N;
}
impl KeyPart for B {
    const TYPE: KeyType = KeyType::B;
}

/// The shape of a primary key: one part, a pair of parts, or [`Dynamic`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no shape of a key",
    label = "a shape is `S`, `N` or `B`, a pair of these, or `Dynamic`"
)]
pub trait KeyShape: 'static {
    /// Rejects a table whose key has another shape.
    fn check(key: &KeySchema) -> Result<()>;
}

fn check_parts(key: &KeySchema, hash: KeyType, range: Option<KeyType>) -> Result<()> {
    let (has_hash, has_range) = (key.hash.kind, key.range.as_ref().map(|range| range.kind));
    if has_hash == hash && has_range == range {
        return Ok(());
    }
    let show = |hash: KeyType, range: Option<KeyType>| match range {
        Some(range) => format!("({hash}, {range})"),
        None => hash.to_string(),
    };
    Err(Error::validation(format!(
        "the key of the table is {}, the handle asks for {}; open it with the table's own key types",
        show(has_hash, has_range),
        show(hash, range)
    )))
}

macro_rules! single_shape {
    ($($part:ident),*) => {$(
        impl KeyShape for $part {
            fn check(key: &KeySchema) -> Result<()> {
                check_parts(key, Self::TYPE, None)
            }
        }
        impl<V: KeyValue<$part>> Key<$part> for V {
            #[inline(always)]
            fn encode(&self, table: &TableDefinition) -> Result<EncodedKey> {
                table.key_of_scalars(self.scalar(), None)
            }
            fn attributes(&self, table: &TableDefinition) -> Result<Item> {
                Ok(Item::new().with(table.key.hash.name.clone(), self.to_value()))
            }
        }
        impl<V: KeyValue<$part>> HashKey<$part> for V {
            fn hash_scalar(&self) -> Option<KeyScalar<'_>> {
                Some(self.scalar())
            }
        }
    )*};
}
single_shape!(S, N, B);

impl<H: KeyPart, R: KeyPart> KeyShape for (H, R) {
    fn check(key: &KeySchema) -> Result<()> {
        check_parts(key, H::TYPE, Some(R::TYPE))
    }
}
impl KeyShape for Dynamic {
    fn check(_: &KeySchema) -> Result<()> {
        Ok(())
    }
}

/// A value that can stand for a key attribute of type `P`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of a key attribute of type `{P}`",
    label = "give a `&str` or `String` for `S`, an integer or `Number` for `N`, bytes for `B`"
)]
pub trait KeyValue<P: KeyPart> {
    /// The value, borrowed.
    fn scalar(&self) -> KeyScalar<'_>;
    /// The attribute value.
    fn to_value(&self) -> AttributeValue {
        self.scalar().to_value()
    }
}

macro_rules! borrowed_keys {
    ($part:ident: $($t:ty),*) => {$(
        impl KeyValue<$part> for $t {
            #[inline]
            fn scalar(&self) -> KeyScalar<'_> {
                KeyScalar::$part(self)
            }
        }
    )*};
}
borrowed_keys!(S: str, String, Box<str>, Arc<str>, Cow<'_, str>);
borrowed_keys!(B: [u8], Vec<u8>, Box<[u8]>, Arc<[u8]>, Cow<'_, [u8]>);
impl<const LEN: usize> KeyValue<B> for [u8; LEN] {
    fn scalar(&self) -> KeyScalar<'_> {
        KeyScalar::B(self)
    }
}
impl KeyValue<B> for Bytes {
    fn scalar(&self) -> KeyScalar<'_> {
        KeyScalar::B(self)
    }
    fn to_value(&self) -> AttributeValue {
        AttributeValue::B(self.clone())
    }
}
macro_rules! number_keys {
    ($($t:ty),*) => {$(
        impl KeyValue<N> for $t {
            fn scalar(&self) -> KeyScalar<'_> {
                KeyScalar::N(Number::from(*self))
            }
        }
    )*};
}
number_keys!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, Number);
impl<P: KeyPart, V: KeyValue<P> + ?Sized> KeyValue<P> for &V {
    #[inline]
    fn scalar(&self) -> KeyScalar<'_> {
        (**self).scalar()
    }
    fn to_value(&self) -> AttributeValue {
        (**self).to_value()
    }
}

/// A whole primary key of shape `K`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no key of a table with keys of the shape `{K}`",
    label = "the key of a `Table<(S, N)>` is a pair such as `(\"c#1\", 7)`, of a `Table<S>` a text, of a `Table<Dynamic>` an `Item`"
)]
pub trait Key<K: KeyShape> {
    /// Where the item is.
    fn encode(&self, table: &TableDefinition) -> Result<EncodedKey>;
    /// The key as attributes of the item.
    fn attributes(&self, table: &TableDefinition) -> Result<Item>;
}

/// A typed key, as a request takes it.
pub(super) struct TypedKey<'a, K, Q>(&'a Q, PhantomData<fn() -> K>);

impl<'a, K: KeyShape, Q: Key<K>> TypedKey<'a, K, Q> {
    #[inline]
    pub fn new(key: &'a Q) -> Self {
        Self(key, PhantomData)
    }
}
impl<K: KeyShape, Q: Key<K>> EncodeKey for TypedKey<'_, K, Q> {
    #[inline]
    fn encode(&self, table: &TableDefinition) -> Result<EncodedKey> {
        self.0.encode(table)
    }
}

impl<H: KeyPart, R: KeyPart, V: KeyValue<H>, W: KeyValue<R>> Key<(H, R)> for (V, W) {
    #[inline(always)]
    fn encode(&self, table: &TableDefinition) -> Result<EncodedKey> {
        table.key_of_scalars(self.0.scalar(), Some(self.1.scalar()))
    }
    fn attributes(&self, table: &TableDefinition) -> Result<Item> {
        let item = Item::new().with(table.key.hash.name.clone(), self.0.to_value());
        Ok(match &table.key.range {
            Some(range) => item.with(range.name.clone(), self.1.to_value()),
            None => item,
        })
    }
}
impl<H: KeyPart, R: KeyPart, V: KeyValue<H>, W: KeyValue<R>> Key<(H, R)> for &(V, W) {
    #[inline]
    fn encode(&self, table: &TableDefinition) -> Result<EncodedKey> {
        (**self).encode(table)
    }
    fn attributes(&self, table: &TableDefinition) -> Result<Item> {
        (**self).attributes(table)
    }
}
impl Key<Dynamic> for Item {
    fn encode(&self, table: &TableDefinition) -> Result<EncodedKey> {
        table.key_of_attributes(self)
    }
    fn attributes(&self, _: &TableDefinition) -> Result<Item> {
        Ok(self.clone())
    }
}
impl Key<Dynamic> for &Item {
    fn encode(&self, table: &TableDefinition) -> Result<EncodedKey> {
        table.key_of_attributes(self)
    }
    fn attributes(&self, _: &TableDefinition) -> Result<Item> {
        Ok((*self).clone())
    }
}

/// A partition key of shape `K`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no partition key of a table with keys of the shape `{K}`",
    label = "give the partition key alone: a text for `S` and `(S, N)`, an integer for `N`, bytes for `B`"
)]
pub trait HashKey<K: KeyShape> {
    /// The value, borrowed; `None` if it cannot be a key.
    fn hash_scalar(&self) -> Option<KeyScalar<'_>>;
}
impl<H: KeyPart, R: KeyPart, V: KeyValue<H>> HashKey<(H, R)> for V {
    #[inline]
    fn hash_scalar(&self) -> Option<KeyScalar<'_>> {
        Some(self.scalar())
    }
}
impl HashKey<Dynamic> for AttributeValue {
    fn hash_scalar(&self) -> Option<KeyScalar<'_>> {
        KeyScalar::of(self)
    }
}
impl HashKey<Dynamic> for &AttributeValue {
    fn hash_scalar(&self) -> Option<KeyScalar<'_>> {
        KeyScalar::of(self)
    }
}
macro_rules! dynamic_keys {
    ($part:ident: $($t:ty),*) => {$(
        impl HashKey<Dynamic> for $t {
            fn hash_scalar(&self) -> Option<KeyScalar<'_>> {
                Some(KeyValue::<$part>::scalar(self))
            }
        }
    )*};
}
dynamic_keys!(S: &str, String, &String);
dynamic_keys!(N: i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, Number);
dynamic_keys!(B: &[u8], Vec<u8>, &Vec<u8>, Bytes);
