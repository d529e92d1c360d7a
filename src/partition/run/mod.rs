//! Sorted runs: immutable files of entries in key order, made for one shape of reading.
//!
//! A get has the whole key, a query stays within one collection and may go backwards, and a scan goes through a range
//! of tokens. So a run is a row of collections, each together under its partition key, and a directory that
//! leads from a token to its collection in two cache lines. Reads use the file's bytes in place: a get copies nothing
//! and allocates nothing.
//!
//! ```text
//! writer ──> file:  header │ leaf leaf node leaf ... │ names │ directory │ hash index │ sums │ footer
//!                                 ▲                              │
//! reader: token ──────────────────┼──────────────────────────────┘
//!         source (pages verified, in place or cached) ──> leaf, node ──> get, cursor
//! ```
//!
//! See `format` for the layout.

mod cursor;
mod directory;
mod filter;
mod format;
mod hash_index;
mod image;
mod leaf;
mod leaf_walk;
mod lookup;
mod node;
mod one_leaf;
mod page_cache;
mod page_protection;
mod reader;
mod run_stats;
mod source;
#[cfg(any(test, feature = "fuzzing"))]
mod test_seal;
#[cfg(test)]
mod tests;
mod verify;
mod window;
mod writer;

pub use cursor::RunCursor;
#[cfg(feature = "encryption")]
pub use format::HEADER_BYTES as RUN_HEADER_BYTES;
pub use one_leaf::{Lookup, OneLeaf};
pub use page_cache::PageCache;
pub use reader::{Located, Run};
pub use run_stats::RunContentStats;
#[cfg(feature = "fuzzing")]
pub use test_seal::seal as seal_run;
pub use writer::RunWriter;
