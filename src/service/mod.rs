//! Models of what the service does and an embedded database need not do: conflicts between operations, changes that take
//! time to arrive in an index, tables that take time to be created, expired items that are hidden, faults.
//!
//! A model is off unless it is asked for, and costs one predictable branch then. It never changes what is stored.
//!
//! Imports: error, clock, random, capacity, faults, config, item, schema.

pub(crate) mod conflict_model;
mod hidden_expiry;
mod propagation_model;
mod propagation_models;
mod table_status;

pub use crate::{
    config::ConflictModel,
    faults::{Delay, FaultCount, FaultModel, FaultRule, OperationFault, ServiceFault, StateDelay},
};
pub use conflict_model::ConflictGuard;
pub(crate) use conflict_model::{Access, InFlight, in_progress};
pub(crate) use hidden_expiry::{hides_expired, is_hidden};
pub(crate) use propagation_model::PendingPropagation;
pub use propagation_model::{IndexLag, IndexLagReport, StaleReplica};
pub(crate) use propagation_models::PropagationModels;
pub(crate) use table_status::{is_creating, status_at};
