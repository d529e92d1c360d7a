//! The protocol as a function: requests in, responses out, no socket.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops")]

mod access;
mod access_vectors;
mod backups;
mod bulk;
mod capacity;
mod changes;
mod cloudwatch;
mod encryption;
mod every_member;
mod faults;
mod items;
mod jobs;
mod kinesis;
mod malformed;
mod members;
mod mutations;
mod partiql;
mod reads;
mod recovery;
mod replicas;
mod scaling;
mod settings;
mod streams;
mod support;
mod tables;
mod throttling;
mod transactions;
mod transfers;
mod values;
mod vectors;
mod wordings;
