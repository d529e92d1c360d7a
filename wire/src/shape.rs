//! Typed members of requests: numbers, counted lists, and what the engine's JSON has as well (strings, truth values, lists,
//! maps and structures).
//!
//! A JSON value of the wrong kind is rejected with `SerializationException` before anything is validated, in the
//! wording of DynamoDB's deserialiser, which names Java classes. `null` is the same as an absent member everywhere.

use crate::{
    error::Failure,
    json::{Malformed, Reader, Token},
    validate::Violations,
};
pub(crate) use hashrange::item::json::JsonContext;
use hashrange::item::json::{self, wrong_scalar};
use std::borrow::Cow;

/// A string member.
pub(crate) fn string<'a>(reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, Failure> {
    Ok(json::string(reader)?)
}

/// A truth value.
pub(crate) fn boolean(reader: &mut Reader<'_>) -> Result<Option<bool>, Failure> {
    Ok(json::boolean(reader)?)
}

/// A list; `element` is called at each value. False if the member is null.
pub(crate) fn list<'a>(
    reader: &mut Reader<'a>,
    element: impl FnMut(&mut Reader<'a>) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    json::list(reader, element)
}

/// A map; `entry` is called at each value. False if the member is null. `values` names the class of its values.
pub(crate) fn map<'a>(
    reader: &mut Reader<'a>,
    values: &str,
    entry: impl FnMut(&mut Reader<'a>, Cow<'a, str>) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    json::map(reader, values, entry)
}

/// A structure; `member` is called at each member and has to consume it. False if it is null.
pub(crate) fn structure<'a>(
    reader: &mut Reader<'a>,
    place: JsonContext,
    class: &str,
    member: impl FnMut(&mut Reader<'a>, &str) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    json::structure(reader, place, class, member)
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
        token => Err(wrong_scalar(reader, token, "Double").into()),
    }
}

/// A list of strings, of which so many are kept.
pub(crate) fn strings(reader: &mut Reader<'_>, path: &str, keep: usize) -> Result<Option<Vec<String>>, Failure> {
    let texts = counted(reader, path, keep, |reader| Ok(string(reader)?.map(Cow::into_owned)))?;
    Ok(texts.map(|texts| texts.kept))
}

/// The elements of a list as far as they can be right, and how many there are: a list that is too long is rejected for
/// its length, and must not cost memory before.
#[derive(Debug)]
pub(crate) struct Counted<T> {
    pub(crate) kept: Vec<T>,
    pub(crate) total: usize,
}

/// A list, the member `path`, whose first `keep` elements are decoded by `one`. An element that is null is rejected.
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

/// The members of a whole request.
pub(crate) fn request<'a>(
    body: &'a [u8],
    mut member: impl FnMut(&mut Reader<'a>, &str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed::Syntax)?;
    let mut reader = Reader::new(text);
    reader.object(|reader, name| member(reader, &name))?;
    Ok(reader.finish()?)
}

fn whole_number(reader: &mut Reader<'_>, class: &str) -> Result<Option<i64>, Failure> {
    match reader.peek()? {
        Token::Number => {
            let text = reader.number()?;
            // The cast of a float saturates, which is what is wanted.
            Ok(text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|n| n as i64)))
        }
        Token::Null => absent(reader),
        token => Err(wrong_scalar(reader, token, class).into()),
    }
}

fn absent<T>(reader: &mut Reader<'_>) -> Result<Option<T>, Failure> {
    reader.literal()?;
    Ok(None)
}
