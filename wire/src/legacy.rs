//! The parameters that preceded expressions: `Expected`, `AttributeUpdates`, `KeyConditions`, `QueryFilter`,
//! `ScanFilter`. They are decoded here; what they mean is known to the engine.

use crate::{
    error::Failure,
    json::Reader,
    profile::{MessageDialect, Profile},
    shape::{self, JsonContext},
    validate::Violations,
    value::{Decoder, Values},
};
use hashrange::{
    AttributeValue,
    expression::{
        Condition, KeyCondition, UpdateExpression,
        legacy::{self, AttributeUpdate, ConditionalOperator, Expectation, LegacyCondition, UpdateAction},
    },
};
use std::{borrow::Cow, collections::HashMap};

/// Entries of a map by attribute name, in the order of the request, and the first value that breaks a rule.
#[derive(Debug)]
pub(crate) struct Entries<T> {
    entries: Vec<(String, T)>,
    places: HashMap<String, usize>,
    fault: Option<String>,
}

/// Entries of one parameter. DynamoDB bounds them only by the size of the request; no client needs so many.
const MAX_ENTRIES: usize = 10_000;

/// `KeyConditions`, `QueryFilter` or `ScanFilter`; an operator that is missing is `None`.
pub(crate) type Conditions = Entries<(Option<String>, Vec<AttributeValue>)>;
/// `Expected`.
pub(crate) type Expectations = Entries<Expectation>;
/// `AttributeUpdates`; the action as written.
pub(crate) type AttributeUpdates = Entries<(Option<String>, Option<AttributeValue>)>;

impl<T> Entries<T> {
    fn new() -> Self {
        Self { entries: Vec::new(), places: HashMap::new(), fault: None }
    }

    /// Of two entries with one name the later counts.
    fn put(&mut self, name: &str, entry: T) -> Result<(), Failure> {
        if let Some(place) = self.places.get(name) {
            self.entries[*place].1 = entry;
        } else if self.entries.len() < MAX_ENTRIES {
            self.places.insert(name.to_owned(), self.entries.len());
            self.entries.push((name.to_owned(), entry));
        } else {
            let text = format!("Too many conditions or updates in one parameter; maximum number: {MAX_ENTRIES}");
            return Err(Failure::validation(text));
        }
        Ok(())
    }

    /// Values that were decoded; keeps their fault if it is the first.
    fn take<V>(&mut self, found: Option<Values<V>>) -> Option<V> {
        let Values { values, fault } = found?;
        if self.fault.is_none() {
            self.fault = fault;
        }
        Some(values)
    }

    fn check_values(&self) -> Result<(), String> {
        self.fault.clone().map_or(Ok(()), Err)
    }
}

/// Decodes `KeyConditions`, `QueryFilter` or `ScanFilter`.
pub(crate) fn conditions(reader: &mut Reader<'_>, decoder: Decoder) -> Result<Option<Conditions>, Failure> {
    let mut found = Conditions::new();
    let present = shape::map(reader, "Condition", |reader, name| {
        let (mut operator, mut values) = (None, None);
        let present = shape::structure(reader, JsonContext::Element, "Condition", |reader, member| {
            match member {
                "ComparisonOperator" => operator = shape::string(reader)?.map(Cow::into_owned),
                "AttributeValueList" => values = decoder.list(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        if present {
            let values = found.take(values).unwrap_or_default();
            found.put(&name, (operator, values))?;
        }
        Ok(())
    })?;
    Ok(present.then_some(found))
}

/// Decodes `Expected`.
pub(crate) fn expectations(reader: &mut Reader<'_>, decoder: Decoder) -> Result<Option<Expectations>, Failure> {
    let mut found = Expectations::new();
    let class = "ExpectedAttributeValue";
    let present = shape::map(reader, class, |reader, name| {
        let mut entry = Expectation::default();
        let (mut value, mut values) = (None, None);
        let present = shape::structure(reader, JsonContext::Element, class, |reader, member| {
            match member {
                "Value" => value = decoder.single(reader, JsonContext::Field)?,
                "Exists" => entry.exists = shape::boolean(reader)?,
                "ComparisonOperator" => entry.operator = shape::string(reader)?.map(Cow::into_owned),
                "AttributeValueList" => values = decoder.list(reader)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        if present {
            entry.value = found.take(value);
            entry.values = found.take(values);
            found.put(&name, entry)?;
        }
        Ok(())
    })?;
    Ok(present.then_some(found))
}

/// Decodes `AttributeUpdates`.
pub(crate) fn attribute_updates(
    reader: &mut Reader<'_>,
    decoder: Decoder,
) -> Result<Option<AttributeUpdates>, Failure> {
    let mut found = AttributeUpdates::new();
    let class = "AttributeValueUpdate";
    let present = shape::map(reader, class, |reader, name| {
        let (mut action, mut value) = (None, None);
        let present = shape::structure(reader, JsonContext::Element, class, |reader, member| {
            match member {
                "Action" => action = shape::string(reader)?.map(Cow::into_owned),
                "Value" => value = decoder.single(reader, JsonContext::Field)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        if present {
            let value = found.take(value);
            found.put(&name, (action, value))?;
        }
        Ok(())
    })?;
    Ok(present.then_some(found))
}

/// Constraint on conditions: each has an operator. `path` is the parameter, as in `scanFilter`.
pub(crate) fn check_operators(conditions: Option<&Conditions>, path: &str, violations: &mut Violations) {
    for (name, (operator, _)) in conditions.iter().flat_map(|conditions| &conditions.entries) {
        violations.not_null(operator, &format!("{path}.{name}.member.comparisonOperator"));
    }
}

/// The condition that a filter stands for.
pub(crate) fn filter_condition(
    conditions: Option<&Conditions>,
    operator: Option<&str>,
    profile: Profile,
) -> Result<Option<Condition>, Failure> {
    let refuse = |text: String| Failure::validation(profile.request(MessageDialect::Read, text));
    let operator = conditional_operator(operator);
    let Some(conditions) = conditions else {
        legacy::check_conditional_operator(operator, 0).map_err(|error| refuse(error.message().to_owned()))?;
        return Ok(None);
    };
    conditions.check_values().map_err(refuse)?;
    legacy::filter(&comparisons(conditions), operator).map_err(|error| refuse(error.message().to_owned()))
}

/// The key condition that `KeyConditions` stands for.
pub(crate) fn key_condition(
    conditions: Option<&Conditions>,
    profile: Profile,
) -> Result<Option<KeyCondition>, Failure> {
    let refuse = |text: String| Failure::validation(profile.request(MessageDialect::Read, text));
    let Some(conditions) = conditions else { return Ok(None) };
    conditions.check_values().map_err(refuse)?;
    let condition = legacy::key_conditions(&comparisons(conditions));
    condition.map(Some).map_err(|error| refuse(error.message().to_owned()))
}

/// The condition that `Expected` stands for.
pub(crate) fn expected_condition(
    expected: Option<&Expectations>,
    operator: Option<&str>,
    profile: Profile,
    dialect: MessageDialect,
) -> Result<Option<Condition>, Failure> {
    let refuse = |text: String| Failure::validation(profile.request(dialect, text));
    let operator = conditional_operator(operator);
    let Some(expected) = expected else {
        legacy::check_conditional_operator(operator, 0).map_err(|error| refuse(error.message().to_owned()))?;
        return Ok(None);
    };
    expected.check_values().map_err(refuse)?;
    legacy::expected(&expected.entries, operator).map_err(|error| refuse(error.message().to_owned()))
}

/// The update that `AttributeUpdates` stands for.
pub(crate) fn update(
    updates: Option<&AttributeUpdates>,
    profile: Profile,
    dialect: MessageDialect,
) -> Result<Option<UpdateExpression>, Failure> {
    let refuse = |text: String| Failure::validation(profile.request(dialect, text));
    let Some(updates) = updates else { return Ok(None) };
    updates.check_values().map_err(refuse)?;
    let mut entries = Vec::with_capacity(updates.entries.len());
    for (name, (action, value)) in &updates.entries {
        let action = match action {
            None => UpdateAction::default(),
            Some(action) => UpdateAction::parse(action)
                .map_err(|error| Failure::validation(format!("1 validation error detected: {}", error.message())))?,
        };
        entries.push((name.clone(), AttributeUpdate { action, value: value.clone() }));
    }
    legacy::attribute_updates(&entries).map(Some).map_err(|error| refuse(error.message().to_owned()))
}

fn comparisons(conditions: &Conditions) -> Vec<(String, LegacyCondition)> {
    let entries = conditions.entries.iter();
    entries
        .map(|(name, (operator, values))| {
            let operator = operator.clone().unwrap_or_default();
            (name.clone(), LegacyCondition { operator, values: values.clone() })
        })
        .collect()
}

fn conditional_operator(name: Option<&str>) -> Option<ConditionalOperator> {
    match name? {
        "OR" => Some(ConditionalOperator::Or),
        _ => Some(ConditionalOperator::And),
    }
}
