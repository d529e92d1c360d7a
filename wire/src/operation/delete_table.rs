//! `DeleteTable`.

use super::describe_table::{absent, answer, decode_name};
use crate::{context::Context, error::Outcome, table::description::DELETING};

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let table = decode_name(context, body)?;
    let description = context.database.delete_table(table.name()).map_err(|error| absent(error, table.name()))?;
    Ok(answer(context, "TableDescription", &description, DELETING))
}
