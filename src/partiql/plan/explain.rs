//! Plans as users see them.

use super::{Access, ReadPlan, WriteKind, WritePlan};
use crate::{
    capacity::READ_UNIT_BYTES,
    expression::Condition,
    item::{AttributeValue, Item},
    partiql::{
        bind::result_name,
        ranges::{KeyRange, SortRange},
    },
    request::{MAX_PAGE_BYTES, ReturnValues},
    schema::KeyAttribute,
};
use std::fmt::{self, Display, Formatter};

/// What a statement does, as far as it is known before it runs. Printed, it has a line for each part:
///
/// ```text
/// query   orders by index by_status
/// keys    status = "OPEN" AND total >= 5
/// filter  attribute_exists(note)
/// units   at least 0.5 for each page, at most 128
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// What it does.
    pub kind: PlanKind,
    /// Name of the table.
    pub table: String,
    /// Name of the index that is read instead of the table.
    pub index: Option<String>,
    /// The keys that are read or written, as texts; empty for a scan.
    pub keys: Vec<String>,
    /// What is tested besides, or must hold for a write, as a text.
    pub filter: Option<String>,
    /// Names under which values come back; empty for whole items.
    pub returns: Vec<String>,
    /// Whether keys come in descending order.
    pub descending: bool,
    /// The fewest units that it can cost: for reads, of one page.
    pub least_units: f64,
    /// The most units that a page of it can cost, apart from what a single item above a page's size does; `None` for writes,
    /// whose cost depends on the item that is there.
    pub most_units: Option<f64>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// Reads one item by its whole key.
    Get,
    /// Reads ranges of keys.
    Query,
    /// Reads everything.
    Scan,
    /// Writes an item that is not there.
    Put,
    /// Changes an item that is there.
    Update,
    /// Removes an item.
    Delete,
    /// Checks an item in a transaction.
    Check,
}

impl PlanKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Query => "query",
            Self::Scan => "scan",
            Self::Put => "put",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Check => "check",
        }
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8}{}", self.kind.word(), self.table)?;
        if let Some(index) = &self.index {
            write!(f, " by index {index}")?;
        }
        for (at, key) in self.keys.iter().enumerate() {
            write!(f, "\n{:<8}{key}", if at == 0 { "keys" } else { "" })?;
        }
        if self.descending {
            f.write_str(", descending")?;
        }
        if let Some(filter) = &self.filter {
            let is_read = matches!(self.kind, PlanKind::Get | PlanKind::Query | PlanKind::Scan);
            write!(f, "\n{:<8}{filter}", if is_read { "filter" } else { "when" })?;
        }
        if !self.returns.is_empty() {
            write!(f, "\n{:<8}{}", "returns", self.returns.join(", "))?;
        }
        write!(f, "\n{:<8}at least {}", "units", self.least_units)?;
        match self.most_units {
            Some(most) => write!(f, " for each page, at most {most}"),
            None => Ok(()),
        }
    }
}

impl Plan {
    pub(in crate::partiql) fn of_read(plan: &ReadPlan) -> Self {
        let strength = if plan.consistent { 1.0 } else { 0.5 };
        let (kind, keys) = match &plan.access {
            Access::Scan => (PlanKind::Scan, Vec::new()),
            Access::Keys(ranges) => {
                let kind = if plan.single_key().is_some() { PlanKind::Get } else { PlanKind::Query };
                (kind, ranges.iter().map(|range| describe(plan, range)).collect())
            }
        };
        let page_units = units(MAX_PAGE_BYTES) * strength;
        let item_units = units(crate::item::size::MAX_ITEM_BYTES) * strength;
        Self {
            kind,
            table: plan.definition.name.clone(),
            index: plan.index.as_deref().map(str::to_owned),
            keys,
            filter: plan.filter.as_ref().map(show),
            returns: plan.items.iter().flatten().map(result_name).collect(),
            descending: kind == PlanKind::Query && plan.descending,
            least_units: strength,
            most_units: Some(if kind == PlanKind::Get { item_units } else { page_units }),
        }
    }

    pub(in crate::partiql) fn of_write(plan: &WritePlan) -> Self {
        let kind = match &plan.kind {
            WriteKind::Insert(_) => PlanKind::Put,
            WriteKind::Update(..) => PlanKind::Update,
            WriteKind::Delete(_) => PlanKind::Delete,
            WriteKind::Check(_) => PlanKind::Check,
        };
        let returns = match plan.returning {
            ReturnValues::None => Vec::new(),
            ReturnValues::AllOld => vec!["the item before".to_owned()],
            ReturnValues::AllNew => vec!["the item after".to_owned()],
            ReturnValues::UpdatedOld => vec!["what changes, before".to_owned()],
            ReturnValues::UpdatedNew => vec!["what changes, after".to_owned()],
        };
        Self {
            kind,
            table: plan.definition.name.clone(),
            index: None,
            keys: vec![show_key(&plan.key())],
            filter: plan.condition.as_ref().map(show),
            returns,
            descending: false,
            least_units: if kind == PlanKind::Check { 2.0 } else { 1.0 },
            most_units: None,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a page has a few hundred units")]
fn units(bytes: usize) -> f64 {
    bytes.div_ceil(READ_UNIT_BYTES) as f64
}

fn show_key(key: &Item) -> String {
    let equal = |(name, value): (&String, &AttributeValue)| format!("{name} = {}", value.to_json());
    key.iter().map(equal).collect::<Vec<_>>().join(" AND ")
}

fn describe(plan: &ReadPlan, range: &KeyRange) -> String {
    let index = plan.index.as_deref().and_then(|name| plan.definition.index(name));
    let (hash, sort): (&KeyAttribute, Option<&KeyAttribute>) = match index {
        None => (&plan.definition.key.hash, plan.definition.key.range.as_ref()),
        Some(index) => (&index.hash[0], index.range.first()),
    };
    let mut text = format!("{} = {}", hash.name, range.hash.to_json());
    let Some(sort) = sort else { return text };
    let name = &sort.name;
    let test = match &range.sort {
        SortRange::All => return text,
        SortRange::Equal(value) => format!("{name} = {}", value.to_json()),
        SortRange::Range(range) => range.describe(name),
    };
    text.push_str(" AND ");
    text.push_str(&test);
    text
}

/// A condition with its names and values in place.
fn show(condition: &Condition) -> String {
    let printed = condition.print();
    let mut text = String::new();
    let mut rest = printed.text.as_str();
    while let Some(at) = rest.find([':', '#']) {
        let (before, token) = rest.split_at(at);
        text.push_str(before);
        let end = token[1..].find(|c: char| !c.is_ascii_digit()).map_or(token.len(), |end| end + 1);
        let (token, after) = token.split_at(end);
        let name = printed.placeholders.names.as_ref().and_then(|names| names.get(token)).cloned();
        let value = printed.placeholders.values.as_ref().and_then(|values| values.get(token));
        text.push_str(&name.or_else(|| value.map(AttributeValue::to_json)).unwrap_or_else(|| token.to_owned()));
        rest = after;
    }
    text + rest
}
