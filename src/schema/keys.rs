//! Where an item is: its key attributes, encoded so that comparing bytes compares values.
//!
//! ```text
//! key space of items    collection = 0, partition key             sort = sort key
//! local index n         collection = n, partition key             sort = (index sort key), table sort key
//! global index          collection = 0, (hash 1) .. (hash n)      sort = (range 1) .. (range n), (partition key), sort key
//! ```
//! Parts in parentheses are self-delimiting, the others are the last of their string and need no end. The token is the
//! hash of the collection without its first byte, so that an item and its local index entries share a partition.

use super::{IndexDefinition, IndexKind, KeyAttribute, KeySchema, TableDefinition};
use crate::{
    error::{Detail, Error, Result},
    item::{
        AttributeValue, Item, ItemRef,
        key::{KeyBuf, KeyBytes, KeyScalar, KeySink, MAX_HASH_KEY_BYTES, MAX_RANGE_KEY_BYTES, decode_last, token},
    },
};

/// First byte of the collection of a table's items, and of a global index's entries.
pub const ITEM_SPACE: u8 = 0;

/// The place of an item or index entry: token, collection and sort bytes in one buffer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EncodedKey {
    token: u64,
    bytes: KeyBuf,
    split: usize,
}

impl EncodedKey {
    /// A key from its parts; `hash` is the partition key without the key-space byte.
    pub fn new(space: u8, hash: &[u8], sort: &[u8]) -> Self {
        let mut bytes = KeyBuf::beginning_with(space);
        bytes.put(hash);
        let split = bytes.len();
        bytes.put(sort);
        Self { token: token(hash), bytes, split }
    }
    /// A key from its two strings as they are in log and runs; `collection` begins with the key space.
    pub fn from_parts(collection: &[u8], sort: &[u8]) -> Self {
        let (space, hash) = collection.split_first().map_or((ITEM_SPACE, collection), |(space, hash)| (*space, hash));
        Self::new(space, hash, sort)
    }
    /// A key whose token is known, as runs and memtables hold it.
    pub fn at_token(token: u64, collection: &[u8], sort: &[u8]) -> Self {
        let mut bytes = KeyBuf::new();
        bytes.put(collection);
        bytes.put(sort);
        Self { token, bytes, split: collection.len() }
    }
    /// A key whose token is known, of strings in several parts.
    pub fn joined(token: u64, collection: &[&[u8]], sort: &[&[u8]]) -> Self {
        let mut bytes = KeyBuf::new();
        collection.iter().for_each(|part| bytes.put(part));
        let split = bytes.len();
        sort.iter().for_each(|part| bytes.put(part));
        Self { token, bytes, split }
    }
    /// The place before every key of a token.
    pub fn before_token(token: u64) -> Self {
        Self { token, bytes: KeyBuf::new(), split: 0 }
    }
    /// Encodes a key of the items of a table; the values must be key types.
    pub fn of_values(hash: &AttributeValue, range: Option<&AttributeValue>) -> Result<Self> {
        let range = range.map(|range| KeyScalar::of(range).ok_or_else(no_key_value)).transpose()?;
        Ok(Self::of_scalars(KeyScalar::of(hash).ok_or_else(no_key_value)?, range))
    }
    /// Encodes a key of the items of a table.
    #[inline(always)]
    pub fn of_scalars(hash: KeyScalar<'_>, range: Option<KeyScalar<'_>>) -> Self {
        let mut builder = Builder::new(ITEM_SPACE);
        hash.encode_last(&mut builder.bytes);
        builder.end_collection();
        if let Some(range) = range {
            range.encode_last(&mut builder.bytes);
        }
        builder.finish()
    }
    /// Position on the table's token ring.
    #[inline]
    pub fn token(&self) -> u64 {
        self.token
    }
    /// Key space and partition key.
    #[inline]
    pub fn collection(&self) -> &[u8] {
        &self.bytes[..self.split]
    }
    /// Sort key.
    #[inline]
    pub fn sort(&self) -> &[u8] {
        &self.bytes[self.split..]
    }
}

/// Checks the bytes of the values of a key, not of their encoding: 2,048 of the partition key, 1,024 of the sort key.
#[inline(always)]
fn check_lengths(hash_bytes: usize, range_bytes: usize) -> Result<()> {
    if hash_bytes > MAX_HASH_KEY_BYTES {
        return Err(hash_too_large(hash_bytes));
    }
    if range_bytes > MAX_RANGE_KEY_BYTES {
        return Err(range_too_large(range_bytes));
    }
    Ok(())
}

/// Fills the one buffer of a key from left to right.
struct Builder {
    bytes: KeyBuf,
    split: usize,
}

impl Builder {
    #[inline(always)]
    fn new(space: u8) -> Self {
        Self { bytes: KeyBuf::beginning_with(space), split: 1 }
    }
    #[inline(always)]
    fn end_collection(&mut self) {
        self.split = self.bytes.len();
    }
    #[inline(always)]
    fn finish(self) -> EncodedKey {
        EncodedKey { token: token(&self.bytes[1..self.split]), bytes: self.bytes, split: self.split }
    }
}

/// The values of a key are of no type that a key can have.
fn no_key_value() -> Error {
    Error::key_mismatch(Vec::new())
}

/// A partition key is too long.
#[cold]
pub fn hash_too_large(size_bytes: usize) -> Error {
    let text = format!("Size of hashkey has exceeded the maximum size limit of{MAX_HASH_KEY_BYTES} bytes");
    Error::invalid_parameter(text).with_detail(Detail::KeyTooLarge { size_bytes, limit_bytes: MAX_HASH_KEY_BYTES })
}

/// A sort key is too long, or all sort key attributes of an index together.
pub fn range_too_large(size_bytes: usize) -> Error {
    let text = format!("Aggregated size of all range keys has exceeded the size limit of {MAX_RANGE_KEY_BYTES} bytes");
    Error::invalid_parameter(text).with_detail(Detail::KeyTooLarge { size_bytes, limit_bytes: MAX_RANGE_KEY_BYTES })
}

fn is_empty(value: &AttributeValue) -> Option<&'static str> {
    KeyScalar::of(value)?.emptiness()
}

/// Rejects an empty value of a key attribute.
#[inline(always)]
pub fn refuse_empty(value: KeyScalar<'_>, name: &str) -> Result<()> {
    match value.emptiness() {
        None => Ok(()),
        Some(kind) => Err(Error::empty_key(name, kind)),
    }
}

impl TableDefinition {
    /// The key of an item to be put: every key attribute present, of its type, not empty and within its limit.
    pub fn key_of_item(&self, item: &Item) -> Result<EncodedKey> {
        let value_of = |key: &KeyAttribute| match item.get(&key.name) {
            None => Err(key_missing(key)),
            Some(value) if !key.kind.matches(value) => Err(key_type(key, value)),
            Some(value) => KeyScalar::of(value).ok_or_else(|| self.key_mismatch()),
        };
        let hash = value_of(&self.key.hash)?;
        let range = self.key.range.as_ref().map(value_of).transpose()?;
        self.key_of_scalars(hash, range)
    }

    /// The key that a `Key` argument names: exactly the key attributes, of their types.
    pub fn key_of_attributes(&self, key: &Item) -> Result<EncodedKey> {
        let wanted = self.key.attributes().count();
        let fits = key.len() == wanted
            && self.key.attributes().all(|a| key.get(&a.name).is_some_and(|value| a.kind.matches(value)));
        if fits { self.encode_item_key(key) } else { Err(self.key_mismatch()) }
    }

    /// The key of an encoded item; `None` if it lacks a key attribute.
    pub fn key_of_encoded(&self, item: &ItemRef) -> Option<EncodedKey> {
        let value_of = |key: &KeyAttribute| {
            item.get(&key.name).and_then(KeyBytes::of_encoded).filter(|value| value.kind() == key.kind)
        };
        let mut builder = Builder::new(ITEM_SPACE);
        value_of(&self.key.hash)?.append_last(&mut builder.bytes);
        builder.end_collection();
        if let Some(range) = &self.key.range {
            value_of(range)?.append_last(&mut builder.bytes);
        }
        Some(builder.finish())
    }

    /// The error of a key that does not consist of the key attributes.
    pub(crate) fn key_mismatch(&self) -> Error {
        Error::key_mismatch(self.key.attributes().map(|key| (key.name.clone(), key.kind.name())).collect())
    }

    fn encode_item_key(&self, item: &Item) -> Result<EncodedKey> {
        let scalar = |name: &str| item.get(name).and_then(KeyScalar::of).ok_or_else(|| self.key_mismatch());
        let range = self.key.range.as_ref().map(|range| scalar(&range.name)).transpose()?;
        self.key_of_scalars(scalar(&self.key.hash.name)?, range)
    }

    /// The key of these values, whose types fit: not empty and within the limits.
    #[inline(always)]
    pub fn key_of_scalars(&self, hash: KeyScalar<'_>, range: Option<KeyScalar<'_>>) -> Result<EncodedKey> {
        refuse_empty(hash, &self.key.hash.name)?;
        if let (Some(value), Some(key)) = (range, &self.key.range) {
            refuse_empty(value, &key.name)?;
        }
        let encoded = EncodedKey::of_scalars(hash, range);
        // The only part of a collection, and of a sort key, is encoded as it is.
        check_lengths(encoded.split - 1, encoded.sort().len())?;
        Ok(encoded)
    }

    /// The attributes that an encoded key was made of; `None` if it is no key of this table.
    pub fn attributes_of_key(&self, key: &EncodedKey) -> Option<Item> {
        let hash = &self.key.hash;
        let item = Item::new().with(hash.name.clone(), decode_last(hash.kind, key.collection().get(1..)?)?);
        Some(match &self.key.range {
            Some(range) => item.with(range.name.clone(), decode_last(range.kind, key.sort())?),
            None => item,
        })
    }

    /// The key attributes of a stored item, as `LastEvaluatedKey` and stream records carry them.
    pub fn key_attributes_of(&self, item: &ItemRef) -> Item {
        key_attributes(self.key.attributes(), item)
    }

    /// The place of an item's entry in an index; `None` if the item lacks an index key or has one of another type,
    /// empty or too long (such items are not in the index; writes of them are rejected by [`Self::check_index_keys`]).
    pub fn index_key(&self, index: &IndexDefinition, item: &ItemRef) -> Option<EncodedKey> {
        if index.kind == IndexKind::Expiry {
            return self.expiry_key(item);
        }
        index_key_from(&self.key, index, self.local_space(index), &|name| item.get(name).and_then(KeyBytes::of_encoded))
    }

    /// The place that index and table key attributes name, for continuing a paged read.
    pub fn index_key_of_attributes(&self, index: &IndexDefinition, key: &Item) -> Option<EncodedKey> {
        let mut names: Vec<&str> = index.attributes().chain(self.key.attributes()).map(|a| a.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if key.len() != names.len() {
            return None;
        }
        index_key_from(&self.key, index, self.local_space(index), &|name| key.get(name).and_then(KeyBytes::of_value))
    }

    /// First byte of the collections of a local index; `ITEM_SPACE` for any other.
    pub fn local_space(&self, index: &IndexDefinition) -> u8 {
        if index.kind != IndexKind::Local {
            return ITEM_SPACE;
        }
        let locals = self.indexes.iter().filter(|other| other.kind == IndexKind::Local);
        let position = locals.take_while(|other| other.id != index.id).count();
        u8::try_from(position + 1).unwrap_or(u8::MAX)
    }

    /// Rejects an item whose index key attributes cannot be indexed: wrong type, empty or too long. Of several indexes the
    /// one is named whose name comes first, as the service does.
    pub fn check_index_keys(&self, item: &Item) -> Result<()> {
        if self.indexes.iter().all(|index| index.check_keys(item).is_ok()) {
            return Ok(());
        }
        let mut by_name: Vec<&IndexDefinition> = self.indexes.iter().collect();
        by_name.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        by_name.into_iter().try_for_each(|index| index.check_keys(item))
    }

    /// Rejects an empty value of an attribute that is a key of an index, whatever else the item has.
    pub fn check_index_key_not_empty(&self, attribute: &str, value: &AttributeValue) -> Result<()> {
        let Some(kind) = is_empty(value) else { return Ok(()) };
        let keys = self.indexes.iter().flat_map(|index| index.attributes().map(move |key| (index, key)));
        let keyed = keys.filter(|(_, key)| key.name == attribute).min_by_key(|(index, _)| &index.name);
        keyed.map_or(Ok(()), |(index, key)| Err(empty_index_key(index, key, kind)))
    }
}

impl IndexDefinition {
    fn check_keys(&self, item: &Item) -> Result<()> {
        for key in self.attributes() {
            let Some(value) = item.get(&key.name) else { continue };
            if !key.kind.matches(value) {
                return Err(index_key_type(self, key, value));
            }
            if let Some(kind) = is_empty(value) {
                return Err(empty_index_key(self, key, kind));
            }
        }
        self.check_size(&self.hash, item, MAX_HASH_KEY_BYTES, hash_too_large)?;
        self.check_size(&self.range, item, MAX_RANGE_KEY_BYTES, range_too_large)
    }

    /// Rejects a part of the key that is too long: an attribute by its name, several of them together.
    fn check_size(&self, keys: &[KeyAttribute], item: &Item, limit: usize, refuse: fn(usize) -> Error) -> Result<()> {
        let total: usize = keys.iter().filter_map(|key| item.get(&key.name)).map(key_bytes).sum();
        match keys {
            _ if total <= limit => Ok(()),
            [key] => Err(index_key_too_large(self, key, total, limit)),
            _ => Err(refuse(total)),
        }
    }
}

fn key_missing(key: &KeyAttribute) -> Error {
    Error::invalid_parameter(format_args!("Missing the key {} in the item", key.name))
        .with_detail(Detail::KeyMissing { attribute: key.name.clone() })
}

fn key_type(key: &KeyAttribute, value: &AttributeValue) -> Error {
    let (expected, actual) = (key.kind.name(), value.type_name());
    let text = format!("Type mismatch for key {} expected: {expected} actual: {actual}", key.name);
    let attribute = key.name.clone();
    Error::invalid_parameter(text).with_detail(Detail::KeyType { attribute, index: None, expected, actual })
}

fn index_key_type(index: &IndexDefinition, key: &KeyAttribute, value: &AttributeValue) -> Error {
    let (expected, actual, name) = (key.kind.name(), value.type_name(), &index.name);
    let text =
        format!("Type mismatch for Index Key {} Expected: {expected} Actual: {actual} IndexName: {name}", key.name);
    let (attribute, index) = (key.name.clone(), Some(name.clone()));
    Error::invalid_parameter(text).with_detail(Detail::KeyType { attribute, index, expected, actual })
}

fn index_key_too_large(index: &IndexDefinition, key: &KeyAttribute, size_bytes: usize, limit_bytes: usize) -> Error {
    Error::invalid_parameter(format_args!(
        "Size limit exceeded for Index Key {} Actual Size: {size_bytes} bytes Max Size: {limit_bytes} bytes IndexName: {}",
        key.name, index.name
    ))
    .with_detail(Detail::KeyTooLarge { size_bytes, limit_bytes })
}

fn empty_index_key(index: &IndexDefinition, key: &KeyAttribute, what: &'static str) -> Error {
    let text = format!(
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The \
         AttributeValue for a key attribute cannot contain an empty {what} value. IndexName: {}, IndexKey: {}",
        index.name, key.name
    );
    let (attribute, index) = (key.name.clone(), Some(index.name.clone()));
    Error::validation(text).with_detail(Detail::KeyEmpty { attribute, index, what })
}

/// Bytes of a key value as its limit counts them.
fn key_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(s) => s.len(),
        AttributeValue::B(b) => b.len(),
        AttributeValue::N(n) => n.size_bytes(),
        _ => 0,
    }
}

/// Copies the named key attributes out of an item.
pub fn key_attributes<'a>(keys: impl Iterator<Item = &'a KeyAttribute>, item: &ItemRef) -> Item {
    keys.filter_map(|key| Some((key.name.clone(), item.get(&key.name)?.to_value()))).collect()
}

fn index_key_from<'a>(
    table: &KeySchema,
    index: &IndexDefinition,
    space: u8,
    value_of: &dyn Fn(&str) -> Option<KeyBytes<'a>>,
) -> Option<EncodedKey> {
    let indexable = |key: &KeyAttribute| -> Option<KeyBytes<'a>> {
        value_of(&key.name).filter(|value| key.kind == value.kind() && !value.is_empty())
    };
    let mut builder = Builder::new(space);
    let (mut hash_bytes, mut range_bytes) = (0, 0);
    for key in &index.hash {
        let value = indexable(key)?;
        hash_bytes += value.size_bytes();
        match index.hash.len() {
            1 => value.append_last(&mut builder.bytes),
            _ => value.append_component(&mut builder.bytes),
        }
    }
    builder.end_collection();
    for key in &index.range {
        let value = indexable(key)?;
        range_bytes += value.size_bytes();
        value.append_component(&mut builder.bytes);
    }
    match (&table.range, index.kind) {
        (Some(range), IndexKind::Global) => {
            indexable(&table.hash)?.append_component(&mut builder.bytes);
            indexable(range)?.append_last(&mut builder.bytes);
        }
        (None, IndexKind::Global) => indexable(&table.hash)?.append_last(&mut builder.bytes),
        (Some(range), IndexKind::Local) => indexable(range)?.append_last(&mut builder.bytes),
        (None, IndexKind::Local) => {}
        (_, IndexKind::Expiry) => return None,
    }
    check_lengths(hash_bytes, range_bytes).ok().map(|()| builder.finish())
}
