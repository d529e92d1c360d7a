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
    backups::before_deletion(context, &known.definition)?;
    let description = match replica_updates::leave(context, &known)? {
        true => known.clone(),
        false => context.database.delete_table(table.name()).map_err(|error| absent(error, table.name()))?,
    };
    if known.definition.settings.point_in_time_recovery.is_some() {
        context.jobs().stop_history()?;
    }
    Ok(answer(context, "TableDescription", &description, DELETING))
}
