//! Whether what the database did is what the model allows.

use super::{
    answer::{ask, expect, is_filled},
    shape::shapes,
    state::State,
    step::Read,
};
use hashrange::{Database, Error, ErrorKind};

/// How a step ended that did not contradict the model.
#[derive(Debug)]
pub enum Done {
    /// As the model said.
    AsExpected,
    /// With an error of the disk: what it would have done may have happened or not.
    Failed,
}

/// Whether an error is one that a failing disk explains.
pub fn is_of_the_disk(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Poisoned)
}

/// Reads, and accepts the answer of any of the states.
pub fn check(db: &Database, read: &Read, states: &[State]) -> Result<Done, String> {
    let answer = match ask(db, read) {
        Ok(answer) => answer,
        Err(error) if is_of_the_disk(&error) => return Ok(Done::Failed),
        Err(error) => return Err(format!("{read:?}: {error}")),
    };
    let of_extra = match read {
        Read::Query(query) => query.index.filter(|index| *index == shapes()[query.table].extra()).map(|_| query.table),
        Read::Scan { table, index, .. } => index.filter(|index| *index == shapes()[*table].extra()).map(|_| *table),
        _ => None,
    };
    if of_extra.is_some_and(|table| !is_filled(db, table)) {
        return Ok(Done::AsExpected);
    }
    if states.iter().any(|state| expect(state, read) == answer) {
        return Ok(Done::AsExpected);
    }
    let expected = states.last().map(|state| expect(state, read));
    Err(format!("{read:?}\n  is        {answer:?}\n  should be {expected:?}"))
}
