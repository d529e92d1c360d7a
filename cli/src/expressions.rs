//! DynamoDB's expressions as arguments.
//!
//! An expression has no values of its own: `population > :p` takes them from `--values '{":p": 1000000}'`, and names
//! that are reserved words from `--names '{"#n": "name"}'`.

use crate::failure::Failure;
use clap::Args;
use hashrange::{
    Error, Item,
    expression::{Condition, ExpressionKind, Placeholders, Projection, Scope},
};
use std::collections::BTreeMap;

/// What placeholders of expressions stand for.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlaceholderArgs {
    /// Values of the expressions, as in '{":p": 1000000}'
    #[arg(long, value_name = "JSON")]
    values: Option<String>,
    /// Names in the expressions, as in '{"#n": "name"}'
    #[arg(long, value_name = "JSON")]
    names: Option<String>,
}

/// Which part of what is read is shown.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReadArgs {
    /// Only items that fulfil a condition, as in 'population > :p'
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Only these attributes, as in 'name, address.city'
    #[arg(long, value_name = "EXPRESSION")]
    project: Option<String>,
    #[command(flatten)]
    placeholders: PlaceholderArgs,
}

/// The expressions of a read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadExpressions {
    /// Which items are shown.
    pub(crate) filter: Option<Condition>,
    /// Which parts of them.
    pub(crate) projection: Option<Projection>,
}

impl PlaceholderArgs {
    fn read(&self, any_expression: bool) -> Result<Placeholders, Failure> {
        let placeholders = Placeholders {
            names: self.names.as_deref().map(parse_names).transpose()?,
            values: self.values.as_deref().map(parse_values).transpose()?,
        };
        if any_expression {
            placeholders.check()?;
        }
        placeholders.check_needed(any_expression, any_expression)?;
        Ok(placeholders)
    }

    /// Parses the condition of a write.
    pub(crate) fn condition(&self, text: Option<&str>) -> Result<Option<Condition>, Failure> {
        let placeholders = self.read(text.is_some())?;
        let mut scope = Scope::new(&placeholders);
        let parsed = text.map(|text| Condition::parse(ExpressionKind::Condition, text, &mut scope)).transpose()?;
        scope.finish()?;
        Ok(parsed)
    }
}

impl ReadArgs {
    /// Parses the expressions.
    pub(crate) fn parse(&self) -> Result<ReadExpressions, Failure> {
        let placeholders = self.placeholders.read(self.filter.is_some() || self.project.is_some())?;
        let mut scope = Scope::new(&placeholders);
        let filter = self.filter.as_deref();
        let filter = filter.map(|text| Condition::parse(ExpressionKind::Filter, text, &mut scope)).transpose()?;
        let projection = self.project.as_deref().map(|text| Projection::parse(text, &mut scope)).transpose()?;
        scope.finish()?;
        Ok(ReadExpressions { filter, projection })
    }
}

fn parse_values(text: &str) -> Result<BTreeMap<String, hashrange::AttributeValue>, Failure> {
    let values = Item::from_json(text).map_err(|error| malformed("--values", error.message()))?;
    Ok(values.0)
}

fn parse_names(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    serde_json::from_str(text).map_err(|error| malformed("--names", &error.to_string()))
}

fn malformed(option: &str, what: &str) -> Failure {
    Error::validation(format!("{option} must be a JSON object: {what}")).into()
}
