//! What becomes an attribute value, and what becomes of one.

use bytes::Bytes;
use hashrange::{
    AttributeValue, Database, Item, ItemRef, Number, attr,
    item::{DynamoDbJson, from_item, to_value},
    key::{B, N, S, gt},
};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

#[test]
fn rust_types_become_values() -> hashrange::Result<()> {
    let text = String::from("t");
    let item = Item::new()
        .with("f", 19.99)
        .with("single", 0.1f32)
        .with("count", text.len())
        .with("signed", -1isize)
        .with("wide", u128::from(u64::MAX) + 1)
        .with("text", &text)
        .with("char", 'x')
        .with("some", Some("s"))
        .with("none", None::<u32>)
        .with("raw", vec![1u8, 2])
        .with("slice", &[3u8][..])
        .with("list", vec!["a", "b"])
        .with("numbers", [1, 2])
        .with("map", BTreeMap::from([("k", 1)]))
        .with("hashed", HashMap::from([("k".to_owned(), true)]))
        .with("names", BTreeSet::from(["n"]))
        .with("ids", BTreeSet::from([7u32]))
        .with("nested", Item::new().with("k", ["v"]));
    let types: Vec<String> = item.iter().map(|(name, value)| format!("{name} {}", value.type_name())).collect();
    let expected = "char S, count N, f N, hashed M, ids NS, list L, map M, names SS, nested M, none NULL, numbers L, \
                    raw B, signed N, single N, slice B, some S, text S, wide N";
    assert_eq!(types.join(", "), expected);
    assert_eq!(item["f"].as_f64(), Some(19.99));
    assert_eq!(item["single"].to_json(), "0.1");
    assert_eq!(item["wide"].to_json(), "18446744073709551616");
    assert_eq!((item["some"].as_str(), item["none"].is_null()), (Some("s"), true));
    assert_eq!(item["raw"].as_bytes(), Some(&[1, 2][..]));
    assert_eq!(item.path("nested.k[0]").and_then(|value| value.as_str()), Some("v"));
    assert_eq!(item["ids"].as_number_set().map(BTreeSet::len), Some(1));

    assert_eq!(String::try_from(item["text"].clone())?, "t");
    assert_eq!(usize::try_from(item["count"].clone())?, 1);
    assert_eq!(Vec::<u8>::try_from(item["raw"].clone())?, [1, 2]);
    let error = u8::try_from(item["signed"].clone()).unwrap_err();
    assert_eq!(error.message(), "expected N, an integer that fits, found N");
    let sorted: BTreeSet<AttributeValue> = item.values().cloned().collect();
    assert!(sorted.contains(&19.99.into()));
    Ok(())
}

#[test]
fn what_is_no_number_is_no_key_and_reads_back_as_none() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let readings = db.create_table("readings").hash::<N>("at").create()?;
    for at in [0.1, 0.2, 0.3, 0.4] {
        readings.put(&Item::new().with("at", at))?;
    }
    for faulty in [f64::NAN, 1e300, 1e-300].map(AttributeValue::from).into_iter().chain([u128::MAX.into()]) {
        let lazy = ItemRef::from(&Item::new().with("price", faulty.clone()));
        assert_eq!(lazy.get("price").and_then(|price| price.as_f64()), None, "{faulty:?}");
        assert!(from_item::<BTreeMap<String, f64>>(&Item::new().with("price", faulty.clone())).is_err());
        assert!(Number::try_from(faulty.clone()).is_err());
        // By way of the variant a program gets at it all the same.
        let AttributeValue::N(number) = faulty else { panic!("{faulty:?}") };
        assert_eq!(readings.get(number)?, None);
        readings.delete(number)?;
        assert!(readings.update(number).set("x", 1).send().is_err());
    }
    assert_eq!(readings.scan().items().filter(|item| item.is_ok()).count(), 4);
    Ok(())
}

#[test]
fn what_is_no_number_is_refused_where_it_is_sent() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("readings").hash::<S>("id").create()?;
    let none = "The parameter cannot be converted to a numeric value: NaN";
    let overflow = "Number overflow. Attempting to store a number with magnitude larger than supported range";
    for (value, text) in [(f64::NAN, none), (f64::NEG_INFINITY, none), (1e300, overflow)] {
        let put = table.put(&Item::new().with("id", "1").with("x", [0.0, value])).unwrap_err();
        assert_eq!(put.message(), text);
        for refused in [
            table.update("1").set("x", value).send().map(drop),
            table.update("1").add("x", value).send().map(drop),
            table.update("1").set("x", 1).when(attr("y").gt(value)).send().map(drop),
        ] {
            let error = refused.unwrap_err();
            assert!(error.message().ends_with(text), "{error}");
        }
    }
    assert_eq!(table.scan().items().count(), 0);
    let sorted = db.create_table("sorted").hash::<S>("id").range::<hashrange::key::N>("at").create()?;
    assert!(sorted.query("1").range(gt(f64::NAN)).page().is_err());
    assert!(sorted.put(&Item::new().with("id", "1").with("at", f64::NAN)).is_err());
    Ok(())
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    id: String,
    value: AttributeValue,
    item: Item,
    stored: Option<ItemRef>,
}

fn every_type() -> Item {
    let exact = Number::parse("12345678901234567890123456789012345678").unwrap_or_default();
    Item::new()
        .with("text", "é\"")
        .with("exact", exact)
        .with("set", BTreeSet::from(["a", "b"]))
        .with("bytes", BTreeSet::from([vec![0u8], vec![1]]))
        .with("raw", vec![255u8])
        .with("null", None::<bool>)
        .with("list", [AttributeValue::from(true), 1.5.into(), Item::new().with("k", 1).into()])
}

#[test]
fn fields_may_be_values_and_items_of_which_nothing_is_lost() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let table = db.create_table("holders").hash::<S>("id").create()?;
    let stored = Some(ItemRef::from(&every_type()));
    let holder = Holder { id: "1".into(), value: every_type().into(), item: every_type(), stored };
    table.put(&holder)?;
    let read: Holder = table.get("1")?.unwrap().de()?;
    assert_eq!(read, holder);
    assert_eq!(to_value(&read.value)?, holder.value);
    Ok(())
}

#[test]
fn items_go_through_serde_as_plain_data_and_as_dynamodb_json() -> Result<(), Box<dyn std::error::Error>> {
    let plain = serde_json::to_value(every_type())?;
    assert_eq!(plain, serde_json::to_value(ItemRef::from(&every_type()))?);
    assert_eq!((&plain["raw"], &plain["set"][1]), (&"/w==".into(), &"b".into()));
    let back: Item = serde_json::from_value(plain)?;
    assert_eq!(back.path("list[2].k").and_then(|k| k.as_i64()), Some(1));

    #[derive(Serialize, Deserialize)]
    struct Message {
        item: DynamoDbJson<Item>,
    }
    let text = serde_json::to_string(&Message { item: DynamoDbJson(every_type()) })?;
    assert!(text.contains(r#""raw":{"B":"/w=="}"#), "{text}");
    assert_eq!(serde_json::from_str::<Message>(&text)?.item.0, every_type());
    assert!(serde_json::from_str::<Message>(r#"{"item": {"a": {"N": "x"}}}"#).is_err());
    Ok(())
}

#[test]
fn both_sides_answer_alike() {
    let item = every_type();
    let lazy = ItemRef::from(&item);
    for (name, value) in item.iter() {
        let other = lazy.get(name).unwrap();
        assert_eq!((value.as_str(), value.as_bytes()), (other.as_str(), other.as_bytes()), "{name}");
        assert_eq!((value.as_number().copied(), value.as_f64()), (other.as_number(), other.as_f64()), "{name}");
        assert_eq!((value.as_bool(), value.is_null(), value.len()), (other.as_bool(), other.is_null(), other.len()));
        assert_eq!(value.as_list().map(<[_]>::len), other.as_list().map(Iterator::count), "{name}");
        assert_eq!(value.as_map().map(BTreeMap::len), other.as_map().map(Iterator::count), "{name}");
        let texts = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        let others = other.as_string_set().map(|set| set.map(str::to_owned).collect());
        assert_eq!(value.as_string_set().map(texts), others, "{name}");
    }
}

/// Nothing of a text is dropped or replaced: what cannot be kept is refused.
#[test]
fn nulls_without_a_type_and_half_characters_are_refused() -> hashrange::Result<()> {
    for text in [
        r#"{"a":{"S":"\ud800"}}"#,
        r#"{"a":{"S":"x\udc00y"}}"#,
        r#"{"\ud800":{"S":"x"}}"#,
        r#"{"a":{"SS":["x","\udfff"]}}"#,
        r#"{"a":null}"#,
        r#"{"a":{"M":{"k":null}}}"#,
        r#"{"a":{"L":[null]}}"#,
        r#"{"a":{"SS":["x",null]}}"#,
        r#"{"a":{"NS":["1",null]}}"#,
        r#"{"a":{"BS":[null]}}"#,
    ] {
        assert!(Item::from_dynamodb_json(text).is_err(), "{text}");
        assert!(serde_json::from_str::<DynamoDbJson<Item>>(text).is_err(), "{text}");
    }
    for text in [r#"{"a":"\ud800"}"#, r#"{"a":["\udc00"]}"#, r#"{"\udbff":1}"#] {
        assert!(Item::from_json(text).is_err(), "{text}");
        assert!(serde_json::from_str::<Item>(text).is_err(), "{text}");
    }
    let plain = Item::from_json(r#"{"a":null,"b":[null,{"c":null}],"d":"\ud83d\ude00"}"#)?;
    assert_eq!(plain.to_json(), r#"{"a":null,"b":[null,{"c":null}],"d":"😀"}"#, "plain JSON has a null");
    assert_eq!(to_value(&vec![None, Some("x")])?.to_json(), r#"[null,"x"]"#);
    Ok(())
}

#[test]
fn texts_and_bytes_are_keys_however_they_are_owned() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let texts = db.create_table("texts").hash::<S>("id").create()?;
    texts.put(&Item::new().with("id", "a"))?;
    assert!(texts.get("a".to_owned())?.is_some());
    assert!(texts.get(Arc::<str>::from("a"))?.is_some());
    assert!(texts.get(Cow::Borrowed("a"))?.is_some());
    assert!(texts.get(Box::<str>::from("a"))?.is_some());

    let pairs = db.create_table("pairs").hash::<B>("id").range::<N>("n").create()?;
    pairs.put(&Item::new().with("id", Bytes::from_static(b"ab")).with("n", 1))?;
    let key = (b"ab".to_vec(), 1);
    assert!(pairs.get(&key)?.is_some());
    assert!(pairs.get((Cow::Borrowed(&key.0[..]), key.1))?.is_some());
    pairs.delete(&key)?;
    assert_eq!(pairs.query(b"ab").items().count(), 0);
    Ok(())
}

#[test]
fn keys_and_items_are_made_of_what_is_at_hand() -> hashrange::Result<()> {
    let db = Database::in_memory()?;
    let list = ["a", "b", "c"];
    let counts = db.create_table("counts").hash::<N>("n").range::<S>("s").create()?;
    counts.put(&Item::from([("n", AttributeValue::from(list.len())), ("s", "x".into())]))?;
    assert!(counts.get((list.len(), "x"))?.is_some() && counts.get((3isize, "x"))?.is_some());
    let dynamic = db.dynamic_table("counts")?;
    assert_eq!(
        (dynamic.query(list.len()).count()?, dynamic.query(3).count()?, dynamic.query(4u64).count()?),
        (1, 1, 0)
    );
    let three = AttributeValue::from(3);
    assert_eq!((dynamic.query(&three).count()?, dynamic.query(three).count()?), (1, 1));
    let named = db.create_table("named").hash::<S>("s").create()?;
    named.put(&Item::new().with("s", "x"))?;
    let (named, name) = (db.dynamic_table("named")?, "x".to_owned());
    assert_eq!((named.query(&name).count()?, named.query(name).count()?), (1, 1));
    let prepared = db.prepare("SELECT * FROM counts WHERE n = ? AND s = ?")?;
    assert_eq!(prepared.bind(list.len()).bind("x").items().count(), 1);

    let mut item: Item = counts.get((3, "x"))?.map(Item::from).unwrap_or_default();
    item.extend([("text", Arc::<str>::from("t"))]);
    item.extend(list.iter().map(|name| (*name, AttributeValue::from(name))));
    let lazy = ItemRef::from(item.clone());
    assert_eq!(Item::from(&lazy), item);
    assert_eq!(Item::from(HashMap::from_iter(item.clone())), item);
    assert_eq!(Item::from(BTreeMap::from_iter(item.clone())), item);
    let sum: AttributeValue = [1i64, 2].iter().map(AttributeValue::from).collect::<Vec<_>>().into();
    assert_eq!(sum.type_name(), "L");

    let texts: Vec<String> = AttributeValue::from(list).try_into()?;
    assert_eq!(texts, list);
    assert!(Vec::<String>::try_from(sum).is_err());
    assert_eq!(f32::try_from(AttributeValue::from(0.5))?, 0.5);
    assert_eq!(u128::try_from(AttributeValue::from(3 * 10u128.pow(38)))?, 3 * 10u128.pow(38));
    assert_eq!(BTreeMap::try_from(AttributeValue::from(item.clone()))?, *item);
    let number = Number::parse("1.5")?;
    assert_eq!(
        (f64::try_from(number)?, i64::try_from(number).is_err(), u64::try_from(Number::from(7))?),
        (1.5, true, 7)
    );
    Ok(())
}

#[test]
fn plain_json_is_never_taken_for_an_exact_value() -> hashrange::Result<()> {
    let document = r#"{"a":{"$hashrange::AttributeValue":"{\"SS\":[\"x\"]}"}}"#;
    let item: Item = serde_json::from_str(document).map_err(|error| hashrange::Error::validation(error.to_string()))?;
    assert_eq!(item["a"].type_name(), "M");
    assert_eq!(item.to_json(), document);
    let db = Database::in_memory()?;
    let table = db.create_table("documents").hash::<S>("id").create()?;
    let set = AttributeValue::from(BTreeSet::from(["x"]));
    table.put(&item.with("id", "1").with("set", set.clone()))?;
    let read: BTreeMap<String, AttributeValue> = table.get_as("1")?.unwrap_or_default();
    assert_eq!((read["a"].type_name(), &read["set"]), ("M", &set));
    Ok(())
}
