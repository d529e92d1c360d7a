//! Plain JSON: each JSON type becomes the attribute type that is nearest to it.
//!
//! ```text
//! string  S      number  N      true, false  BOOL      null  NULL      array  L      object  M
//! ```
//!
//! Printing goes the same way back; sets print as arrays in ascending order, binaries as strings of base64, and what was made
//! of no number (NaN) as `null`.

use super::{parse, push_array, push_binary, push_members, push_string, text_of};
use crate::{
    error::Result,
    item::{AttributeValue, Number, size::too_deep},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt::Write};

/// Reads one value from its text, which was checked before; `levels` is how many lists and maps may be entered.
pub(super) fn read(text: &str, levels: usize) -> Result<AttributeValue> {
    let inner = || levels.checked_sub(1).ok_or_else(too_deep);
    Ok(match text.as_bytes().first() {
        Some(b'{') => AttributeValue::M(read_members(text, inner()?)?),
        Some(b'[') => AttributeValue::L(read_elements(text, inner()?)?),
        Some(b'"') => AttributeValue::S(text_of(text)?.into_owned()),
        Some(b't' | b'f') => AttributeValue::Bool(parse(text)?),
        Some(b'n') => AttributeValue::Null,
        _ => AttributeValue::N(Number::parse(text)?),
    })
}

/// Reads an object.
pub(super) fn read_members(text: &str, levels: usize) -> Result<BTreeMap<String, AttributeValue>> {
    let members: BTreeMap<String, &RawValue> = parse(text)?;
    members.into_iter().map(|(name, raw)| Ok((name, read(raw.get(), levels)?))).collect()
}

fn read_elements(text: &str, levels: usize) -> Result<Vec<AttributeValue>> {
    let elements: Vec<&RawValue> = parse(text)?;
    elements.into_iter().map(|raw| read(raw.get(), levels)).collect()
}

/// Appends a value.
pub(super) fn write(value: &AttributeValue, out: &mut String) {
    match value {
        AttributeValue::S(text) => push_string(text, out),
        AttributeValue::N(number) => push_number(number, out),
        AttributeValue::B(bytes) => push_binary(bytes, out),
        AttributeValue::Bool(true) => out.push_str("true"),
        AttributeValue::Bool(false) => out.push_str("false"),
        AttributeValue::Null => out.push_str("null"),
        AttributeValue::L(list) => push_array(list, out, write),
        AttributeValue::M(map) => push_members(map, out, write),
        AttributeValue::Ss(set) => push_array(set, out, |text, out| push_string(text, out)),
        AttributeValue::Ns(set) => push_array(set, out, push_number),
        AttributeValue::Bs(set) => push_array(set, out, |bytes, out| push_binary(bytes, out)),
    }
}

fn push_number(number: &Number, out: &mut String) {
    if !number.is_sound() {
        return out.push_str("null"); // as JavaScript prints NaN; JSON has no such number
    }
    // Writing to a string cannot fail.
    let _ = write!(out, "{number}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Item;
    use bytes::Bytes;
    use std::collections::BTreeSet;

    #[test]
    fn types_are_the_nearest_ones() {
        let text =
            r#" { "s" : "a\u00e9\"", "n":-1.50e2, "t":true, "f":false, "z":null, "l":[1,"x",[]], "m":{"k":{}} } "#;
        let item = Item::from_json(text).unwrap();
        assert_eq!(item["s"], AttributeValue::from("aé\""));
        assert_eq!(item["n"], AttributeValue::from(-150));
        assert_eq!(item["l"], AttributeValue::L(vec![1.into(), "x".into(), AttributeValue::L(Vec::new())]));
        assert_eq!(item["m"], Item::new().with("k", Item::new()).into());
        assert_eq!(item.to_json(), r#"{"f":false,"l":[1,"x",[]],"m":{"k":{}},"n":-150,"s":"aé\"","t":true,"z":null}"#);
    }

    #[test]
    fn numbers_keep_their_digits() {
        let digits = "12345678901234567890123456789012345678";
        let text = format!("{{\"a\":{digits},\"b\":0.{digits}}}");
        assert_eq!(Item::from_json(&text).unwrap().to_json(), text);
        let error = Item::from_json(&format!("{{\"a\":{digits}9}}")).unwrap_err();
        assert_eq!(error.message(), "Attempting to store more than 38 significant digits in a Number");
        assert!(Item::from_json("{\"a\":1e126}").unwrap_err().message().starts_with("Number overflow."));
    }

    #[test]
    fn what_is_no_number_prints_as_null() {
        assert_eq!(Item::new().with("n", [f64::NAN, 1.0]).to_json(), r#"{"n":[null,1]}"#);
    }

    #[test]
    fn the_last_of_two_names_counts() {
        assert_eq!(Item::from_json(r#"{"a":1,"b":0,"a":2}"#).unwrap().to_json(), r#"{"a":2,"b":0}"#);
        assert_eq!(Item::from_json(r#"{"a":{"x":1,"\u0078":"y"}}"#).unwrap().to_json(), r#"{"a":{"x":"y"}}"#);
    }

    #[test]
    fn sets_print_as_arrays_and_binaries_as_base64() {
        let item = Item::new()
            .with("b", Bytes::from_static(b"foob"))
            .with("bs", AttributeValue::Bs(BTreeSet::from([Bytes::from_static(b"\xFF"), Bytes::new()])))
            .with("ns", AttributeValue::Ns(BTreeSet::from([10.into(), 9.into()])))
            .with("ss", AttributeValue::Ss(BTreeSet::from(["b".to_owned(), "a".to_owned()])));
        assert_eq!(item.to_json(), r#"{"b":"Zm9vYg==","bs":["","/w=="],"ns":[9,10],"ss":["a","b"]}"#);
    }
}
