//! Items: attribute values as owned trees, as encoded bytes that are read lazily, and the ways between both and the rest
//! of the world.
//!
//! - [`AttributeValue`] and [`Item`] are owned. They are built from Rust's own types ([`Item::with`]) or, through serde, from
//!   structs and enums ([`to_item`]).
//! - [`ItemRef`] and [`ValueRef`] are items as they are in log, memtable and run. Nothing is decoded until it is asked for.
//! - Both have the same accessors: `get` takes an exact name, `path` a document path, `as_str`, `as_i64`, ... answer for
//!   their type only.
//! - JSON comes in two forms, plain and DynamoDB's (`{"S": "text"}`), as texts ([`Item::to_json`],
//!   [`Item::to_dynamodb_json`]) and through serde (the types themselves, and [`DynamoDbJson`]).
//!
//! ```
//! use hashrange::Item;
//!
//! let item = Item::from_dynamodb_json(r#"{"id": {"S": "o#7"}, "lines": {"L": [{"N": "2"}]}}"#)?;
//! assert_eq!(item.path("lines[0]").and_then(|line| line.as_i64()), Some(2));
//! assert_eq!(serde_json::to_string(&item).unwrap(), r#"{"id":"o#7","lines":[2]}"#);
//! # Ok::<(), hashrange::Error>(())
//! ```
//!
//! Imports: error.

mod accessors;
#[cfg(test)]
pub(crate) mod arbitrary;
pub mod base64;
mod check;
mod checked_names;
pub(crate) mod codec;
mod compare;
mod convert;
mod de;
pub(crate) mod dictionary;
mod dynamodb_json;
mod error_item;
#[cfg(any(feature = "aws-sdk", feature = "serde_dynamo"))]
mod foreign;
mod item_ref;
pub mod json;
mod json_ref;
pub(crate) mod key;
mod key_buf;
mod number;
mod ser;
mod serde_error;
mod serde_values;
pub mod set;
pub mod size;
pub(crate) mod transcode;
mod value;
mod value_ref;

pub(crate) use codec::{encode_item, encode_item_of_size};
pub use de::from_item;
pub(crate) use dictionary::{Dictionary, DictionaryBuilder};
pub use dynamodb_json::DynamoDbJson;
pub use item_ref::ItemRef;
pub(crate) use item_ref::{NamedBytes, load_ahead};
pub(crate) use key::{KeyScalar, KeyType};
pub use number::Number;
pub use ser::{to_item, to_value};
pub(crate) use transcode::{replace_attributes, transcode};
pub use value::{AttributeValue, Item};
pub use value_ref::{Elements, Members, ValueRef};
