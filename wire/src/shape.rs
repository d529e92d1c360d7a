//! Typed members: decoding of strings, numbers, truth values, lists, maps and structures out of a request body.
//!
//! A JSON value of the wrong kind is refused with `SerializationException` before anything is validated, in the
//! wording of DynamoDB's deserialiser, which names Java classes. `null` is the same as an absent member everywhere.

use crate::{
    error::Failure,
    json::{Reader, Token},
    validate::Violations,
};
use hashrange::item::base64;
use std::borrow::Cow;

/// Prefix of the classes that DynamoDB's deserialiser names.
const MODEL: &str = "com.amazonaws.dynamodb.v20120810.";

/// Where a structure or list stands; the deserialiser words a scalar in its place differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonContext {
    /// A member of a structure.
    Field,
    /// An element of a list or a value of a map.
    Element,
}

/// A string member.
pub(crate) fn string<'a>(reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, Failure> {
    match reader.peek()? {
        Token::String => Ok(Some(reader.string()?)),
        Token::Null => absent(reader),
        token => Err(wrong_scalar(reader, token, "String")),
    }
}

/// A truth value; DynamoDB also reads one that is spelt as a string.
pub(crate) fn boolean(reader: &mut Reader<'_>) -> Result<Option<bool>, Failure> {
    match reader.peek()? {
        token @ (Token::True | Token::False) => {
            reader.literal()?;
            Ok(Some(token == Token::True))
        }
        Token::Null => absent(reader),
        Token::String => match reader.string()?.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Ok(Some(true)),
            "false" | "f" | "no" | "n" | "0" => Ok(Some(false)),
            _ => Err(Failure::serialization("Unexpected token received from parser")),
        },
        token => Err(wrong_scalar(reader, token, "Boolean")),
    }
}

/// A 32-bit integer: fractions are cut off, numbers out of range become the nearest one in range.
pub(crate) fn integer(reader: &mut Reader<'_>) -> Result<Option<i32>, Failure> {
    let wide = whole_number(reader, "Integer")?;
    Ok(wide.map(|n| i32::try_from(n).unwrap_or(if n < 0 { i32::MIN } else { i32::MAX })))
}

/// A 64-bit integer, as [`integer`].
pub(crate) fn long(reader: &mut Reader<'_>) -> Result<Option<i64>, Failure> {
    whole_number(reader, "Long")
}

/// A number with a fraction.
pub(crate) fn double(reader: &mut Reader<'_>) -> Result<Option<f64>, Failure> {
    match reader.peek()? {
        Token::Number => Ok(reader.number()?.parse().ok()),
        Token::Null => absent(reader),
        token => Err(wrong_scalar(reader, token, "Double")),
    }
}

/// A list of strings, of which so many are kept.
pub(crate) fn strings(reader: &mut Reader<'_>, path: &str, keep: usize) -> Result<Option<Vec<String>>, Failure> {
    let texts = counted(reader, path, keep, |reader| Ok(string(reader)?.map(Cow::into_owned)))?;
    Ok(texts.map(|texts| texts.kept))
}

/// The elements of a list as far as they can be right, and how many there are: a list that is too long is refused for
/// its length, and must not cost memory before.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    pub(crate) kept: Vec<T>,
    pub(crate) total: usize,
}

/// A list, the member `path`, whose first `keep` elements are decoded by `one`. An element that is null is refused.
pub(crate) fn counted<'a, T>(
    reader: &mut Reader<'a>,
    path: &str,
    keep: usize,
    mut one: impl FnMut(&mut Reader<'a>) -> Result<Option<T>, Failure>,
) -> Result<Option<Counted<T>>, Failure> {
    let mut found = Counted { kept: Vec::new(), total: 0 };
    let present = list(reader, |reader| {
        found.total += 1;
        if found.kept.len() < keep {
            let element = one(reader)?;
            let mut violations = Violations::default();
            violations.not_null(&element, &format!("{path}.{}.member", found.total));
            found.kept.extend(element);
            violations.finish()
        } else {
            Ok(reader.skip()?)
        }
    })?;
    Ok(present.then_some(found))
}

/// A list; `element` is called at each value. False if the member is null.
pub(crate) fn list<'a>(
    reader: &mut Reader<'a>,
    element: impl FnMut(&mut Reader<'a>) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    match reader.peek()? {
        Token::Array => reader.array(element).map(|()| true),
        Token::Null => null(reader),
        Token::Object => Err(unexpected_structure()),
        _ => Err(Failure::serialization("Unexpected field type")),
    }
}

/// A map; `entry` is called at each value. False if the member is null. `values` names the class of its values.
pub(crate) fn map<'a>(
    reader: &mut Reader<'a>,
    values: &str,
    entry: impl FnMut(&mut Reader<'a>, Cow<'a, str>) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    match reader.peek()? {
        Token::Object => reader.object(entry).map(|()| true),
        Token::Null => null(reader),
        Token::Array => {
            let package = if values.contains('.') { "" } else { MODEL };
            let class = format!("java.util.Map<java.lang.String, {package}{values}>");
            Err(Failure::serialization(format!("Unrecognized collection type {class}")))
        }
        _ => Err(Failure::serialization("Unexpected field type")),
    }
}

/// A structure; `member` is called at each member and has to consume it. False if it is null.
pub(crate) fn structure<'a>(
    reader: &mut Reader<'a>,
    place: JsonContext,
    class: &str,
    member: impl FnMut(&mut Reader<'a>, &str) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let mut member = member;
    match reader.peek()? {
        Token::Object => reader.object(|reader, name| member(reader, &name)).map(|()| true),
        Token::Null => null(reader),
        Token::Array => Err(Failure::serialization(format!("Unrecognized collection type class {MODEL}{class}"))),
        _ if place == JsonContext::Field => Err(Failure::serialization("Unexpected field type")),
        _ => Err(Failure::serialization("Unexpected value type in payload")),
    }
}

/// The members of a whole request.
pub(crate) fn request<'a>(
    body: &'a [u8],
    mut member: impl FnMut(&mut Reader<'a>, &str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut reader = Reader::new(body)?;
    reader.object(|reader, name| member(reader, &name))?;
    Ok(reader.finish()?)
}

/// Bytes, in base64.
pub(crate) fn blob(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Failure> {
    match reader.peek()? {
        Token::String => decode_base64(&reader.string()?).map(Some),
        Token::Null => absent(reader),
        Token::Object => Err(unexpected_structure()),
        Token::Array => Err(Failure::serialization("Unrecognized collection type class java.nio.ByteBuffer")),
        _ => Err(Failure::serialization("only base-64-encoded strings are convertible to bytes")),
    }
}

/// The bytes that a text in base64 stands for.
pub(crate) fn decode_base64(text: &str) -> Result<Vec<u8>, Failure> {
    base64::decode(text).map_err(|error| Failure::serialization(error.message().to_owned()))
}

fn whole_number(reader: &mut Reader<'_>, class: &str) -> Result<Option<i64>, Failure> {
    match reader.peek()? {
        Token::Number => {
            let text = reader.number()?;
            // The cast of a float saturates, which is what is wanted.
            Ok(text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|n| n as i64)))
        }
        Token::Null => absent(reader),
        token => Err(wrong_scalar(reader, token, class)),
    }
}

fn absent<T>(reader: &mut Reader<'_>) -> Result<Option<T>, Failure> {
    reader.literal()?;
    Ok(None)
}

fn null(reader: &mut Reader<'_>) -> Result<bool, Failure> {
    reader.literal()?;
    Ok(false)
}

fn unexpected_structure() -> Failure {
    Failure::serialization("Start of structure or map found where not expected")
}

/// A value of another kind where a scalar of a Java class was expected.
fn wrong_scalar(reader: &mut Reader<'_>, token: Token, class: &str) -> Failure {
    let kind = match token {
        Token::Object => return unexpected_structure(),
        Token::Array => {
            let text = format!("Unrecognized collection type class java.lang.{class}");
            return Failure::serialization(text);
        }
        Token::True => "TRUE_VALUE",
        Token::False => "FALSE_VALUE",
        Token::String => "STRING_VALUE",
        Token::Number => match reader.number() {
            Ok(text) if text.contains(['.', 'e', 'E']) => "DECIMAL_VALUE",
            Ok(_) => "NUMBER_VALUE",
            Err(malformed) => return malformed.into(),
        },
        Token::Null => "NULL_VALUE",
    };
    Failure::serialization(format!("{kind} cannot be converted to {class}"))
}
