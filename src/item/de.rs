//! Items as values of a user's types, read straight from the encoded bytes.
//!
//! Texts and bytes can be borrowed from the item (`&str`, `&[u8]`); attributes that the type does not have are stepped
//! over. The types are those of [`to_item`](super::to_item) the other way round, and a little wider:
//!
//! - an `Option` is `None` if the attribute is absent or `NULL`;
//! - a set is read into any sequence, set or array; a `B` into bytes or a `Vec<u8>`;
//! - a number is read into any integer or float that it fits, and into [`Number`] with all its digits. Where a type does
//!   not say what it expects (untagged enums, flattened fields), a number that is neither a 64-bit integer nor exact
//!   as a double comes as text, so that nothing is rounded silently.

mod access;

use super::{
    Elements, Item, ItemRef, Number, ValueRef,
    codec::{MAX_DEPTH, Tag},
    serde_error::SerdeError,
    set,
};
use crate::error::Result;
use access::{ElementAccess, MemberAccess, Variant};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Error as _, Unexpected, Visitor, value},
};

type DeResult<T> = std::result::Result<T, SerdeError>;

/// Reads a value of any deserialisable type from an item.
///
/// # Errors
/// A validation error that names the attribute which does not fit.
pub fn from_item<T: DeserializeOwned>(item: &Item) -> Result<T> {
    ItemRef::from(item).de()
}

impl ItemRef {
    /// Reads a value of any deserialisable type from the item; it may borrow texts and bytes.
    ///
    /// # Errors
    /// A validation error that names the attribute which does not fit.
    pub fn de<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        self.as_map().de()
    }
}

impl<'a> ValueRef<'a> {
    /// Reads a value of any deserialisable type; it may borrow texts and bytes.
    ///
    /// # Errors
    /// A validation error that names the place which does not fit.
    pub fn de<T: Deserialize<'a>>(&self) -> Result<T> {
        Ok(T::deserialize(ValueDeserializer {
            value: *self,
            depth: MAX_DEPTH,
        })?)
    }
}

#[derive(Clone, Copy)]
struct ValueDeserializer<'de> {
    value: ValueRef<'de>,
    /// Levels that may still be entered; damaged bytes could be nested without end.
    depth: usize,
}

impl<'de> ValueDeserializer<'de> {
    fn inner(&self) -> DeResult<usize> {
        self.depth
            .checked_sub(1)
            .ok_or_else(|| SerdeError::new("the value is nested too deeply"))
    }
    fn number(&self) -> DeResult<Number> {
        self.value
            .as_number()
            .ok_or_else(|| self.mismatch(&"a number"))
    }
    fn text(&self) -> DeResult<&'de str> {
        self.value
            .as_str()
            .ok_or_else(|| SerdeError::new("the string is not UTF-8"))
    }
    /// What serde says when a type does not fit, with the value if it is short to say.
    fn mismatch(&self, expected: &dyn de::Expected) -> SerdeError {
        SerdeError::invalid_type(
            match self.value.tag {
                Tag::S => self
                    .value
                    .as_str()
                    .map_or(Unexpected::Other("damaged string"), Unexpected::Str),
                Tag::N => Unexpected::Other("number"),
                Tag::B => Unexpected::Bytes(self.value.payload),
                Tag::True => Unexpected::Bool(true),
                Tag::False => Unexpected::Bool(false),
                Tag::Null => Unexpected::Other("NULL"),
                Tag::L => Unexpected::Seq,
                Tag::M => Unexpected::Map,
                Tag::Ss | Tag::Ns | Tag::Bs => Unexpected::Other("set"),
            },
            expected,
        )
    }
    fn visit_number<V: Visitor<'de>>(&self, visitor: V) -> DeResult<V::Value> {
        let number = self.number()?;
        if let Some(integer) = number.to_i64() {
            return visitor.visit_i64(integer);
        }
        if let Some(integer) = number.to_u64() {
            return visitor.visit_u64(integer);
        }
        match number.to_f64() {
            Some(double) if Number::try_from(double).is_ok_and(|back| back == number) => {
                visitor.visit_f64(double)
            }
            _ => visitor.visit_string(number.to_string()),
        }
    }
    /// An integer for a type that takes nothing else; what does not fit is reported by the type.
    fn visit_integer<V: Visitor<'de>>(&self, visitor: V) -> DeResult<V::Value> {
        if self.value.tag != Tag::N {
            return Err(self.mismatch(&visitor));
        }
        let number = self.number()?;
        match (number.to_i64(), number.to_u64()) {
            (Some(integer), _) => visitor.visit_i64(integer),
            (_, Some(integer)) => visitor.visit_u64(integer),
            _ => {
                let text = format!("number {number}");
                Err(SerdeError::invalid_value(
                    Unexpected::Other(&text),
                    &visitor,
                ))
            }
        }
    }
    fn visit_elements<V: Visitor<'de>>(
        &self,
        elements: Elements<'de>,
        visitor: V,
    ) -> DeResult<V::Value> {
        let length = self.value.count().ok_or_else(damaged)?;
        let mut access = ElementAccess {
            elements,
            length,
            at: 0,
            depth: self.inner()?,
        };
        let value = visitor.visit_seq(&mut access)?;
        if access.at < access.length {
            let fewer = format!("{} elements", access.at);
            return Err(SerdeError::invalid_length(access.length, &fewer.as_str()));
        }
        Ok(value)
    }
    fn visit_members<V: Visitor<'de>>(&self, visitor: V) -> DeResult<V::Value> {
        let left = self.value.count().ok_or_else(damaged)?;
        visitor.visit_map(MemberAccess {
            members: self.value.map(),
            left,
            current: None,
            depth: self.inner()?,
        })
    }
}

macro_rules! deserialize_as {
    ($($method:ident)* => $visit:ident) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
            self.$visit(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for ValueDeserializer<'de> {
    type Error = SerdeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        match self.value.tag {
            Tag::S => visitor.visit_borrowed_str(self.text()?),
            Tag::N => self.visit_number(visitor),
            Tag::B => visitor.visit_borrowed_bytes(self.value.payload),
            Tag::True => visitor.visit_bool(true),
            Tag::False => visitor.visit_bool(false),
            Tag::Null => visitor.visit_unit(),
            Tag::L => self.visit_elements(self.value.list(), visitor),
            Tag::Ss | Tag::Ns | Tag::Bs => self.visit_elements(self.value.set(), visitor),
            Tag::M => self.visit_members(visitor),
        }
    }

    deserialize_as! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 => visit_integer
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        match self.value.as_number().and_then(|number| number.to_i128()) {
            Some(integer) => visitor.visit_i128(integer),
            None => self.visit_integer(visitor),
        }
    }
    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        // 128 bits without sign reach further than with one, and what is there may have zeros beyond the 38 digits.
        match self
            .value
            .as_number()
            .and_then(|number| number.to_string().parse().ok())
        {
            Some(integer) => visitor.visit_u128(integer),
            None => self.visit_integer(visitor),
        }
    }
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        self.deserialize_f64(visitor)
    }
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        match self.value.as_f64() {
            Some(double) => visitor.visit_f64(double),
            None => Err(self.mismatch(&visitor)),
        }
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        if self.value.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> DeResult<V::Value> {
        match (name, self.value.tag) {
            (Number::SERDE_NAME, Tag::N) => match self.value.as_i64() {
                Some(integer) => visitor.visit_i64(integer),
                None => visitor.visit_string(self.number()?.to_string()),
            },
            (Number::SERDE_NAME, _) => Err(self.mismatch(&visitor)),
            (set::SERDE_NAME, Tag::Null) => {
                visitor.visit_seq(value::SeqDeserializer::<_, SerdeError>::new(NOTHING))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        match self.value.tag {
            Tag::B => visitor.visit_seq(value::SeqDeserializer::new(
                self.value.payload.iter().copied(),
            )),
            _ => self.deserialize_any(visitor),
        }
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> DeResult<V::Value> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> DeResult<V::Value> {
        self.deserialize_seq(visitor)
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> DeResult<V::Value> {
        match self.value.tag {
            Tag::S => visitor.visit_enum(value::BorrowedStrDeserializer::new(self.text()?)),
            Tag::M if self.value.len() == 1 => match self.value.map().next() {
                Some((variant, value)) => visitor.visit_enum(Variant {
                    variant,
                    value,
                    depth: self.inner()?,
                }),
                None => Err(damaged()),
            },
            Tag::M => Err(SerdeError::invalid_length(
                self.value.len(),
                &"a map of one member, named after a variant",
            )),
            _ => Err(self.mismatch(&"a variant: a string, or a map of one member")),
        }
    }
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> DeResult<V::Value> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool char str string bytes byte_buf unit unit_struct map struct identifier
    }
}

const NOTHING: std::iter::Empty<u8> = std::iter::empty();

fn damaged() -> SerdeError {
    SerdeError::new("the item is damaged")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{AttributeValue, to_item, to_value};
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde::Serialize;
    use std::collections::{BTreeMap, BTreeSet, HashSet};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Point,
        Circle(f64),
        Line(i32, i32),
        Box { width: u8, label: Option<String> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(u16);

    #[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    enum Key {
        North,
        South,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Internal {
        A { n: Number },
        B { text: String },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Flattened {
        name: String,
        #[serde(flatten)]
        rest: BTreeMap<String, Number>,
    }

    struct Blob(Vec<u8>);
    impl Serialize for Blob {
        fn serialize<S: serde::Serializer>(
            &self,
            serializer: S,
        ) -> std::result::Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    /// Through the tree, through bytes, and back.
    fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
        let item = to_item(&BTreeMap::from([("v", &value)])).unwrap();
        let lazy = ItemRef::from(&item);
        lazy.check().unwrap();
        assert_eq!(
            lazy.attribute("v").unwrap().de::<T>().unwrap(),
            value,
            "{item:?}"
        );
        let back: BTreeMap<String, T> = from_item(&item).unwrap();
        assert_eq!(back["v"], value);
    }

    #[test]
    fn scalars() {
        round_trip((i8::MIN, i16::MIN, i32::MIN, i64::MIN));
        round_trip((u8::MAX, u16::MAX, u32::MAX, u64::MAX));
        round_trip((i128::from(i64::MIN) * 1000, 3 * 10u128.pow(38), 0u128));
        round_trip((1.5f32, 0.1f32, -2.5e-7f64, 1e100f64, std::f64::consts::PI));
        round_trip((true, 'ü', String::from("text"), String::new(), ()));
        round_trip((Some(1), None::<u8>, Some(Some(2)), Wrapped(7)));
    }

    #[test]
    fn containers() {
        round_trip(vec![vec![1], vec![], vec![2, 3]]);
        round_trip(BTreeMap::from([(-1i64, 'a'), (i64::MAX, 'b')]));
        round_trip(BTreeMap::from([(true, Key::South)]));
        round_trip(BTreeMap::from([(Key::North, [1.0, 2.0])]));
        round_trip(BTreeMap::from([(
            number("1.5"),
            BTreeSet::from(["x".to_owned()]),
        )]));
        round_trip(HashSet::from([u64::MAX, 0]));
    }

    #[test]
    fn enums() {
        round_trip(vec![
            Shape::Point,
            Shape::Circle(2.5),
            Shape::Line(-1, 1),
            Shape::Box {
                width: 3,
                label: None,
            },
            Shape::Box {
                width: 4,
                label: Some("x".into()),
            },
        ]);
        round_trip(vec![
            Internal::A { n: number("0.5") },
            Internal::B { text: "t".into() },
        ]);
        assert_eq!(to_value(&Shape::Point).unwrap(), "Point".into());
        assert_eq!(
            to_value(&Shape::Circle(2.0)).unwrap(),
            Item::new().with("Circle", 2).into()
        );
    }

    #[test]
    fn numbers_keep_every_digit() {
        let digits = "-1234567890123456789012345678.9012345678";
        round_trip(number(digits));
        round_trip(Some(vec![
            number("1e125"),
            number("1e-130"),
            number("18446744073709551615"),
        ]));
        round_trip(Internal::A { n: number(digits) });
        round_trip(Flattened {
            name: "f".into(),
            rest: BTreeMap::from([("x".into(), number(digits))]),
        });
        assert_eq!(
            to_value(&number(digits)).unwrap(),
            AttributeValue::N(number(digits))
        );
        assert_eq!(
            to_value(&number("0.5")).unwrap(),
            AttributeValue::N(number("0.5"))
        );
    }

    #[test]
    fn bytes_are_binary() {
        #[derive(Deserialize)]
        struct Borrowed<'a> {
            text: &'a str,
            blob: &'a [u8],
        }
        assert_eq!(
            to_value(&Blob(vec![0, 255])).unwrap(),
            Bytes::from_static(b"\0\xff").into()
        );
        let item = ItemRef::from(
            &Item::new()
                .with("blob", Bytes::from_static(b"\0\xff"))
                .with("text", "t"),
        );
        let borrowed: Borrowed<'_> = item.de().unwrap();
        assert_eq!((borrowed.text, borrowed.blob), ("t", &b"\0\xff"[..]));
        assert_eq!(
            item.attribute("blob").unwrap().de::<Vec<u8>>().unwrap(),
            [0, 255]
        );
    }

    #[test]
    fn sets() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Tagged {
            #[serde(with = "crate::item::set", default)]
            tags: BTreeSet<String>,
            #[serde(with = "crate::item::set", default)]
            scores: Vec<Number>,
        }
        let value = Tagged {
            tags: ["a".to_owned(), "b".to_owned()].into(),
            scores: vec![1.into(), number("1e30")],
        };
        let item = to_item(&value).unwrap();
        assert_eq!(
            (item["tags"].type_name(), item["scores"].type_name()),
            ("SS", "NS")
        );
        assert_eq!(from_item::<Tagged>(&item).unwrap(), value);
        let value = Tagged {
            tags: BTreeSet::new(),
            scores: vec![],
        };
        assert_eq!(to_item(&value).unwrap()["tags"], AttributeValue::Null);
        assert_eq!(
            from_item::<Tagged>(&to_item(&value).unwrap()).unwrap(),
            value
        );
        assert_eq!(from_item::<Tagged>(&Item::new()).unwrap(), value);
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Tagged>(&json).unwrap(), value);
        let plain: BTreeMap<String, HashSet<Number>> =
            from_item(&Item::new().with("s", AttributeValue::Ns([1.into(), 2.into()].into())))
                .unwrap();
        assert_eq!(plain["s"], HashSet::from([1.into(), 2.into()]));
    }

    #[test]
    fn optional_attributes_may_be_absent_or_null() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Optional {
            a: Option<u8>,
            b: Option<u8>,
        }
        let item = Item::new()
            .with("b", AttributeValue::Null)
            .with("unknown", vec![AttributeValue::Null]);
        assert_eq!(
            from_item::<Optional>(&item).unwrap(),
            Optional { a: None, b: None }
        );
    }

    #[test]
    fn errors_name_the_place() {
        let item = Item::new().with("list", vec![Item::new().with("n", 300).into(), "x".into()]);
        let error = from_item::<BTreeMap<String, Vec<BTreeMap<String, u8>>>>(&item).unwrap_err();
        assert_eq!(
            error.message(),
            "list[0].n: invalid value: integer `300`, expected u8"
        );
        let error = from_item::<BTreeMap<String, (BTreeMap<String, u16>,)>>(&item).unwrap_err();
        assert_eq!(
            error.message(),
            "list: invalid length 2, expected 1 elements"
        );
        let item = Item::new().with("n", number("1.5")).with("s", "x");
        let error = from_item::<BTreeMap<String, i64>>(&item).unwrap_err();
        assert_eq!(
            error.message(),
            "n: invalid value: number 1.5, expected i64"
        );
        let error = to_item(&BTreeMap::from([("a", vec![1.0, f64::NAN])])).unwrap_err();
        assert!(error.message().starts_with("a[1]: "), "{error}");
        assert!(to_item(&7).unwrap_err().message().contains("of type N"));
        assert!(to_item(&BTreeMap::from([(vec![1], 1)])).is_err());
        assert!(to_item(&BTreeMap::from([(1, u128::MAX)])).is_err());
    }

    proptest! {
        #[test]
        fn any_value_of_json_comes_back(text in "[a-z]{0,4}", n: i64, u: u64, f in -1e9f64..1e9, b: bool) {
            let value = serde_json::json!({ "t": text, "n": n, "u": u, "l": [b, null, {"m": {}}], "f": f + 0.5 });
            let item = to_item(&value).unwrap();
            let back: serde_json::Value = from_item(&item).unwrap();
            // A whole double is the same number as the integer, and comes back as that.
            prop_assert!(back == value || f.fract() == 0.5, "{} {}", back, value);
        }

        #[test]
        fn numbers_of_every_kind(i: i64, u: u64, d in prop::num::f64::NORMAL, f in prop::num::f32::NORMAL) {
            round_trip((i, u));
            if (1e-120..1e120).contains(&d.abs()) {
                round_trip((d, f));
            }
        }

        #[test]
        fn no_damage_panics(item in crate::item::arbitrary::any_item(), at: prop::sample::Index, to: u8) {
            let mut bytes = crate::item::encode_item(&item);
            let at = at.index(bytes.len());
            bytes[at] = to;
            let damaged = ItemRef::from_bytes(bytes.into());
            let _ = (damaged.de::<serde_json::Value>(), damaged.de::<Flattened>(), damaged.de::<Internal>());
        }
    }
}
