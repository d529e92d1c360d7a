//! Panics become failures here, on this side of the other language's frames.
//!
//! A panic is a bug of the engine. To unwind into Node.js would end its process, and Python would get an exception that
//! `except Exception` does not catch. The panic hook has reported where it was, on standard error.

use crate::Failure;
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Does what is asked, and makes a failure of a panic.
///
/// What the panic left half done is behind the engine's locks, which it let go. They answer later requests as they do in the
/// server, where a panic ends one connection.
pub(crate) fn guarded<T>(act: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| Err(Failure::Panic(text_of(&*panic))))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text").to_owned()
}
