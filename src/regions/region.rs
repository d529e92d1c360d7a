//! One region of a world: its name and its database.

use crate::{
    database::Database,
    engine::{Engine, TableSlot},
    error::{Error, Result},
    schema::Replication,
};
use std::sync::{Arc, atomic::AtomicBool};

/// A region.
#[derive(Debug)]
pub(super) struct Region {
    pub name: String,
    /// Without coordination: what the world itself reads and writes.
    pub database: Database,
    /// Whether it serves no requests.
    pub is_down: AtomicBool,
}

impl Region {
    pub fn engine(&self) -> &Arc<Engine> {
        self.database.shared_engine()
    }
    /// The table of that name and its replicas, if it has any.
    pub fn replicated(&self, table: &str) -> Option<(Arc<TableSlot>, Replication)> {
        let slot = self.engine().table(table)?;
        let replication = slot.state().definition.replication.as_deref().cloned()?;
        Some((slot, replication))
    }
    /// Names of the tables that have replicas.
    pub fn replicated_tables(&self) -> Vec<String> {
        let mut names = self.engine().table_names();
        names.retain(|name| self.replicated(name).is_some());
        names
    }
    /// Errors: the database is that of another region, whose name is in the stamps of its items.
    pub fn check_name(&self) -> Result<()> {
        let tables = self.replicated_tables();
        let known = tables.iter().filter_map(|table| self.replicated(table)).map(|(_, known)| known.region);
        match known.into_iter().find(|name| *name != self.name) {
            None => Ok(()),
            Some(name) => Err(Error::validation(format!(
                "the database of region {} was that of region {name}, and has replicas there: give it its name, or remove its \
                 replicas under that name first",
                self.name
            ))),
        }
    }
}
