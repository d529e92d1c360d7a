//! Auto scaling: provisioned throughput that follows what is consumed, as Application Auto Scaling moves it.
//!
//! A *target* is the read or write throughput of a table or global index, with the least and the most units that it may have.
//! A *policy* keeps the target at a share of what is consumed: two alarms look at the consumption of whole minutes, and when
//! one of them is on, the throughput becomes what the last minute needs. Everything goes by the database's clock and without a
//! thread: what is due is done by the first request, description or call of [`AutoScaling::step`] at or after its moment.
//!
//! A *scheduled action* sets the bounds of a target at its times.
//!
//! Targets, policies and scheduled actions are durable, and outlive their tables. What was consumed is kept in memory only.
//!
//! Imports: error, date, item, schema, engine, request, table.

mod auto_scaling;
mod decide;
mod model;
mod schedule;
mod scheduled_action;
mod series;
mod store;

pub use auto_scaling::AutoScaling;
pub use model::{
    ActivityStatus, ScalableResource, ScalableTarget, ScalingActivity, ScalingAlarm, ScalingPolicy, SuspendedScaling,
};
pub use scheduled_action::ScheduledAction;

/// Compiles and runs what the guide shows.
#[cfg(doctest)]
#[doc = include_str!("../../docs/scaling.md")]
struct Guide;
