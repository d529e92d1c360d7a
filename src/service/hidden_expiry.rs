//! Expired items that are hidden from reads until they are deleted. The service shows them; a program that filters them out
//! itself can let the database do it.

use crate::{config::Options, item::ItemRef, schema::TableDefinition};

/// Whether the database hides expired items of a table from reads.
#[inline]
pub fn hides_expired(options: &Options, table: &TableDefinition) -> bool {
    table.ttl_attribute.is_some() && options.hide_expired
}

/// Whether an item has expired and the database hides such items from reads.
#[inline]
pub fn is_hidden(options: &Options, table: &TableDefinition, item: &ItemRef) -> bool {
    hides_expired(options, table) && table.is_expired(item, options.clock.now_secs())
}
