//! Plans are carried out, by the requests that programs without PartiQL make.

mod batch;
mod read;
mod transaction;
mod write;

pub(super) use batch::batch;
pub use batch::{BatchStatementsOutput, StatementResponse};
pub(super) use read::{Position, read_page};
pub use transaction::TransactStatementsOutput;
pub(super) use transaction::transact;
pub(super) use write::{request, write};
