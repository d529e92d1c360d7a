//! What a `SELECT` reads: certain keys, or everything.

use super::{index, key_names, open};
use crate::{
    database::Database,
    error::{Error, Result},
    expression::{Condition, ExpressionKind, Path, ProjectionExpression, Tree},
    partiql::{
        bind::BoundSelect,
        key_terms::{Alternative, KeyNames, alternatives, is_answered},
        ranges::{self, Direction, KeyRange, SortRange, has_several_partitions},
    },
    schema::{IndexDefinition, IndexKind, Projection as Projected, TableDefinition},
    table::{Dynamic, Table},
};
use std::sync::Arc;

/// Most items of a page of a query of several partition keys (AWS documents it for `IN`).
const MAX_ITEMS_OF_PARTITIONS: usize = 10;

/// How items are found.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::partiql) enum Access {
    /// All of them, one after the other.
    Scan,
    /// By key, one range after the other.
    Keys(Vec<KeyRange>),
}

/// What a `SELECT` does.
#[derive(Clone, Debug)]
pub(in crate::partiql) struct ReadPlan {
    pub database: Database,
    pub table: Table<Dynamic>,
    pub definition: Arc<TableDefinition>,
    pub index: Option<Box<str>>,
    pub access: Access,
    pub descending: bool,
    /// What is tested besides the keys that are read by.
    pub filter: Option<Condition>,
    /// Whether the filter tests attributes of the key, so that a query cannot take it.
    pub filter_reads_key: bool,
    /// Paths that are returned; `None` for whole items.
    pub items: Option<Vec<Path>>,
    /// Attributes to fetch from the table, which a local index does not carry.
    pub fetched: Option<ProjectionExpression>,
    pub consistent: bool,
}

impl ReadPlan {
    /// Whether a range has one item at most.
    pub fn is_single(&self, range: &KeyRange) -> bool {
        self.index.is_none() && (self.definition.key.range.is_none() || matches!(range.sort, SortRange::Equal(_)))
    }

    /// Most items that a page evaluates, of those that the statement asks for.
    pub fn page_limit(&self, limit: Option<usize>) -> Option<usize> {
        let Access::Keys(ranges) = &self.access else { return limit };
        if has_several_partitions(ranges) {
            Some(limit.map_or(MAX_ITEMS_OF_PARTITIONS, |limit| limit.min(MAX_ITEMS_OF_PARTITIONS)))
        } else {
            limit
        }
    }

    /// The one key that is read, and nothing else, if the statement names exactly that.
    pub fn single_key(&self) -> Option<&KeyRange> {
        match &self.access {
            Access::Keys(ranges) => match ranges.as_slice() {
                [range] if self.is_single(range) => Some(range),
                _ => None,
            },
            Access::Scan => None,
        }
    }
}

/// Plans a query; in a transaction, a scalar of the wrong type or length for a key is left to the transaction. `echoes` says afterwards
/// whether an error is of the kind that names its table in a batch.
///
/// # Errors
/// DynamoDB's text for the first fault that depends on the table.
pub(in crate::partiql) fn plan_select(
    database: &Database,
    select: BoundSelect,
    consistent: bool,
    in_transaction: bool,
    echoes: &mut bool,
) -> Result<ReadPlan> {
    let table = open(database, &select.target)?;
    let definition = table.definition();
    let index = select.target.index.as_deref().map(|name| index(&definition, name)).transpose()?;
    let key = key_names(&definition, index)?;
    check_order_terms(&select, key)?;
    let alternatives = match &select.condition {
        Some(condition) => alternatives(condition, key),
        None => Some(vec![Alternative::default()]),
    };
    let keyed = match &alternatives {
        Some(alternatives) => {
            ranges::check_types(alternatives, key, in_transaction)?;
            ranges::ranges(alternatives, key)?
        }
        None => None,
    };
    check_order_needs(&select, key, keyed.as_deref())?;
    let kind = index.map(|index| index.kind);
    if kind == Some(IndexKind::Global) && consistent {
        return Err(Error::validation("Strongly consistent read is not supported on Global Secondary Indexes"));
    }
    check_projected(&select, &definition, index, keyed.is_some())?;
    if let (Some([range]), false) = (keyed.as_deref(), in_transaction) {
        *echoes = true;
        ranges::check_sizes(range)?;
        *echoes = false;
    }
    let direction = ranges::direction(&select.order, key);
    let (access, filter) = access(keyed, alternatives.as_deref(), select.condition, key, direction);
    let filter = filter.map(|tree| Condition::from_tree(ExpressionKind::Filter, tree));
    let is_key = |name: &str| key.hash.name == name || key.range.is_some_and(|range| range.name == name);
    let filter_reads_key = filter.as_ref().is_some_and(|filter| filter.top_level_attributes().into_iter().any(is_key));
    let fetched = fetched(&definition, index, select.items.as_deref(), filter.as_ref())?;
    Ok(ReadPlan {
        database: database.clone(),
        table: table.clone(),
        index: select.target.index,
        access,
        descending: direction.descending,
        filter,
        filter_reads_key,
        items: select.items,
        fetched,
        consistent,
        definition: definition.clone(),
    })
}

fn access(
    keyed: Option<Vec<KeyRange>>,
    alternatives: Option<&[Alternative]>,
    condition: Option<Tree>,
    key: KeyNames<'_>,
    direction: Direction,
) -> (Access, Option<Tree>) {
    let Some(ranges) = keyed else { return (Access::Scan, condition) };
    let ranges = ranges::arrange(ranges, key, direction);
    let filter = match alternatives {
        Some([only]) => condition.and_then(|condition| without_keys(condition, key, only)),
        _ => condition,
    };
    (Access::Keys(ranges), filter)
}

/// What is left of a condition without the tests that are answered by reading certain keys.
fn without_keys(condition: Tree, key: KeyNames<'_>, only: &Alternative) -> Option<Tree> {
    let answered = |tree: &Tree| matches!(tree, Tree::Test(test) if is_answered(test, key, only));
    match condition {
        Tree::And(all) => all.into_iter().filter(|one| !answered(one)).reduce(Tree::and),
        one if answered(&one) => None,
        other => Some(other),
    }
}

fn check_order_terms(select: &BoundSelect, key: KeyNames<'_>) -> Result<()> {
    for term in &select.order {
        let name = term.name.as_ref().map_err(|text| Error::validation(text.clone()))?;
        let is_range = key.range.is_some_and(|range| *range.name == **name);
        if *key.hash.name != **name && !is_range {
            return Err(Error::validation(format!(
                "Attribute {name} in ORDER BY clause must be part of the primary key"
            )));
        }
    }
    Ok(())
}

fn check_order_needs(select: &BoundSelect, key: KeyNames<'_>, keyed: Option<&[KeyRange]>) -> Result<()> {
    let several = keyed.is_some_and(has_several_partitions);
    if select.order.is_empty() {
        return Ok(());
    }
    let has_hash_term = select.order.iter().any(|term| term.name.as_deref() == Ok(&key.hash.name));
    let fault = if select.condition.is_none() {
        "Must have WHERE clause in the statement when using ORDER BY clause."
    } else if keyed.is_none() {
        "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."
    } else if several && !has_hash_term {
        "Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause."
    } else {
        return Ok(());
    };
    Err(Error::validation(fault))
}

/// Attributes that an index does not carry, each once, in the order given.
fn lacking<'n>(
    definition: &TableDefinition,
    index: &IndexDefinition,
    names: impl IntoIterator<Item = &'n str>,
) -> Vec<&'n str> {
    let mut lacking = Vec::new();
    for name in names {
        if !index.projects(&definition.key, name) && !lacking.contains(&name) {
            lacking.push(name);
        }
    }
    lacking
}

fn check_projected(
    select: &BoundSelect,
    definition: &TableDefinition,
    index: Option<&IndexDefinition>,
    is_keyed: bool,
) -> Result<()> {
    let Some(index) = index else { return Ok(()) };
    let name = &index.name;
    if let (Some(items), IndexKind::Global) = (&select.items, index.kind) {
        let names = lacking(definition, index, items.iter().map(Path::top_level));
        if !names.is_empty() {
            let names = names.join(", ");
            return Err(Error::invalid_parameter(format_args!(
                "Global secondary index {name} does not project [{names}]"
            )));
        }
    }
    if let (Some(condition), true) = (&select.condition, is_keyed) {
        let mut read = Vec::new();
        condition.visit_paths(&mut |path| read.push(path.top_level()));
        let names = lacking(definition, index, read);
        if !names.is_empty() {
            let names = names.join(", ");
            return Err(Error::invalid_parameter(format_args!(
                "Secondary index {name} does not project one or more filter attributes: [{names}]"
            )));
        }
    }
    Ok(())
}

/// The attributes that are read of each item, if a local index lacks one of those that are returned.
fn fetched(
    definition: &TableDefinition,
    index: Option<&IndexDefinition>,
    items: Option<&[Path]>,
    filter: Option<&Condition>,
) -> Result<Option<ProjectionExpression>> {
    let (Some(index), Some(items)) = (index, items) else { return Ok(None) };
    let is_local = index.kind == IndexKind::Local && index.projection != Projected::All;
    if !is_local || lacking(definition, index, items.iter().map(Path::top_level)).is_empty() {
        return Ok(None);
    }
    let mut names: Vec<&str> = items.iter().map(Path::top_level).collect();
    names.extend(filter.into_iter().flat_map(Condition::top_level_attributes));
    names.sort_unstable();
    names.dedup();
    ProjectionExpression::of_attributes(names).map(Some)
}
