//! Values: literals and parameters.
//!
//! A message about a value says where in it the fault is: `root` is the value that is assigned or compared, `root.a[1]`
//! something inside of it.

use super::Binder;
use crate::{
    error::{Error, Result},
    item::{
        AttributeValue, Number,
        size::{MAX_NESTING_LEVELS, UPDATED_ITEM_TOO_DEEP, is_deeper_than},
    },
    partiql::{
        error,
        syntax::{Expression, ExpressionKind, Span},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// Where a value is inside of another, and how many lists and maps are around it.
struct ValuePath {
    path: String,
    depth: usize,
}

impl ValuePath {
    /// Goes on inside of a list or map, one step further.
    fn inside<T>(&mut self, step: std::fmt::Arguments<'_>, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let length = self.path.len();
        // Writing to a string cannot fail.
        let _ = self.path.write_fmt(step);
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        self.path.truncate(length);
        Ok(value)
    }

    /// Levels that may still be nested here.
    fn levels(&self) -> usize {
        MAX_NESTING_LEVELS.saturating_sub(self.depth)
    }

    fn too_deep(&self) -> Error {
        Error::validation(format!("{UPDATED_ITEM_TOO_DEEP} under {}", self.path))
    }
}

/// The error of something that is no value.
fn unsupported(what: &str, place: &ValuePath, span: Span) -> Error {
    Error::validation(format!("Unsupported data type: {what} under key {} at {span}", place.path))
}

impl Binder<'_> {
    /// The value that an expression is.
    pub(super) fn value(&self, expression: &Expression) -> Result<AttributeValue> {
        self.value_at(expression, &mut ValuePath { path: "root".to_owned(), depth: 0 })
    }

    fn value_at(&self, expression: &Expression, place: &mut ValuePath) -> Result<AttributeValue> {
        let span = expression.span;
        Ok(match &expression.kind {
            ExpressionKind::Null => AttributeValue::Null,
            ExpressionKind::Bool(truth) => AttributeValue::Bool(*truth),
            ExpressionKind::Text(text) => AttributeValue::S(text.as_ref().into()),
            ExpressionKind::Number(digits) => AttributeValue::N(number(digits, place)?),
            ExpressionKind::Parameter(position) => {
                let value = self.parameter(*position);
                if place.depth > 0 && is_deeper_than(&value, place.levels()) {
                    return Err(place.too_deep());
                }
                value
            }
            ExpressionKind::Missing => return Err(error::missing_without_is()),
            ExpressionKind::List(members) => {
                if place.levels() == 0 {
                    return Err(place.too_deep());
                }
                let member = |(at, member)| place.inside(format_args!("[{at}]"), |place| self.value_at(member, place));
                AttributeValue::L(members.iter().enumerate().map(member).collect::<Result<_>>()?)
            }
            ExpressionKind::Struct(members) => AttributeValue::M(self.members(members, place)?),
            ExpressionKind::Bag(members) => bag(members, place)?,
            ExpressionKind::Ion(_, type_name) => {
                return Err(Error::validation(format!(
                    "Ion Literals are not supported: {type_name} under key {} at {span}",
                    place.path
                )));
            }
            ExpressionKind::Call(name, _) if place.depth == 0 => return Err(unsupported(name, place, span)),
            _ => return Err(unsupported(expression.kind_name(), place, span)),
        })
    }

    fn members(
        &self,
        members: &[(Expression, Expression)],
        place: &mut ValuePath,
    ) -> Result<BTreeMap<String, AttributeValue>> {
        if place.levels() == 0 {
            return Err(place.too_deep());
        }
        let mut map = BTreeMap::new();
        for (name, value) in members {
            let ExpressionKind::Text(text) = &name.kind else {
                return Err(unsupported(name.kind_name(), place, name.span));
            };
            if text.is_empty() {
                return Err(error::empty_component());
            }
            let value = place.inside(format_args!(".{text}"), |place| self.value_at(value, place))?;
            map.insert(text.as_ref().into(), value);
        }
        Ok(map)
    }

    /// The attributes of an item that is written as a map; each of them is a root of its own.
    pub(super) fn attributes(&self, members: &[(Expression, Expression)]) -> Result<BTreeMap<String, AttributeValue>> {
        let mut attributes = BTreeMap::new();
        for (name, value) in members {
            let ExpressionKind::Text(text) = &name.kind else {
                let root = ValuePath { path: "root".to_owned(), depth: 0 };
                return Err(unsupported(name.kind_name(), &root, name.span));
            };
            if text.is_empty() {
                return Err(error::empty_component());
            }
            attributes.insert(text.as_ref().into(), self.value(value)?);
        }
        Ok(attributes)
    }
}

fn number(digits: &str, place: &ValuePath) -> Result<Number> {
    Number::parse(digits).map_err(|error| Error::validation(format!("{} under {}", error.message(), place.path)))
}

const WRONG_MEMBER: &str = "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags";

/// The set that a bag is: of strings or of numbers, by its first member.
fn bag(members: &[Expression], place: &ValuePath) -> Result<AttributeValue> {
    match members.first().map(|first| (&first.kind, first.span)) {
        None => Err(Error::validation("Empty bags are not supported")),
        Some((ExpressionKind::Text(_), _)) => string_bag(members, place),
        Some((ExpressionKind::Number(_), _)) => number_bag(members, place),
        Some((_, span)) => Err(Error::validation(format!("{WRONG_MEMBER} at {span}"))),
    }
}

fn string_bag(members: &[Expression], place: &ValuePath) -> Result<AttributeValue> {
    let mut set = BTreeSet::new();
    for member in members {
        match &member.kind {
            ExpressionKind::Text(text) => set.insert(text.as_ref().to_owned()),
            ExpressionKind::Parameter(_) => return Err(unsupported("Parameter", place, member.span)),
            _ => return Err(Error::validation(format!("{WRONG_MEMBER} at {}", member.span))),
        };
    }
    if set.len() < members.len() {
        let written = written(members);
        return Err(Error::invalid_parameter(format_args!("Input collection [{written}] contains duplicates.")));
    }
    Ok(AttributeValue::Ss(set))
}

fn number_bag(members: &[Expression], place: &ValuePath) -> Result<AttributeValue> {
    let mut set = BTreeSet::new();
    for member in members {
        match &member.kind {
            ExpressionKind::Number(digits) => set.insert(number(digits, place)?),
            ExpressionKind::Parameter(_) => return Err(unsupported("Parameter", place, member.span)),
            ExpressionKind::Null => {
                let path = &place.path;
                return Err(Error::invalid_parameter(format_args!("Numeric sets may not contain null under {path}")));
            }
            _ => return Err(Error::validation(WRONG_MEMBER)),
        };
    }
    if set.len() < members.len() {
        let (written, path) = (written(members), &place.path);
        return Err(Error::invalid_parameter(format_args!(
            "Input collection [{written}] contains duplicates! under {path}"
        )));
    }
    Ok(AttributeValue::Ns(set))
}

/// The members of a bag as they are written, without quotes.
fn written(members: &[Expression]) -> String {
    let text = |member: &Expression| match &member.kind {
        ExpressionKind::Text(text) | ExpressionKind::Number(text) => text.to_string(),
        _ => member.to_string(),
    };
    members.iter().map(text).collect::<Vec<_>>().join(", ")
}
