//! Keys as bytes: what an item is hashed by, sorted by and found by.
//!
//! A key attribute has two encodings. The *last* form is the plain bytes of the value, for the component that ends a
//! key; the *component* form can be followed by another one, and tells its own end. Both sort, compared as unsigned
//! bytes, like DynamoDB sorts the values.
//!
//! ```text
//!      last                  component
//! S    UTF-8                 UTF-8 with 00 written as 00 FF, then 00 01
//! B    the bytes             the bytes with 00 written as 00 FF, then 00 01
//! N    ordered form          ordered form, which tells its own end
//! ```
//!
//! The type of a key attribute is fixed by the key schema, so it is not stored. These bytes are part of the file
//! format, and so is the token.

pub use super::key_buf::{KeyBuf, KeySink};
use super::{AttributeValue, Number, ValueRef, codec::Tag};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt};
use xxhash_rust::xxh3::xxh3_64;

/// Longest value of a partition key, in bytes of UTF-8 or binary.
pub const MAX_HASH_KEY_BYTES: usize = 2048;
/// Longest value of a sort key, in bytes of UTF-8 or binary.
pub const MAX_RANGE_KEY_BYTES: usize = 1024;

/// First byte of the two that end a component, and of the two that stand for a zero byte.
const ESCAPE: u8 = 0x00;
/// After [`ESCAPE`]: the component ends. Less than anything that can follow in a longer component.
const END: u8 = 0x01;
/// After [`ESCAPE`]: a zero byte of the value.
const ZERO_BYTE: u8 = 0xFF;

/// The type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyType {
    /// String, sorted by the unsigned bytes of its UTF-8.
    S,
    /// Number, sorted numerically.
    N,
    /// Binary, sorted by its unsigned bytes.
    B,
}

impl KeyType {
    /// DynamoDB's tag: `S`, `N` or `B`.
    pub fn name(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }

    /// The key type of a value; None for a value that cannot be a key.
    pub fn of(value: &AttributeValue) -> Option<Self> {
        match value {
            AttributeValue::S(_) => Some(Self::S),
            AttributeValue::N(number) if number.is_sound() => Some(Self::N),
            AttributeValue::B(_) => Some(Self::B),
            _ => None,
        }
    }

    /// Whether a value has this type.
    pub fn matches(self, value: &AttributeValue) -> bool {
        Self::of(value) == Some(self)
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The place of a partition key on the token ring; `hash_bytes` is the key in its last form.
#[inline]
pub fn token(hash_bytes: &[u8]) -> u64 {
    xxh3_64(hash_bytes)
}

/// The value of a key attribute in its last form, borrowed where it is in that form already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBytes<'a> {
    kind: KeyType,
    last: Cow<'a, [u8]>,
}

impl<'a> KeyBytes<'a> {
    /// A value; `None` if it cannot be a key.
    pub fn of_value(value: &'a AttributeValue) -> Option<Self> {
        let last = match value {
            AttributeValue::S(text) => Cow::Borrowed(text.as_bytes()),
            AttributeValue::B(bytes) => Cow::Borrowed(&bytes[..]),
            _ => {
                let mut last = Vec::new();
                encode_last(value, &mut last).then_some(Cow::Owned(last))?
            }
        };
        Some(Self { kind: KeyType::of(value)?, last })
    }
    /// A value of an encoded item; `None` if it cannot be a key.
    pub fn of_encoded(value: ValueRef<'a>) -> Option<Self> {
        let kind = match value.tag {
            Tag::S => KeyType::S,
            Tag::N => KeyType::N,
            Tag::B => KeyType::B,
            _ => return None,
        };
        Some(Self { kind, last: Cow::Borrowed(value.payload) })
    }
    /// The type of the value.
    pub fn kind(&self) -> KeyType {
        self.kind
    }
    /// Whether it is an empty string or no bytes.
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }
    /// Bytes of the value as limits of keys count them.
    pub fn size_bytes(&self) -> usize {
        match self.kind {
            KeyType::N => Number::decode_ordered(&self.last).map_or(0, |(number, _)| number.size_bytes()),
            KeyType::S | KeyType::B => self.last.len(),
        }
    }
    /// Appends the form that ends a key.
    pub fn append_last(&self, out: &mut impl KeySink) {
        out.put(&self.last);
    }
    /// Appends the form that another component can follow.
    pub fn append_component(&self, out: &mut impl KeySink) {
        match self.kind {
            KeyType::N => out.put(&self.last),
            KeyType::S | KeyType::B => escape(&self.last, out),
        }
    }
}

/// A value that can be a key attribute, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScalar<'a> {
    /// A string.
    S(&'a str),
    /// A number.
    N(Number),
    /// Binary.
    B(&'a [u8]),
}

impl<'a> KeyScalar<'a> {
    /// The scalar of a value; None for a value that cannot be a key.
    #[inline]
    pub fn of(value: &'a AttributeValue) -> Option<Self> {
        match value {
            AttributeValue::S(text) => Some(Self::S(text)),
            AttributeValue::N(number) if number.is_sound() => Some(Self::N(*number)),
            AttributeValue::B(bytes) => Some(Self::B(bytes)),
            _ => None,
        }
    }
    /// Its type.
    pub fn kind(&self) -> KeyType {
        match self {
            Self::S(_) => KeyType::S,
            Self::N(_) => KeyType::N,
            Self::B(_) => KeyType::B,
        }
    }
    /// The value, as one of its own.
    pub fn to_value(&self) -> AttributeValue {
        match self {
            Self::S(text) => AttributeValue::S((*text).to_owned()),
            Self::N(number) => AttributeValue::N(*number),
            Self::B(bytes) => AttributeValue::B(Bytes::copy_from_slice(bytes)),
        }
    }
    /// What kind of empty value it is (`string` or `binary`), if it is one.
    #[inline(always)]
    pub fn emptiness(&self) -> Option<&'static str> {
        match self {
            Self::S("") => Some("string"),
            Self::B([]) => Some("binary"),
            _ => None,
        }
    }
    /// Appends the form that ends a key.
    #[inline(always)]
    pub fn encode_last(&self, out: &mut impl KeySink) {
        match self {
            Self::S(text) => out.put(text.as_bytes()),
            Self::B(bytes) => out.put(bytes),
            Self::N(number) => {
                let (bytes, start) = number.ordered();
                out.put(&bytes[start..]);
            }
        }
    }
    /// Appends the form that another component can follow.
    pub fn encode_component(&self, out: &mut impl KeySink) {
        match self {
            Self::S(text) => escape(text.as_bytes(), out),
            Self::B(bytes) => escape(bytes, out),
            Self::N(_) => self.encode_last(out),
        }
    }
}

/// Appends the form of a value that ends a key. False, with nothing appended, if the value cannot be a key.
#[inline]
pub fn encode_last(value: &AttributeValue, out: &mut impl KeySink) -> bool {
    KeyScalar::of(value).map(|scalar| scalar.encode_last(out)).is_some()
}

/// Appends the form of a value that another component can follow. False, with nothing appended, if the value cannot be
/// a key.
pub fn encode_component(value: &AttributeValue, out: &mut impl KeySink) -> bool {
    KeyScalar::of(value).map(|scalar| scalar.encode_component(out)).is_some()
}

/// Reads what [`encode_last`] wrote; None if these are no such bytes.
pub fn decode_last(kind: KeyType, bytes: &[u8]) -> Option<AttributeValue> {
    match kind {
        KeyType::S => str::from_utf8(bytes).ok().map(|text| AttributeValue::S(text.to_owned())),
        KeyType::B => Some(AttributeValue::B(Bytes::copy_from_slice(bytes))),
        KeyType::N => {
            let (number, length) = Number::decode_ordered(bytes)?;
            (length == bytes.len()).then_some(AttributeValue::N(number))
        }
    }
}

/// Reads what [`encode_component`] wrote at the beginning of `bytes`: the value, and how many bytes it took. None if
/// these are no such bytes.
pub fn decode_component(kind: KeyType, bytes: &[u8]) -> Option<(AttributeValue, usize)> {
    if kind == KeyType::N {
        return Number::decode_ordered(bytes).map(|(number, length)| (AttributeValue::N(number), length));
    }
    let (raw, length) = unescape(bytes)?;
    let value = match kind {
        KeyType::S => AttributeValue::S(String::from_utf8(raw).ok()?),
        _ => AttributeValue::B(raw.into()),
    };
    Some((value, length))
}

/// The smallest byte string above all that begin with `prefix`; None if there is none, because the prefix is empty or
/// has no byte but FF.
pub fn successor(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.last_mut() {
        if let Some(next) = last.checked_add(1) {
            *last = next;
            return Some(prefix);
        }
        prefix.pop();
    }
    None
}

fn escape(bytes: &[u8], out: &mut impl KeySink) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&byte| byte == ESCAPE) {
        out.put(&rest[..at]);
        out.put(&[ESCAPE, ZERO_BYTE]);
        rest = &rest[at + 1..];
    }
    out.put(rest);
    out.put(&[ESCAPE, END]);
}

fn unescape(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut raw = Vec::new();
    let mut start = 0;
    loop {
        let at = start + bytes.get(start..)?.iter().position(|&byte| byte == ESCAPE)?;
        raw.extend_from_slice(&bytes[start..at]);
        start = at + 2;
        match *bytes.get(at + 1)? {
            END => return Some((raw, start)),
            ZERO_BYTE => raw.push(ESCAPE),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::number::tests::any_number;
    use proptest::prelude::*;
    use std::cmp::Ordering;

    fn last(value: &AttributeValue) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(encode_last(value, &mut out));
        out
    }

    fn component(value: &AttributeValue) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(encode_component(value, &mut out));
        out
    }

    fn compare(a: &AttributeValue, b: &AttributeValue) -> Ordering {
        match (a, b) {
            (AttributeValue::S(a), AttributeValue::S(b)) => a.as_bytes().cmp(b.as_bytes()),
            (AttributeValue::B(a), AttributeValue::B(b)) => a.cmp(b),
            (AttributeValue::N(a), AttributeValue::N(b)) => a.cmp(b),
            _ => panic!("different types"),
        }
    }

    /// Two values of one type, often with a common beginning and with the bytes that escaping is about.
    fn pair() -> impl Strategy<Value = (AttributeValue, AttributeValue)> {
        let text = || prop_oneof!["[\\x00\\x01ab]{0,5}", ".*"];
        let bytes = || {
            let byte = prop_oneof![Just(0u8), Just(1u8), Just(0xFFu8), any::<u8>()];
            prop::collection::vec(byte, 0..6)
        };
        prop_oneof![
            (text(), text()).prop_map(|(a, b)| (AttributeValue::S(a), AttributeValue::S(b))),
            (bytes(), bytes()).prop_map(|(a, b)| (AttributeValue::B(a.into()), AttributeValue::B(b.into()))),
            (any_number(), any_number()).prop_map(|(a, b)| (AttributeValue::N(a), AttributeValue::N(b))),
        ]
    }

    #[test]
    fn golden_bytes() {
        let text = AttributeValue::from("a\0b");
        assert_eq!(last(&text), b"a\0b");
        assert_eq!(component(&text), b"a\0\xFFb\0\x01");
        assert_eq!(component(&AttributeValue::B(Bytes::new())), b"\0\x01");
        assert_eq!(component(&AttributeValue::from(42)), [0xC1, 84]);
        assert_eq!(token(b""), 0x2D06_8005_38D3_94C2);
        assert_eq!(token(b"partition key"), xxh3_64(b"partition key"));
    }

    #[test]
    fn only_scalars_are_keys() {
        let mut out = vec![7];
        for value in [AttributeValue::Bool(true), AttributeValue::Null, AttributeValue::L(Vec::new())] {
            assert!(!encode_last(&value, &mut out) && !encode_component(&value, &mut out));
            assert_eq!(KeyType::of(&value), None);
        }
        assert_eq!(out, [7]);
        assert!(KeyType::S.matches(&"x".into()) && !KeyType::S.matches(&1.into()));
        assert_eq!(format!("{} {} {}", KeyType::S, KeyType::N, KeyType::B), "S N B");
        assert_eq!(serde_json::to_string(&KeyType::B).unwrap(), "\"B\"");
    }

    #[test]
    fn other_bytes_are_refused() {
        assert_eq!(decode_last(KeyType::S, b"\xFF"), None);
        assert_eq!(decode_last(KeyType::N, &[0xC1, 84, 0]), None);
        for bytes in [&b""[..], b"a", b"a\0", b"a\0\x02", b"a\0\xFF", b"\xFF\0\x01"] {
            assert_eq!(decode_component(KeyType::S, bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn successors() {
        assert_eq!(successor(b"ab".to_vec()), Some(b"ac".to_vec()));
        assert_eq!(successor(b"a\xFF\xFF".to_vec()), Some(b"b".to_vec()));
        assert_eq!(successor(b"\xFF\xFF".to_vec()), None);
        assert_eq!(successor(Vec::new()), None);
    }

    proptest! {
        #[test]
        fn bytes_sort_like_values((a, b) in pair(), after_a in any::<Vec<u8>>(), after_b in any::<Vec<u8>>()) {
            let order = compare(&a, &b);
            prop_assert_eq!(last(&a).cmp(&last(&b)), order);
            let (mut left, mut right) = (component(&a), component(&b));
            prop_assert_eq!(left.cmp(&right), order);
            left.extend_from_slice(&after_a);
            right.extend_from_slice(&after_b);
            prop_assert_eq!(left.cmp(&right), order.then(after_a.cmp(&after_b)));
        }

        #[test]
        fn decoding_is_the_inverse((value, _) in pair(), after in any::<Vec<u8>>()) {
            let kind = KeyType::of(&value).unwrap();
            let last = last(&value);
            prop_assert_eq!(decode_last(kind, &last), Some(value.clone()));
            let mut bytes = component(&value);
            let length = bytes.len();
            bytes.extend_from_slice(&after);
            prop_assert_eq!(decode_component(kind, &bytes), Some((value, length)));
        }

        #[test]
        fn a_successor_is_the_least_upper_bound(prefix in any::<Vec<u8>>(), after in any::<Vec<u8>>()) {
            let longer = [prefix.as_slice(), &after].concat();
            if let Some(next) = successor(prefix.clone()) {
                prop_assert!(longer < next && !next.starts_with(&prefix));
                prop_assert_eq!(next.len(), prefix.iter().rposition(|&b| b != 0xFF).unwrap() + 1);
            } else {
                prop_assert!(prefix.iter().all(|&b| b == 0xFF));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            for kind in [KeyType::S, KeyType::N, KeyType::B] {
                let _ = (decode_last(kind, &bytes), decode_component(kind, &bytes));
            }
        }
    }
}
