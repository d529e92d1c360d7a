//! Remarks on a policy for a database: names that mean nothing to its tables.

use super::Database;
use crate::{
    access::{KnownTable, Policy, Remark},
    error::Result,
};
use std::collections::BTreeSet;

/// Items of each table that are looked at for names of attributes.
const SAMPLED_ITEMS: usize = 1_000;

impl Policy {
    /// Remarks on statements that are allowed and yet rarely meant, in general ([`remarks`](Self::remarks)) and for this
    /// database: tables, indexes and streams that do not exist, lists of attributes without the keys, attributes that none
    /// of the first 1,000 items of a table has, and leading keys of indexes whose partition key is another attribute than
    /// the table's.
    ///
    /// Errors: a table cannot be read.
    ///
    /// ```
    /// # use hashrange::{Database, access::Policy, key::S};
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::in_memory()?;
    /// db.create_table("orders").hash::<S>("tenant").create()?;
    /// let policy = Policy::parse(
    ///     r#"{"Statement": {"Effect": "Allow", "Action": "dynamodb:Query",
    ///         "Resource": "arn:aws:dynamodb:*:*:table/orders/index/by_dat"}}"#,
    /// )?;
    /// assert!(policy.lint(&db)?[0].text.ends_with("table orders has no index by_dat"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn lint(&self, database: &Database) -> Result<Vec<Remark>> {
        let tables: Vec<KnownTable> =
            database.list_tables().iter().map(|name| known(database, name)).collect::<Result<_>>()?;
        let mut remarks = self.remarks();
        remarks.extend(self.remarks_on(&tables));
        remarks.sort_by_key(|remark| remark.statement);
        Ok(remarks)
    }
}

fn known(database: &Database, name: &str) -> Result<KnownTable> {
    let table = database.dynamic_table(name)?;
    let mut attributes = BTreeSet::new();
    for item in table.scan().items().take(SAMPLED_ITEMS) {
        attributes.extend(item?.iter().map(|(name, _)| name.to_owned()));
    }
    let streams = database.list_streams(Some(name)).into_iter().map(|stream| stream.label).collect();
    Ok(KnownTable { definition: table.definition(), streams, attributes })
}
