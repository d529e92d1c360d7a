//! DynamoDB's expression language: conditions, filters, key conditions, updates and projections.
//!
//! An expression comes as text with placeholders, as calls of the builders, or as one of the legacy parameters. All
//! three end in the same trees, which hold their names and values and can be kept and used any number of times.
//! Everything that is wrong with an expression by itself is found on the way there, in DynamoDB's order and words; what
//! depends on the key of a table is checked by methods that take the key; what depends on an item is found when the
//! tree is applied to one. Nothing here does I/O or knows the time.
//!
//! ```text
//! text ---- token, parser, parse_* ----+
//! builders ---- build, build_update ---+-- check --> tree --> evaluate, update, project, key_condition
//! legacy parameters ---- legacy -------+               |
//!                                                      +----> print --> text
//! ```
//!
//! Imports: error, item, schema.

mod apply;
mod bind_key;
mod build;
mod build_update;
pub(crate) mod check;
mod condition;
mod evaluate;
pub(crate) mod functions;
mod into;
mod key_condition;
pub mod legacy;
mod names;
mod parse_condition;
mod parse_projection;
mod parse_update;
mod parser;
mod path;
mod print;
mod project;
mod reserved;
mod statement_size;
#[cfg(test)]
mod tests;
mod token;
pub(crate) mod tree;
mod update;

pub use bind_key::BoundKey;
pub use build::{Predicate, Term, attr, attr_named};
pub use build_update::{SetExpression, SetTerm, UpdateBuilder, if_not_exists, list_append};
pub use check::{ExpressionKind, MAX_EXPRESSION_BYTES, MAX_IN_OPERANDS, MAX_OPERATORS};
pub use condition::Condition;
pub(crate) use condition::check_keys_are_scalars;
pub(crate) use into::parse_alone;
pub use into::{IntoCondition, IntoProjection, IntoUpdate};
pub use key_condition::{KeyClause, KeyCondition, KeyTest, RangeCondition};
pub use names::{MAX_PLACEHOLDER_BYTES, Placeholders, Scope};
pub(crate) use parse_update::{list_append_of, literal_fault};
pub use path::{MAX_PATH_LEVELS, Path, Step};
pub(crate) use path::{clash, parse_index};
pub use print::Printed;
pub use project::ProjectionExpression;
pub(crate) use tree::{Action, Comparator, Operand, SetOperand, SetValue, Test, Tree};
pub use update::{Applied, UpdateExpression};
