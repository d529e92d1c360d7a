//! JSON as the protocol needs it: a pull parser that builds no tree, and a writer that appends to a byte buffer.
//!
//! Requests are decoded straight into typed members, so a body costs memory in proportion to what it stores, members
//! that an operation does not know are skipped without being built, and no input can make the parser recurse deeper
//! than the shapes that it decodes into.

mod reader;
mod writer;

pub(crate) use reader::{Malformed, Reader, Token};
pub(crate) use writer::Writer;
