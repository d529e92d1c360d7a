//! Attribute values on the wire: `{"S":"text"}`, `{"N":"42"}`, `{"M":{..}}`.
//!
//! [`decode`] builds what the engine stores, [`encode`] writes responses straight from the engine's encoded items.

mod decode;
mod encode;

pub(crate) use decode::{Attributes, Decoder, Single};
pub(crate) use encode::{write_item, write_key, write_owned_value};

use crate::error::Failure;
use hashrange::{
    Item,
    item::size::{MAX_ITEM_BYTES, item_size},
};

/// Refuses an item that is too large to be put, as DynamoDB does before it looks for the table.
pub(crate) fn check_size(item: &Item) -> Result<(), Failure> {
    if item_size(item) > MAX_ITEM_BYTES {
        return Err(Failure::validation("Item size has exceeded the maximum allowed size"));
    }
    Ok(())
}
