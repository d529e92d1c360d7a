//! JSON as the protocol needs it: the engine's pull parser, which builds no tree, and a writer that appends to a buffer.
//!
//! Requests are decoded straight into typed members, so a body costs memory in proportion to what it stores, members
//! that an operation does not know are skipped without being built, and no input can make the parser recurse deeper
//! than the shapes that it decodes into.

mod writer;

pub(crate) use hashrange::item::json::{Malformed, Reader, Token};
pub(crate) use writer::Writer;
