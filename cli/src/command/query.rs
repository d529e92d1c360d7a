//! `query`: the items of a partition key, in the order of their sort keys.

use super::scan::{print_count, print_items};
use crate::{
    args::DatabaseArgs, explain::ExplainArgs, expressions::ReadArgs, failure::Failure, key_value::parse_for,
    outcome::Outcome, session,
};
use clap::{ArgGroup, Args};
use hashrange::{
    AttributeValue, Error,
    expression::{BoundKey, RangeCondition},
    schema::{KeyAttribute, TableDefinition},
};

/// Arguments of `query`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("sort condition").multiple(false))]
pub(crate) struct Query {
    /// Name of the table
    table: String,
    /// Value of the partition key; binary in base64. Once for each attribute of an index that has several
    #[arg(long, value_name = "VALUE", required = true, allow_hyphen_values = true)]
    hash: Vec<String>,
    /// The sort key equals a value. Once for each leading attribute of an index that has several
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    range_eq: Vec<String>,
    /// The sort key begins with a text
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, group = "sort condition")]
    range_begins_with: Option<String>,
    /// The sort key is between two values, both included
    #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"], allow_hyphen_values = true, group = "sort condition")]
    range_between: Option<Vec<String>>,
    /// The sort key is less than a value
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, group = "sort condition")]
    range_lt: Option<String>,
    /// The sort key is at most a value
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, group = "sort condition")]
    range_le: Option<String>,
    /// The sort key is greater than a value
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, group = "sort condition")]
    range_gt: Option<String>,
    /// The sort key is at least a value
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, group = "sort condition")]
    range_ge: Option<String>,
    /// Read an index instead of the table
    #[arg(long, value_name = "NAME")]
    index: Option<String>,
    #[command(flatten)]
    expressions: ReadArgs,
    /// Show at most so many items
    #[arg(long, value_name = "ITEMS")]
    limit: Option<usize>,
    /// Show the highest sort keys first
    #[arg(long)]
    descending: bool,
    /// Print how many items there are instead of the items
    #[arg(long)]
    count: bool,
    /// Print DynamoDB JSON, which names every type
    #[arg(long)]
    ddb_json: bool,
    #[command(flatten)]
    explain: ExplainArgs,
}

impl Query {
    /// Shows the items.
    pub(crate) fn run(&self, args: &DatabaseArgs) -> Result<Outcome, Failure> {
        let database = session::open_to_read(args)?;
        let dry = database.dry_run();
        let table = session::table(self.explain.database(&dry, &database), &self.table)?;
        let expressions = self.expressions.parse()?;
        let mut query = table.query_key(self.bind(&table.definition())?);
        if let Some(index) = &self.index {
            query = query.index(index);
        }
        if let Some(filter) = expressions.filter {
            query = query.filter(filter);
        }
        if let Some(projection) = expressions.projection {
            query = query.project(projection);
        }
        if let Some(limit) = self.limit {
            query = query.limit(limit);
        }
        if self.descending {
            query = query.descending();
        }
        if self.explain.explain {
            self.explain.answer(&dry, query.page())?;
        } else if self.count {
            print_count(query.items())?
        } else {
            print_items(query.items(), self.ddb_json)?
        }
        Ok(Outcome::Done)
    }

    /// The values with the types of the key that is queried.
    fn bind(&self, definition: &TableDefinition) -> Result<BoundKey, Failure> {
        let key = &definition.key;
        let (hash, sort): (&[KeyAttribute], &[KeyAttribute]) = match &self.index {
            None => (std::slice::from_ref(&key.hash), key.range.as_slice()),
            Some(name) => {
                let index = definition
                    .index(name)
                    .ok_or_else(|| Error::validation(format!("The table does not have the specified index: {name}")))?;
                (&index.hash, &index.range)
            }
        };
        let bound = BoundKey {
            hash: typed(hash, &self.hash, "partition key")?,
            range: typed(sort, &self.range_eq, "sort key")?,
            last: None,
        };
        let Some(condition) = self.condition() else { return Ok(bound) };
        let attribute = sort.get(bound.range.len()).ok_or_else(|| too_many(sort, "sort key"))?;
        let parse = |text: &String| parse_for(attribute, text).map_err(Failure::Usage);
        let last = match condition {
            (Operator::BeginsWith, [value]) => RangeCondition::BeginsWith(parse(value)?),
            (Operator::Less, [value]) => RangeCondition::Less(parse(value)?),
            (Operator::LessOrEqual, [value]) => RangeCondition::LessOrEqual(parse(value)?),
            (Operator::Greater, [value]) => RangeCondition::Greater(parse(value)?),
            (Operator::GreaterOrEqual, [value]) => RangeCondition::GreaterOrEqual(parse(value)?),
            (Operator::Between, [low, high]) => RangeCondition::Between(parse(low)?, parse(high)?),
            _ => return Err(Failure::Usage("--range-between takes two values".to_owned())),
        };
        Ok(BoundKey { last: Some(last), ..bound })
    }

    fn condition(&self) -> Option<(Operator, &[String])> {
        let single = [
            (Operator::BeginsWith, &self.range_begins_with),
            (Operator::Less, &self.range_lt),
            (Operator::LessOrEqual, &self.range_le),
            (Operator::Greater, &self.range_gt),
            (Operator::GreaterOrEqual, &self.range_ge),
        ];
        let given =
            single.into_iter().find_map(|(operator, value)| Some((operator, std::slice::from_ref(value.as_ref()?))));
        given.or_else(|| Some((Operator::Between, self.range_between.as_deref()?)))
    }
}

#[derive(Clone, Copy)]
enum Operator {
    BeginsWith,
    Between,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

fn typed(attributes: &[KeyAttribute], texts: &[String], what: &str) -> Result<Vec<AttributeValue>, Failure> {
    if texts.len() > attributes.len() {
        return Err(too_many(attributes, what));
    }
    let pairs = attributes.iter().zip(texts);
    pairs.map(|(attribute, text)| parse_for(attribute, text).map_err(Failure::Usage)).collect()
}

fn too_many(attributes: &[KeyAttribute], what: &str) -> Failure {
    let names: Vec<&str> = attributes.iter().map(|key| key.name.as_str()).collect();
    let has = if names.is_empty() { format!("no {what}") } else { format!("as {what} only {}", names.join(", ")) };
    Failure::Usage(format!("more conditions are given than the key has attributes: it has {has}"))
}
