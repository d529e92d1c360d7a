//! Tables with their keys, indexes, settings and numbers.

use super::{explain, export, history, import, items, settings, streams};
use crate::{
    answer::{self, Answer},
    context::Context,
    refusal::Refusal,
    request::Request,
};
use hashrange::{
    Database, Error,
    admin::{IndexStats, TableDescription, TtlStatus},
    schema::{BillingMode, IndexDefinition, IndexKind, IndexStatus, KeyAttribute, Projection, StreamView, TableStatus},
};
use serde::Serialize;

/// A key attribute.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct KeyPart {
    /// Its name.
    pub(crate) name: String,
    /// `S`, `N` or `B`.
    pub(crate) kind: &'static str,
}

/// A secondary index.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Index {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is a local one.
    pub(crate) is_local: bool,
    /// Attributes of its partition key.
    pub(crate) partition_key: Vec<KeyPart>,
    /// Attributes of its sort key.
    pub(crate) sort_key: Vec<KeyPart>,
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub(crate) projection: &'static str,
    /// Attributes that an `INCLUDE` index carries besides the keys.
    pub(crate) included: Vec<String>,
    /// `CREATING`, `ACTIVE` or `DELETING`.
    pub(crate) status: &'static str,
    /// Entries; overwritten ones may count twice until compaction.
    pub(crate) items: u64,
    /// Their bytes by DynamoDB's size rule.
    pub(crate) bytes: u64,
    /// Share of the items that have been read while the index is filled, 0 to 1.
    pub(crate) backfill_progress: Option<f64>,
}

/// A table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: String,
    /// `CREATING`, `ACTIVE`, `UPDATING` or `DELETING`.
    pub(crate) status: &'static str,
    /// The partition key.
    pub(crate) partition_key: KeyPart,
    /// The sort key, if there is one.
    pub(crate) sort_key: Option<KeyPart>,
    /// Items; overwritten ones may count twice until compaction.
    pub(crate) items: u64,
    /// Their bytes by DynamoDB's size rule.
    pub(crate) bytes: u64,
    /// Secondary indexes in the order of their creation.
    pub(crate) indexes: Vec<Index>,
    /// `PAY_PER_REQUEST` or `PROVISIONED`.
    pub(crate) billing: &'static str,
    /// Read units a second, where they are provisioned.
    pub(crate) read_units_per_sec: Option<u64>,
    /// Write units a second, where they are provisioned.
    pub(crate) write_units_per_sec: Option<u64>,
    /// What records of its change stream carry, if it has one.
    pub(crate) stream: Option<&'static str>,
    /// `ENABLED`, `ENABLING` or `DISABLED`.
    pub(crate) ttl: &'static str,
    /// The attribute that holds the end of an item's life, in epoch seconds.
    pub(crate) ttl_attribute: Option<String>,
    /// When it was created, in milliseconds since 1970.
    pub(crate) created_millis: u64,
    /// Whether its deletion is rejected.
    pub(crate) deletion_protection: bool,
}

impl KeyPart {
    fn of(attribute: &KeyAttribute) -> Self {
        Self { name: attribute.name.clone(), kind: attribute.kind.name() }
    }
}

impl Index {
    fn of(definition: &IndexDefinition, numbers: Option<&IndexStats>) -> Self {
        let parts = |attributes: &[KeyAttribute]| attributes.iter().map(KeyPart::of).collect();
        let (projection, included) = match &definition.projection {
            Projection::All => ("ALL", Vec::new()),
            Projection::KeysOnly => ("KEYS_ONLY", Vec::new()),
            Projection::Include(names) => ("INCLUDE", names.clone()),
        };
        Self {
            name: definition.name.clone(),
            is_local: definition.kind == IndexKind::Local,
            partition_key: parts(&definition.hash),
            sort_key: parts(&definition.range),
            projection,
            included,
            status: match definition.status {
                IndexStatus::Creating => "CREATING",
                IndexStatus::Active => "ACTIVE",
                IndexStatus::Deleting => "DELETING",
            },
            items: numbers.map_or(0, |numbers| numbers.item_count),
            bytes: numbers.map_or(0, |numbers| numbers.size_bytes),
            backfill_progress: numbers.and_then(|numbers| numbers.backfill_progress),
        }
    }
}

impl Table {
    fn of(db: &Database, description: &TableDescription) -> Result<Self, Error> {
        let definition = &description.definition;
        let numbers = |name: &str| description.indexes.iter().find(|known| known.name == name);
        let shown = definition.indexes.iter().filter(|index| index.kind != IndexKind::Expiry);
        let is_provisioned = matches!(definition.billing, BillingMode::Provisioned);
        let ttl = db.describe_ttl(&definition.name)?;
        Ok(Self {
            name: definition.name.clone(),
            status: match definition.status {
                TableStatus::Creating => "CREATING",
                TableStatus::Active => "ACTIVE",
                TableStatus::Updating => "UPDATING",
                TableStatus::Deleting => "DELETING",
            },
            partition_key: KeyPart::of(&definition.key.hash),
            sort_key: definition.key.range.as_ref().map(KeyPart::of),
            items: description.item_count,
            bytes: description.size_bytes,
            indexes: shown.map(|index| Index::of(index, numbers(&index.name))).collect(),
            billing: if is_provisioned { "PROVISIONED" } else { "PAY_PER_REQUEST" },
            read_units_per_sec: is_provisioned.then_some(definition.throughput.read_units_per_sec),
            write_units_per_sec: is_provisioned.then_some(definition.throughput.write_units_per_sec),
            stream: definition.stream.as_ref().map(|stream| view_name(stream.view)),
            ttl: match ttl.status {
                TtlStatus::Enabling => "ENABLING",
                TtlStatus::Enabled => "ENABLED",
                TtlStatus::Disabled => "DISABLED",
            },
            ttl_attribute: ttl.attribute,
            created_millis: definition.created_millis,
            deletion_protection: definition.deletion_protection,
        })
    }
}

/// A view of a stream as DynamoDB names it.
pub(crate) fn view_name(view: StreamView) -> &'static str {
    match view {
        StreamView::KeysOnly => "KEYS_ONLY",
        StreamView::NewImage => "NEW_IMAGE",
        StreamView::OldImage => "OLD_IMAGE",
        StreamView::NewAndOld => "NEW_AND_OLD_IMAGES",
    }
}

/// All tables, in the order of their names. A table that is deleted meanwhile is left out.
pub(crate) fn all(db: &Database) -> Result<Vec<Table>, Refusal> {
    let mut tables = Vec::new();
    for name in db.list_tables() {
        match one(db, &name) {
            Ok(table) => tables.push(table),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(tables)
}

/// A table by its name.
pub(crate) fn one(db: &Database, name: &str) -> Result<Table, Error> {
    Table::of(db, &db.describe_table(name)?)
}

/// The engine's description of a table. Errors: there is none of that name; the text names those that there are.
pub(crate) fn describe(db: &Database, name: &str) -> Result<TableDescription, Refusal> {
    db.describe_table(name).map_err(|error| {
        let is_not_found = error.is_not_found();
        let mut refusal = Refusal::from(error);
        if is_not_found {
            refusal.message = format!("there is no table {name}");
        }
        refusal
    })
}

/// Answers `/console/api/tables` and what is below it.
pub(crate) fn respond(context: &Context, request: &Request, path: &[&str]) -> Result<Answer, Refusal> {
    match path {
        [table, "items"] => items::respond(context, request, table, false),
        [table, "import"] => import::respond(context, request, table),
        [table, "export"] => export::respond(context, request, table),
        [table, what @ ("history" | "versions" | "difference")] => history::respond(context, request, table, what),
        [table, "stream", rest @ ..] => streams::respond(context, request, table, rest),
        [table, "explain"] => explain::respond_read(context, request, table),
        [table, "settings"] => settings::respond(context, request, table, false),
        [table, "lag"] => settings::respond(context, request, table, true),
        [table, "bulk"] => items::respond(context, request, table, true),
        _ if !request.is_read() => Err(Refusal::method()),
        [] => Ok(answer::json(&all(&context.db)?)),
        [table] => Ok(answer::json(&one(&context.db, table)?)),
        _ => Err(Refusal::not_found("the API has no such address below a table")),
    }
}
