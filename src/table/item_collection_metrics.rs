//! Item collection metrics: how large the items of one partition key are together.

use super::{KeyShape, Table};
use crate::{
    error::{Error, Result},
    item::Item,
    schema::EncodedKey,
};

const GIGABYTE: u64 = 1 << 30;

/// The size of one item collection: the items of a partition key and their entries in local indexes.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemCollectionMetrics {
    /// The partition key attribute of the collection.
    pub key: Item,
    /// Bytes by DynamoDB's size rule.
    pub size_bytes: u64,
    /// Lower and upper bound in whole gigabytes, which is all that DynamoDB tells.
    pub size_estimate_range_gb: (f64, f64),
}

impl<K: KeyShape> Table<K> {
    /// The metrics of the collection that an item or key belongs to, as `ReturnItemCollectionMetrics=SIZE` has them;
    /// `None` for a table without local indexes, as in DynamoDB. Counting reads the whole collection, unless the database
    /// was opened with a limit on collections and one of its writes has counted it already. Errors: the partition key is
    /// missing or of the wrong type; disk.
    #[expect(clippy::cast_precision_loss, reason = "gigabytes are few")]
    pub fn item_collection_metrics(&self, item: &Item) -> Result<Option<ItemCollectionMetrics>> {
        let hash = &self.slot.state().definition.key.hash;
        let value = item.get(&hash.name).filter(|value| hash.kind.matches(value));
        let value = value.ok_or_else(|| Error::validation("The provided key element does not match the schema"))?;
        let place = EncodedKey::of_values(value, None)?;
        let bytes = self.engine.collection_bytes(&self.slot, &place)?;
        Ok(bytes.map(|size_bytes| {
            let whole = (size_bytes / GIGABYTE) as f64;
            ItemCollectionMetrics {
                key: Item::new().with(hash.name.clone(), value.clone()),
                size_bytes,
                size_estimate_range_gb: (whole, whole + 1.0),
            }
        }))
    }
}
