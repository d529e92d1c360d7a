//! `DeleteTable`.

use super::{
    backups,
    describe_table::{absent, answer, decode_name},
    replica_updates,
};
use crate::{
    context::Context,
    error::{Failure, Outcome},
    table::{
        description::{DELETING, is_updating},
        encryption, quotas,
        units::Warming,
    },
};
use hashrange::admin::TableDescription;

pub(super) fn run(context: &Context<'_>, body: &[u8]) -> Outcome {
    let table = decode_name(context, body)?;
    let known = context.database.describe_table(table.name()).map_err(|error| absent(error, table.name()))?;
    if replica_updates::is_being_added(context, &known.definition) {
        return Err(Failure::service(
            "ResourceInUseException",
            format!("Attempt to change a resource which is still in use: Table: {} is being used.", table.name()),
        ));
    }
    let is_changing = is_updating(context, &known.definition) || encryption::is_changing(context, &known.definition);
    if is_changing || Warming::is_any(context, &known.definition) {
        return Err(Failure::service(
            "ResourceInUseException",
            format!(
                "Attempt to change a resource which is still in use: Table: {} is in the process of being updated.",
                table.name()
            ),
        ));
    }
    quotas::Simultaneous::of_others(context, table.name()).check()?;
    let backup = backups::before_deletion(context, &known.definition)?;
    let description = match delete(context, &known) {
        Ok(description) => description,
        Err(failure) => {
            // What is rejected leaves no backup.
            backup.map(|backup| context.jobs().delete_backup(&backup.id)).transpose()?;
            return Err(failure);
        }
    };
    if known.definition.settings.point_in_time_recovery.is_some() {
        context.jobs().stop_history()?;
    }
    Ok(answer(context, "TableDescription", &description, DELETING))
}

/// The description of the table that was deleted, or that leaves its replicas.
fn delete(context: &Context<'_>, known: &TableDescription) -> Result<TableDescription, Failure> {
    let name = &known.definition.name;
    match replica_updates::leave(context, known)? {
        true => Ok(known.clone()),
        false => context.database.delete_table(name).map_err(|error| absent(error, name)),
    }
}
