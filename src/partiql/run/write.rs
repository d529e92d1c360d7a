//! Writes of one item.

use crate::{
    capacity::{Consumed, write_units},
    error::{Error, ErrorKind, Result},
    item::{ItemRef, size::item_size},
    partiql::plan::{WriteKind, WritePlan},
    request::{ConditionCheck, DeleteItem, GetItem, PutItem, TransactWriteItem, UpdateItem},
};

/// What a write returned and cost.
#[derive(Clone, Debug, Default)]
pub(in crate::partiql) struct WriteAnswer {
    pub item: Option<ItemRef>,
    pub consumed: Consumed,
}

/// The request that a plan makes, in the form in which a transaction has it.
pub(super) fn request(plan: &WritePlan, old_on_failure: bool) -> TransactWriteItem<'_> {
    let condition = plan.condition.clone();
    match &plan.kind {
        // A duplicate shows no item.
        WriteKind::Insert(item) => {
            let put = PutItem::new(&plan.table, item);
            TransactWriteItem::Put(PutItem { condition, ..put })
        }
        WriteKind::Update(key, update) => {
            let request = UpdateItem::new(&plan.table, key, update.clone());
            let return_values = plan.returning;
            TransactWriteItem::Update(UpdateItem {
                condition,
                return_values,
                return_old_on_failure: old_on_failure,
                ..request
            })
        }
        WriteKind::Delete(key) => {
            let request = DeleteItem::new(&plan.table, key);
            let return_values = plan.returning;
            TransactWriteItem::Delete(DeleteItem {
                condition,
                return_values,
                return_old_on_failure: old_on_failure,
                ..request
            })
        }
        WriteKind::Check(key) => {
            let request = ConditionCheck::new(&plan.table, key, condition);
            TransactWriteItem::ConditionCheck(ConditionCheck { return_old_on_failure: old_on_failure, ..request })
        }
    }
}

/// Carries a write out.
///
/// # Errors
/// Those of the request, of which an insert calls a failed condition a duplicate.
pub(in crate::partiql) fn write(plan: &WritePlan, old_on_failure: bool) -> Result<WriteAnswer> {
    let output = match request(plan, old_on_failure) {
        TransactWriteItem::Put(put) => plan.database.execute(&put).map_err(as_duplicate)?,
        TransactWriteItem::Update(update) => plan.database.execute(&update)?,
        TransactWriteItem::Delete(delete) => plan.database.execute(&delete)?,
        TransactWriteItem::ConditionCheck(_) => return Err(crate::partiql::error::exists_outside_transaction()),
    };
    Ok(WriteAnswer { item: output.attributes, consumed: output.consumed })
}

/// The refusal of an insert of what is there.
pub(in crate::partiql) fn duplicate() -> Error {
    Error::new(ErrorKind::ConditionFailed, "DuplicateItemException", "Duplicate primary key exists in table")
}

fn as_duplicate(error: Error) -> Error {
    if error.is_condition_failed() { duplicate() } else { error }
}

/// What a write costs whose condition failed: as though it had been done, as far as the table goes.
pub(super) fn failed_units(plan: &WritePlan) -> f64 {
    let there = found(plan).map_or(0, |item| item.size_bytes());
    let wanted = match &plan.kind {
        WriteKind::Insert(item) => item_size(item),
        WriteKind::Update(..) | WriteKind::Delete(_) | WriteKind::Check(_) => 0,
    };
    write_units(there, wanted)
}

/// The item that a plan is about, if it is there and can be read.
pub(super) fn found(plan: &WritePlan) -> Option<ItemRef> {
    plan.database.execute(&GetItem::new(&plan.table, plan.key())).ok()?.item
}
