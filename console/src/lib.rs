//! A console in the browser for a [`hashrange`] database.
//!
//! [`Console::answer`] turns an HTTP request into an HTTP response; it opens no socket. `hashrange console` and
//! `hashrange serve --console` put it on one, behind the guards of the server.
//!
//! There are two kinds of addresses under [`PREFIX`]: pages, and a JSON API under `/console/api/`. Both are made from the same
//! values (`api/`), which come from the public API of the engine only; so what a page shows, a program can read.
//!
//! What a page is not trusted with: it has no script but its own files (`Content-Security-Policy`), every name and value is
//! escaped where it is written (`maud`), a request that changes anything has to carry the header [`WRITE_HEADER`], which a page of another
//! origin cannot add, and items are changed only where [`ConsoleOptions::write`] allows it.
//!
//! ```
//! use hashrange::Database;
//! use hashrange_console::{Console, ConsoleOptions};
//!
//! let console = Console::new(Database::in_memory()?, ConsoleOptions::default());
//! let request = http::Request::get("/console/api/tables").body(Vec::new()).unwrap();
//! assert_eq!(console.answer(request).status(), 200);
//! # Ok::<(), hashrange::Error>(())
//! ```

mod answer;
mod api;
mod assets;
pub mod cells;
mod console;
mod context;
#[cfg(test)]
mod inside_tests;
pub mod lessons;
mod options;
mod pages;
mod pause;
mod refusal;
mod request;
mod sessions;
mod tap;

pub use answer::{Body, EventSource};
pub use api::inside::tokens_as_text;
pub use console::{Console, PREFIX, WRITE_HEADER};
pub use options::ConsoleOptions;
pub use tap::TraceTap;
