//! Statements that are parsed once and run often.

use super::{
    key_read::KeyTerms,
    parameters::Parameters,
    parse::Parsed,
    statement::{Statement, parsed},
};
use crate::{
    database::Database,
    error::Result,
    item::ItemRef,
    table::{Dynamic, Table},
};
use serde::Serialize;
use std::sync::Arc;

/// A statement that is parsed once and run often, by any number of threads: [`Database::prepare`]. One that names the whole key of
/// an item, `SELECT * FROM t WHERE key = ? AND ..`, costs hardly more than [`Table::get`].
///
/// ```
/// use hashrange::{Database, key::S};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::in_memory()?;
/// db.create_table("orders").hash::<S>("customer").range::<S>("order").create()?;
/// let insert = db.prepare("INSERT INTO orders VALUE {'customer': ?, 'order': ?, 'total': ?}")?;
/// insert.item(("c#1", "o#7", 120))?;
///
/// let by_key = db.prepare("SELECT * FROM orders WHERE customer = ? AND \"order\" = ?")?;
/// assert!(by_key.item(("c#1", "o#7"))?.is_some());
/// assert!(by_key.item(("c#1", "o#8"))?.is_none());
///
/// let above = db.prepare("SELECT * FROM orders WHERE customer = ? AND total > ?")?;
/// assert_eq!(above.bind("c#1").bind(100).count()?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PreparedStatement {
    database: Database,
    parsed: Arc<Parsed>,
    /// Where the item is found that a statement names by its whole key.
    get: Option<(Table<Dynamic>, KeyTerms)>,
}

impl Database {
    /// Parses a statement, to run it often.
    ///
    /// # Errors
    /// DynamoDB's text for a statement that is not well formed. What is wrong with it besides is reported when it runs.
    pub fn prepare(&self, text: impl AsRef<str>) -> Result<PreparedStatement> {
        let parsed = parsed(text.as_ref())?;
        // Where policies decide, they decide on the statement and not on the get that it amounts to.
        let key_read = parsed.key_read.as_ref().filter(|_| self.caller().is_none());
        let get = key_read.and_then(|read| {
            let table = self.dynamic_table(&read.table).ok()?;
            let terms = read.terms(&table.slot().state().definition.key)?;
            Some((table, terms))
        });
        Ok(PreparedStatement { database: self.clone(), parsed, get })
    }
}

impl PreparedStatement {
    /// Runs it with these parameters: the first item that it returns, if it returns one.
    ///
    /// # Errors
    /// As for [`Statement::send`].
    #[inline]
    pub fn item(&self, parameters: impl Parameters) -> Result<Option<ItemRef>> {
        if let Some((table, terms)) = &self.get
            && let Some(key) = self.parsed.key_read.as_ref().and_then(|read| read.key(*terms, &parameters))
            && !table.slot().is_dropped()
        {
            return table.get(key);
        }
        self.bound(&parameters).items().next().transpose()
    }

    /// The statement with the value of its first `?`: the others are bound to the answer, which then runs as any
    /// [`Statement`].
    pub fn bind<T: Serialize>(&self, value: T) -> Statement {
        self.statement().bind(value)
    }

    /// The statement, without parameters.
    pub fn statement(&self) -> Statement {
        Statement::of(&self.database, Ok(self.parsed.clone()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.parsed.text
    }

    #[cold]
    #[inline(never)]
    fn bound(&self, parameters: &impl Parameters) -> Statement {
        parameters.to_values().into_iter().fold(self.statement(), |statement, value| statement.bind_value(value))
    }
}
