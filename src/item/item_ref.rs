//! An item as it is in log, memtable, run or cache, read without decoding.
//!
//! An [`ItemRef`] shares the buffer it is in and can be kept, cloned and sent to other threads; cloning copies no
//! content. It keeps that whole buffer alive, though: one that is to outlive many others is better copied out with
//! [`to_item`](ItemRef::to_item).

use super::{
    Dictionary, Item, ValueRef,
    check::check_item,
    codec::{Cursor, Tag, encode_item},
    transcode::{inline_bytes, project},
    value_ref::Members,
};
use crate::error::Result;
use bytes::Bytes;
use std::{fmt, ops::Range, sync::Arc};

/// An encoded item that is read lazily.
///
/// Damaged bytes make it look as if the damaged part were absent; [`check`](Self::check) tells. Bytes that come from
/// this crate's own files are under checksums and need no check.
#[derive(Clone)]
pub struct ItemRef(Home);

/// Where an item is. Either way one reference is counted, and no more: counting is what handing out an item costs.
#[derive(Clone)]
enum Home {
    /// In bytes of its own or shared ones, names written out.
    Plain(Bytes),
    /// In a buffer whose items share a dictionary.
    Named { buffer: Arc<NamedBytes>, start: usize, end: usize },
}

/// A buffer of encoded items, and the names that ids in them stand for. Its references are counted on cache lines of
/// their own.
#[repr(align(128))]
pub struct NamedBytes {
    bytes: Bytes,
    names: Arc<Dictionary>,
}

impl NamedBytes {
    /// A buffer whose items may have ids of `names` in the place of names.
    pub fn new(bytes: Bytes, names: Arc<Dictionary>) -> Self {
        Self { bytes, names }
    }
    /// A buffer whose items have all names written out.
    pub fn plain(bytes: Bytes) -> Self {
        Self::new(bytes, Arc::default())
    }
    /// All bytes.
    #[inline]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for NamedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedBytes({} bytes, {} names)", self.bytes.len(), self.names.len())
    }
}

/// Bytes of a line of the processor's cache.
const LINE_BYTES: usize = 64;
/// Items of more bytes are not loaded ahead: they have long values, which their reader may not want, and which memory brings by
/// itself.
const MOST_AHEAD_BYTES: usize = 1 << 10;
/// Lines of an item that are loaded ahead.
const MOST_AHEAD_LINES: usize = 8;

/// Loads the begin of an encoded item that will be read, line by line and side by side: its reader goes from length to length, and would wait
/// for one line after the other. The answer means nothing; it is there so that the loads are.
#[inline(always)]
pub(crate) fn load_ahead(encoded: &[u8]) -> u8 {
    if encoded.len() > MOST_AHEAD_BYTES {
        return 0;
    }
    encoded.iter().step_by(LINE_BYTES).take(MOST_AHEAD_LINES).fold(0, |loaded, byte| loaded ^ byte)
}

impl ItemRef {
    /// An item whose names are written out.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self(Home::Plain(bytes))
    }
    /// An item whose names may be ids of `names`.
    pub fn with_names(bytes: Bytes, names: Arc<Dictionary>) -> Self {
        let end = bytes.len();
        Self::within(&Arc::new(NamedBytes::new(bytes, names)), 0..end)
    }
    /// The item at a place in a buffer; an empty one if the place is not in the buffer.
    #[inline]
    pub fn within(buffer: &Arc<NamedBytes>, place: Range<usize>) -> Self {
        Self(Home::Named { buffer: Arc::clone(buffer), start: place.start, end: place.end })
    }
    /// The encoded item, as it is in its buffer.
    #[inline]
    pub fn encoded(&self) -> &[u8] {
        match &self.0 {
            Home::Plain(bytes) => bytes,
            Home::Named { buffer, start, end } => buffer.bytes.get(*start..*end).unwrap_or_default(),
        }
    }
    /// The dictionary that ids in [`encoded`](Self::encoded) refer to; `None` if all names are written out.
    #[inline]
    pub fn names(&self) -> Option<&Dictionary> {
        match &self.0 {
            Home::Named { buffer, .. } if !buffer.names.is_empty() => Some(&buffer.names),
            _ => None,
        }
    }
    /// DynamoDB's size of the item in bytes, as computed when it was written; names and values count.
    #[inline]
    pub fn size_bytes(&self) -> usize {
        Self::size_of(self.encoded())
    }
    /// The size of an encoded item.
    #[inline(always)]
    pub(crate) fn size_of(encoded: &[u8]) -> usize {
        Cursor::new(encoded).varint().map_or(0, |size| usize::try_from(size).unwrap_or(usize::MAX))
    }
    /// The whole item as a map.
    #[inline]
    pub fn as_map(&self) -> ValueRef<'_> {
        let mut cursor = Cursor::new(self.encoded());
        let _size = cursor.varint();
        ValueRef { payload: cursor.rest(), names: self.names(), tag: Tag::M }
    }
    /// The attribute with exactly this name.
    #[inline]
    pub fn get(&self, name: &str) -> Option<ValueRef<'_>> {
        self.as_map().get(name)
    }
    /// The value that a path such as `address.lines[0]` leads to. Names that contain dots or brackets are out of its
    /// reach; use [`get`](Self::get) and [`ValueRef::get`] for them.
    pub fn path(&self, path: &str) -> Option<ValueRef<'_>> {
        self.as_map().path(path)
    }
    /// All attributes, ascending by the bytes of their names.
    pub fn iter(&self) -> Members<'_> {
        self.as_map().map()
    }
    /// The item, decoded.
    pub fn to_item(&self) -> Item {
        Item(self.as_map().to_members())
    }
    /// The encoding with all names written out, which needs no dictionary; shares the buffer if they are already.
    /// Damaged parts are left out.
    pub fn to_inline_bytes(&self) -> Bytes {
        match &self.0 {
            Home::Plain(bytes) => bytes.clone(),
            Home::Named { buffer, start, end }
                if buffer.names.is_empty() && *start <= *end && *end <= buffer.bytes.len() =>
            {
                buffer.bytes.slice(*start..*end)
            }
            Home::Named { .. } => inline_bytes(self).into(),
        }
    }
    /// An item of those attributes that `keep` wants, with all names written out. Damaged parts are left out.
    pub fn project(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self::from_bytes(project(self, usize::MAX, keep).into())
    }
    /// The encoding of an item of the first attributes, at most `most`, that `keep` wants. Damaged parts are left out.
    pub(crate) fn project_bytes(&self, most: usize, keep: impl Fn(&str) -> bool) -> Vec<u8> {
        project(self, most, keep)
    }
    /// Walks through everything: every length, name, text, number, order and the size.
    ///
    /// # Errors
    /// Kind [`Corrupt`](crate::error::ErrorKind::Corrupt), saying what is wrong, unless this is an encoded item.
    pub fn check(&self) -> Result<()> {
        check_item(self)
    }
}

impl From<&Item> for ItemRef {
    fn from(item: &Item) -> Self {
        Self::from_bytes(encode_item(item).into())
    }
}

impl From<Item> for ItemRef {
    fn from(item: Item) -> Self {
        Self::from(&item)
    }
}

impl From<&ItemRef> for Item {
    fn from(item: &ItemRef) -> Self {
        item.to_item()
    }
}

impl From<ItemRef> for Item {
    fn from(item: ItemRef) -> Self {
        item.to_item()
    }
}

impl<'a> IntoIterator for &'a ItemRef {
    type Item = (&'a str, ValueRef<'a>);
    type IntoIter = Members<'a>;
    fn into_iter(self) -> Members<'a> {
        self.iter()
    }
}

/// By value: the same attributes, whatever the dictionaries.
impl PartialEq for ItemRef {
    fn eq(&self, other: &Self) -> bool {
        self.as_map().eq_ref(&other.as_map())
    }
}

impl PartialEq<Item> for ItemRef {
    fn eq(&self, other: &Item) -> bool {
        self.as_map().eq_members(other)
    }
}

/// Prints names and decoded values.
impl fmt::Debug for ItemRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{AttributeValue, DictionaryBuilder, arbitrary::any_item, transcode};
    use proptest::prelude::*;

    fn sample() -> Item {
        Item::new()
            .with("id", "k")
            .with("address", Item::new().with("lines", ["a", "b"]).with("zip", 8001))
            .with("a.b", true)
            .with("grid", [AttributeValue::from([1, 2]), [3].into()])
            .with("tags", AttributeValue::Ss(["x".to_owned(), "y".to_owned()].into()))
            .with("raw", Bytes::from_static(b"\x01\x02"))
            .with("none", AttributeValue::Null)
    }

    #[test]
    fn paths() {
        let item = ItemRef::from(&sample());
        assert_eq!(item.get("id").unwrap().as_str(), Some("k"));
        assert_eq!(item.path("address.zip").unwrap().as_u64(), Some(8001));
        assert_eq!(item.path("address.lines[1]").unwrap().as_str(), Some("b"));
        assert_eq!(item.path("grid[1][0]").unwrap().as_i64(), Some(3));
        assert_eq!(item.get("a.b").unwrap().as_bool(), Some(true));
        for path in ["id", "address.zip", "address.lines[1]", "grid[1][0]", "grid[0]"] {
            assert_eq!(item.path(path).map(|value| value.to_value()).as_ref(), sample().path(path), "{path}");
        }
        for path in [
            "",
            ".",
            "a.b",
            "address.",
            ".address",
            "address..zip",
            "address[0]",
            "grid[",
            "grid[]",
            "grid[0",
            "grid]",
            "grid[+1]",
            "grid[-1]",
            "grid[2]",
            "grid[0]x",
            "grid[0][9]",
            "tags[0]",
            "id.x",
            "grid[99999999999999999999]",
        ] {
            assert_eq!((item.path(path), sample().path(path)), (None, None), "{path}");
        }
    }

    #[test]
    fn accessors_answer_for_their_type_only() {
        let item = ItemRef::from(&sample());
        let types: Vec<_> = item.iter().map(|(name, value)| (name, value.type_name(), value.len())).collect();
        assert_eq!(
            types,
            [
                ("a.b", "BOOL", 0),
                ("address", "M", 2),
                ("grid", "L", 2),
                ("id", "S", 0),
                ("none", "NULL", 0),
                ("raw", "B", 0),
                ("tags", "SS", 2)
            ]
        );
        let (id, raw) = (item.get("id").unwrap(), item.get("raw").unwrap());
        assert_eq!((id.as_bytes(), id.as_i64(), id.as_bool(), id.is_null()), (None, None, None, false));
        assert_eq!((id.list().count(), id.set().count(), id.map().count(), id.get("x")), (0, 0, 0, None));
        assert_eq!((raw.as_bytes(), raw.as_str()), (Some(&[1, 2][..]), None));
        assert!(item.get("none").unwrap().is_null());
        let tags: Vec<_> = item.get("tags").unwrap().set().filter_map(|tag| tag.as_str()).collect();
        assert_eq!(tags, ["x", "y"]);
        assert_eq!(item.get("address").unwrap().get("zip").unwrap().as_f64(), Some(8001.0));
    }

    #[test]
    fn counts_one_reference() {
        assert_eq!(size_of::<ItemRef>(), size_of::<Bytes>());
        let buffer = Arc::new(NamedBytes::new(Bytes::from(encode_item(&sample())), Arc::default()));
        let item = ItemRef::within(&buffer, 0..buffer.bytes.len());
        assert_eq!((Arc::strong_count(&buffer), Arc::strong_count(&buffer.names)), (2, 1));
        assert_eq!(item, sample());
        let end = buffer.bytes.len();
        assert_eq!(ItemRef::within(&buffer, end..end + 1).iter().count(), 0);
    }

    #[test]
    fn can_be_kept_and_sent() {
        fn kept<T: Send + Sync + 'static>(_: &T) {}
        let item = ItemRef::from(&sample());
        kept(&item);
        assert_eq!(item.clone(), item);
        assert_eq!(item, sample());
        assert_ne!(item, Item::new());
        assert_eq!(format!("{:?}", ItemRef::from(&Item::new().with("a", "x"))), r#"{"a": S("x")}"#);
    }

    /// Asks everything there is to ask.
    fn ask(item: &ItemRef) {
        let _ = (item.size_bytes(), item.check(), item.to_item(), item.path("a[0].b"), item.get("a"));
        let _ = (format!("{item:?}"), item.to_inline_bytes(), item.eq(item));
        let _ = (item.to_json(), item.to_dynamodb_json(), item.de::<serde_json::Value>());
        let _ = transcode(item, &mut DictionaryBuilder::new(), &mut Vec::new());
        ask_value(item.as_map(), 0);
    }

    fn ask_value(value: ValueRef<'_>, depth: usize) {
        let _ = (value.as_str(), value.as_bytes(), value.as_number(), value.as_i64(), value.as_f64());
        let _ = (
            value.len(),
            value.size_bytes(),
            value.to_value(),
            value.eq_ref(&value),
            value.eq_value(&value.to_value()),
        );
        if depth < 8 {
            value.list().chain(value.set()).for_each(|e| ask_value(e, depth + 1));
            value.map().for_each(|(_, v)| ask_value(v, depth + 1));
        }
    }

    proptest! {
        #[test]
        fn sizes_agree(item in any_item()) {
            let lazy = ItemRef::from(&item);
            let sum: usize = lazy.iter().map(|(name, value)| name.len() + value.size_bytes()).sum();
            prop_assert_eq!(lazy.size_bytes(), sum);
            prop_assert_eq!(lazy.size_bytes(), crate::item::size::item_size(&item));
        }

        #[test]
        fn attributes_are_found(item in any_item()) {
            let lazy = ItemRef::from(&item);
            prop_assert!(lazy.iter().map(|(name, _)| name).eq(item.keys()));
            for (name, value) in item.iter() {
                prop_assert_eq!(&lazy.get(name).unwrap().to_value(), value);
            }
            prop_assert!(lazy.get("no such name").is_none());
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            ask(&ItemRef::from_bytes(bytes.into()));
        }

        #[test]
        fn no_damage_panics(
            item in any_item(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let plain = ItemRef::from(&item);
            let mut names = DictionaryBuilder::new();
            let mut out = Vec::new();
            let _ = (transcode(&plain, &mut names, &mut out), out.clear(), transcode(&plain, &mut names, &mut out));
            for (at, byte) in changes {
                let at = at.index(out.len());
                out[at] = byte;
            }
            let names = Arc::new(names.finish());
            let bytes = Bytes::from(out);
            ask(&ItemRef::with_names(bytes.clone(), names.clone()));
            ask(&ItemRef::with_names(bytes.slice(..cut.index(bytes.len())), names));
        }
    }
}
