//! What a policy says that its author hardly meant.

use super::{
    action::{Action, ActionSet},
    key::ConditionKey,
    operator::Quantifier,
    policy::{Effect, Policy, Statement, Version},
};
use std::fmt;

/// A remark on a statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remark {
    /// Position of the statement.
    pub statement: usize,
    /// What is odd about it.
    pub text: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {}: {}", self.statement + 1, self.text)
    }
}

impl Policy {
    /// Remarks on statements that are allowed and yet rarely meant: conditions that a request without the key passes, names
    /// that mean nothing. [`lint`](Self::lint) looks at a database too.
    pub fn remarks(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        for (at, statement) in self.statements.iter().enumerate() {
            let mut remark = |text: String| remarks.push(Remark { statement: at, text });
            unknown_names(statement, &mut remark);
            missing_keys(statement, &mut remark);
            columns(statement, &mut remark);
            if self.version == Version::V2008 && has_dollar(statement) {
                remark("`${` is plain text in version 2008-10-17; variables need version 2012-10-17".to_owned());
            }
        }
        remarks
    }
}

fn unknown_names(statement: &Statement, remark: &mut impl FnMut(String)) {
    for pattern in &statement.action_patterns {
        let is_ours = pattern.get(..9).is_some_and(|service| service.eq_ignore_ascii_case("dynamodb:"));
        if is_ours && ActionSet::of_pattern(pattern).is_ok_and(ActionSet::is_empty) {
            remark(format!("{pattern:?} names no action of DynamoDB"));
        }
    }
    for line in statement.conditions.iter().filter(|line| line.key.is_unknown()) {
        remark(format!("{:?} is missing from every request unless principals are given it", line.key.to_string()));
    }
}

fn missing_keys(statement: &Statement, remark: &mut impl FnMut(String)) {
    let is_leading = |key: &ConditionKey| matches!(key, ConditionKey::PartitionKeyValues(_));
    for line in &statement.conditions {
        let is_guarded = |key: &ConditionKey| {
            let guards = statement.conditions.iter().filter(|other| other.operator.is_null() && other.key == *key);
            guards.into_iter().any(|guard| guard.values.iter().all(|value| value.eq_ignore_ascii_case("false")))
        };
        if line.operator.quantifier == Quantifier::ForAllValues
            && statement.effect == Effect::Allow
            && !is_guarded(&line.key)
            && is_leading(&line.key)
        {
            let key = &line.key;
            remark(format!(
                "{} {key} also holds for a request without {key}; add \"Null\": {{\"{key}\": \"false\"}}",
                line.operator_name
            ));
        }
        if line.operator.quantifier == Quantifier::ForAllValues && statement.effect == Effect::Deny {
            remark(format!(
                "{} in a Deny needs all values to match; ForAnyValue denies if one does",
                line.operator_name
            ));
        }
        if line.operator.quantifier == Quantifier::Single && line.key.has_many_values() && !line.operator.is_null() {
            remark(format!("{} can have several values; {} wants a prefix", line.key, line.operator_name));
        }
    }
    let limits_keys = statement.conditions.iter().any(|line| is_leading(&line.key) && !line.operator.is_null());
    if limits_keys && statement.effect == Effect::Allow {
        let unlimited = Action::all().filter(|action| {
            let reads_items = matches!(action, Action::Scan | Action::SearchVectors) || action.is_of_streams();
            reads_items && !action.has_leading_keys() && statement.actions.contains(*action)
        });
        let unlimited: Vec<&str> = unlimited.map(Action::name).collect();
        if !unlimited.is_empty() {
            remark(format!("a condition on LeadingKeys does not limit {}", unlimited.join(", ")));
        }
    }
}

/// A list of columns that leaves a way round it.
fn columns(statement: &Statement, remark: &mut impl FnMut(String)) {
    let tests = |key: &ConditionKey| statement.conditions.iter().any(|line| line.key == *key);
    if statement.effect == Effect::Deny || !tests(&ConditionKey::Attributes) {
        return;
    }
    let allows = |actions: &[Action]| actions.iter().any(|action| statement.actions.contains(*action));
    if !tests(&ConditionKey::Select) && allows(&[Action::GetItem, Action::BatchGetItem, Action::Query, Action::Scan]) {
        remark("without a condition on dynamodb:Select, a read without projection returns all attributes".to_owned());
    }
    if !tests(&ConditionKey::ReturnValues) && allows(&[Action::UpdateItem, Action::DeleteItem, Action::PutItem]) {
        remark("without a condition on dynamodb:ReturnValues, a write can return all attributes".to_owned());
    }
    if allows(&[Action::PutItem, Action::DeleteItem, Action::BatchWriteItem]) {
        remark("PutItem, DeleteItem and BatchWriteItem replace whole items, whatever attributes are listed".to_owned());
    }
}

fn has_dollar(statement: &Statement) -> bool {
    let values = statement.conditions.iter().flat_map(|line| &line.values);
    values.chain(&statement.resource_patterns).any(|text| text.contains("${"))
}
