//! `TableDescription`: how a table is described.

use crate::{
    arn::{Owner, stream_label},
    json::Writer,
};
use hashrange::{
    BillingMode, IndexDefinition, IndexKind, IndexStats, IndexStatus, KeyAttribute, Projection, ProvisionedThroughput,
    StreamView, TableDefinition, TableDescription, TableStatus,
};
use sha2::{Digest, Sha256};

/// Units of reads and of writes a second that a table without provisioned throughput is ready for, as the service says
/// of a table of no past.
const ON_DEMAND_WARM_UNITS: (u64, u64) = (12_000, 4_000);
/// The status of a table that goes.
pub(crate) const DELETING: &str = "DELETING";

/// Writes a description; `status` overrides the status that the table has by now. Of a table that goes, the service tells
/// what it is called, how large it is and how it is billed, and no more.
pub(crate) fn write(out: &mut Writer, owner: &Owner, table: &TableDescription, status: Option<&str>) {
    let definition = &*table.definition;
    let status = status.unwrap_or_else(|| table_status(definition.status));
    let is_whole = status != DELETING;
    out.begin_object();
    out.string_member("TableName", &definition.name);
    out.string_member("TableStatus", status);
    if is_whole {
        write_attribute_definitions(out, definition);
        write_key_schema(out, std::slice::from_ref(&definition.key.hash), definition.key.range.as_slice());
        out.name("CreationDateTime");
        out.epoch_seconds(definition.created_millis);
    }
    write_throughput(out, definition.billing, Some(definition.throughput));
    out.integer_member("TableSizeBytes", table.size_bytes);
    out.integer_member("ItemCount", table.item_count);
    out.string_member("TableArn", &owner.table_arn(&definition.name));
    out.string_member("TableId", &table_id(definition));
    if definition.billing == BillingMode::PayPerRequest {
        out.name("BillingModeSummary");
        out.begin_object();
        out.string_member("BillingMode", "PAY_PER_REQUEST");
        out.name("LastUpdateToPayPerRequestDateTime");
        out.epoch_seconds(definition.created_millis);
        out.end_object();
    }
    if is_whole {
        write_indexes(out, owner, table, IndexKind::Local);
        write_indexes(out, owner, table, IndexKind::Global);
        write_stream(out, owner, definition);
    }
    out.boolean_member("DeletionProtectionEnabled", definition.deletion_protection);
    out.end_object();
}

fn write_attribute_definitions(out: &mut Writer, definition: &TableDefinition) {
    out.name("AttributeDefinitions");
    out.begin_array();
    let mut seen: Vec<&str> = Vec::new();
    let public = definition.indexes.iter().filter(|index| index.kind != IndexKind::Expiry);
    let of_indexes = public.flat_map(|index| index.hash.iter().chain(&index.range));
    for key in std::iter::once(&definition.key.hash).chain(&definition.key.range).chain(of_indexes) {
        if seen.contains(&key.name.as_str()) {
            continue;
        }
        seen.push(&key.name);
        out.begin_object();
        out.string_member("AttributeName", &key.name);
        out.string_member("AttributeType", key.kind.name());
        out.end_object();
    }
    out.end_array();
}

/// The member `KeySchema`.
pub(crate) fn write_key_schema(out: &mut Writer, hash: &[KeyAttribute], range: &[KeyAttribute]) {
    out.name("KeySchema");
    out.begin_array();
    for (kind, keys) in [("HASH", hash), ("RANGE", range)] {
        for key in keys {
            out.begin_object();
            out.string_member("AttributeName", &key.name);
            out.string_member("KeyType", kind);
            out.end_object();
        }
    }
    out.end_array();
}

fn write_throughput(out: &mut Writer, billing: BillingMode, throughput: Option<ProvisionedThroughput>) {
    let units = match billing {
        BillingMode::PayPerRequest => ProvisionedThroughput::default(),
        BillingMode::Provisioned => throughput.unwrap_or_default(),
    };
    out.name("ProvisionedThroughput");
    out.begin_object();
    out.integer_member("NumberOfDecreasesToday", 0);
    out.integer_member("ReadCapacityUnits", units.read_units_per_sec);
    out.integer_member("WriteCapacityUnits", units.write_units_per_sec);
    out.end_object();
    let (read, write) = match billing {
        BillingMode::PayPerRequest => ON_DEMAND_WARM_UNITS,
        BillingMode::Provisioned => (units.read_units_per_sec, units.write_units_per_sec),
    };
    out.name("WarmThroughput");
    out.begin_object();
    out.integer_member("ReadUnitsPerSecond", read);
    out.string_member("Status", "ACTIVE");
    out.integer_member("WriteUnitsPerSecond", write);
    out.end_object();
}

fn write_indexes(out: &mut Writer, owner: &Owner, table: &TableDescription, kind: IndexKind) {
    let definition = &*table.definition;
    let name = match kind {
        IndexKind::Local => "LocalSecondaryIndexes",
        IndexKind::Global => "GlobalSecondaryIndexes",
        IndexKind::Expiry => return, // TTL is described by an operation of its own
    };
    if !definition.indexes.iter().any(|index| index.kind == kind) {
        return;
    }
    out.name(name);
    out.begin_array();
    for index in definition.indexes.iter().filter(|index| index.kind == kind) {
        let statistics = table.indexes.iter().find(|statistics| statistics.name == index.name);
        write_index(out, owner, definition, index, statistics);
    }
    out.end_array();
}

fn write_index(
    out: &mut Writer,
    owner: &Owner,
    table: &TableDefinition,
    index: &IndexDefinition,
    statistics: Option<&IndexStats>,
) {
    out.begin_object();
    out.string_member("IndexName", &index.name);
    write_key_schema(out, &index.hash, &index.range);
    out.name("Projection");
    out.begin_object();
    let (kind, attributes) = match &index.projection {
        Projection::KeysOnly => ("KEYS_ONLY", None),
        Projection::Include(attributes) => ("INCLUDE", Some(attributes)),
        Projection::All => ("ALL", None),
    };
    out.string_member("ProjectionType", kind);
    if let Some(attributes) = attributes {
        out.name("NonKeyAttributes");
        out.begin_array();
        attributes.iter().for_each(|attribute| out.string(attribute));
        out.end_array();
    }
    out.end_object();
    if index.kind == IndexKind::Global {
        let status = match index.status {
            IndexStatus::Creating => "CREATING",
            IndexStatus::Active => "ACTIVE",
            IndexStatus::Deleting => "DELETING",
        };
        out.string_member("IndexStatus", status);
        if index.status == IndexStatus::Creating {
            let progress = statistics.and_then(|statistics| statistics.backfill_progress);
            out.boolean_member("Backfilling", progress.is_some());
        }
        write_throughput(out, table.billing, index.throughput);
    }
    out.integer_member("IndexSizeBytes", statistics.map_or(0, |statistics| statistics.size_bytes));
    out.integer_member("ItemCount", statistics.map_or(0, |statistics| statistics.item_count));
    out.string_member("IndexArn", &owner.index_arn(&table.name, &index.name));
    out.end_object();
}

fn write_stream(out: &mut Writer, owner: &Owner, definition: &TableDefinition) {
    let Some(stream) = &definition.stream else { return };
    out.name("StreamSpecification");
    out.begin_object();
    out.boolean_member("StreamEnabled", true);
    out.string_member("StreamViewType", stream_view_name(stream.view));
    out.end_object();
    out.string_member("LatestStreamLabel", &stream_label(stream.label_millis));
    out.string_member("LatestStreamArn", &owner.stream_arn(&definition.name, stream.label_millis));
}

/// A stream view as the wire names it.
pub(crate) fn stream_view_name(view: StreamView) -> &'static str {
    match view {
        StreamView::KeysOnly => "KEYS_ONLY",
        StreamView::NewImage => "NEW_IMAGE",
        StreamView::OldImage => "OLD_IMAGE",
        StreamView::NewAndOld => "NEW_AND_OLD_IMAGES",
    }
}

fn table_status(status: TableStatus) -> &'static str {
    match status {
        TableStatus::Creating => "CREATING",
        TableStatus::Active => "ACTIVE",
        TableStatus::Updating => "UPDATING",
        TableStatus::Deleting => DELETING,
    }
}

/// A UUID that stays the same for the life of the table and differs between tables of the same name.
fn table_id(definition: &TableDefinition) -> String {
    let mut digest = Sha256::new();
    digest.update(definition.id.to_be_bytes());
    digest.update(definition.created_millis.to_be_bytes());
    digest.update(definition.name.as_bytes());
    let hex: String = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
