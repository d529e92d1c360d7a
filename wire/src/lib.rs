//! DynamoDB's wire protocol over a [`hashrange`] database, so that every DynamoDB client can talk to it.
//!
//! - [`Protocol`] is the protocol as a pure function: `(target, body)` in, `(status, body)` out.
//! - [`server`] puts it on a socket.
//! - [`access`] says who may do what.
//! - [`kms`] models the keys that tables are encrypted with in the service.
//! - [`kinesis`] is a folder in place of Kinesis.
//! - [`objects`] is where exports go and imports come from.
//! - With feature `aws-sdk`, `aws_client` is the official Rust SDK on a database in the same process.
//! - [`testing`] starts a server for the length of one test.
//!
//! ```no_run
//! use hashrange::Database;
//! use hashrange_wire::server::{Server, ServerOptions};
//!
//! let server = Server::start(Database::open("shop.db")?, ServerOptions::default())?;
//! println!("listening on http://{}", server.address());
//! server.wait();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod access;
mod arn;
#[cfg(feature = "aws-sdk")]
mod aws;
mod capacity;
mod cbor;
mod context;
mod error;
mod expressions;
mod http;
mod jobs;
mod json;
pub mod kinesis;
pub mod kms;
mod legacy;
pub mod objects;
mod operation;
mod policy;
mod profile;
mod protocol;
mod refusal;
pub mod server;
mod shape;
mod table;
pub mod testing;
mod timing;
mod transfer;
mod validate;
mod value;

pub use arn::Owner;
#[cfg(feature = "aws-sdk")]
pub use aws::{InProcess, aws_client, aws_client_as, aws_streams_client};
pub use operation::ITEM_OPERATIONS;
pub use profile::Profile;
pub use protocol::{Protocol, Response};
pub use timing::Timing;
