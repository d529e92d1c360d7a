//! The bytes of an item, made to be read without decoding.
//!
//! An item is encoded once, when it is written, and then travels as bytes through log, memtable, runs and caches up to
//! the reader, who looks at it through an [`ItemRef`]. Whatever has content says its length first, so
//! that a reader steps over what it does not want; names ascend, so that two items compare in one pass; the size that
//! limits and capacity are computed from comes first, so that it is not computed again.
//!
//! ```text
//! item   := varint size (DynamoDB's size of the item in bytes), members
//! members:= varint count, count x (name, value)           ascending and unique by the bytes of the full name
//! name   := varint (length << 1), UTF-8 bytes             written out
//!         | varint (id << 1 | 1)                          the name with this id in a dictionary
//! value  := tag                                           NULL 1, false 2, true 3
//!         | tag, varint length, payload of that length    S 4, N 5, B 6, L 7, M 8, SS 9, NS 10, BS 11
//! payload:= S: UTF-8 bytes;  B: bytes;  N: the number in its order-preserving form
//!           L: varint count, values
//!           M: members
//!           SS, NS, BS: varint count, count x (varint length, payload of the scalar), ascending and unique
//! varint := seven bits a byte, lowest first, the top bit set in all but the last byte, which is 0 only for 0
//! ```
//!
//! With names written out an item has exactly one encoding. Under a [`Dictionary`] it may have
//! several, since a name may be written out although it has an id.

use super::{AttributeValue, Dictionary, Item, Number, ValueRef, checked_names::CHECKED_NAMES, size::item_size};
use std::collections::BTreeMap;
#[cfg(any(test, feature = "fuzzing"))]
use {super::ItemRef, crate::error::Result, bytes::Bytes};

/// Levels of lists and maps that readers follow; one more than any item or expression value may have (32) would do,
/// the rest is room. Bytes that claim more are damaged, and deeper content is treated as absent.
pub(crate) const MAX_DEPTH: usize = 64;

/// Bytes that the size and the count of an item take at most.
pub(crate) const HEAD_BYTES: usize = 8;
/// Bytes that a member takes besides name and content: two lengths and a tag. Nested ones may take more than they count.
pub(crate) const MEMBER_BYTES: usize = 8;

/// The first byte of a value. Zero is no tag, so that zeroed bytes do not read as values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    Null = 1,
    False = 2,
    True = 3,
    S = 4,
    N = 5,
    B = 6,
    L = 7,
    M = 8,
    Ss = 9,
    Ns = 10,
    Bs = 11,
}

impl Tag {
    #[inline]
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Null,
            2 => Self::False,
            3 => Self::True,
            4 => Self::S,
            5 => Self::N,
            6 => Self::B,
            7 => Self::L,
            8 => Self::M,
            9 => Self::Ss,
            10 => Self::Ns,
            11 => Self::Bs,
            _ => return None,
        })
    }
    #[inline]
    pub(crate) fn has_payload(self) -> bool {
        self as u8 >= Self::S as u8
    }
    /// The type of the elements of a set.
    pub(crate) fn of_elements(self) -> Option<Self> {
        match self {
            Self::Ss => Some(Self::S),
            Self::Ns => Some(Self::N),
            Self::Bs => Some(Self::B),
            _ => None,
        }
    }
}

/// The encoding of an item, names written out. The item should have passed validation: one nested deeper than 64 levels
/// is encoded, but readers will not see below them.
pub fn encode_item(item: &Item) -> Vec<u8> {
    encode_item_of_size(item, item_size(item))
}

/// The encoding of an item whose size is known; see [`encode_item`].
pub fn encode_item_of_size(item: &Item, size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES + size + item.len() * MEMBER_BYTES);
    write_varint(&mut out, size);
    encode_members(&item.0, &mut out);
    out
}

/// The item that `bytes` encode, names written out.
///
/// # Errors
/// Kind [`Corrupt`](crate::error::ErrorKind::Corrupt) unless they are exactly the encoding of an item.
#[cfg(any(test, feature = "fuzzing"))]
pub fn decode(bytes: &[u8]) -> Result<Item> {
    let item = ItemRef::from_bytes(Bytes::copy_from_slice(bytes));
    item.check()?;
    Ok(item.to_item())
}

fn encode_members(members: &BTreeMap<String, AttributeValue>, out: &mut Vec<u8>) {
    write_varint(out, members.len());
    for (name, value) in members {
        encode_member(name, value, out);
    }
}

/// A name, written out, and its value.
pub(crate) fn encode_member(name: &str, value: &AttributeValue, out: &mut Vec<u8>) {
    write_inline_name(out, name);
    encode_value(value, out);
}

fn encode_value(value: &AttributeValue, out: &mut Vec<u8>) {
    match value {
        AttributeValue::Null => out.push(Tag::Null as u8),
        AttributeValue::Bool(false) => out.push(Tag::False as u8),
        AttributeValue::Bool(true) => out.push(Tag::True as u8),
        AttributeValue::S(text) => write_payload(out, Tag::S, text.as_bytes()),
        AttributeValue::B(bytes) => write_payload(out, Tag::B, bytes),
        AttributeValue::N(number) => {
            out.push(Tag::N as u8);
            write_with_length(out, |out| number.encode_ordered(out));
        }
        AttributeValue::L(list) => {
            out.push(Tag::L as u8);
            write_with_length(out, |out| {
                write_varint(out, list.len());
                list.iter().for_each(|element| encode_value(element, out));
            });
        }
        AttributeValue::M(map) => {
            out.push(Tag::M as u8);
            write_with_length(out, |out| encode_members(map, out));
        }
        AttributeValue::Ss(set) => encode_set(Tag::Ss, set, |text, out| write_bytes(out, text.as_bytes()), out),
        AttributeValue::Bs(set) => encode_set(Tag::Bs, set, |bytes, out| write_bytes(out, bytes), out),
        AttributeValue::Ns(set) => {
            let number = |number: &Number, out: &mut Vec<u8>| {
                write_with_length(out, |out| number.encode_ordered(out));
            };
            encode_set(Tag::Ns, set, number, out);
        }
    }
}

fn encode_set<'a, T: 'a, I>(tag: Tag, set: I, element: impl Fn(&T, &mut Vec<u8>), out: &mut Vec<u8>)
where
    I: IntoIterator<Item = &'a T, IntoIter: ExactSizeIterator>,
{
    out.push(tag as u8);
    write_with_length(out, |out| {
        let set = set.into_iter();
        write_varint(out, set.len());
        set.for_each(|e| element(e, out));
    });
}

/// A tag with a payload that is known already.
pub(crate) fn write_payload(out: &mut Vec<u8>, tag: Tag, payload: &[u8]) {
    out.push(tag as u8);
    write_bytes(out, payload);
}

/// Length and bytes.
pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_varint(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// A name, written out.
pub(crate) fn write_inline_name(out: &mut Vec<u8>, name: &str) {
    write_varint(out, name.len() << 1);
    out.extend_from_slice(name.as_bytes());
}

/// A name that a dictionary holds.
pub(crate) fn write_name_id(out: &mut Vec<u8>, id: u32) {
    write_u64(out, u64::from(id) << 1 | 1);
}

/// A varint.
pub(crate) fn write_varint(out: &mut Vec<u8>, value: usize) {
    write_u64(out, value as u64);
}

fn write_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What `fill` appends, preceded by its length. One byte is set aside for the length, which is enough for most; longer
/// content is moved up once it is there, which is cheaper than computing lengths of nested values in advance.
pub(crate) fn write_with_length<R>(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let start = out.len();
    out.push(0);
    let result = fill(out);
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
    } else {
        let width = (length.ilog2() / 7) as usize + 1;
        out.resize(out.len() + width - 1, 0);
        out.copy_within(start + 1..start + 1 + length, start + width);
        for (i, byte) in out[start..start + width].iter_mut().enumerate() {
            let more = if i + 1 < width { 0x80 } else { 0 };
            *byte = (length >> (7 * i)) as u8 & 0x7f | more;
        }
    }
    result
}

/// A varint of any length, and what is behind it. The room of the log's formats has varints too (`format/varint.rs`), and this one
/// does not share them: they may be written in longer forms, while items are compared by their bytes, so that a number has one form
/// here; and items need nothing of the rooms of files.
#[inline(never)]
fn long_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        // The tenth byte holds the highest bit only, and no last byte is zero: a number has one varint.
        if (i == 9 && byte > 1) || (i > 0 && byte == 0) {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((value, bytes.get(i + 1..)?));
        }
    }
    None
}

/// A position in encoded bytes. Every step is bounded by the bytes that are left, and answers nothing instead of
/// passing them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
    /// The bytes not read yet.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
    /// A varint; most fit one byte, nearly all others two.
    #[inline]
    pub(crate) fn varint(&mut self) -> Option<u64> {
        match *self.rest {
            [low, ref rest @ ..] if low < 0x80 => {
                self.rest = rest;
                Some(u64::from(low))
            }
            [low, high, ref rest @ ..] if matches!(high, 1..0x80) => {
                self.rest = rest;
                Some(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => {
                // The function gets the bytes by value. By reference, the compiler would keep the position in memory, and each
                // step of a walk through members would wait for the one before to be stored.
                let (value, rest) = long_varint(self.rest)?;
                self.rest = rest;
                Some(value)
            }
        }
    }
    /// The next `length` bytes.
    #[inline]
    pub(crate) fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }
    /// Length and bytes.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.varint()?;
        self.take(length)
    }
    /// A count of things of at least one byte each, hence never more than the bytes that are left.
    #[inline]
    pub(crate) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= self.rest.len()).then_some(count)
    }
    /// A name, looked up in `names` if it is an id.
    #[inline]
    pub(crate) fn name(&mut self, names: Option<&'a Dictionary>) -> Option<&'a str> {
        let head = self.varint()?;
        if head & 1 == 1 {
            names?.name(u32::try_from(head >> 1).ok()?)
        } else {
            let len = usize::try_from(head >> 1).ok()?;
            let name = CHECKED_NAMES.name_at(self.rest, len)?;
            self.rest = self.rest.get(len..)?;
            Some(name)
        }
    }
    /// A value, whose names (if it has any) are those of `names`.
    #[inline]
    pub(crate) fn value(&mut self, names: Option<&'a Dictionary>) -> Option<ValueRef<'a>> {
        let (&tag, rest) = self.rest.split_first()?;
        self.rest = rest;
        let tag = Tag::from_byte(tag)?;
        let payload = if tag.has_payload() { self.bytes()? } else { &[] };
        Some(ValueRef { payload, names, tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::arbitrary::any_item;
    use proptest::prelude::*;

    #[test]
    fn golden_bytes() {
        let item = Item::new()
            .with("id", "k1")
            .with("bin", Bytes::from_static(b"\0\xff"))
            .with("n", 42)
            .with("no", AttributeValue::Null)
            .with("t", true)
            .with("f", false)
            .with("l", vec![AttributeValue::from("a"), AttributeValue::Null])
            .with("m", Item::new().with("x", -1))
            .with("ss", AttributeValue::Ss(["b".to_owned(), "a".to_owned()].into()))
            .with("ns", AttributeValue::Ns([3.into(), 2.into()].into()))
            .with("bs", AttributeValue::Bs([Bytes::new(), Bytes::from_static(b"z")].into()));
        let expected: &[&[u8]] = &[
            b"\x31\x0b",
            b"\x06bin\x06\x02\0\xff",
            b"\x04bs\x0b\x04\x02\x00\x01z",
            b"\x02f\x02",
            b"\x04id\x04\x02k1",
            b"\x02l\x07\x05\x02\x04\x01a\x01",
            b"\x02m\x08\x07\x01\x02x\x05\x02\x3e\xfd",
            b"\x02n\x05\x02\xc1\x54",
            b"\x04no\x01",
            b"\x04ns\x0a\x07\x02\x02\xc1\x04\x02\xc1\x06",
            b"\x04ss\x09\x05\x02\x01a\x01b",
            b"\x02t\x03",
        ];
        assert_eq!(encode_item(&item), expected.concat());
        assert_eq!(decode(&expected.concat()).unwrap(), item);
        assert_eq!(encode_item(&Item::new()), [0, 0]);
    }

    #[test]
    fn varints_are_bounded() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            write_u64(&mut out, value);
            let mut cursor = Cursor::new(&out);
            assert_eq!(cursor.varint(), Some(value));
            assert!(cursor.rest().is_empty());
            assert_eq!(Cursor::new(&out[..out.len() - 1]).varint(), None);
        }
        assert_eq!(Cursor::new(&[0xff; 10]).varint(), None);
        assert_eq!(Cursor::new(&[0x81, 0x00]).varint(), None);
        assert_eq!(Cursor::new(&[0x81, 0x81, 0x00]).varint(), None);
        assert_eq!(Cursor::new(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2]).varint(), None);
    }

    #[test]
    fn lengths_of_every_width() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 70_000, 2_097_152] {
            let mut out = vec![9];
            write_with_length(&mut out, |out| out.extend((0..length).map(|i| i as u8)));
            let mut cursor = Cursor::new(&out[1..]);
            assert!(cursor.bytes().unwrap().iter().copied().eq((0..length).map(|i| i as u8)), "{length}");
            assert!(cursor.rest().is_empty());
        }
    }

    #[test]
    fn damage_is_reported() {
        let good = encode_item(&Item::new().with("a", "x").with("b", 1));
        decode(&good).unwrap();
        for (bytes, why) in [
            (&b""[..], "count"),
            (b"\x00", "count"),
            (b"\x02\x01\x02a\x04\x01", "count"),
            (b"\x02\x02\x02a\x04\x01x", "cut off"),
            (b"\x03\x01\x02a\x04\x01x", "size"),
            (b"\x02\x01\x02a\x04\x01x\x00", "follow"),
            (b"\x04\x02\x02b\x04\x01x\x02a\x04\x01x", "ascending"),
            (b"\x04\x02\x02a\x04\x01x\x02a\x04\x01x", "ascending"),
            (b"\x02\x01\x02a\x04\x01\xff", "UTF-8"),
            (b"\x02\x01\x02\xff\x04\x01x", "name"),
            (b"\x02\x01\x01\x04\x01x", "name"),
            (b"\x02\x01\x02a\x0c\x01x", "unknown"),
            (b"\x02\x01\x02a\x05\x01\x80", "number"),
            (b"\x03\x01\x02a\x05\x03\xc1\x54\x00", "number"),
            (b"\x01\x01\x02a\x09\x01\x00", "empty"),
            (b"\x03\x01\x02a\x09\x05\x02\x01b\x01a", "ascending"),
        ] {
            let error = decode(bytes).unwrap_err();
            assert!(error.message().contains(why) || why == "count", "{bytes:?}: {error}");
        }
    }

    #[test]
    fn absurd_nesting_ends() {
        let mut bytes = b"\x00".to_vec();
        for _ in 0..100_000 {
            let mut outer = vec![Tag::L as u8];
            write_varint(&mut outer, bytes.len() + 1);
            bytes = match bytes.len() {
                length if length > 3000 => break,
                _ => [outer, vec![1], bytes].concat(),
            };
        }
        let item = ItemRef::from_bytes([b"\x05\x01\x02a".to_vec(), bytes].concat().into());
        assert!(item.check().unwrap_err().message().contains("nested"));
        let value = item.get("a").unwrap();
        assert!(value.size_bytes() < 300);
        assert!(value.to_json().len() < 300 && value.de::<serde_json::Value>().is_err());
        assert!(!format!("{value:?}").is_empty());
        assert!(crate::item::transcode(&item, &mut Default::default(), &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn decoding_is_the_inverse(item in any_item()) {
            let bytes = encode_item(&item);
            prop_assert_eq!(decode(&bytes).unwrap(), item);
        }

        #[test]
        fn what_passes_the_check_is_the_only_encoding(item in any_item(), at in any::<prop::sample::Index>(), to: u8) {
            let mut bytes = encode_item(&item);
            let at = at.index(bytes.len());
            bytes[at] = to;
            if let Ok(item) = decode(&bytes) {
                prop_assert_eq!(encode_item(&item), bytes);
            }
        }
    }
}
