//! Faults on demand: errors, delays and lost answers as the service has them now and then, for tests of what a program does
//! about them.
//!
//! A [`FaultModel`] is a list of rules. A rule says which requests it is about (operations, tables, keys that begin with a
//! text), how often it strikes, and what happens then: an error, a delay, or both. Chance comes from a seed, so that the same
//! requests in the same order meet the same faults. A fault is decided before the request is carried out, and nothing is read or
//! written then, with one exception: [`ServiceFault::AnswerLost`] loses the answer of a request that was carried out. So no
//! fault changes what is stored.
//!
//! The rules are plain values here; what they are asked about is in `request`.
//!
//! Imports: sync, error, clock, random, capacity.

mod decide;
mod delay;
mod injector;
mod json;
mod model;

pub use delay::Delay;
pub use injector::{FaultCount, OperationFault};
pub(crate) use injector::{FaultSubject, Faults, Plan};
pub use model::{FaultModel, FaultRule, ServiceFault, StateDelay};

/// Compiles and runs what the guide shows.
#[cfg(doctest)]
#[doc = include_str!("../../docs/faults.md")]
struct Guide;
