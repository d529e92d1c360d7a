//! Items and values in DynamoDB's JSON: see [`decoder`](super::decoder) for the form.

use super::{
    decoder::{ValueDecoder, Wording},
    malformed, push_array, push_binary, push_members, push_string,
    reader::{Malformed, Reader},
    typed::{self, JsonContext},
};
use crate::{
    error::{Error, Result},
    item::{AttributeValue, Number, size},
};
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// What only matters for storing is not checked.
struct AsRead;
impl Wording for AsRead {
    fn checks_names(&self) -> bool {
        false
    }
}

/// Reads one value; `levels` is how many lists and maps may be entered.
pub(super) fn read(text: &str, levels: usize) -> Result<AttributeValue> {
    let (mut decoder, mut reader) = (ValueDecoder::new(AsRead, usize::MAX), Reader::new(text));
    let value = decoder.value(&mut reader, JsonContext::Element, levels);
    let value = value.and_then(|value| reader.finish().map(|()| value)).map_err(|why| unreadable(text, why))?;
    match (decoder.fault, value) {
        (None, Some(value)) => Ok(value),
        (fault, _) => Err(Error::validation(fault.unwrap_or_default())),
    }
}

/// Reads an object of names and values.
pub(super) fn read_members(text: &str, levels: usize) -> Result<BTreeMap<String, AttributeValue>> {
    let (mut decoder, mut reader) = (ValueDecoder::new(AsRead, usize::MAX), Reader::new(text));
    let mut members = BTreeMap::new();
    let read = typed::map(&mut reader, "AttributeValue", |reader, name| {
        if let Some(value) = decoder.value(reader, JsonContext::Element, levels)? {
            members.insert(name.into_owned(), value);
        }
        Ok::<_, Malformed>(())
    });
    let is_object = read.and_then(|is| reader.finish().map(|()| is)).map_err(|why| unreadable(text, why))?;
    match decoder.fault {
        Some(fault) => Err(Error::validation(fault)),
        None if is_object => Ok(members),
        None => Err(malformed("an item is an object of names and values, not null")),
    }
}

/// Why a text cannot be read. The reader does not say where it is no JSON; a parser that is asked once more does.
fn unreadable(text: &str, why: Malformed) -> Error {
    match why {
        Malformed::Kind(words) => malformed(words),
        Malformed::TooDeep => size::too_deep(),
        Malformed::LoneSurrogate => malformed("a string holds one half of a surrogate pair"),
        Malformed::Syntax => match serde_json::from_str::<IgnoredAny>(text) {
            Err(error) => malformed(error),
            Ok(IgnoredAny) => malformed("the text is not the JSON of an item or a value"),
        },
    }
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

    const EMPTY: &str = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
    const SEVERAL: &str =
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";
    const UNEXPECTED_OBJECT: &str = "Start of structure or map found where not expected";
    const UNEXPECTED_TYPE: &str = "Unexpected value type in payload";
    const UNEXPECTED_FIELD: &str = "Unexpected field type";

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
    }

    #[test]
    fn a_value_has_exactly_one_type() {
        for text in ["{}", "null", r#"{"S":null}"#, r#"{"X":"a"}"#, r#"{"L":[{}]}"#, r#"{"M":{"a":{}}}"#] {
            assert_eq!(refusal(text), ("ValidationException", EMPTY.to_owned()), "{text}");
        }
        for text in [r#"{"S":"a","N":"1"}"#, r#"{"L":[{"S":"a","BOOL":true}]}"#, r#"{"S":"a","S":"b"}"#] {
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
            (r#"{"BS":["AA==","AA=="]}"#, r#"INV:Input collection ["AA==","AA=="]of type BS contains duplicates."#),
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
            (r#"{"L":"x"}"#, UNEXPECTED_FIELD),
            (r#"{"L":{}}"#, UNEXPECTED_OBJECT),
            (r#"{"M":1}"#, UNEXPECTED_FIELD),
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
