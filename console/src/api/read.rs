//! A query or scan as the fields of a form say it, and the expressions that it becomes.
//!
//! The expressions are texts with placeholders. They are what is executed, and what is shown as a request of other clients:
//! what a page shows is what it did.

use super::value;
use crate::{refusal::Refusal, request::Request};
use hashrange::{
    AttributeValue, Item,
    expression::{Condition, ExpressionKind, KeyCondition, Placeholders, ProjectionExpression, Scope},
    request::{AnyRequest, PageOptions, Query, Scan},
    schema::{KeyAttribute, TableDefinition},
};
use std::borrow::Cow;

/// Items of a page where the request does not say how many.
pub(crate) const DEFAULT_LIMIT: u64 = 25;
/// Items of a page, at most.
const MAX_LIMIT: u64 = 1_000;
/// Filters of a form, at most.
const MAX_FILTERS: usize = 20;

/// How a sort key or a filter compares: its name in a form, and what people read.
pub(crate) const SORT_TESTS: [(&str, &str); 7] = [
    ("eq", "="),
    ("begins_with", "begins with"),
    ("between", "between"),
    ("lt", "<"),
    ("le", "≤"),
    ("gt", ">"),
    ("ge", "≥"),
];
/// Comparisons of a filter.
pub(crate) const FILTER_TESTS: [(&str, &str); 10] = [
    ("eq", "="),
    ("ne", "≠"),
    ("lt", "<"),
    ("le", "≤"),
    ("gt", ">"),
    ("ge", "≥"),
    ("begins_with", "begins with"),
    ("contains", "contains"),
    ("exists", "exists"),
    ("not_exists", "does not exist"),
];

/// A key attribute and the value that it must have.
#[derive(Clone, Debug)]
pub(crate) struct Equal {
    /// The attribute.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: AttributeValue,
}

/// What the sort key must be.
#[derive(Clone, Debug)]
pub(crate) struct SortTest {
    /// The attribute.
    pub(crate) name: String,
    /// One of [`SORT_TESTS`].
    pub(crate) test: &'static str,
    /// The value, or the two that it is between.
    pub(crate) values: Vec<AttributeValue>,
}

/// A condition that returned items meet.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// The attribute.
    pub(crate) name: String,
    /// One of [`FILTER_TESTS`].
    pub(crate) test: &'static str,
    /// What it is compared with; none for the tests on existence.
    pub(crate) value: Option<AttributeValue>,
}

/// A query, or a scan if no partition key is given.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    /// Name of the table.
    pub(crate) table: String,
    /// Name of the index that is read instead.
    pub(crate) index: Option<String>,
    /// Values of the partition key's attributes; empty for a scan.
    pub(crate) partition: Vec<Equal>,
    /// Values of sort key attributes before the last one that is given.
    pub(crate) leading: Vec<Equal>,
    /// The condition on the last sort key attribute that is given.
    pub(crate) sort: Option<SortTest>,
    /// Conditions that all hold.
    pub(crate) filters: Vec<Filter>,
    /// Attributes that are returned; empty for all.
    pub(crate) attributes: Vec<String>,
    /// Items that are evaluated, at most.
    pub(crate) limit: u64,
    /// Whether the sort key falls.
    pub(crate) is_descending: bool,
    /// Whether the read must be strongly consistent.
    pub(crate) is_consistent: bool,
    /// The key that the page before ended with.
    pub(crate) start: Option<Item>,
}

/// The expressions of a read, which share their placeholders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expressions {
    /// KeyConditionExpression.
    pub(crate) key: Option<String>,
    /// FilterExpression.
    pub(crate) filter: Option<String>,
    /// ProjectionExpression.
    pub(crate) projection: Option<String>,
    /// Names and values.
    pub(crate) placeholders: Placeholders,
}

impl Read {
    /// The read that parameters describe: `index`, `pk`, `op`, `sk`, `sk2`, `filter_name`, `filter_op`, `filter_type`,
    /// `filter_value`, `attributes`, `limit`, `descending`, `consistent`, `start`. Errors: a value that does not fit its type.
    pub(crate) fn of(table: &TableDefinition, request: &Request) -> Result<Self, Refusal> {
        let index = request.parameter("index").map(str::to_owned);
        let (hash, range) = keys(table, index.as_deref())?;
        let partition = request.parameters("pk");
        let is_query = partition.iter().any(|text| !text.is_empty());
        let sort = request.parameters("sk");
        let given = sort.iter().rposition(|text| !text.is_empty()).filter(|_| is_query);
        let equal = |attribute: &KeyAttribute, text: &str| -> Result<Equal, Refusal> {
            Ok(Equal { name: attribute.name.clone(), value: key_value(attribute, text)? })
        };
        let mut read = Self {
            table: table.name.clone(),
            index,
            partition: Vec::new(),
            leading: Vec::new(),
            sort: None,
            filters: filters(request)?,
            attributes: list(request.parameter("attributes").unwrap_or_default()),
            limit: request.number("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT).max(1),
            is_descending: is_query && request.flag("descending"),
            is_consistent: request.flag("consistent"),
            start: request.parameter("start").map(value::key_of).transpose()?,
        };
        if is_query {
            if partition.len() != hash.len() {
                return Err(Refusal::invalid(format!(
                    "the partition key has {} attributes: one pk for each",
                    hash.len()
                )));
            }
            for (attribute, text) in hash.iter().zip(partition) {
                read.partition.push(equal(attribute, text)?);
            }
        }
        if let Some(last) = given {
            for (attribute, text) in range.iter().zip(&sort).take(last) {
                read.leading.push(equal(attribute, text)?);
            }
            let attribute = range.get(last).ok_or_else(|| Refusal::invalid("there is no such sort key attribute"))?;
            let test = known(&SORT_TESTS, request.parameter("op").unwrap_or("eq"))?;
            let mut values = vec![key_value(attribute, sort.get(last).copied().unwrap_or_default())?];
            if test == "between" {
                values.push(key_value(attribute, request.required("sk2")?)?);
            }
            read.sort = Some(SortTest { name: attribute.name.clone(), test, values });
        }
        Ok(read)
    }

    /// Whether it reads one partition key, and not everything.
    pub(crate) fn is_query(&self) -> bool {
        !self.partition.is_empty()
    }

    /// Its expressions.
    pub(crate) fn expressions(&self) -> Expressions {
        let mut out = Expressions::default();
        let mut key = Vec::new();
        for equal in self.partition.iter().chain(&self.leading) {
            let (name, value) = (out.name(&equal.name), out.value(equal.value.clone()));
            key.push(format!("{name} = {value}"));
        }
        if let Some(sort) = &self.sort {
            let name = out.name(&sort.name);
            let values: Vec<String> = sort.values.iter().map(|value| out.value(value.clone())).collect();
            key.push(test(sort.test, &name, &values));
        }
        let mut filter = Vec::new();
        for wanted in &self.filters {
            let name = out.name(&wanted.name);
            let values: Vec<String> = wanted.value.iter().map(|value| out.value(value.clone())).collect();
            filter.push(test(wanted.test, &name, &values));
        }
        let projection: Vec<String> = self.attributes.iter().map(|name| out.name(name)).collect();
        let joined = |parts: Vec<String>, by: &str| (!parts.is_empty()).then(|| parts.join(by));
        out.key = joined(key, " AND ");
        out.filter = joined(filter, " AND ");
        out.projection = joined(projection, ", ");
        out
    }

    /// The request that it is. Errors: the engine's, in the words for the expression.
    pub(crate) fn request(&self) -> Result<AnyRequest<'static>, Refusal> {
        let expressions = self.expressions();
        let mut scope = Scope::new(&expressions.placeholders);
        let key = expressions.key.as_deref().map(|text| KeyCondition::parse(text, &mut scope)).transpose()?;
        let filter = expressions.filter.as_deref();
        let filter = filter.map(|text| Condition::parse(ExpressionKind::Filter, text, &mut scope)).transpose()?;
        let projection = expressions.projection.as_deref();
        let projection = projection.map(|text| ProjectionExpression::parse(text, &mut scope)).transpose()?;
        scope.finish()?;
        let mut options = PageOptions::default();
        options.index = self.index.clone().map(Cow::Owned);
        options.filter = filter;
        options.projection = projection;
        options.limit = usize::try_from(self.limit).ok();
        options.consistent_read = self.is_consistent;
        options.exclusive_start_key = self.start.clone().map(Cow::Owned);
        Ok(match key {
            Some(key) => {
                let mut query = Query::new(self.table.clone(), key);
                query.scan_index_forward = !self.is_descending;
                query.options = options;
                query.into()
            }
            None => {
                let mut scan = Scan::new(self.table.clone());
                scan.options = options;
                scan.into()
            }
        })
    }
}

impl Expressions {
    /// The placeholder of a name; the same name has one.
    fn name(&mut self, name: &str) -> String {
        let names = self.placeholders.names.get_or_insert_default();
        if let Some((alias, _)) = names.iter().find(|(_, known)| *known == name) {
            return alias.clone();
        }
        let alias = format!("#n{}", names.len());
        names.insert(alias.clone(), name.to_owned());
        alias
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let values = self.placeholders.values.get_or_insert_default();
        let token = format!(":v{}", values.len());
        values.insert(token.clone(), value);
        token
    }
}

/// A test as an expression says it.
fn test(test: &str, name: &str, values: &[String]) -> String {
    let value = values.first().map_or("", String::as_str);
    let other = values.get(1).map_or("", String::as_str);
    match test {
        "exists" => format!("attribute_exists({name})"),
        "not_exists" => format!("attribute_not_exists({name})"),
        "begins_with" | "contains" => format!("{test}({name}, {value})"),
        "between" => format!("{name} BETWEEN {value} AND {other}"),
        _ => format!("{name} {} {value}", sign(test)),
    }
}

/// The sign of a comparison.
pub(crate) fn sign(test: &str) -> &'static str {
    match test {
        "ne" => "<>",
        "lt" => "<",
        "le" => "<=",
        "gt" => ">",
        "ge" => ">=",
        _ => "=",
    }
}

/// The key attributes of a table or of one of its indexes: partition key, sort key.
pub(crate) fn keys<'t>(
    table: &'t TableDefinition,
    index: Option<&str>,
) -> Result<(&'t [KeyAttribute], &'t [KeyAttribute]), Refusal> {
    match index {
        None => Ok((std::slice::from_ref(&table.key.hash), table.key.range.as_slice())),
        Some(name) => {
            let index = table.index(name).ok_or_else(|| Refusal::not_found(format!("there is no index {name}")))?;
            Ok((&index.hash, &index.range))
        }
    }
}

fn key_value(attribute: &KeyAttribute, text: &str) -> Result<AttributeValue, Refusal> {
    value::parse(attribute.kind.name(), text).map_err(|mut refusal| {
        refusal.message = format!("{}: {}", attribute.name, refusal.message);
        refusal
    })
}

fn known(tests: &[(&'static str, &str)], wanted: &str) -> Result<&'static str, Refusal> {
    let found = tests.iter().find(|(name, _)| *name == wanted);
    found.map(|(name, _)| *name).ok_or_else(|| Refusal::invalid(format!("{wanted:?} is not a comparison")))
}

/// Names with commas between them.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn filters(request: &Request) -> Result<Vec<Filter>, Refusal> {
    let (names, tests) = (request.parameters("filter_name"), request.parameters("filter_op"));
    let (kinds, values) = (request.parameters("filter_type"), request.parameters("filter_value"));
    if names.len() > MAX_FILTERS {
        return Err(Refusal::invalid(format!("at most {MAX_FILTERS} filters")));
    }
    let mut filters = Vec::new();
    for (position, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let at = |list: &[&str], otherwise: &'static str| -> String {
            list.get(position).copied().filter(|text| !text.is_empty()).unwrap_or(otherwise).to_owned()
        };
        let test = known(&FILTER_TESTS, &at(&tests, "eq"))?;
        let value = match test {
            "exists" | "not_exists" => None,
            _ => Some(value::parse(&at(&kinds, "S"), values.get(position).copied().unwrap_or_default())?),
        };
        filters.push(Filter { name: (*name).to_owned(), test, value });
    }
    Ok(filters)
}
