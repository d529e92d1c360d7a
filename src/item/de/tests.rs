//! User types to items and back.

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
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
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
    assert_eq!(lazy.get("v").unwrap().de::<T>().unwrap(), value, "{item:?}");
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
    round_trip(BTreeMap::from([(number("1.5"), BTreeSet::from(["x".to_owned()]))]));
    round_trip(HashSet::from([u64::MAX, 0]));
}

#[test]
fn enums() {
    round_trip(vec![
        Shape::Point,
        Shape::Circle(2.5),
        Shape::Line(-1, 1),
        Shape::Box { width: 3, label: None },
        Shape::Box { width: 4, label: Some("x".into()) },
    ]);
    round_trip(vec![Internal::A { n: number("0.5") }, Internal::B { text: "t".into() }]);
    assert_eq!(to_value(&Shape::Point).unwrap(), "Point".into());
    assert_eq!(to_value(&Shape::Circle(2.0)).unwrap(), Item::new().with("Circle", 2).into());
}

#[test]
fn numbers_keep_every_digit() {
    let digits = "-1234567890123456789012345678.9012345678";
    round_trip(number(digits));
    round_trip(Some(vec![number("1e125"), number("1e-130"), number("18446744073709551615")]));
    round_trip(Internal::A { n: number(digits) });
    round_trip(Flattened { name: "f".into(), rest: BTreeMap::from([("x".into(), number(digits))]) });
    assert_eq!(to_value(&number(digits)).unwrap(), AttributeValue::N(number(digits)));
    assert_eq!(to_value(&number("0.5")).unwrap(), AttributeValue::N(number("0.5")));
}

#[test]
fn bytes_are_binary() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        blob: &'a [u8],
    }
    assert_eq!(to_value(&Blob(vec![0, 255])).unwrap(), Bytes::from_static(b"\0\xff").into());
    let item = ItemRef::from(&Item::new().with("blob", Bytes::from_static(b"\0\xff")).with("text", "t"));
    let borrowed: Borrowed<'_> = item.de().unwrap();
    assert_eq!((borrowed.text, borrowed.blob), ("t", &b"\0\xff"[..]));
    let blob = item.get("blob").unwrap();
    assert_eq!(blob.de::<Vec<u8>>().unwrap(), [0, 255]);
    assert_eq!((blob.de::<[u8; 2]>().unwrap(), blob.de::<(u8, u8)>().unwrap()), ([0, 255], (0, 255)));
    assert!(blob.de::<[u8; 1]>().is_err() && blob.de::<(u8,)>().is_err() && blob.de::<[u8; 3]>().is_err());
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
    let value = Tagged { tags: ["a".to_owned(), "b".to_owned()].into(), scores: vec![1.into(), number("1e30")] };
    let item = to_item(&value).unwrap();
    assert_eq!((item["tags"].type_name(), item["scores"].type_name()), ("SS", "NS"));
    assert_eq!(from_item::<Tagged>(&item).unwrap(), value);
    let value = Tagged { tags: BTreeSet::new(), scores: vec![] };
    assert_eq!(to_item(&value).unwrap()["tags"], AttributeValue::Null);
    assert_eq!(from_item::<Tagged>(&to_item(&value).unwrap()).unwrap(), value);
    assert_eq!(from_item::<Tagged>(&Item::new()).unwrap(), value);
    let json = serde_json::to_string(&value).unwrap();
    assert_eq!(serde_json::from_str::<Tagged>(&json).unwrap(), value);
    let plain: BTreeMap<String, HashSet<Number>> =
        from_item(&Item::new().with("s", AttributeValue::Ns([1.into(), 2.into()].into()))).unwrap();
    assert_eq!(plain["s"], HashSet::from([1.into(), 2.into()]));
}

#[test]
fn optional_attributes_may_be_absent_or_null() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Optional {
        a: Option<u8>,
        b: Option<u8>,
    }
    let item = Item::new().with("b", AttributeValue::Null).with("unknown", vec![AttributeValue::Null]);
    assert_eq!(from_item::<Optional>(&item).unwrap(), Optional { a: None, b: None });
}

#[test]
fn errors_name_the_place() {
    let item = Item::new().with("list", [AttributeValue::from(Item::new().with("n", 300)), "x".into()]);
    let error = from_item::<BTreeMap<String, Vec<BTreeMap<String, u8>>>>(&item).unwrap_err();
    assert_eq!(error.message(), "list[0].n: invalid value: integer `300`, expected u8");
    let error = from_item::<BTreeMap<String, (BTreeMap<String, u16>,)>>(&item).unwrap_err();
    assert_eq!(error.message(), "list: invalid length 2, expected 1 elements");
    let item = Item::new().with("n", number("1.5")).with("s", "x");
    let error = from_item::<BTreeMap<String, i64>>(&item).unwrap_err();
    assert_eq!(error.message(), "n: invalid value: number 1.5, expected i64");
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
