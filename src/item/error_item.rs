//! The items that errors carry: an error is on a lower floor and knows them as bytes only.

use super::ItemRef;
use crate::error::{CancellationReason, Error};

impl Error {
    /// The item that a failed condition saw, if the write asked for it.
    pub fn old_item(&self) -> Option<ItemRef> {
        self.old_item_bytes().cloned().map(ItemRef::from_bytes)
    }
}

impl CancellationReason {
    /// The item that the failed condition of this action saw, if the action asked for it.
    pub fn old_item(&self) -> Option<ItemRef> {
        self.old_item_bytes().cloned().map(ItemRef::from_bytes)
    }
}
