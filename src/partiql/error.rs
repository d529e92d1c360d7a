//! What is wrong with a statement, in DynamoDB's words.

use super::syntax::Span;
use crate::error::Error;
use std::fmt;

/// The error of a text that is no statement; `detail` is empty for characters that no token has.
pub(super) fn malformed(detail: impl fmt::Display) -> Error {
    Error::validation(format!("Statement wasn't well formed, can't be processed: {detail}"))
}

/// The error of a text that nests parentheses, lists or maps so deeply that no sensible statement does.
pub(super) fn nested_too_deeply() -> Error {
    malformed("Nesting levels have exceeded supported limits")
}

/// The error of an expression that stands alone.
pub(super) fn unsupported_operation(name: &str) -> Error {
    Error::validation(format!("Unsupported operation: {name}"))
}

/// The error of a clause that DynamoDB does not have.
pub(super) fn unsupported_clause(name: &str, span: Span) -> Error {
    Error::validation(format!("Unsupported clause: {name} at {span}"))
}

/// The error of a function that DynamoDB does not have, or not in this place.
pub(super) fn unrecognized_function(name: &str, span: Span) -> Error {
    Error::validation(format!("Unrecognized function: {name} at {span}"))
}

/// The error of something other than a path where only a path may be.
pub(super) fn unexpected_path_component(span: Span) -> Error {
    Error::validation(format!("Unexpected path component at {span}"))
}

/// `EXISTS`, or any comparison or call, as a statement of its own.
pub(super) fn exists_outside_transaction() -> Error {
    Error::validation("EXISTS can only be used in ExecuteTransaction write requests.")
}

/// More than one table, or none.
pub(super) fn not_a_single_table() -> Error {
    Error::validation("Only select from a single table or index is supported.")
}

/// Another name for a table or attribute.
pub(super) fn aliasing() -> Error {
    Error::validation("Aliasing is not supported")
}

/// An empty name of an attribute, member, table or index.
pub(super) fn empty_component() -> Error {
    Error::validation("Path component cannot be an empty string")
}

/// `MISSING` anywhere but on the right of `IS`.
pub(super) fn missing_without_is() -> Error {
    Error::validation("MISSING must be compared using IS operator")
}

/// Fewer parameters than question marks.
pub(super) fn parameter_count() -> Error {
    Error::validation("Number of parameters in request and statement don't match.")
}
