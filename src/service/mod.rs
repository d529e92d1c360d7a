//! Models of what the service does and an embedded database need not do: conflicts between operations, changes that take
//! time to arrive in an index, tables that take time to be created, expired items that are hidden.
//!
//! A model is off unless it is asked for, and costs one predictable branch then. It never changes what is stored.
//!
//! Imports: error, config, item, schema.

pub mod conflict_model;
mod hidden_expiry;
mod propagation_model;
mod propagation_models;
mod table_status;

pub use conflict_model::{Access, ConflictGuard, InFlight, in_progress};
pub use hidden_expiry::{hides_expired, is_hidden};
pub use propagation_model::{Delay, IndexLag, PendingPropagation, StaleReplica};
pub use propagation_models::PropagationModels;
pub use table_status::status_at;
