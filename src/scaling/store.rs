//! Targets and policies on disk: rows of a table that the database keeps for itself, each a JSON text under its name.

use super::{
    model::{ScalableTarget, ScalingPolicy},
    scheduled_action::ScheduledAction,
};
use crate::{
    engine::{Engine, TableSpec},
    error::{Error, ErrorKind, Result},
    item::{Item, KeyType},
    request::Hooks,
    schema::{INTERNAL_PREFIX, KeyAttribute, KeySchema},
    table::{S, Table},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A row.
#[derive(Serialize, Deserialize)]
pub enum Row {
    Target(ScalableTarget),
    Policy(ScalingPolicy),
    Action(ScheduledAction),
}

impl Row {
    fn key(&self) -> String {
        match self {
            Self::Target(target) => format!("target {} {}", target.resource.dimension(), target.resource.id()),
            Self::Policy(policy) => {
                format!("policy {} {} {}", policy.resource.dimension(), policy.resource.id(), policy.name)
            }
            Self::Action(action) => {
                format!("action {} {} {}", action.resource.dimension(), action.resource.id(), action.name)
            }
        }
    }
}

fn table_name() -> String {
    format!("{INTERNAL_PREFIX}scaling")
}

fn open(engine: &Arc<Engine>) -> Result<Option<Table<S>>> {
    engine.table(&table_name()).map(|slot| Table::open(engine.clone(), slot, Hooks::default())).transpose()
}

fn open_or_create(engine: &Arc<Engine>) -> Result<Table<S>> {
    if let Some(table) = open(engine)? {
        return Ok(table);
    }
    let key = KeySchema { hash: KeyAttribute::new("id", KeyType::S), range: None };
    let slot = match engine.create_table(TableSpec::new(table_name(), key)) {
        // Another thread was faster.
        Err(error) if error.kind() == ErrorKind::InUse => engine.table(&table_name()).ok_or(error)?,
        created => created?,
    };
    Table::open(engine.clone(), slot, Hooks::default())
}

/// All rows. Errors: disk; a row that a newer version wrote.
pub fn load(engine: &Arc<Engine>) -> Result<Vec<Row>> {
    let Some(table) = open(engine)? else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for item in table.scan().items() {
        let item = item?;
        let text = item.get("value").and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let unreadable = |error| Error::incompatible(format!("a row of auto scaling cannot be read: {error}"));
        rows.push(serde_json::from_str(&text).map_err(unreadable)?);
    }
    Ok(rows)
}

/// Keeps a row.
pub fn put(engine: &Arc<Engine>, row: &Row) -> Result<()> {
    let text = serde_json::to_string(row).map_err(|error| Error::validation(error.to_string()))?;
    let item = Item::new().with("id", row.key()).with("value", text);
    open_or_create(engine)?.put(&item).map(drop)
}

/// Removes a row.
pub fn delete(engine: &Arc<Engine>, row: &Row) -> Result<()> {
    match open(engine)? {
        Some(table) => table.delete(row.key().as_str()).map(drop),
        None => Ok(()),
    }
}
