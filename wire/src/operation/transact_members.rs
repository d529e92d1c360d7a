//! What the two transactional operations share: an action's table, key or item, and expressions.

use crate::{
    error::Failure,
    expressions::Expressions,
    json::Reader,
    profile::{MessageDialect, Profile},
    shape::{self, JsonContext},
    table::name::TableName,
    validate::Violations,
    value::{Attributes, Decoder},
};
use std::borrow::Cow;

/// Most actions of one transaction.
pub(super) const MAX_ACTIONS: usize = 100;

/// One action of a transaction.
pub(super) struct Action<'a> {
    pub(super) table: TableName<'a>,
    /// The member `Item` or `Key`.
    pub(super) attributes: Option<Attributes>,
    pub(super) expressions: Expressions<'a>,
    pub(super) on_condition_failure: Option<Cow<'a, str>>,
}

/// Decodes an action of this class, with these expressions; `attributes` is `Item` or `Key`.
pub(super) fn action<'a>(
    reader: &mut Reader<'a>,
    class: &str,
    attributes: &str,
    expressions: &'static [&'static str],
    decoder: Decoder,
) -> Result<Option<Action<'a>>, Failure> {
    let mut action = Action {
        table: TableName::default(),
        attributes: None,
        expressions: Expressions::of(expressions),
        on_condition_failure: None,
    };
    let present = shape::structure(reader, JsonContext::Field, class, |reader, name| {
        match name {
            "TableName" => action.table = TableName::new(shape::string(reader)?),
            "ReturnValuesOnConditionCheckFailure" => action.on_condition_failure = shape::string(reader)?,
            _ if name == attributes => action.attributes = decoder.attributes(reader)?,
            _ => {
                if !action.expressions.member(reader, name, decoder)? {
                    reader.skip()?;
                }
            }
        }
        Ok(())
    })?;
    Ok(present.then_some(action))
}

impl Action<'_> {
    /// Constraints on table and item or key; `path` is where the action is.
    pub(super) fn check_members(&self, path: &str, attributes: &str, violations: &mut Violations) {
        self.table.check(violations, &format!("{path}.tableName"), false);
        violations.not_null(&self.attributes, &format!("{path}.{attributes}"));
    }

    /// The rules of values, and placeholders without an expression.
    pub(super) fn check_values(&self, profile: Profile) -> Result<(), Failure> {
        if let Some(attributes) = &self.attributes {
            attributes.check().map_err(Failure::validation)?;
        }
        self.expressions.check_mixing(&[], profile, MessageDialect::Older)
    }
}

/// Constraints on the number of actions; `class` is how one of them prints.
pub(super) fn check_count(count: Option<usize>, class: &str, violations: &mut Violations) {
    let path = "transactItems";
    violations.not_null(&count, path);
    match count {
        Some(0) => violations.length(0, "[]", path, 1, MAX_ACTIONS),
        Some(count) => violations.length(count, &format!("[{class}(...), ...]"), path, 1, MAX_ACTIONS),
        None => {}
    }
}
