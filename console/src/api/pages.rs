//! A table read to its end.

use hashrange::{
    Error, Item,
    history::Snapshot,
    request::{Page, PageOptions, Scan},
};
use std::borrow::Cow;

/// Reads a table of a snapshot page by page. That appears in no costs.
pub(crate) struct Pages {
    snapshot: Snapshot,
    table: String,
    start: Option<Item>,
    is_done: bool,
}

impl Pages {
    /// The pages from the first one on.
    pub(crate) fn new(snapshot: Snapshot, table: &str) -> Self {
        Self { snapshot, table: table.to_owned(), start: None, is_done: false }
    }

    /// The next page; `None` behind the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Page>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let mut scan = Scan::new(&self.table);
        scan.options = PageOptions::default();
        scan.options.exclusive_start_key = self.start.take().map(Cow::Owned);
        let page = self.snapshot.database().execute(&scan)?;
        self.start = page.last_evaluated_key();
        self.is_done = self.start.is_none();
        Ok(Some(page))
    }
}
