//! Conditions: lines of an operator, a key and values, all of which have to hold.

use super::{
    json::Json,
    key::{ConditionKey, Found, Lookup},
    operator::{Operand, Operator, Quantifier},
    policy::Effect,
    policy_error::PolicyError,
    template::Variables,
};
use std::borrow::Cow;

/// One line of a condition.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub operator: Operator,
    pub key: ConditionKey,
    operands: Vec<Operand>,
    /// As the document writes them.
    pub operator_name: String,
    pub values: Vec<String>,
}

impl Line {
    /// Reads the lines of a condition. Errors: an operator, key or value that cannot be understood.
    pub fn parse_all(condition: &Json, with_variables: bool) -> Result<Vec<Self>, PolicyError> {
        let mut lines = Vec::new();
        for (operator_name, keys) in condition.object()? {
            let mut read = || -> Result<(), PolicyError> {
                let operator = Operator::parse(operator_name)?;
                for (name, values) in keys.object()? {
                    let line = Self::parse(operator, operator_name, name, values, with_variables);
                    lines.push(line.map_err(|error| error.within(name))?);
                }
                Ok(())
            };
            read().map_err(|error| error.within(operator_name))?;
        }
        Ok(lines)
    }

    fn parse(
        operator: Operator,
        operator_name: &str,
        key: &str,
        values: &Json,
        with_variables: bool,
    ) -> Result<Self, PolicyError> {
        let list = match values {
            Json::List(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let key = ConditionKey::parse(key)?;
        if list.is_empty() && operator.quantifier == Quantifier::Single {
            return Err(PolicyError::new("the list of values is empty"));
        }
        let operands =
            list.iter().map(|value| operator.operand(value, with_variables)).collect::<Result<Vec<_>, _>>()?;
        let written = |value: &Json| match value {
            Json::Text(text) | Json::Number(text) => text.clone(),
            Json::Bool(value) => value.to_string(),
            _ => String::new(),
        };
        let values = list.iter().map(written).collect();
        Ok(Self { operator, key, operands, operator_name: operator_name.to_owned(), values })
    }

    /// Whether it holds. Several values under a key that an operator without prefix tests all have to hold in an `Allow`, and
    /// one of them has to in a `Deny`: IAM leaves it open, and this is the safe side of both.
    pub fn holds(&self, effect: Effect, lookup: &Lookup<'_>) -> bool {
        let operator = self.operator;
        let found = lookup.find(&self.key);
        if operator.is_null() {
            let is_missing = matches!(found, Found::Missing);
            return self
                .operands
                .iter()
                .any(|operand| matches!(operand, Operand::Flag(wanted) if *wanted == is_missing));
        }
        let all = match operator.quantifier {
            Quantifier::ForAllValues => true,
            Quantifier::ForAnyValue => false,
            Quantifier::Single => effect == Effect::Allow,
        };
        let is_absent = matches!(found, Found::Missing | Found::Texts([]));
        if is_absent && effect == Effect::Allow && self.is_leading_key_of_strict(lookup) {
            return false;
        }
        match &found {
            Found::Missing if operator.if_exists => true,
            Found::Missing | Found::Texts([]) => match operator.quantifier {
                Quantifier::ForAllValues => true,
                Quantifier::ForAnyValue => false,
                Quantifier::Single => operator.is_negated,
            },
            Found::Texts(texts) => {
                let mut each = texts.iter().map(|text| self.accepts(&Found::Text(Cow::Borrowed(text)), lookup));
                if all { each.all(|accepted| accepted) } else { each.any(|accepted| accepted) }
            }
            one => self.accepts(one, lookup),
        }
    }

    /// Whether one value of the request matches one of the policy, or none of them if the operator is negated.
    fn accepts(&self, value: &Found<'_>, lookup: &Lookup<'_>) -> bool {
        let matches_any = self.operands.iter().any(|operand| self.operator.compares(operand, value, lookup));
        matches_any != self.operator.is_negated
    }

    /// Whether one text as a value of the request is accepted.
    pub fn accepts_text(&self, text: &str, lookup: &Lookup<'_>) -> bool {
        self.accepts(&Found::Text(Cow::Borrowed(text)), lookup)
    }

    fn is_leading_key_of_strict(&self, lookup: &Lookup<'_>) -> bool {
        lookup.principal.is_strict && matches!(self.key, ConditionKey::PartitionKeyValues(_))
    }

    /// Adds the variables in it.
    pub fn add_variables(&self, variables: &mut Variables) {
        self.operands.iter().for_each(|operand| operand.add_variables(variables));
    }
}
