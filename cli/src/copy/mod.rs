//! Copying tables from one place to another.
//!
//! Both ends are the official SDK's clients: for a folder one that calls the engine in this process, for an endpoint one
//! that sends requests. So a copy is the same in each direction: make the table at the target, scan the source in
//! segments and put what is found, then set what only makes sense on a full table.
//!
//! Its progress is in a database of its own, see [`CopyState`]. Each step there follows what it says: a page of a scan
//! is noted when all its items are acknowledged by the target. A copy that was killed at any moment repeats at most one
//! page of each segment, and putting an item again changes nothing.
//!
//! Following changes begins at the oldest record that the stream of the source still has. Records of changes that the
//! scan has seen too are applied once more, in their order, so the last one wins, as it did at the source.

mod batch;
mod definition;
mod end;
mod follow;
mod items;
mod state;

pub(crate) use end::{CopyTarget, End};
pub(crate) use state::{CopyState, Copying};

use crate::{failure::Failure, mask::Masks, output};
use aws_sdk_dynamodb::{
    error::{DisplayErrorContext, ProvideErrorMetadata},
    types::AttributeValue,
};
use hashrange::Item;
use std::{collections::HashMap, error::Error};

/// A copy that is going on.
pub(crate) struct Mover {
    from: End,
    to: End,
    state: CopyState,
    masks: Option<Masks>,
}

impl Mover {
    /// A copy between two places; `state` says how far it is.
    pub(crate) fn new(from: End, to: End, state: CopyState, masks: Option<Masks>) -> Self {
        Self { from, to, state, masks }
    }

    /// Copies the tables, one after another.
    pub(crate) async fn copy(&self, tables: &[String], follow: bool) -> Result<(), Failure> {
        for table in tables {
            definition::check_ends(&self.from, &self.to, table, &self.state).await?;
            if self.state.is_copied(table)? {
                output::remark(format_args!("{table}: copied before"));
                continue;
            }
            let definition = definition::read(&self.from, table).await?;
            if follow {
                follow::check(&definition)?;
            }
            if let Some(masks) = &self.masks {
                masks.check(table, definition.key_names())?;
            }
            definition::make(&self.to, &definition, &self.state).await?;
            let copied = items::copy(self, table, definition.items()).await?;
            definition::finish(&self.to, &definition).await?;
            self.state.note_copied(table)?;
            output::remark(format_args!("{table}: {}", crate::text::counted(copied, "item")));
        }
        Ok(())
    }
}

/// The failure of a request of the SDK.
fn refused<E>(what: impl Into<String>, error: E) -> Failure
where
    E: Error + ProvideErrorMetadata,
{
    let why = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => DisplayErrorContext(&error).to_string(),
    };
    Failure::Service { what: what.into(), why }
}

/// The failure of an answer that lacks what every answer has.
fn incomplete(what: impl Into<String>) -> Failure {
    Failure::Service { what: what.into(), why: "the answer lacks a member that it must have".to_owned() }
}

/// An item, or the key of one, as the rules leave it.
fn masked(
    masks: Option<&Masks>,
    table: &str,
    item: HashMap<String, AttributeValue>,
) -> Result<HashMap<String, AttributeValue>, Failure> {
    let Some(masks) = masks else { return Ok(item) };
    Ok(masks.apply(table, Item::try_from(item)?).into())
}
