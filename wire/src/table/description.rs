//! `TableDescription`: how a table is described.

use super::{encryption, replicas, units};
use crate::{
    arn::{self, Owner},
    context::Context,
    json::Writer,
    timing::takes,
};
use hashrange::{
    admin::{IndexStats, TableDescription},
    date,
    schema::{
        BillingMode, IndexDefinition, IndexKind, IndexSettings, IndexStatus, KeyAttribute, Projection,
        ProvisionedThroughput, Replica, Replication, Since, StreamView, TableClass, TableDefinition, TableStatus,
        ThroughputChanges, UnitPair,
    },
};

/// The status of a table that goes.
pub(crate) const DELETING: &str = "DELETING";
/// The status of a table that comes.
pub(crate) const CREATING: &str = "CREATING";
/// The status of a table or setting that changes.
pub(crate) const UPDATING: &str = "UPDATING";

/// What the answer to a change says otherwise than a later description.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// Status of the table.
    pub(crate) status: Option<&'static str>,
    /// Another key is being put in place.
    pub(crate) is_encrypting: bool,
    /// What the table is being restored from.
    pub(crate) restoring: Option<Box<Restoring>>,
    /// The table before a change, whose units and number of decreases the answer still shows.
    pub(crate) before: Option<Box<TableDefinition>>,
    /// Limits on demand of reads and of writes that were taken away, which the answer shows as -1.
    pub(crate) cleared: (bool, bool),
    /// The replicas before a change of them, which the answer still shows.
    pub(crate) replicas: Option<Option<Box<Replication>>>,
}

impl From<&'static str> for Answer {
    fn from(status: &'static str) -> Self {
        Self { status: Some(status), ..Self::default() }
    }
}

/// `RestoreSummary`.
#[derive(Clone, Debug)]
pub(crate) struct Restoring {
    pub(crate) backup_arn: Option<String>,
    pub(crate) table_arn: String,
    pub(crate) at_millis: u64,
}

impl Restoring {
    fn write(&self, out: &mut Writer) {
        out.name("RestoreSummary");
        out.begin_object();
        out.optional_member("SourceBackupArn", self.backup_arn.as_deref());
        out.string_member("SourceTableArn", &self.table_arn);
        out.time_member("RestoreDateTime", self.at_millis);
        out.boolean_member("RestoreInProgress", true);
        out.end_object();
    }
}

/// Writes a description; `answer` is for those that answer a change. Of a table that goes, the service tells what it is
/// called, how large it is and how it is billed, and no more.
pub(crate) fn write(out: &mut Writer, context: &Context<'_>, table: &TableDescription, answer: Answer) {
    let definition = &*table.definition;
    let owner = context.owner;
    let status = answer.status.unwrap_or_else(|| table_status(context, definition));
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
    let changes = &definition.settings.throughput_changes;
    let shown = answer.before.as_deref().unwrap_or(definition);
    let decreases = shown.settings.throughput_changes.decreases_on_day_of(context.now_millis());
    write_throughput(out, shown.billing, Some(shown.throughput), changes, decreases);
    write_changed_limit(out, definition.settings.on_demand_limit, answer.cleared);
    let warming = units::Warming::of_table(context, definition);
    write_warm(out, units::warm_of_table(definition), warming);
    out.integer_member("TableSizeBytes", table.size_bytes);
    out.integer_member("ItemCount", table.item_count);
    out.string_member("TableArn", &owner.table_arn(&definition.name));
    out.string_member("TableId", &arn::table_id(definition));
    let is_switching = definition.billing == BillingMode::PayPerRequest && shown.billing == BillingMode::Provisioned;
    write_billing(out, definition, answer.status == Some(CREATING) || is_switching);
    if is_whole {
        write_indexes(out, context, table, shown, IndexKind::Local);
        write_indexes(out, context, table, shown, IndexKind::Global);
        write_stream(out, owner, definition);
        write_class(out, "TableClassSummary", definition.settings.class());
        encryption::write(out, context, definition, answer.is_encrypting);
        encryption::write_archival(out, context, definition);
        replicas::write(out, context, definition, answer.replicas.as_ref());
    }
    if let Some(restoring) = &answer.restoring {
        restoring.write(out);
    }
    out.boolean_member("DeletionProtectionEnabled", definition.deletion_protection);
    out.end_object();
}

/// How the table is billed, unless it always was provisioned. The answers to a creation and to a switch do
/// not tell since when.
fn write_billing(out: &mut Writer, definition: &TableDefinition, is_new: bool) {
    let Some(last_millis) = definition.last_on_demand_millis() else { return };
    let mode = match definition.billing {
        BillingMode::PayPerRequest => "PAY_PER_REQUEST",
        BillingMode::Provisioned => "PROVISIONED",
    };
    out.name("BillingModeSummary");
    out.begin_object();
    out.string_member("BillingMode", mode);
    if !is_new {
        out.name("LastUpdateToPayPerRequestDateTime");
        out.epoch_seconds(last_millis);
    }
    out.end_object();
}

/// A table class, as a member of this name; nothing for a table that never had another one.
pub(super) fn write_class(out: &mut Writer, member: &str, class: Option<Since<TableClass>>) {
    let Some(class) = class else { return };
    out.name(member);
    out.begin_object();
    let name = match class.value {
        TableClass::Standard => "STANDARD",
        TableClass::InfrequentAccess => "STANDARD_INFREQUENT_ACCESS",
    };
    out.string_member("TableClass", name);
    out.name("LastUpdateDateTime");
    out.epoch_seconds(class.at_millis);
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

fn write_throughput(
    out: &mut Writer,
    billing: BillingMode,
    throughput: Option<ProvisionedThroughput>,
    changes: &ThroughputChanges,
    decreases: u32,
) {
    let units = match billing {
        BillingMode::PayPerRequest => ProvisionedThroughput::default(),
        BillingMode::Provisioned => throughput.unwrap_or_default(),
    };
    out.name("ProvisionedThroughput");
    out.begin_object();
    let stamps = [
        ("LastIncreaseDateTime", changes.last_increase_millis),
        ("LastDecreaseDateTime", changes.last_decrease_millis),
    ];
    for (name, millis) in stamps {
        if let Some(millis) = millis {
            out.name(name);
            out.epoch_seconds(millis);
        }
    }
    out.integer_member("NumberOfDecreasesToday", decreases.into());
    out.integer_member("ReadCapacityUnits", units.read_units_per_sec);
    out.integer_member("WriteCapacityUnits", units.write_units_per_sec);
    out.end_object();
}

/// The member `OnDemandThroughput`, if there is a limit.
pub(crate) fn write_limit(out: &mut Writer, limit: UnitPair) {
    write_changed_limit(out, limit, (false, false));
}

fn write_changed_limit(out: &mut Writer, limit: UnitPair, cleared: (bool, bool)) {
    if limit.is_empty() && cleared == (false, false) {
        return;
    }
    out.name("OnDemandThroughput");
    out.begin_object();
    let numbers = [
        ("MaxReadRequestUnits", limit.read_units_per_sec, cleared.0),
        ("MaxWriteRequestUnits", limit.write_units_per_sec, cleared.1),
    ];
    for (name, units, is_cleared) in numbers {
        match units {
            Some(units) => out.integer_member(name, units),
            None if is_cleared => {
                out.name(name);
                out.json("-1");
            }
            None => {}
        }
    }
    out.end_object();
}

/// While more is being made ready, what was ready before is shown.
fn write_warm(out: &mut Writer, ready: (u64, u64), warming: Option<units::Warming>) {
    let (read, write) = warming.as_ref().map_or(ready, |warming| warming.before);
    out.name("WarmThroughput");
    out.begin_object();
    out.integer_member("ReadUnitsPerSecond", read);
    out.string_member("Status", if warming.is_some() { UPDATING } else { "ACTIVE" });
    out.integer_member("WriteUnitsPerSecond", write);
    out.end_object();
}

fn write_indexes(
    out: &mut Writer,
    context: &Context<'_>,
    table: &TableDescription,
    shown: &TableDefinition,
    kind: IndexKind,
) {
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
        write_index(out, context, (definition, shown), index, statistics);
    }
    out.end_array();
}

fn write_index(
    out: &mut Writer,
    context: &Context<'_>,
    (table, shown): (&TableDefinition, &TableDefinition),
    index: &IndexDefinition,
    statistics: Option<&IndexStats>,
) {
    out.begin_object();
    out.string_member("IndexName", &index.name);
    write_key_schema(out, &index.hash, &index.range);
    write_projection(out, &index.projection);
    if index.kind == IndexKind::Global {
        let status = match index.status {
            IndexStatus::Creating => "CREATING",
            IndexStatus::Active => "ACTIVE",
            IndexStatus::Deleting => "DELETING",
        };
        // The indexes of a table that is being filled have none yet.
        if table.status != TableStatus::Creating {
            out.string_member("IndexStatus", status);
        }
        if index.status == IndexStatus::Creating {
            let progress = statistics.and_then(|statistics| statistics.backfill_progress);
            out.boolean_member("Backfilling", progress.is_some());
        }
        let settings: IndexSettings = table.settings.index(&index.name);
        // An index that is new shows what it is created with.
        let before = shown.index(&index.name).map_or(index.throughput, |index| index.throughput);
        let changes = shown.settings.index(&index.name).throughput_changes;
        let decreases = changes.decreases_on_day_of(context.now_millis());
        write_throughput(out, shown.billing, before, &settings.throughput_changes, decreases);
        write_limit(out, settings.on_demand_limit);
        let warming = units::Warming::of_index(context, table, index, &settings);
        write_warm(out, units::warm_of_index(table, index, &settings), warming);
    }
    out.integer_member("IndexSizeBytes", statistics.map_or(0, |statistics| statistics.size_bytes));
    out.integer_member("ItemCount", statistics.map_or(0, |statistics| statistics.item_count));
    out.string_member("IndexArn", &context.owner.index_arn(&table.name, &index.name));
    out.end_object();
}

/// The member `Projection`.
pub(crate) fn write_projection(out: &mut Writer, projection: &Projection) {
    out.name("Projection");
    out.begin_object();
    let (kind, attributes) = match projection {
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
}

/// The stream; of one that is disabled, what it was called: its records can still be read.
fn write_stream(out: &mut Writer, owner: &Owner, definition: &TableDefinition) {
    if let Some(stream) = &definition.stream {
        out.name("StreamSpecification");
        out.begin_object();
        out.boolean_member("StreamEnabled", true);
        out.string_member("StreamViewType", stream_view_name(stream.view));
        out.end_object();
    }
    let Some(label_millis) = definition.latest_stream_millis() else { return };
    out.string_member("LatestStreamLabel", &date::label(label_millis));
    out.string_member("LatestStreamArn", &owner.stream_arn(&definition.name, label_millis));
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

fn table_status(context: &Context<'_>, table: &TableDefinition) -> &'static str {
    match table.status {
        TableStatus::Creating => CREATING,
        TableStatus::Active if is_updating(context, table) => UPDATING,
        TableStatus::Active => encryption::lost_status(&context.availability(table)).unwrap_or("ACTIVE"),
        TableStatus::Updating => UPDATING,
        TableStatus::Deleting => DELETING,
    }
}

/// Whether a table is being switched from on-demand billing to provisioned throughput.
pub(crate) fn is_becoming_provisioned(context: &Context<'_>, table: &TableDefinition) -> bool {
    context.is_under_way(table.settings.last_provisioned_millis, takes::PROVISIONED)
}

/// Whether a change of settings still takes its time.
pub(crate) fn is_updating(context: &Context<'_>, table: &TableDefinition) -> bool {
    let is_replica_new = |replica: &Replica| context.is_under_way(replica.created_millis, takes::REPLICA);
    if table.replication.as_ref().is_some_and(|known| known.replicas.iter().any(is_replica_new)) {
        return true;
    }
    let settings = &table.settings;
    let changes = settings.throughput_changes;
    let class = settings.class().filter(|class| class.at_millis > table.created_millis);
    let on_demand = &settings.on_demand_switches_millis;
    let to_on_demand = if on_demand.len() > 1 { takes::ON_DEMAND_AGAIN } else { takes::ON_DEMAND };
    [
        (changes.last_increase_millis, takes::THROUGHPUT),
        (changes.last_decrease_millis, takes::THROUGHPUT),
        (on_demand.last().copied(), to_on_demand),
        (settings.last_provisioned_millis, takes::PROVISIONED),
        (class.map(|class| class.at_millis), takes::TABLE_CLASS),
    ]
    .into_iter()
    .any(|(began_millis, takes_millis)| context.is_changing(&table.name, began_millis, takes_millis))
}
