//! Writes of one item.

use crate::{
    capacity::{Consumed, write_units},
    error::{Detail, Error, ErrorKind, Result},
    item::{
        ItemRef,
        size::{MAX_NESTING_LEVELS, UPDATED_ITEM_TOO_DEEP, is_deeper_than},
    },
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
pub(in crate::partiql) fn request(plan: &WritePlan, old_on_failure: bool) -> TransactWriteItem<'_> {
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
        TransactWriteItem::Put(put) => plan.database.execute(&put).map_err(|error| insert_error(plan, error))?,
        TransactWriteItem::Update(update) => plan.database.execute(&update)?,
        TransactWriteItem::Delete(delete) => plan.database.execute(&delete)?,
        TransactWriteItem::ConditionCheck(_) => return Err(crate::partiql::error::exists_outside_transaction()),
    };
    Ok(WriteAnswer { item: output.attributes, consumed: output.consumed })
}

/// The error of an insert of what is there.
pub(in crate::partiql) fn duplicate() -> Error {
    Error::new(ErrorKind::ConditionFailed, "DuplicateItemException", "Duplicate primary key exists in table")
}

/// What an insert is rejected for: a put looks at the depth and the size of its item first, an insert at what is there.
fn insert_error(plan: &WritePlan, error: Error) -> Error {
    let WriteKind::Insert(item) = &plan.kind else { return error };
    if error.is_condition_failed() {
        return duplicate().with_detail_of(&error);
    }
    let is_too_deep = item.values().any(|value| is_deeper_than(value, MAX_NESTING_LEVELS));
    let is_too_large = matches!(error.detail(), Some(Detail::ItemTooLarge { .. }));
    if (is_too_deep || is_too_large) && found(plan).is_some() {
        duplicate()
    } else if is_too_deep {
        Error::validation(UPDATED_ITEM_TOO_DEEP)
    } else {
        error
    }
}

/// What a write costs whose condition failed: as though it had been done, as far as the table goes.
pub(super) fn failed_units(error: &Error) -> f64 {
    match error.detail() {
        Some(Detail::ConditionFailed { item_bytes, put_bytes }) => {
            write_units(item_bytes.unwrap_or(0), put_bytes.unwrap_or(0))
        }
        _ => 0.0,
    }
}

/// The item that a plan is about, if it is there and can be read.
pub(super) fn found(plan: &WritePlan) -> Option<ItemRef> {
    plan.database.peek(&GetItem::new(&plan.table, plan.key())).ok()?
}
