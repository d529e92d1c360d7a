//! DynamoDB's expression language: conditions, filters, key conditions, updates and projections.
mod check;
mod condition;
mod evaluate;
mod key_condition;
mod names;
mod parse_condition;
mod parse_projection;
mod parse_update;
mod parser;
mod path;
mod project;
mod reserved;
#[cfg(test)]
mod tests;
mod token;
mod tree;
mod update;
pub use check::{ExpressionKind, MAX_EXPRESSION_BYTES, MAX_IN_OPERANDS, MAX_OPERATORS};
pub use condition::{Condition, check_keys_are_scalars};
pub use key_condition::{BoundKey, KeyClause, KeyCondition, KeyTest, RangeCondition};
pub use names::{Placeholders, Scope};
pub use path::{Path, Step};
pub use project::Projection;
pub use reserved::is_reserved;
pub use tree::{Action, Comparator, Operand, SetOperand, SetValue, Test, Tree};
pub use update::{Applied, Update};
