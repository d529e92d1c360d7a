//! How far a region has what others sent: rows of a table that its database keeps for itself.

use crate::{
    config::Durability,
    database::Database,
    error::Result,
    item::Item,
    table::{S, Table},
};

const TABLE: &str = "hashrange.replication";

/// The rows of one region.
#[derive(Debug)]
pub(super) struct LinkPositions(Table<S>);

impl LinkPositions {
    /// Of this database. Errors: log, disk.
    pub fn open(database: &Database) -> Result<Self> {
        Ok(Self(database.create_table(TABLE).hash::<S>("from").open_or_create()?))
    }
    /// The last commit of a region's database that arrived with all before it; `None` if nothing did, or the region has
    /// another database now.
    pub fn get(&self, from: &str, database_id: u64) -> Result<Option<u64>> {
        let Some(row) = self.0.get(from)? else { return Ok(None) };
        let is_same = row.get("database").and_then(|id| id.as_str()) == Some(&*database_id.to_string());
        Ok(row.get("commit").and_then(|commit| commit.as_u64()).filter(|_| is_same))
    }
    /// Forgets it, durably: when the world is opened again, everything is compared.
    pub fn forget(&self, from: &str) -> Result<()> {
        self.0.delete_with(from).durability(Durability::Sync).send().map(drop)
    }
    /// Notes it. A row that a crash takes costs another delivery of what it said.
    pub fn put(&self, from: &str, database_id: u64, commit: u64) -> Result<()> {
        let row = Item::new().with("from", from).with("database", database_id.to_string()).with("commit", commit);
        self.0.put_with(&row).durability(Durability::Buffered).send().map(drop)
    }
}
