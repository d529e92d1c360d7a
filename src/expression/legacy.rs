//! The parameters that preceded expressions, translated to the same trees.
//!
//! Expected, QueryFilter, ScanFilter and KeyConditions map attributes to a comparison operator and values;
//! AttributeUpdates maps attributes to actions. They know whole attributes only. Requests by older clients still use
//! them, and their messages differ from those of expressions. The order of the slices is the order of the request, in
//! which faults are looked for.

use super::{
    Condition, ExpressionKind, KeyCondition, ProjectionExpression, UpdateExpression, check,
    key_condition::{KeyClause, KeyTest, RangeCondition, comparison},
    path::Path,
    tree::{Action, Comparator, Operand, SetOperand, SetValue, Test, Tree},
};
use crate::{
    error::{Error, Result},
    item::{AttributeValue, size::check_name},
};

/// How the conditions of a parameter are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConditionalOperator {
    /// All must hold.
    #[default]
    And,
    /// One must hold.
    Or,
}

/// A condition on an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct LegacyCondition {
    /// ComparisonOperator, as written: `EQ`, `NE`, `LE`, `LT`, `GE`, `GT`, `NOT_NULL`, `NULL`, `CONTAINS`,
    /// `NOT_CONTAINS`, `BEGINS_WITH`, `IN` or `BETWEEN`.
    pub operator: String,
    /// AttributeValueList; empty if absent.
    pub values: Vec<AttributeValue>,
}

/// What Expected says of an attribute: a value or its absence, or a comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// Value
    pub value: Option<AttributeValue>,
    /// Exists
    pub exists: Option<bool>,
    /// ComparisonOperator, as written.
    pub operator: Option<String>,
    /// AttributeValueList
    pub values: Option<Vec<AttributeValue>>,
}

/// What AttributeUpdates does with an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeUpdate {
    /// Action
    pub action: UpdateAction,
    /// Value
    pub value: Option<AttributeValue>,
}

/// An action of AttributeUpdates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdateAction {
    /// Replaces the attribute.
    #[default]
    Put,
    /// Adds a number, or elements to a set or list.
    Add,
    /// Removes the attribute, or elements from a set.
    Delete,
}

impl UpdateAction {
    /// The action by its name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "PUT" => Ok(Self::Put),
            "ADD" => Ok(Self::Add),
            "DELETE" => Ok(Self::Delete),
            // The stray quote is the service's.
            _ => Err(Error::validation("Member must satisfy enum value set: [ADD, DELETE, PUT]' for Action")),
        }
    }
}

/// The condition that Expected stands for; `None` if it has no entries.
///
/// # Errors
/// DynamoDB's text for the first contradictory entry, wrong number or types of values, or a useless operator.
pub fn expected(entries: &[(String, Expectation)], operator: Option<ConditionalOperator>) -> Result<Option<Condition>> {
    check_names(entries)?;
    check_conditional_operator(operator, entries.len())?;
    let tests = entries.iter().map(|(name, entry)| expectation(name, entry)).collect::<Result<Vec<_>>>()?;
    Ok(joined(tests, operator).map(|tree| Condition::from_legacy(ExpressionKind::Condition, tree)))
}

/// The condition that a QueryFilter or ScanFilter stands for; `None` if it has no entries.
///
/// # Errors
/// DynamoDB's text for the first wrong number or types of values, or a useless operator.
pub fn filter(
    entries: &[(String, LegacyCondition)],
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>> {
    check_names(entries)?;
    check_conditional_operator(operator, entries.len())?;
    let translate = |(name, entry): &(String, LegacyCondition)| {
        let operator = Operator::check(&entry.operator, &entry.values)?;
        Ok(operator.tree(name, entry.values.clone()))
    };
    let tests = entries.iter().map(translate).collect::<Result<Vec<_>>>()?;
    Ok(joined(tests, operator).map(|tree| Condition::from_legacy(ExpressionKind::Filter, tree)))
}

/// Attributes of the largest key, which is one of a global index: four of the partition key, four of the sort key.
const MAX_KEY_ATTRIBUTES: usize = 8;

/// The key condition that KeyConditions stands for.
///
/// # Errors
/// DynamoDB's text unless there are conditions, not more than a key has attributes, with the right number and types of
/// values. Operators that a key does not allow are rejected when it is bound.
pub fn key_conditions(entries: &[(String, LegacyCondition)]) -> Result<KeyCondition> {
    check_names(entries)?;
    let translate = |(name, entry): &(String, LegacyCondition)| {
        let operator = Operator::check(&entry.operator, &entry.values)?;
        Ok(KeyClause::new(name.as_str(), operator.key_test(entry.values.clone())))
    };
    let clauses = entries.iter().map(translate).collect::<Result<Vec<_>>>()?;
    if !(1..=MAX_KEY_ATTRIBUTES).contains(&clauses.len()) {
        return Err(Error::validation("Conditions can be of length 1 or 2 only"));
    }
    Ok(KeyCondition::from_legacy(clauses))
}

/// The update that AttributeUpdates stands for.
///
/// # Errors
/// DynamoDB's text for the first action without the value it needs, or with one of a type it does not take.
pub fn attribute_updates(entries: &[(String, AttributeUpdate)]) -> Result<UpdateExpression> {
    check_names(entries)?;
    let refuse = |action, value: &AttributeValue| {
        let type_name = value.type_name();
        Err(Error::invalid_parameter(format_args!("{action} is not supported for the type {type_name}")))
    };
    let translate = |(name, entry): &(String, AttributeUpdate)| {
        let path = Path::attribute(name.as_str());
        match (entry.action, entry.value.clone()) {
            (UpdateAction::Delete, None) => Ok(Action::Remove(path)),
            (_, None) => {
                Err(Error::invalid_parameter("Only DELETE action is allowed when no attribute value is specified"))
            }
            (UpdateAction::Put, Some(value)) => Ok(Action::Set(path, SetValue::Operand(SetOperand::Value(value)))),
            (UpdateAction::Add, Some(value)) => match value {
                AttributeValue::N(_)
                | AttributeValue::Ss(_)
                | AttributeValue::Ns(_)
                | AttributeValue::Bs(_)
                | AttributeValue::L(_) => Ok(Action::Add(path, value)),
                value => refuse("ADD action", &value),
            },
            (UpdateAction::Delete, Some(value)) => match value {
                AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) => {
                    Ok(Action::Delete(path, value))
                }
                value => refuse("DELETE action with value", &value),
            },
        }
    };
    let actions = entries.iter().map(translate).collect::<Result<Vec<_>>>()?;
    Ok(UpdateExpression::from_actions(actions, true))
}

/// The projection that AttributesToGet stands for.
///
/// # Errors
/// DynamoDB's text for an empty name or one that occurs twice.
pub fn attributes_to_get(names: &[String]) -> Result<ProjectionExpression> {
    names.iter().try_for_each(|name| check_name(name))?;
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::invalid_parameter(format_args!("Duplicate value in attribute name: {}", pair[0])));
    }
    ProjectionExpression::of_attributes(names.iter().map(String::as_str))
}

fn check_names<T>(entries: &[(String, T)]) -> Result<()> {
    entries.iter().try_for_each(|(name, _)| check_name(name))
}

/// Rejects a ConditionalOperator that has nothing to join. `conditions` counts the entries of the filter or Expected.
pub fn check_conditional_operator(operator: Option<ConditionalOperator>, conditions: usize) -> Result<()> {
    match (operator, conditions) {
        (None, _) => Ok(()),
        (Some(_), 0) => Err(Error::validation("ConditionalOperator cannot be used without Filter or Expected")),
        (Some(_), 1) => Err(Error::validation(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        )),
        _ => Ok(()),
    }
}

fn joined(tests: Vec<Tree>, operator: Option<ConditionalOperator>) -> Option<Tree> {
    tests.into_iter().reduce(|all, one| match operator.unwrap_or_default() {
        ConditionalOperator::And => all.and(one),
        ConditionalOperator::Or => all.or(one),
    })
}

fn expectation(name: &str, entry: &Expectation) -> Result<Tree> {
    let refuse = |text: &str| Err(Error::invalid_parameter(format_args!("{text} for Attribute: {name}")));
    if entry.value.is_some() && entry.values.is_some() {
        return refuse("Value and AttributeValueList cannot be used together");
    }
    let values = entry.values.clone().or_else(|| entry.value.clone().map(|value| vec![value]));
    if let Some(operator) = &entry.operator {
        if entry.exists.is_some() {
            return refuse("Exists and ComparisonOperator cannot be used together");
        }
        if values.is_none() && !matches!(operator.as_str(), "NULL" | "NOT_NULL") {
            Operator::parse(operator)?;
            let text = format!("Value or AttributeValueList must be used with ComparisonOperator: {operator}");
            return refuse(&text);
        }
        let values = values.unwrap_or_default();
        return Ok(Operator::check(operator, &values)?.tree(name, values));
    }
    if entry.values.is_some() {
        return refuse("AttributeValueList can only be used with a ComparisonOperator");
    }
    match (entry.exists, &entry.value) {
        (Some(false), None) => Ok(Operator::Absent.tree(name, Vec::new())),
        (Some(false), Some(_)) => refuse("Value cannot be used when Exists is false"),
        (Some(true), None) => refuse("Value must be provided when Exists is true"),
        (None, None) => refuse("Value must be provided when Exists is null"),
        (_, Some(value)) => Ok(Operator::Compare(Comparator::Equal).tree(name, vec![value.clone()])),
    }
}

/// A comparison operator of the legacy parameters.
#[derive(Clone, Copy)]
enum Operator {
    Compare(Comparator),
    Present,
    Absent,
    Contains,
    NotContains,
    BeginsWith,
    In,
    Between,
}

impl Operator {
    fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "EQ" => Self::Compare(Comparator::Equal),
            "NE" => Self::Compare(Comparator::NotEqual),
            "LT" => Self::Compare(Comparator::Less),
            "LE" => Self::Compare(Comparator::LessOrEqual),
            "GT" => Self::Compare(Comparator::Greater),
            "GE" => Self::Compare(Comparator::GreaterOrEqual),
            "NOT_NULL" => Self::Present,
            "NULL" => Self::Absent,
            "CONTAINS" => Self::Contains,
            "NOT_CONTAINS" => Self::NotContains,
            "BEGINS_WITH" => Self::BeginsWith,
            "IN" => Self::In,
            "BETWEEN" => Self::Between,
            _ => return Err(Error::invalid_parameter("Invalid comparison operator")),
        })
    }

    /// The operator, if it can be used with these values.
    fn check(name: &str, values: &[AttributeValue]) -> Result<Self> {
        let operator = Self::parse(name)?;
        let right_count = match operator {
            Self::Present | Self::Absent => values.is_empty(),
            Self::Between => values.len() == 2,
            Self::In => !values.is_empty(),
            _ => values.len() == 1,
        };
        if !right_count {
            return Err(Error::invalid_parameter(format_args!(
                "Invalid number of argument(s) for the {name} ComparisonOperator"
            )));
        }
        if values.windows(2).any(|pair| pair[0].type_name() != pair[1].type_name()) {
            return Err(Error::invalid_parameter("AttributeValues inside AttributeValueList must be of same type"));
        }
        let allowed: &[&str] = match operator {
            Self::Compare(Comparator::Equal | Comparator::NotEqual) | Self::Present | Self::Absent => {
                return Ok(operator);
            }
            Self::BeginsWith => &["S", "B"],
            _ => &["S", "N", "B"],
        };
        if let Some(value) = values.iter().find(|value| !allowed.contains(&value.type_name())) {
            let type_name = value.type_name();
            return Err(Error::invalid_parameter(format_args!(
                "ComparisonOperator {name} is not valid for {type_name} AttributeValue type"
            )));
        }
        if let (Self::Between, [low, high]) = (operator, values)
            && check::out_of_order(low, high)
        {
            return Err(Error::validation(
                "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
            ));
        }
        Ok(operator)
    }

    /// The test of an attribute with values that were checked.
    fn tree(self, name: &str, values: Vec<AttributeValue>) -> Tree {
        let path = || Path::attribute(name);
        let attribute = Operand::Path(path());
        let mut values = values.into_iter().map(Operand::Value);
        let mut next = || values.next().unwrap_or(Operand::Value(AttributeValue::Null));
        Tree::Test(match self {
            Self::Compare(comparator) => Test::Compare(attribute, comparator, next()),
            Self::Present => Test::Exists(path()),
            Self::Absent => Test::NotExists(path()),
            Self::Contains => Test::Contains(attribute, next()),
            Self::NotContains => {
                let lacks = Tree::Not(Box::new(Tree::Test(Test::Contains(attribute, next()))));
                return Tree::Test(Test::Exists(path())).and(lacks);
            }
            Self::BeginsWith => Test::BeginsWith(attribute, next()),
            Self::Between => Test::Between(attribute, next(), next()),
            Self::In => Test::In(attribute, values.collect()),
        })
    }

    /// The demand on a key attribute with values that were checked.
    fn key_test(self, values: Vec<AttributeValue>) -> KeyTest {
        let mut values = values.into_iter();
        let mut next = || values.next().unwrap_or(AttributeValue::Null);
        match self {
            Self::Compare(comparator) => comparison(comparator, next()),
            Self::BeginsWith => KeyTest::Range(RangeCondition::BeginsWith(next())),
            Self::Between => KeyTest::Range(RangeCondition::Between(next(), next())),
            _ => KeyTest::Unordered,
        }
    }
}
