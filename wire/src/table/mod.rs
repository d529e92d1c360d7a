//! Tables on the wire: what requests say about keys, indexes and settings, and how a table is described.
//!
//! [`members`], [`units`], [`encryption`] and [`replicas`] decode and check each member by itself, [`spec`] turns a whole request into what the engine creates,
//! with DynamoDB's checks across members in DynamoDB's order, [`description`] writes `TableDescription`, [`quotas`] decide how
//! much throughput a request may ask for, and how often.

pub(crate) mod description;
pub(crate) mod encryption;
pub(crate) mod members;
pub(crate) mod name;
pub(crate) mod quotas;
pub(crate) mod replicas;
pub(crate) mod spec;
pub(crate) mod units;
