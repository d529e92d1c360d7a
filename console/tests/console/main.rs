//! The console as its readers have it: requests in, pages and JSON out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod costs;
mod edits;
mod hostile;
mod live;
mod reads;
mod settings;
mod support;
