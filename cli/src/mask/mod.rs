//! Masks: rules that take what is private out of items on their way, so that data of production becomes data for tests.
//!
//! A value is hashed with a key of the user, so equal values stay equal in all tables and runs that have that key, and joins go
//! on working. What is hashed keeps its type where that is a type of keys. Hashing is one way, but short lists of possible
//! values could be tried by a holder of the key: the key is a secret like the data.

mod path;
mod rules;
mod values;

pub(crate) use rules::{Masks, Source};
