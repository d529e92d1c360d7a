//! Values of key attributes as text: on the command line, in CSV cells and made by templates. The schema of the table
//! says what the text means; `hashrange_console::cells` reads it.

use hashrange::{AttributeValue, key::KeyType, schema::KeyAttribute};
use hashrange_console::cells::parse_value;

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

/// Reads a value for a key attribute; an error names the attribute.
pub(crate) fn parse_for(attribute: &KeyAttribute, text: &str) -> Result<AttributeValue, String> {
    parse_value(attribute.kind, text)
        .map_err(|what| format!("key attribute {} has type {}: {what}", attribute.name, attribute.kind))
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
