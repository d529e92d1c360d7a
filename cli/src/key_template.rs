//! Key attributes that are made of other attributes: `sk={name}#{lat}#{lng}`.
//!
//! Data that comes from elsewhere seldom has an attribute that is unique within its partition; several together often
//! are. Text stands for itself, `{name}` for the value of an attribute (or of a path such as `{address.city}`), and
//! `{{` and `}}` for single braces.

use hashrange::{AttributeValue, Item, expression::Path, key::KeyType};
use std::{fmt::Write, str::FromStr};

/// A recipe for one key attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyTemplate {
    /// The attribute that is made.
    pub(crate) attribute: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Value { name: String, path: Option<Path> },
}

impl FromStr for KeyTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (attribute, template) =
            text.split_once('=').ok_or("it must be NAME=TEMPLATE, such as sk={name}#{lat}#{lng}")?;
        if attribute.is_empty() || template.is_empty() {
            return Err("the name and the template may not be empty".to_owned());
        }
        Ok(Self { attribute: attribute.to_owned(), parts: parse_parts(template)? })
    }
}

fn parse_parts(template: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let after = &rest[at + 1..];
        if let Some(doubled) = after.strip_prefix(brace) {
            literal.push_str(brace);
            rest = doubled;
            continue;
        }
        if brace == "}" {
            return Err("a } stands alone; write }} for the character itself".to_owned());
        }
        let (name, behind) = after.split_once('}').ok_or("a { is not closed; write {{ for the character itself")?;
        if name.is_empty() || name.contains('{') {
            return Err(format!("{{{name}}} does not name an attribute"));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(Part::Value { name: name.to_owned(), path: Path::parse(name).filter(Path::is_nested) });
        rest = behind;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

impl KeyTemplate {
    /// Adds the attribute to an item. `kind` is its type in the schema. An error names the attribute that is missing or
    /// cannot be in a text.
    pub(crate) fn apply(&self, item: &mut Item, kind: KeyType) -> Result<(), String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value { name, path } => push_value(&self.attribute, name, path.as_ref(), item, &mut text)?,
            }
        }
        let value = match kind {
            // A text made of pieces is no base64: its bytes are the key.
            KeyType::B => AttributeValue::B(text.into_bytes().into()),
            kind => hashrange_console::cells::parse_value(kind, &text)
                .map_err(|what| format!("{} made from its template: {what}", self.attribute))?,
        };
        item.insert(self.attribute.clone(), value);
        Ok(())
    }
}

fn push_value(made: &str, name: &str, path: Option<&Path>, item: &Item, text: &mut String) -> Result<(), String> {
    let found = item.get(name).or_else(|| path.and_then(|path| path.find_in(item)));
    match found {
        Some(AttributeValue::S(value)) => text.push_str(value),
        Some(AttributeValue::N(value)) => {
            // Writing to a string cannot fail.
            let _ = write!(text, "{value}");
        }
        Some(AttributeValue::Bool(value)) => text.push_str(if *value { "true" } else { "false" }),
        Some(other) => {
            return Err(format!(
                "{made} cannot be made: attribute {name} has type {}, not string, number or boolean",
                other.type_name()
            ));
        }
        None => return Err(format!("{made} cannot be made: attribute {name} is missing")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(template: &str, json: &str, kind: KeyType) -> Result<String, String> {
        let template: KeyTemplate = template.parse()?;
        let mut item = Item::from_json(json).map_err(|error| error.message().to_owned())?;
        template.apply(&mut item, kind)?;
        Ok(item[template.attribute.as_str()].to_json())
    }

    #[test]
    fn attributes_and_text_are_joined() {
        let city = r#"{"name":"Vila","lat":"42.53176","lng":1.5665,"in":{"code":"AD"},"a.b":true}"#;
        assert_eq!(made("sk={name}#{lat}#{lng}", city, KeyType::S).unwrap(), r#""Vila#42.53176#1.5665""#);
        assert_eq!(made("sk={in.code}/{a.b}", city, KeyType::S).unwrap(), r#""AD/true""#);
        assert_eq!(made("sk={{x}}={name}", city, KeyType::S).unwrap(), r#""{x}=Vila""#);
        assert_eq!(made("sk={lng}00", city, KeyType::N).unwrap(), "1.566500".trim_end_matches('0'));
        assert_eq!(made("sk={name}", city, KeyType::B).unwrap(), r#""VmlsYQ==""#);
    }

    #[test]
    fn what_cannot_be_made_is_named() {
        assert_eq!(made("sk={b}", "{\"a\":1}", KeyType::S).unwrap_err(), "sk cannot be made: attribute b is missing");
        let list = made("sk={a}", "{\"a\":[]}", KeyType::S).unwrap_err();
        assert_eq!(list, "sk cannot be made: attribute a has type L, not string, number or boolean");
        assert!(made("sk={a}x", "{\"a\":1}", KeyType::N).unwrap_err().starts_with("sk made from its template: "));
    }

    #[test]
    fn templates_are_checked() {
        for bad in ["sk", "=x", "sk=", "sk={a", "sk=a}", "sk={}", "sk={a{b}"] {
            assert!(bad.parse::<KeyTemplate>().is_err(), "{bad}");
        }
    }
}
