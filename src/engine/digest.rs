//! A digest of a table: one number for all of its items. Equal states have equal digests, whatever led to them.

use super::{engine::Engine, item_walk::ItemWalk};
use crate::error::{Error, Result};
use serde::{Serialize, Serializer};
use std::{fmt, sync::Arc};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Key of the hash. It is the same in every database, so that a table and its copy elsewhere are compared.
const HASH_SEED: u64 = 0x6861_7368_7261_6e67;

/// The XOR of a 128-bit hash of every item of a table. It says whether two tables hold the same items, also in different
/// databases with different histories, partitions and indexes. It is no defence against a person who makes up items to
/// fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl Digest {
    /// Takes an item in, or out again.
    pub fn toggle(&mut self, item: &crate::item::ItemRef) {
        // The key attributes are part of the item, and an item has one encoding.
        self.0 ^= xxh3_128_with_seed(&item.to_inline_bytes(), HASH_SEED);
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::str::FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits);
        number.map(Self).ok_or_else(|| Error::validation("a digest has 32 hexadecimal digits"))
    }
}

/// A table in one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableDigest {
    /// Of all items.
    pub digest: Digest,
    /// How many there are.
    pub items: u64,
}

impl Engine {
    /// Reads a table, and says what it holds in one number.
    pub fn digest(self: &Arc<Self>, table: &str) -> Result<TableDigest> {
        let slot = self.table(table).ok_or_else(|| Error::no_table(table))?;
        let mut walk = ItemWalk::new(self, &slot.state());
        let mut all = TableDigest::default();
        while let Some((_, item)) = walk.next_item()? {
            all.digest.toggle(&item);
            all.items += 1;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{Item, ItemRef};

    #[test]
    fn order_does_not_matter_and_twice_is_never() {
        let items = [1, 2, 3].map(|n| ItemRef::from(&Item::new().with("id", n).with("text", "x")));
        let of = |order: &[usize]| {
            let mut digest = Digest::default();
            order.iter().for_each(|at| digest.toggle(&items[*at]));
            digest
        };
        assert_eq!(of(&[0, 1, 2]), of(&[2, 0, 1]));
        assert_eq!(of(&[0, 1, 2, 1]), of(&[0, 2]));
        assert_ne!(of(&[0, 1]), of(&[0, 2]));
        let text = of(&[0]).to_string();
        assert_eq!(text.parse::<Digest>().unwrap(), of(&[0]));
        for bad in ["", "+0000000000000000000000000000000", &text[1..]] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
