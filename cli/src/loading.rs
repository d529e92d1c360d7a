//! Putting records into a table, in batches that are made durable together.
//!
//! A put is handed to the operating system at once; what makes it lasting is the sync at the end of its batch. So an
//! import runs at the speed of a buffered log and still knows, batch by batch, what no crash can take back. Puts
//! replace what has the same key: an import that was interrupted is simply begun again.

use crate::{
    failure::Failure,
    formats::{Record, Records},
    key_template::KeyTemplate,
    mask::Masks,
};
use hashrange::{
    Database, Durability, Error, ErrorKind, Item, Table,
    key::{Dynamic, KeyType},
};
use hashrange_console::cells::KeyTypes;

/// How an import ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Items that were put, each durable.
    pub(crate) items: u64,
    /// Lines that were left out.
    pub(crate) bad_lines: u64,
}

/// What is told while an import runs.
pub(crate) trait Listener {
    /// Every item up to this number is durable.
    fn acknowledged(&mut self, items: u64);
    /// A line was left out.
    fn bad_line(&mut self, line: u64, what: &str);
}

/// An import into a table.
pub(crate) struct Loader<'a> {
    database: &'a Database,
    table: &'a Table<Dynamic>,
    templates: Vec<(KeyTemplate, KeyType)>,
    masks: Option<Masks>,
    batch_items: u64,
}

impl<'a> Loader<'a> {
    /// An import that makes the attributes of `templates` and acknowledges `batch_items` items at a time.
    pub(crate) fn new(
        database: &'a Database,
        table: &'a Table<Dynamic>,
        keys: &KeyTypes,
        templates: &[KeyTemplate],
        batch_items: u64,
    ) -> Result<Self, Failure> {
        let typed = templates.iter().map(|template| match keys.get(&template.attribute) {
            Some(kind) => Ok((template.clone(), kind)),
            None => Err(Failure::Usage(format!(
                "--key {}: the key attributes of the table and its indexes are {}",
                template.attribute,
                keys.names()
            ))),
        });
        let templates = typed.collect::<Result<_, _>>()?;
        Ok(Self { database, table, templates, masks: None, batch_items: batch_items.max(1) })
    }

    /// The same with rules that every item goes through before its keys are made.
    pub(crate) fn masked(mut self, masks: Option<Masks>) -> Self {
        self.masks = masks;
        self
    }

    /// Puts every record. An error ends the import; what was acknowledged stays.
    pub(crate) fn load(&self, records: Records<'_>, listener: &mut dyn Listener) -> Result<Loaded, Failure> {
        let mut loaded = Loaded::default();
        for record in records {
            let Record { line, item } =
                record.map_err(|error| Failure::io("the input cannot be read to its end", error))?;
            let refused = match item.and_then(|item| self.complete(item)) {
                Ok(item) => self.put(&item)?.map(|error| error.to_string()),
                Err(what) => Some(what),
            };
            if let Some(what) = refused {
                loaded.bad_lines += 1;
                listener.bad_line(line, &what);
                continue;
            }
            loaded.items += 1;
            if loaded.items.is_multiple_of(self.batch_items) {
                self.database.sync()?;
                listener.acknowledged(loaded.items);
            }
        }
        if !loaded.items.is_multiple_of(self.batch_items) {
            self.database.sync()?;
            listener.acknowledged(loaded.items);
        }
        Ok(loaded)
    }

    fn complete(&self, item: Item) -> Result<Item, String> {
        let mut item = match &self.masks {
            Some(masks) => masks.apply(&self.table.name(), item),
            None => item,
        };
        for (template, kind) in &self.templates {
            template.apply(&mut item, *kind)?;
        }
        Ok(item)
    }

    /// Puts an item; returns why the item itself was rejected.
    fn put(&self, item: &Item) -> Result<Option<Error>, Failure> {
        match self.table.put_with(item).durability(Durability::Buffered).send() {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::Validation => Ok(Some(error)),
            Err(error) => Err(error.into()),
        }
    }
}
