//! Consumed capacity and item collection metrics in responses.
//!
//! ```json
//! {"TableName":"orders","CapacityUnits":3.0,"Table":{"CapacityUnits":1.0},"GlobalSecondaryIndexes":{"by_status":{"CapacityUnits":2.0}}}
//! ```
//!
//! `TOTAL` asks for the first two members, `INDEXES` for the breakdown as well. Transactions say besides whether the
//! units are of reading or of writing.

use crate::{json::Writer, validate::Violations, validate::values, value};
use hashrange::{
    Database, Item, Table,
    capacity::Consumed,
    key::Dynamic,
    schema::{IndexKind, TableDefinition},
};

/// How much of the consumed capacity a request wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Report {
    /// Nothing.
    #[default]
    None,
    /// The sum.
    Total,
    /// The sum, and its parts by table and index.
    Indexes,
}

impl Report {
    /// What a member `ReturnConsumedCapacity` asks for.
    pub(crate) fn of(member: Option<&str>) -> Self {
        match member {
            Some("TOTAL") => Self::Total,
            Some("INDEXES") => Self::Indexes,
            _ => Self::None,
        }
    }
}

/// Constraint on `ReturnConsumedCapacity`.
pub(crate) fn check(member: Option<&str>, violations: &mut Violations) {
    violations.one_of(member, "returnConsumedCapacity", values::CAPACITY);
}

/// Whether units are also reported under a name of their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Not a transaction: only `CapacityUnits`.
    Single,
    /// Reads of a transaction.
    TransactionRead,
    /// Writes of a transaction.
    TransactionWrite,
}

/// The member `ConsumedCapacity` of an operation on one table, if it was asked for.
pub(crate) fn write_member(out: &mut Writer, report: Report, table: &str, consumed: &Consumed) {
    if report != Report::None {
        out.name("ConsumedCapacity");
        write(out, report, Kind::Single, table, consumed);
    }
}

/// The member `ConsumedCapacity` of an operation on several tables: a list, if it was asked for.
pub(crate) fn write_list<'a>(
    out: &mut Writer,
    report: Report,
    kind: Kind,
    tables: impl IntoIterator<Item = (&'a str, &'a Consumed)>,
) {
    if report == Report::None {
        return;
    }
    out.name("ConsumedCapacity");
    out.begin_array();
    // A table for which a batch did nothing is left out.
    for (table, consumed) in tables.into_iter().filter(|(_, consumed)| consumed.total() > 0.0) {
        write(out, report, kind, table, consumed);
    }
    out.end_array();
}

/// The member `ConsumedCapacity` of a batch of statements: units of each table, and those of its writes that failed, which
/// count to the sum only.
pub(crate) fn write_batch(out: &mut Writer, report: Report, tables: &[(String, Consumed, f64)]) {
    if report == Report::None {
        return;
    }
    out.name("ConsumedCapacity");
    out.begin_array();
    for (table, consumed, failed) in tables {
        write_sum(out, report, Kind::Single, table, consumed, *failed);
    }
    out.end_array();
}

fn write(out: &mut Writer, report: Report, kind: Kind, table: &str, consumed: &Consumed) {
    write_sum(out, report, kind, table, consumed, 0.0);
}

fn write_sum(out: &mut Writer, report: Report, kind: Kind, table: &str, consumed: &Consumed, more: f64) {
    out.begin_object();
    out.string_member("TableName", table);
    write_units(out, kind, consumed.total() + more);
    if report == Report::Indexes {
        out.name("Table");
        out.begin_object();
        write_units(out, kind, consumed.table);
        out.end_object();
        write_indexes(out, "LocalSecondaryIndexes", kind, &consumed.local_indexes);
        write_indexes(out, "GlobalSecondaryIndexes", kind, &consumed.global_indexes);
    }
    out.end_object();
}

fn write_indexes(out: &mut Writer, member: &str, kind: Kind, indexes: &[(String, f64)]) {
    if indexes.is_empty() {
        return;
    }
    out.name(member);
    out.begin_object();
    for (index, units) in indexes {
        out.name(index);
        out.begin_object();
        write_units(out, kind, *units);
        out.end_object();
    }
    out.end_object();
}

fn write_units(out: &mut Writer, kind: Kind, units: f64) {
    out.double_member("CapacityUnits", units);
    match kind {
        Kind::Single => {}
        Kind::TransactionRead => out.double_member("ReadCapacityUnits", units),
        Kind::TransactionWrite => out.double_member("WriteCapacityUnits", units),
    }
}

/// The metrics of the item collection that `item` belongs to: only tables with local indexes have any.
///
/// The range is in whole gigabytes; where the collection cannot be counted, since its disk fails, it is the lowest.
pub(crate) fn write_collection_metrics(out: &mut Writer, table: &Table<Dynamic>, item: &Item) {
    let definition = table.definition();
    let metrics = table.item_collection_metrics(item).ok().flatten();
    let (low, high) = metrics.map_or((0.0, 1.0), |metrics| metrics.size_estimate_range_gb);
    out.begin_object();
    out.name("ItemCollectionKey");
    out.begin_object();
    let hash = &definition.key.hash.name;
    if let Some(key) = item.get(hash) {
        out.name(hash);
        value::write_owned_value(out, key);
    }
    out.end_object();
    out.name("SizeEstimateRangeGB");
    out.begin_array();
    out.double(low);
    out.double(high);
    out.end_array();
    out.end_object();
}

/// Whether a table has item collections whose size is limited: those of local indexes.
pub(crate) fn has_collections(definition: &TableDefinition) -> bool {
    definition.indexes.iter().any(|index| index.kind == IndexKind::Local)
}

/// The member `ItemCollectionMetrics` of an operation on several tables: one entry for each collection written to.
pub(crate) fn write_metrics_by_table<'a>(
    out: &mut Writer,
    database: &Database,
    items: impl IntoIterator<Item = (&'a str, &'a Item)>,
) {
    let mut tables: Vec<(&str, Table<Dynamic>, Vec<&Item>)> = Vec::new();
    for (table, item) in items {
        let known = tables.iter().position(|(name, ..)| *name == table);
        let position = known.unwrap_or_else(|| {
            if let Ok(handle) = database.dynamic_table(table) {
                tables.push((table, handle, Vec::new()));
            }
            tables.len().saturating_sub(1)
        });
        let Some((_, handle, collections)) = tables.get_mut(position) else { continue };
        let definition = handle.definition();
        let hash = &definition.key.hash.name;
        if has_collections(&definition) && !collections.iter().any(|known| known.get(hash) == item.get(hash)) {
            collections.push(item);
        }
    }
    tables.retain(|(_, _, collections)| !collections.is_empty());
    if tables.is_empty() {
        return;
    }
    out.name("ItemCollectionMetrics");
    out.begin_object();
    for (table, handle, collections) in tables {
        out.name(table);
        out.begin_array();
        collections.iter().for_each(|item| write_collection_metrics(out, &handle, item));
        out.end_array();
    }
    out.end_object();
}
