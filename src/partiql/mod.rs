//! PartiQL: statements over the requests that tables answer.
//!
//! ```text
//! text -- token, parse --> syntax --+-- bind --> plan --> run --> get, query, scan, put, update, delete, transaction
//!            print <----------------+    |         |
//!                                   parameters  table, indexes
//! ```
//!
//! A text becomes a tree, the tree and its parameters become conditions, updates and paths of the expression language, and
//! these and the definition of a table become a plan, which is carried out by the same requests that other programs make. So
//! nothing is evaluated here. Each stage rejects what it can judge, in DynamoDB's order and words. A plan is a value:
//! [`Statement::explain`] returns it without running it.
//!
//! Imports: error, capacity, item, schema, expression, access, request, table, database.

mod authorize;
mod bind;
mod cache;
mod continuation;
mod error;
mod ion;
mod key_read;
mod key_terms;
mod keyword;
mod parameters;
mod parse;
mod plan;
mod prepared;
mod print;
mod ranges;
mod run;
mod statement;
mod syntax;
mod token;

pub use continuation::Continuation;
pub use parameters::{Parameter, Parameters};
pub use parse::MAX_STATEMENT_LENGTH;
pub use plan::{Plan, PlanKind};
pub use prepared::PreparedStatement;
pub use ranges::{KeyRange, SortRange};
pub use run::{BatchStatementsOutput, StatementResponse, TransactStatementsOutput};
pub use statement::{Statement, StatementOutput};

/// Compiles and runs what the guide shows.
#[cfg(doctest)]
#[doc = include_str!("../../docs/partiql.md")]
struct Guide;
