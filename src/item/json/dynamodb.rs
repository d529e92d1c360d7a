//! DynamoDB JSON: each value is an object whose one member is named after its type.
//!
//! ```text
//! {"S":"text"}  {"N":"1.5"}  {"B":"base64"}  {"BOOL":true}  {"NULL":true}  {"L":[value..]}  {"M":{"name":value..}}
//! {"SS":["a"..]}  {"NS":["1"..]}  {"BS":["base64"..]}
//! ```
//!
//! Reading is as lenient as the service (unknown members and members that are null count as absent, a boolean may be a
//! string such as `"yes"`) and as strict: the texts of the refusals are the service's, in its order where one value has
//! several faults.

use super::{malformed, parse, push_array, push_binary, push_members, push_string, string};
use crate::{
    error::{Error, Result},
    item::{AttributeValue, Number, base64, size},
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap, collections::BTreeSet, fmt};

const EMPTY: &str = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
const SEVERAL: &str =
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";
const UNEXPECTED_OBJECT: &str = "Start of structure or map found where not expected";
const UNEXPECTED_TYPE: &str = "Unexpected value type in payload";

/// The names of the types, in the order in which the service complains about them.
#[derive(Clone, Copy, Deserialize)]
enum Tag {
    #[serde(rename = "BOOL")]
    Bool,
    #[serde(rename = "SS")]
    Ss,
    #[serde(rename = "BS")]
    Bs,
    #[serde(rename = "NS")]
    Ns,
    N,
    #[serde(rename = "NULL")]
    Null,
    S,
    B,
    L,
    M,
    #[serde(other)]
    Unknown,
}

const TAGS: [Tag; 10] = [Tag::Bool, Tag::Ss, Tag::Bs, Tag::Ns, Tag::N, Tag::Null, Tag::S, Tag::B, Tag::L, Tag::M];

/// The texts of a value's members, by tag.
#[derive(Default)]
struct Members<'a>([Option<&'a RawValue>; TAGS.len()]);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the value's type as name")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut members = Members::default();
                while let Some((tag, raw)) = map.next_entry::<Tag, Option<&RawValue>>()? {
                    if let Some(member) = members.0.get_mut(tag as usize) {
                        *member = raw;
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Reads one value from its text, which was checked before; `levels` is how many lists and maps may be entered.
pub(super) fn read(text: &str, levels: usize) -> Result<AttributeValue> {
    expect(text, b'{', "class com.amazonaws.dynamodb.v20120810.AttributeValue")?;
    let members: Members<'_> = parse(text)?;
    let mut found = None;
    let mut several = false;
    for (tag, raw) in TAGS.into_iter().zip(members.0) {
        if let Some(raw) = raw {
            let value = read_tagged(tag, raw.get(), levels)?;
            several |= found.replace(value).is_some();
        }
    }
    if several {
        return Err(Error::validation(SEVERAL));
    }
    found.ok_or_else(|| Error::validation(EMPTY))
}

/// Reads an object of names and values.
pub(super) fn read_members(text: &str, levels: usize) -> Result<BTreeMap<String, AttributeValue>> {
    let members: BTreeMap<String, Option<&RawValue>> = parse(text)?;
    let value = |raw: Option<&RawValue>| read(raw.ok_or_else(|| Error::validation(EMPTY))?.get(), levels);
    members.into_iter().map(|(name, raw)| Ok((name, value(raw)?))).collect()
}

fn read_tagged(tag: Tag, text: &str, levels: usize) -> Result<AttributeValue> {
    let inner = || levels.checked_sub(1).ok_or_else(size::too_deep);
    Ok(match tag {
        Tag::S => AttributeValue::S(read_string(text)?.into_owned()),
        Tag::N => AttributeValue::N(Number::parse(&read_string(text)?)?),
        Tag::B => AttributeValue::B(read_binary(text)?),
        Tag::Bool => AttributeValue::Bool(read_bool(text)?),
        Tag::Null if read_bool(text)? => AttributeValue::Null,
        Tag::Null => return Err(Error::invalid_parameter("Null attribute value types must have the value of true")),
        Tag::Ss => AttributeValue::Ss(read_set("SS", text, |text| Ok(read_string(text)?.into_owned()))?),
        Tag::Ns => AttributeValue::Ns(read_set("NS", text, |text| Number::parse(&read_string(text)?))?),
        Tag::Bs => AttributeValue::Bs(read_set("BS", text, read_binary)?),
        Tag::L => {
            let levels = inner()?;
            AttributeValue::L(elements(text)?.into_iter().map(|raw| read(raw.get(), levels)).collect::<Result<_>>()?)
        }
        Tag::M => {
            let levels = inner()?;
            expect(text, b'{', "java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>")?;
            AttributeValue::M(read_members(text, levels)?)
        }
        Tag::Unknown => return Err(Error::validation(EMPTY)),
    })
}

/// Refuses a text that does not begin with `opening`, the sign of an object or array.
fn expect(text: &str, opening: u8, class: &str) -> Result<()> {
    if text.as_bytes().first() == Some(&opening) { Ok(()) } else { Err(misplaced(text, class)) }
}

/// The refusal of a text of a wrong kind, in the service's words: it calls an array by the `class` that it expected.
fn misplaced(text: &str, class: &str) -> Error {
    match text.as_bytes().first() {
        Some(b'{') => malformed(UNEXPECTED_OBJECT),
        Some(b'[') => malformed(format!("Unrecognized collection type {class}")),
        _ => malformed(UNEXPECTED_TYPE),
    }
}

/// The name that the service has for a scalar of a wrong type.
fn scalar_name(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b't') => "TRUE_VALUE",
        Some(b'f') => "FALSE_VALUE",
        Some(b'n') => "NULL_VALUE",
        _ if text.contains(['.', 'e', 'E']) => "DECIMAL_VALUE",
        _ => "NUMBER_VALUE",
    }
}

fn read_string(text: &str) -> Result<Cow<'_, str>> {
    match text.as_bytes().first() {
        Some(b'"') => string(text),
        Some(b'{' | b'[') => Err(misplaced(text, "class java.lang.String")),
        _ => Err(malformed(format!("{} cannot be converted to String", scalar_name(text)))),
    }
}

fn read_binary(text: &str) -> Result<Bytes> {
    base64::decode(&read_string(text)?).map(Bytes::from)
}

fn read_bool(text: &str) -> Result<bool> {
    const TRUE: [&str; 5] = ["true", "t", "yes", "y", "1"];
    const FALSE: [&str; 5] = ["false", "f", "no", "n", "0"];
    match text.as_bytes().first() {
        Some(b't' | b'f') => parse(text),
        Some(b'"') => {
            let spelt = string(text)?;
            let is_one_of = |spellings: [&str; 5]| spellings.iter().any(|s| spelt.eq_ignore_ascii_case(s));
            if is_one_of(TRUE) {
                Ok(true)
            } else if is_one_of(FALSE) {
                Ok(false)
            } else {
                Err(malformed("Unexpected token received from parser"))
            }
        }
        Some(b'{' | b'[') => Err(misplaced(text, "class java.lang.Boolean")),
        _ => Err(malformed(format!("{} cannot be converted to Boolean", scalar_name(text)))),
    }
}

fn elements(text: &str) -> Result<Vec<&RawValue>> {
    expect(text, b'[', "class java.util.List")?;
    parse(text)
}

fn read_set<T: Ord>(type_name: &str, text: &str, read: impl Fn(&str) -> Result<T>) -> Result<BTreeSet<T>> {
    let elements = elements(text)?;
    if elements.is_empty() {
        return Err(size::empty_set(type_name));
    }
    let set: BTreeSet<T> = elements.iter().map(|raw| read(raw.get())).collect::<Result<_>>()?;
    if set.len() == elements.len() {
        return Ok(set);
    }
    let list = || elements.iter().map(|raw| raw.get()).collect::<Vec<_>>().join(", ");
    Err(Error::invalid_parameter(match type_name {
        "SS" => format!("Input collection [{}] contains duplicates.", list()),
        // No space, as in the service.
        "BS" => format!("Input collection [{}]of type BS contains duplicates.", list()),
        _ => "Input collection contains duplicates.".to_owned(),
    }))
}

/// Appends a value.
pub(super) fn write(value: &AttributeValue, out: &mut String) {
    out.push_str("{\"");
    out.push_str(value.type_name());
    out.push_str("\":");
    match value {
        AttributeValue::S(text) => push_string(text, out),
        AttributeValue::N(number) => push_number(number, out),
        AttributeValue::B(bytes) => push_binary(bytes, out),
        AttributeValue::Bool(false) => out.push_str("false"),
        AttributeValue::Bool(true) | AttributeValue::Null => out.push_str("true"),
        AttributeValue::L(list) => push_array(list, out, write),
        AttributeValue::M(map) => push_members(map, out, write),
        AttributeValue::Ss(set) => push_array(set, out, |text, out| push_string(text, out)),
        AttributeValue::Ns(set) => push_array(set, out, push_number),
        AttributeValue::Bs(set) => push_array(set, out, |bytes, out| push_binary(bytes, out)),
    }
    out.push('}');
}

fn push_number(number: &Number, out: &mut String) {
    push_string(&number.to_string(), out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Item;

    fn refusal(text: &str) -> (&'static str, String) {
        let error = AttributeValue::from_dynamodb_json(text).unwrap_err();
        (error.code(), error.message().to_owned())
    }

    #[test]
    fn every_type_reads_and_prints() {
        let text = concat!(
            r#"{"b":{"B":"Zm9vYg=="},"bool":{"BOOL":false},"bs":{"BS":["","/w=="]},"l":{"L":[{"N":"1.5"},{"L":[]}]},"#,
            r#""m":{"M":{"":{"S":""},"k":{"M":{}}}},"n":{"N":"-7"},"ns":{"NS":["9","10"]},"null":{"NULL":true},"#,
            r#""s":{"S":"é\"\n"},"ss":{"SS":["a","b"]}}"#
        );
        assert_eq!(Item::from_dynamodb_json(text).unwrap().to_dynamodb_json(), text);
        let loose = r#" { "ns" : { "NS" : ["10.0", "9e0"], "S": null, "other": 1 } } "#;
        assert_eq!(Item::from_dynamodb_json(loose).unwrap().to_dynamodb_json(), r#"{"ns":{"NS":["9","10"]}}"#);
        assert_eq!(AttributeValue::from_dynamodb_json(r#"{"S":"a","S":"b"}"#).unwrap(), "b".into());
    }

    #[test]
    fn a_value_has_exactly_one_type() {
        for text in ["{}", r#"{"S":null}"#, r#"{"X":"a"}"#, r#"{"L":[{}]}"#, r#"{"M":{"a":{}}}"#] {
            assert_eq!(refusal(text), ("ValidationException", EMPTY.to_owned()), "{text}");
        }
        for text in [r#"{"S":"a","N":"1"}"#, r#"{"L":[{"S":"a","BOOL":true}]}"#] {
            assert_eq!(refusal(text), ("ValidationException", SEVERAL.to_owned()), "{text}");
        }
    }

    #[test]
    fn faults_are_told_in_the_order_of_the_service() {
        let empty_set = "One or more parameter values were invalid: An string set  may not be empty";
        let number = "The parameter cannot be converted to a numeric value: x";
        let null = "One or more parameter values were invalid: Null attribute value types must have the value of true";
        for (text, message) in [
            (r#"{"SS":[],"BOOL":"maybe","N":"x","NULL":false,"S":"a"}"#, "Unexpected token received from parser"),
            (r#"{"SS":[],"N":"x","NULL":false,"S":"a"}"#, empty_set),
            (r#"{"NULL":false,"N":"x","S":"a"}"#, number),
            (r#"{"NULL":false,"S":"a"}"#, null),
        ] {
            assert_eq!(refusal(text).1, message, "{text}");
        }
    }

    #[test]
    fn sets_have_no_duplicates() {
        let message = |text: &str| refusal(text).1.replace("One or more parameter values were invalid: ", "INV:");
        for (text, expected) in [
            (r#"{"SS":["a","b","b"]}"#, r#"INV:Input collection ["a", "b", "b"] contains duplicates."#),
            (r#"{"BS":["AA==","AA=="]}"#, r#"INV:Input collection ["AA==", "AA=="]of type BS contains duplicates."#),
            (r#"{"NS":["1","1.0"]}"#, "INV:Input collection contains duplicates."),
            (r#"{"NS":[]}"#, "INV:An number set  may not be empty"),
            (r#"{"BS":[]}"#, "INV:Binary sets should not be empty"),
        ] {
            assert_eq!(message(text), expected);
        }
    }

    #[test]
    fn wrong_json_types_are_told_in_the_words_of_the_service() {
        for (text, message) in [
            (r#"{"S":true}"#, "TRUE_VALUE cannot be converted to String"),
            (r#"{"S":false}"#, "FALSE_VALUE cannot be converted to String"),
            (r#"{"N":1}"#, "NUMBER_VALUE cannot be converted to String"),
            (r#"{"N":1.5}"#, "DECIMAL_VALUE cannot be converted to String"),
            (r#"{"S":{}}"#, UNEXPECTED_OBJECT),
            (r#"{"S":[]}"#, "Unrecognized collection type class java.lang.String"),
            (r#"{"BOOL":1}"#, "NUMBER_VALUE cannot be converted to Boolean"),
            (r#"{"BOOL":[]}"#, "Unrecognized collection type class java.lang.Boolean"),
            (r#"{"L":"x"}"#, UNEXPECTED_TYPE),
            (r#"{"L":{}}"#, UNEXPECTED_OBJECT),
            (r#"{"M":1}"#, UNEXPECTED_TYPE),
            (r#"{"L":["x"]}"#, UNEXPECTED_TYPE),
            (r#"{"B":"A"}"#, "Base64 encoded length is expected a multiple of 4 bytes but found: 1"),
            (r#"{"BS":["Zh=="]}"#, "Invalid last non-pad Base64 character dectected"),
        ] {
            assert_eq!(refusal(text), ("SerializationException", message.to_owned()), "{text}");
        }
        for spelt in ["true", "T", "Yes", "y", "1"] {
            let text = format!("{{\"BOOL\":\"{spelt}\"}}");
            assert_eq!(AttributeValue::from_dynamodb_json(&text).unwrap(), true.into());
        }
        for spelt in ["FALSE", "f", "no", "N", "0"] {
            let text = format!("{{\"BOOL\":\"{spelt}\"}}");
            assert_eq!(AttributeValue::from_dynamodb_json(&text).unwrap(), false.into());
        }
    }
}
