//! DynamoDB's expressions as arguments.
//!
//! An expression has no values of its own: `population > :p` takes them from `--value :p=1000000` or from
//! `--values '{":p": 1000000}'`, and names that are reserved words from `--name '#n=name'` or `--names '{"#n": "name"}'`.

use crate::failure::Failure;
use clap::Args;
use hashrange::{
    AttributeValue, Error, Item,
    expression::{Condition, ExpressionKind, Placeholders, ProjectionExpression, Scope, UpdateExpression},
};
use std::collections::BTreeMap;

/// What placeholders of expressions stand for.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlaceholderArgs {
    /// Values of the expressions, as in '{":p": 1000000}'
    #[arg(long, value_name = "JSON")]
    values: Option<String>,
    /// One value: JSON, or else a text, as in :p=1000000 or :c=Oslo
    #[arg(long, value_name = ":NAME=VALUE", value_parser = parse_value)]
    value: Vec<(String, AttributeValue)>,
    /// Names in the expressions, as in '{"#n": "name"}'
    #[arg(long, value_name = "JSON")]
    names: Option<String>,
    /// One name, as in '#n=name'
    #[arg(long, value_name = "#NAME=ATTRIBUTE", value_parser = parse_name)]
    name: Vec<(String, String)>,
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
    pub(crate) projection: Option<ProjectionExpression>,
}

impl PlaceholderArgs {
    fn read(&self, any_expression: bool) -> Result<Placeholders, Failure> {
        let placeholders = Placeholders {
            names: merged("--name", self.names.as_deref().map(parse_names).transpose()?, &self.name)?,
            values: merged("--value", self.values.as_deref().map(parse_values).transpose()?, &self.value)?,
        };
        if any_expression {
            placeholders.check()?;
        }
        placeholders.check_needed(any_expression, any_expression)?;
        Ok(placeholders)
    }

    /// Parses an update and its condition.
    pub(crate) fn update(
        &self,
        text: &str,
        condition: Option<&str>,
    ) -> Result<(UpdateExpression, Option<Condition>), Failure> {
        let placeholders = self.read(true)?;
        let mut scope = Scope::new(&placeholders);
        let update = UpdateExpression::parse(text, &mut scope)?;
        let kind = ExpressionKind::Condition;
        let condition = condition.map(|text| Condition::parse(kind, text, &mut scope)).transpose()?;
        scope.finish()?;
        Ok((update, condition))
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
        let projection =
            self.project.as_deref().map(|text| ProjectionExpression::parse(text, &mut scope)).transpose()?;
        scope.finish()?;
        Ok(ReadExpressions { filter, projection })
    }
}

/// What was given as one JSON object and one by one.
fn merged<V: Clone>(
    option: &str,
    object: Option<BTreeMap<String, V>>,
    single: &[(String, V)],
) -> Result<Option<BTreeMap<String, V>>, Failure> {
    if object.is_none() && single.is_empty() {
        return Ok(None);
    }
    let mut all = object.unwrap_or_default();
    for (name, value) in single {
        if all.insert(name.clone(), value.clone()).is_some() {
            return Err(Failure::Usage(format!("{option} gives {name} twice")));
        }
    }
    Ok(Some(all))
}

fn parse_value(text: &str) -> Result<(String, AttributeValue), String> {
    let (name, value) = text.split_once('=').ok_or("it must be :NAME=VALUE, such as :p=5")?;
    if !name.starts_with(':') {
        return Err(format!("the name of a value begins with a colon, such as :{name}"));
    }
    Ok((name.to_owned(), AttributeValue::from_json(value).unwrap_or_else(|_| value.into())))
}

fn parse_name(text: &str) -> Result<(String, String), String> {
    let (name, attribute) = text.split_once('=').ok_or("it must be #NAME=ATTRIBUTE, such as #n=name")?;
    if !name.starts_with('#') {
        return Err(format!("the placeholder of a name begins with #, such as #{name}"));
    }
    Ok((name.to_owned(), attribute.to_owned()))
}

fn parse_values(text: &str) -> Result<BTreeMap<String, AttributeValue>, Failure> {
    let values = Item::from_json(text).map_err(|error| malformed("--values", error.message()))?;
    Ok(values.0)
}

fn parse_names(text: &str) -> Result<BTreeMap<String, String>, Failure> {
    serde_json::from_str(text).map_err(|error| malformed("--names", &error.to_string()))
}

fn malformed(option: &str, what: &str) -> Failure {
    Error::validation(format!("{option} must be a JSON object: {what}")).into()
}
