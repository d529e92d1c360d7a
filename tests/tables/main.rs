//! What the data model promises, checked through the public API: tables, items, indexes, transactions, streams, time to
//! live, forks, PartiQL statements, and random histories against a model.
//!
//! A module is one subject. Subjects that need a failing disk, a killed process or racing threads have programs of their
//! own (`tests/crashes`, `tests/threads`).

mod accelerator;
mod access;
mod acknowledgement;
mod api;
mod archive;
mod asynchronous;
mod batch_get;
mod capacity;
mod closing;
mod conflicts;
mod consumer;
mod decrypted;
mod encryption;
mod examples;
mod faults;
mod filling;
mod foreign_types;
mod fork;
mod history;
mod indexes;
mod inside;
mod inspect;
mod iterators;
mod key_paths;
mod kinesis;
mod laid_over;
mod large_values;
mod ledger;
mod log_reuse;
mod memory;
mod model;
mod partiql;
#[cfg(hashrange_canaries)]
mod planted;
mod regions;
mod retention;
mod scaling;
mod schema;
mod smoke;
mod splits;
mod stream;
mod stream_views;
mod table_versions;
mod tombstones;
mod trace;
mod transaction;
mod transaction_query;
mod ttl;
mod verify;
