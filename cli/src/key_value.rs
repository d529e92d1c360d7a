//! Values of key attributes as text: on the command line, in CSV cells and made by templates. The schema of the table
//! says what the text means.

use hashrange::{
    AttributeValue, Number,
    key::KeyType,
    schema::{KeyAttribute, TableDefinition},
};
use std::collections::BTreeMap;

/// Reads the description of a key attribute: `NAME:TYPE`, where the type is `S`, `N` or `B`.
pub(crate) fn parse_attribute(text: &str) -> Result<KeyAttribute, String> {
    let (name, kind) = text.rsplit_once(':').ok_or("it must be NAME:TYPE, such as country:S; the type is S, N or B")?;
    if name.is_empty() {
        return Err("the name before the colon is missing".to_owned());
    }
    let kind = match kind {
        "S" | "s" => KeyType::S,
        "N" | "n" => KeyType::N,
        "B" | "b" => KeyType::B,
        other => return Err(format!("{other:?} is not a type of a key: choose S (string), N (number) or B (binary)")),
    };
    Ok(KeyAttribute::new(name, kind))
}

/// Reads a value of a type; binary is written in base64.
pub(crate) fn parse_value(kind: KeyType, text: &str) -> Result<AttributeValue, String> {
    match kind {
        KeyType::S => Ok(AttributeValue::from(text)),
        KeyType::N => Number::parse(text).map(AttributeValue::N).map_err(|error| error.message().to_owned()),
        KeyType::B => parse_binary(text),
    }
}

/// Reads base64.
pub(crate) fn parse_binary(text: &str) -> Result<AttributeValue, String> {
    let typed = serde_json::json!({ "B": text }).to_string();
    AttributeValue::from_dynamodb_json(&typed).map_err(|_| format!("{text:?} is not base64"))
}

/// Reads a value for a key attribute; an error names the attribute.
pub(crate) fn parse_for(attribute: &KeyAttribute, text: &str) -> Result<AttributeValue, String> {
    parse_value(attribute.kind, text)
        .map_err(|what| format!("key attribute {} has type {}: {what}", attribute.name, attribute.kind))
}

/// The types of all attributes that are part of a key of a table or of one of its indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyTypes(BTreeMap<String, KeyType>);

impl KeyTypes {
    /// Those of a table.
    pub(crate) fn of(definition: &TableDefinition) -> Self {
        let indexes = definition.indexes.iter().flat_map(|index| index.attributes());
        let all = indexes.chain(definition.key.attributes());
        Self(all.map(|key| (key.name.clone(), key.kind)).collect())
    }
    /// The type of an attribute, if it is part of a key.
    pub(crate) fn get(&self, attribute: &str) -> Option<KeyType> {
        self.0.get(attribute).copied()
    }
    /// The attributes of a type.
    pub(crate) fn of_type(&self, kind: KeyType) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(_, known)| **known == kind).map(|(name, _)| name.as_str())
    }
    /// The names, for messages.
    pub(crate) fn names(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_a_name_and_a_type() {
        assert_eq!(parse_attribute("a:b:N").unwrap(), KeyAttribute::new("a:b", KeyType::N));
        for bad in ["country", ":S", "country:", "country:BOOL"] {
            assert!(parse_attribute(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_are_read_by_type() {
        assert_eq!(parse_value(KeyType::S, "007").unwrap(), AttributeValue::from("007"));
        assert_eq!(parse_value(KeyType::N, "007").unwrap(), AttributeValue::from(7));
        assert_eq!(parse_value(KeyType::B, "AAE=").unwrap().type_name(), "B");
        let error = parse_for(&KeyAttribute::new("id", KeyType::N), "seven").unwrap_err();
        assert!(error.starts_with("key attribute id has type N: "), "{error}");
        assert!(parse_value(KeyType::B, "\"").unwrap_err().contains("not base64"));
    }
}
