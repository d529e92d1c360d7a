//! Placeholders: what `#alias` and `:value` stand for in the expressions of one request.
//!
//! The two maps of a request (ExpressionAttributeNames and ExpressionAttributeValues) are shared by all its
//! expressions. A [`Scope`] lends them to the parsers and notes which entries are used; once the last expression is
//! parsed, [`Scope::finish`] rejects the request if an entry served none of them.

use super::token;
use crate::error::{Error, Result};
use crate::item::{
    AttributeValue,
    size::{MAX_NESTING_LEVELS, check_name, check_numbers},
};
use std::collections::BTreeMap;

/// Longest placeholder in bytes, sigil included.
pub const MAX_PLACEHOLDER_BYTES: usize = 255;

/// The substitution maps of a request; `None` is a map that the request does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placeholders {
    /// `#alias` to attribute name. A dot in the name is part of the name, never a step of a path.
    pub names: Option<BTreeMap<String, String>>,
    /// `:token` to value.
    pub values: Option<BTreeMap<String, AttributeValue>>,
}

impl Placeholders {
    /// No maps: for expressions without placeholders.
    pub const fn none() -> Self {
        Self { names: None, values: None }
    }

    /// Adds an alias such as `("#s", "status")`.
    #[must_use]
    pub fn name(mut self, alias: impl Into<String>, name: impl Into<String>) -> Self {
        self.names.get_or_insert_default().insert(alias.into(), name.into());
        self
    }

    /// Adds a value such as `(":min", 5)`.
    #[must_use]
    pub fn value(mut self, token: impl Into<String>, value: impl Into<AttributeValue>) -> Self {
        self.values.get_or_insert_default().insert(token.into(), value.into());
        self
    }

    /// Adds either: a key that begins with `#` is an alias and its value, a string, the name.
    #[must_use]
    pub fn with(self, key: &str, value: impl Into<AttributeValue>) -> Self {
        match value.into() {
            AttributeValue::S(name) if key.starts_with('#') => self.name(key, name),
            value => self.value(key, value),
        }
    }

    /// Rejects maps that are empty or have malformed keys, names before values. To be called before parsing, and only
    /// when the request has an expression.
    pub fn check(&self) -> Result<()> {
        if let Some(names) = &self.names {
            check_keys("ExpressionAttributeNames", '#', names.keys())?;
            names.values().try_for_each(|name| check_name(name))?;
        }
        match &self.values {
            Some(values) => {
                check_keys("ExpressionAttributeValues", ':', values.keys())?;
                values.values().try_for_each(|value| check_numbers(value, MAX_NESTING_LEVELS))
            }
            None => Ok(()),
        }
    }

    /// Rejects maps in a request without the expressions that could use them: `has_expressions` says whether there is
    /// any expression, `has_value_expressions` whether there is one besides a projection.
    pub fn check_needed(&self, has_expressions: bool, has_value_expressions: bool) -> Result<()> {
        let refuse = |map| Err(Error::validation(format!("{map} can only be specified when using expressions")));
        if self.names.is_some() && !has_expressions {
            return refuse("ExpressionAttributeNames");
        }
        if self.values.is_some() && !has_value_expressions {
            return refuse("ExpressionAttributeValues");
        }
        Ok(())
    }
}

fn check_keys<'k>(map: &str, sigil: char, keys: impl ExactSizeIterator<Item = &'k String>) -> Result<()> {
    if keys.len() == 0 {
        return Err(Error::validation(format!("{map} must not be empty")));
    }
    for key in keys {
        if !token::is_placeholder(key, sigil) {
            return Err(Error::validation(format!("{map} contains invalid key: Syntax error; key: \"{key}\"")));
        }
        if key.len() > MAX_PLACEHOLDER_BYTES {
            return Err(Error::validation(format!(
                "{map} contains invalid key: The expression attribute map contains a key that is too long; \
                 key: \"{key}\""
            )));
        }
    }
    Ok(())
}

/// The placeholders of a request together with a note of those used so far.
pub struct Scope<'p> {
    placeholders: &'p Placeholders,
    used_names: Vec<&'p str>,
    used_values: Vec<&'p str>,
}

impl<'p> Scope<'p> {
    /// A scope in which nothing is used yet.
    pub fn new(placeholders: &'p Placeholders) -> Self {
        Self { placeholders, used_names: Vec::new(), used_values: Vec::new() }
    }

    /// What `#alias` stands for.
    pub(super) fn name(&mut self, alias: &str) -> Option<&'p str> {
        let (key, name) = self.placeholders.names.as_ref()?.get_key_value(alias)?;
        self.used_names.push(key);
        Some(name)
    }

    /// What `:token` stands for.
    pub(super) fn value(&mut self, token: &str) -> Option<&'p AttributeValue> {
        let (key, value) = self.placeholders.values.as_ref()?.get_key_value(token)?;
        self.used_values.push(key);
        Some(value)
    }

    /// Rejects entries that no expression used: names first, then values, in the order of their bytes.
    pub fn finish(self) -> Result<()> {
        if let Some(names) = &self.placeholders.names {
            check_used("ExpressionAttributeNames", names.keys(), self.used_names)?;
        }
        match &self.placeholders.values {
            Some(values) => check_used("ExpressionAttributeValues", values.keys(), self.used_values),
            None => Ok(()),
        }
    }
}

fn check_used<'k>(map: &str, keys: impl Iterator<Item = &'k String>, mut used: Vec<&str>) -> Result<()> {
    used.sort_unstable();
    let unused: Vec<&str> = keys.map(String::as_str).filter(|key| used.binary_search(key).is_err()).collect();
    if unused.is_empty() {
        return Ok(());
    }
    let keys = unused.join(", ");
    Err(Error::validation(format!("Value provided in {map} unused in expressions: keys: {{{keys}}}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_maps_are_refused() {
        let message = |p: Placeholders| p.check().unwrap_err().message().to_owned();
        let empty = Placeholders { names: Some(BTreeMap::new()), values: None };
        assert_eq!(message(empty), "ExpressionAttributeNames must not be empty");
        let empty = Placeholders { names: None, values: Some(BTreeMap::new()) };
        assert_eq!(message(empty), "ExpressionAttributeValues must not be empty");
        for key in ["a", "#", "#a-b", ":a", ""] {
            let expected = format!("ExpressionAttributeNames contains invalid key: Syntax error; key: \"{key}\"");
            assert_eq!(message(Placeholders::none().name(key, "x")), expected);
        }
        let expected = "ExpressionAttributeValues contains invalid key: Syntax error; key: \"v\"";
        assert_eq!(message(Placeholders::none().value("v", 1)), expected);
        assert_eq!(message(Placeholders::none().name("#a", "")), "Empty attribute name");
        assert!(Placeholders::none().name("#1", "x").value(":_", 1).check().is_ok());
    }

    #[test]
    fn maps_need_expressions() {
        let names = Placeholders::none().name("#a", "a");
        let values = Placeholders::none().value(":a", 1);
        assert!(names.check_needed(true, false).is_ok());
        let expected = "ExpressionAttributeNames can only be specified when using expressions";
        assert_eq!(names.check_needed(false, false).unwrap_err().message(), expected);
        let expected = "ExpressionAttributeValues can only be specified when using expressions";
        assert_eq!(values.check_needed(true, false).unwrap_err().message(), expected);
    }

    #[test]
    fn unused_entries_are_refused_names_first() {
        let all = Placeholders::none().name("#b", "b").name("#a", "a").name("#c", "c").value(":v", 1).value(":w", 2);
        let mut scope = Scope::new(&all);
        scope.name("#c");
        let expected = "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}";
        assert_eq!(scope.finish().unwrap_err().message(), expected);
        let mut scope = Scope::new(&all);
        for alias in ["#a", "#b", "#c", "#a"] {
            scope.name(alias);
        }
        scope.value(":v");
        let expected = "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}";
        assert_eq!(scope.finish().unwrap_err().message(), expected);
    }
}
