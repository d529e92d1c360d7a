//! Attribute values on the wire: `{"S":"text"}`, `{"N":"42"}`, `{"M":{..}}`.
//!
//! [`decode`] builds what the engine stores, [`encode`] writes responses straight from the engine's encoded items.

mod decode;
mod encode;

pub(crate) use decode::{Attributes, Decoder, MAX_OPERAND_BYTES, Values};
pub(crate) use encode::{write_item, write_key, write_owned_value};
