//! Members of a known kind: strings, truth values, binaries, lists, maps and structures.
//!
//! A JSON value of another kind is [`Malformed::Kind`], in the wording of DynamoDB's deserialiser, which names Java classes.
//! `null` is the same as an absent member everywhere.

use super::reader::{Malformed, Reader, Token};
use crate::item::base64;
use std::borrow::Cow;

/// Prefix of the classes that DynamoDB's deserialiser names.
const MODEL: &str = "com.amazonaws.dynamodb.v20120810.";

/// Where a structure or list is; the deserialiser words a scalar in its place differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonContext {
    /// A member of a structure.
    Field,
    /// An element of a list or a value of a map.
    Element,
}

/// A string member.
pub fn string<'a>(reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, Malformed> {
    match reader.peek()? {
        Token::String => Ok(Some(reader.string()?)),
        Token::Null => absent(reader),
        token => Err(wrong_scalar(reader, token, "String")),
    }
}

/// A truth value; DynamoDB also reads one that is spelt as a string.
pub fn boolean(reader: &mut Reader<'_>) -> Result<Option<bool>, Malformed> {
    match reader.peek()? {
        token @ (Token::True | Token::False) => {
            reader.literal()?;
            Ok(Some(token == Token::True))
        }
        Token::Null => absent(reader),
        Token::String => match reader.string()?.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Ok(Some(true)),
            "false" | "f" | "no" | "n" | "0" => Ok(Some(false)),
            _ => Err(kind("Unexpected token received from parser")),
        },
        token => Err(wrong_scalar(reader, token, "Boolean")),
    }
}

/// A list; `element` is called at each value. False if the member is null.
pub fn list<'a, E: From<Malformed>>(
    reader: &mut Reader<'a>,
    element: impl FnMut(&mut Reader<'a>) -> Result<(), E>,
) -> Result<bool, E> {
    match reader.peek()? {
        Token::Array => reader.array(element).map(|()| true),
        Token::Null => Ok(null(reader)?),
        Token::Object => Err(unexpected_structure().into()),
        _ => Err(kind("Unexpected field type").into()),
    }
}

/// A map; `entry` is called at each value. False if the member is null. `values` names the class of its values.
pub fn map<'a, E: From<Malformed>>(
    reader: &mut Reader<'a>,
    values: &str,
    entry: impl FnMut(&mut Reader<'a>, Cow<'a, str>) -> Result<(), E>,
) -> Result<bool, E> {
    match reader.peek()? {
        Token::Object => reader.object(entry).map(|()| true),
        Token::Null => Ok(null(reader)?),
        Token::Array => {
            let package = if values.contains('.') { "" } else { MODEL };
            let class = format!("java.util.Map<java.lang.String, {package}{values}>");
            Err(kind(format!("Unrecognized collection type {class}")).into())
        }
        _ => Err(kind("Unexpected field type").into()),
    }
}

/// A structure; `member` is called at each member and has to consume it. False if it is null.
pub fn structure<'a, E: From<Malformed>>(
    reader: &mut Reader<'a>,
    place: JsonContext,
    class: &str,
    mut member: impl FnMut(&mut Reader<'a>, &str) -> Result<(), E>,
) -> Result<bool, E> {
    match reader.peek()? {
        Token::Object => reader.object(|reader, name| member(reader, &name)).map(|()| true),
        Token::Null => Ok(null(reader)?),
        Token::Array => Err(kind(format!("Unrecognized collection type class {MODEL}{class}")).into()),
        _ if place == JsonContext::Field => Err(kind("Unexpected field type").into()),
        _ => Err(kind("Unexpected value type in payload").into()),
    }
}

/// Bytes, in base64.
pub fn blob(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    match reader.peek()? {
        Token::String => {
            let bytes = base64::decode(&reader.string()?).map_err(|error| kind(error.message().to_owned()))?;
            Ok(Some(bytes))
        }
        Token::Null => absent(reader),
        Token::Object => Err(unexpected_structure()),
        Token::Array => Err(kind("Unrecognized collection type class java.nio.ByteBuffer")),
        _ => Err(kind("only base-64-encoded strings are convertible to bytes")),
    }
}

/// A value of another kind where a scalar of a Java class was expected.
pub fn wrong_scalar(reader: &mut Reader<'_>, token: Token, class: &str) -> Malformed {
    let name = match token {
        Token::Object => return unexpected_structure(),
        Token::Array => return kind(format!("Unrecognized collection type class java.lang.{class}")),
        Token::True => "TRUE_VALUE",
        Token::False => "FALSE_VALUE",
        Token::String => "STRING_VALUE",
        Token::Number => match reader.number() {
            Ok(text) if text.contains(['.', 'e', 'E']) => "DECIMAL_VALUE",
            Ok(_) => "NUMBER_VALUE",
            Err(malformed) => return malformed,
        },
        Token::Null => "NULL_VALUE",
    };
    kind(format!("{name} cannot be converted to {class}"))
}

fn kind(text: impl Into<Cow<'static, str>>) -> Malformed {
    Malformed::Kind(text.into())
}

fn unexpected_structure() -> Malformed {
    kind("Start of structure or map found where not expected")
}

fn absent<T>(reader: &mut Reader<'_>) -> Result<Option<T>, Malformed> {
    reader.literal()?;
    Ok(None)
}

fn null(reader: &mut Reader<'_>) -> Result<bool, Malformed> {
    reader.literal()?;
    Ok(false)
}
