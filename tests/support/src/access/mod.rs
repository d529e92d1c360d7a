//! A second evaluator of policies, as simple as can be: it walks the JSON of the documents anew for every request, and matches
//! patterns by recursion. It shares no code with the one of the engine, which must agree with it on every case.
//!
//! [`Case::generate`] makes cases out of choices, so that a seeded generator and a fuzzer can both drive it.

mod case;
mod naive;

pub use case::Case;
pub use naive::{Facts, Outcome, evaluate};
