//! A server of the Model Context Protocol: what an assistant may ask of a database, as tools.
//!
//! [`Tools`] is plain: a name and JSON arguments to JSON, or a text of what is wrong. [`server`] puts it on standard input and
//! output by `rmcp`.

mod design;
mod numbers;
mod server;
mod tools;

pub(crate) use server::serve;
pub(crate) use tools::Tools;
