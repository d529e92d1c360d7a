//! When an item's time to live ends, and where the expiry index keeps it.
//!
//! The expiry index is the one index whose order is time: the sweeper reads what has expired from one end and stops at
//! the present second, whatever else the table holds. An entry is in one of eight lanes, chosen by the item's own
//! token, so that the writes of one second do not all meet in one partition.
//!
//! ```text
//! token       = lane (3 bits) second (34 bits) zeros (27 bits)
//! collection  = 0, second (8 bytes, big-endian)
//! sort        = length of the partition key (2 bytes, big-endian), partition key, sort key
//! ```
//! An entry carries the item's key attributes. It appears, moves and goes with its item, like that of any index; an item
//! that is written again with the same second costs it nothing.

use super::{EncodedKey, ITEM_SPACE, TableDefinition};
use crate::item::{ItemRef, Number};

/// Parts of the expiry index that are each ordered by time.
pub const EXPIRY_LANES: u64 = 8;
const LANE_BITS: u32 = EXPIRY_LANES.ilog2();
const SECOND_BITS: u32 = 34;
/// Later ends (the year 2514) are not indexed and never expire.
const MAX_SECOND: u64 = (1 << SECOND_BITS) - 1;
/// Items that expired longer ago are left alone: five years of 365 days.
const FORGOTTEN_SECS: u64 = 5 * 365 * 24 * 60 * 60;

/// Where the entries of a second begin in a lane. Seconds count up to 2^34 - 1.
pub fn expiry_token(lane: u64, second: u64) -> u64 {
    (lane % EXPIRY_LANES) << (u64::BITS - LANE_BITS) | second.min(MAX_SECOND) << (u64::BITS - LANE_BITS - SECOND_BITS)
}

impl TableDefinition {
    /// The end of an item's time to live, if it has one: a number, in seconds since 1970.
    fn expiry(&self, item: &ItemRef) -> Option<Number> {
        item.get(self.ttl_attribute.as_deref()?)?.as_number()
    }

    /// The second in which an item's time to live ends, if that can ever be swept.
    pub fn expiry_second(&self, item: &ItemRef) -> Option<u64> {
        second_of(&self.expiry(item)?)
    }

    /// Whether an item's time to live has ended, but not five years ago or more.
    pub fn is_expired(&self, item: &ItemRef, now_secs: u64) -> bool {
        self.expiry(item).is_some_and(|expiry| is_over(&expiry, now_secs))
    }

    /// The same of an item that is to end in this second.
    pub fn is_expired_since(&self, item: &ItemRef, second: u64, now_secs: u64) -> bool {
        self.expiry(item).is_some_and(|expiry| second_of(&expiry) == Some(second) && is_over(&expiry, now_secs))
    }

    /// The first second that is not yet forgotten, and the first one that has not ended: between them is what is to be
    /// swept.
    pub fn expired_seconds(now_secs: u64) -> (u64, u64) {
        (now_secs.saturating_sub(FORGOTTEN_SECS), now_secs)
    }

    /// The place of an item in the expiry index; `None` if it does not expire.
    pub(super) fn expiry_key(&self, item: &ItemRef) -> Option<EncodedKey> {
        expiry_place(&self.key_of_encoded(item)?, self.expiry_second(item)?)
    }
}

/// The place in the expiry index of the item with this key, if it ends in a second.
pub fn expiry_place(item: &EncodedKey, second: u64) -> Option<EncodedKey> {
    let partition_key = item.collection().get(1..)?;
    let len = u16::try_from(partition_key.len()).ok()?.to_be_bytes();
    let lane = item.token() >> (u64::BITS - LANE_BITS);
    let (collection, sort) = ([&[ITEM_SPACE][..], &second.to_be_bytes()], [&len[..], partition_key, item.sort()]);
    Some(EncodedKey::joined(expiry_token(lane, second), &collection, &sort))
}

/// The second in which a time to live ends, if an item with it can ever be swept.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
fn second_of(expiry: &Number) -> Option<u64> {
    match expiry.to_u64() {
        Some(second) => (second <= MAX_SECOND).then_some(second),
        None => expiry
            .to_f64()
            .map(f64::floor)
            .filter(|second| (0.0..=MAX_SECOND as f64).contains(second))
            .map(|s| s as u64),
    }
}

/// Whether an end has passed, but not five years ago or more.
fn is_over(expiry: &Number, now_secs: u64) -> bool {
    let forgotten = now_secs.saturating_sub(FORGOTTEN_SECS);
    match expiry.to_u64() {
        Some(second) => (forgotten + 1..now_secs).contains(&second),
        None => *expiry < Number::from(now_secs) && *expiry > Number::from(forgotten),
    }
}

/// What the place of an entry in the expiry index says.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpiryPlace {
    /// The second in which the item ends.
    pub second: u64,
    /// The place of the item.
    pub item: EncodedKey,
}

impl ExpiryPlace {
    /// Takes a place apart; `None` if it is no place of such an entry.
    pub fn of(place: &EncodedKey) -> Option<Self> {
        let second = u64::from_be_bytes(place.collection().get(1..)?.try_into().ok()?);
        let (len, keys) = place.sort().split_first_chunk()?;
        let (partition_key, sort) = keys.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        Some(Self { second, item: EncodedKey::new(ITEM_SPACE, partition_key, sort) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        item::{AttributeValue, Item, KeyType},
        schema::{BillingMode, KeyAttribute, KeySchema, ProvisionedThroughput, TableSettings, TableStatus},
    };

    fn table() -> TableDefinition {
        TableDefinition {
            id: 1,
            name: "sessions".into(),
            key: KeySchema { hash: KeyAttribute::new("id", KeyType::S), range: None },
            indexes: Vec::new(),
            billing: BillingMode::default(),
            throughput: ProvisionedThroughput::default(),
            status: TableStatus::Active,
            created_millis: 0,
            ttl_attribute: Some("ends".into()),
            stream: None,
            deletion_protection: false,
            tags: Vec::new(),
            settings: TableSettings::default(),
            replication: None,
            has_stamps: false,
            changed_seqno: 0,
        }
    }

    fn ending(at: impl Into<AttributeValue>) -> ItemRef {
        ItemRef::from(&Item::new().with("id", "a").with("ends", at))
    }

    #[test]
    fn only_numbers_of_the_last_five_years_are_expired() {
        let table = table();
        let now = 1_800_000_000;
        let expired = |at: AttributeValue| table.is_expired(&ending(at), now);
        assert!(expired((now - 1).into()));
        assert!(!expired(now.into()));
        assert!(!expired((now + 1).into()));
        assert!(!expired((now * 1000).into()));
        assert!(!expired("1799999999".into()));
        assert!(!expired(0.into()));
        assert!(expired((now - FORGOTTEN_SECS + 1).into()));
        assert!(!expired((now - FORGOTTEN_SECS).into()));
        let fraction: Number = "1799999999.5".parse().unwrap();
        assert!(expired(fraction.into()));
        assert!(!table.is_expired(&ItemRef::from(&Item::new().with("id", "a")), now));
    }

    #[test]
    fn entries_lie_in_the_order_of_time_within_a_lane() {
        let table = table();
        let place = |at: i64| table.expiry_key(&ending(at)).unwrap();
        let lane = place(0).token() >> 61;
        let seconds = [0, 1, 59, 1_795_000_000, 1_795_000_001, (1 << 34) - 1];
        let places: Vec<EncodedKey> = seconds.iter().map(|second| place(*second)).collect();
        assert!(places.windows(2).all(|pair| pair[0].token() < pair[1].token()));
        for (second, place) in seconds.iter().zip(&places) {
            assert_eq!(place.token(), expiry_token(lane, u64::try_from(*second).unwrap()));
        }
        for never in [-1, 1 << 34, i64::MAX] {
            assert!(table.expiry_key(&ending(never)).is_none());
        }
        for (second, place) in seconds.iter().zip(&places) {
            let item = table.key_of_encoded(&ending(*second)).unwrap();
            assert_eq!(ExpiryPlace::of(place), Some(ExpiryPlace { second: u64::try_from(*second).unwrap(), item }));
        }
        assert_eq!(ExpiryPlace::of(&EncodedKey::at_token(1, &[0; 9], b"\0\x02a")), None);
        let fraction: Number = "59.75".parse().unwrap();
        assert_eq!(table.expiry_key(&ending(fraction)), Some(place(59)));
    }
}
