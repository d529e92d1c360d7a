//! Values as people write them in fields: a type, and a text.

use crate::refusal::Refusal;
use hashrange::{AttributeValue, Item};
use serde_json::{Value, json, value::RawValue};

/// DynamoDB's types, with what each is called.
pub(crate) const TYPES: [(&str, &str); 10] = [
    ("S", "String"),
    ("N", "Number"),
    ("BOOL", "Boolean"),
    ("NULL", "Null"),
    ("L", "List"),
    ("M", "Map"),
    ("SS", "Set of strings"),
    ("NS", "Set of numbers"),
    ("B", "Binary"),
    ("BS", "Set of binaries"),
];

/// The value of a type that a text means: a string as it is, a number in digits, binary in base64, `true` or `false`, and the
/// inner part of DynamoDB's JSON for the rest, such as `["a","b"]` for a set. Errors: the engine's, or no such type.
pub(crate) fn parse(kind: &str, text: &str) -> Result<AttributeValue, Refusal> {
    let typed = match kind {
        "S" | "B" => json!({ kind: text }),
        "N" => json!({ kind: text.trim() }),
        "NULL" => json!({ kind: true }),
        "BOOL" => match text.trim() {
            "true" => json!({ kind: true }),
            "false" => json!({ kind: false }),
            _ => return Err(Refusal::invalid(format!("{text:?} is neither true nor false"))),
        },
        "L" | "M" | "SS" | "NS" | "BS" => {
            serde_json::from_str::<&RawValue>(text)
                .map_err(|error| Refusal::invalid(format!("a value of type {kind} is written as JSON: {error}")))?;
            return Ok(AttributeValue::from_dynamodb_json(&format!("{{\"{kind}\":{text}}}"))?);
        }
        _ => return Err(Refusal::invalid(format!("{kind:?} is not a type; there are {}", names()))),
    };
    Ok(AttributeValue::from_dynamodb_json(&typed.to_string())?)
}

fn names() -> String {
    TYPES.map(|(name, _)| name).join(", ")
}

/// The text that [`parse`] reads back.
pub(crate) fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => text.clone(),
        AttributeValue::N(number) => number.to_string(),
        AttributeValue::Bool(flag) => flag.to_string(),
        AttributeValue::Null => String::new(),
        other => {
            let typed = other.to_dynamodb_json();
            let inner = typed.split_once(':').and_then(|(_, rest)| rest.strip_suffix('}')).unwrap_or_default();
            match other {
                AttributeValue::B(_) => inner.trim_matches('"').to_owned(),
                _ => inner.to_owned(),
            }
        }
    }
}

/// An item of DynamoDB's JSON, for the JSON API.
pub(crate) fn item_json(item: &Item) -> Value {
    serde_json::from_str(&item.to_dynamodb_json()).unwrap_or_default()
}

/// The key attributes of DynamoDB's JSON that a parameter holds.
pub(crate) fn key_of(text: &str) -> Result<Item, Refusal> {
    Ok(Item::from_dynamodb_json(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_a_field_is_read_back() {
        let item = r#"{"a":{"S":"<b>\"x"},"b":{"N":"1.50"},"c":{"B":"AAE="},"d":{"BOOL":false},"e":{"NULL":true},
            "f":{"L":[{"S":"x"},{"M":{"y":{"N":"2"}}}]},"g":{"SS":["p","q"]},"h":{"NS":["1","2.5"]},"i":{"BS":["AA=="]},"j":{"M":{}}}"#;
        let item = Item::from_dynamodb_json(item).unwrap();
        for (name, value) in &item.0 {
            assert_eq!(parse(value.type_name(), &text(value)).unwrap(), *value, "{name}");
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (kind, text) in
            [("N", "seven"), ("BOOL", "yes"), ("SS", "[]"), ("SS", "a"), ("L", "[1]"), ("B", "%"), ("X", "x")]
        {
            assert!(parse(kind, text).is_err(), "{kind} {text}");
        }
        // What closes the wrapper early is no way to smuggle in another type.
        assert!(parse("L", r#"[]},"S":{"#).is_err());
    }
}
