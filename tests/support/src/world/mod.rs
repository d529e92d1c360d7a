//! A small world to test a database in: tables of all key types with indexes, steps that a user or a maintenance thread
//! could take, and a model that says in a few lines of maps what each step must do.
//!
//! Keys and indexed values come from short lists that are sorted by hand, so that the model compares positions where the
//! engine compares encoded bytes. The model is a value: cheap to clone, so that a test can hold all the states that a
//! crash may leave behind.

pub mod answer;
pub mod judge;
pub mod run;
pub mod shape;
pub mod state;
pub mod step;
pub mod stream;
pub mod time;

pub use crate::random::Random;
pub use run::Setup;
pub use state::State;
pub use step::{Draw, Mutation, Step};
