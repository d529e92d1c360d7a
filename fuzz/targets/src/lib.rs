//! The fuzz targets of hashrange: functions that take any bytes, and panic where the engine does something wrong.
//!
//! Two programs call them. `fuzz/run` looks for inputs with coverage as its guide; the test `inputs` of this crate, a part of
//! every check of a change, runs the inputs in `fuzz/seeds` and mutations of them.
//!
//! Each target has a module of its name. What they share makes values, items, expressions, definitions and harm to files out
//! of the bytes of an input. Names and small values repeat often, so that expressions find something and comparisons come out
//! equal at times.

#![expect(missing_docs, reason = "a target is described by its module")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a target that found something panics")]

mod disk;
mod open;
mod schema;
mod text;
mod value;

mod access_policy;
mod database;
mod encrypted;
mod expression_evaluate;
mod expression_parse;
mod item_codec;
mod key_order;
mod manifest;
mod number;
mod partiql_parse;
mod partiql_requests;
mod protocol;
mod run_file;
mod wal_recover;

pub use access_policy::access_policy;
pub use database::database;
pub use encrypted::encrypted;
pub use expression_evaluate::expression_evaluate;
pub use expression_parse::expression_parse;
pub use item_codec::item_codec;
pub use key_order::key_order;
pub use manifest::manifest;
pub use number::number;
pub use partiql_parse::partiql_parse;
pub use partiql_requests::partiql_requests;
pub use protocol::protocol;
pub use run_file::run_file;
pub use wal_recover::wal_recover;
