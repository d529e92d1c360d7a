//! A change as a stream keeps it, and as a reader gets it.
//!
//! A stream keeps of each change what its view shows and nothing else: the images, or, where it shows none, the key
//! attributes. It is encoded once, on the path of its commit, and never again: its bytes go from there to readers and
//! files.
//!
//! ```text
//! change := varint seqno, varint place, varint at_millis, flags u8, [bytes keys], [bytes old], [bytes new]
//!           flags: bits 0-1 event (0 insert, 1 modify, 2 remove), bit 2 time to live asked for it,
//!                  bit 3 keys follow, bit 4 old follows, bit 5 new follows
//! bytes  := varint len, encoded item with names written out
//! ```

use super::sequence::Sequence;
use crate::{
    format::varint,
    item::{Item, ItemRef, NamedBytes, load_ahead},
    manifest::StreamMeta,
    schema::{KeyAttribute, KeySchema, StreamView, key_attributes},
    wal::record::Origin,
};
use std::{ops::Range, sync::Arc};

const EVENT_MASK: u8 = 0b11;
const BY_TTL: u8 = 0b100;
const HAS_KEYS: u8 = 0b1000;
const HAS_OLD: u8 = 0b1_0000;
const HAS_NEW: u8 = 0b10_0000;

/// What happened to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeEvent {
    /// There was none; now there is.
    Insert,
    /// It is another one now.
    Modify,
    /// It is gone.
    Remove,
}

impl ChangeEvent {
    /// DynamoDB's name: `INSERT`, `MODIFY` or `REMOVE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Remove => "REMOVE",
        }
    }

    /// What happened if an item was this and is that; `None` if nothing did.
    pub fn of(old: Option<&ItemRef>, new: Option<&ItemRef>) -> Option<Self> {
        match (old, new) {
            (None, None) => None,
            (None, Some(_)) => Some(Self::Insert),
            (Some(_), None) => Some(Self::Remove),
            (Some(old), Some(new)) => (!is_same(old, new)).then_some(Self::Modify),
        }
    }
}

/// A change, as far as the view of its stream keeps it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where it is.
    pub sequence: Sequence,
    /// Milliseconds since 1970 of the commit.
    pub at_millis: u64,
    /// What happened.
    pub event: ChangeEvent,
    /// Whether the item's time to live asked for it.
    pub by_ttl: bool,
    /// An item with the key attributes, if neither image is kept.
    pub keys: Option<ItemRef>,
    /// The item before.
    pub old: Option<ItemRef>,
    /// The item after.
    pub new: Option<ItemRef>,
}

/// What happened to an item, when, and at whose wish.
#[derive(Clone, Copy, Debug)]
pub struct Occurrence {
    /// What happened.
    pub event: ChangeEvent,
    /// Where the change is.
    pub sequence: Sequence,
    /// Milliseconds since 1970 of the commit.
    pub at_millis: u64,
    /// Whether a program or the item's time to live asked for it.
    pub origin: Origin,
}

impl Change {
    /// The change from `old` to `new` as a view keeps it. Where the view does not show it, `old` is asked for only if the
    /// item was removed.
    pub fn of(view: StreamView, occurrence: Occurrence, old: Option<ItemRef>, new: Option<ItemRef>) -> Self {
        let Occurrence { event, sequence, at_millis, origin } = occurrence;
        let (keys, old, new) = match view {
            StreamView::NewAndOld => (None, old, new),
            StreamView::NewImage => (if new.is_some() { None } else { old }, None, new),
            StreamView::OldImage => (if old.is_some() { None } else { new }, old, None),
            StreamView::KeysOnly => (new.or(old), None, None),
        };
        Self { sequence, at_millis, event, by_ttl: origin == Origin::TimeToLive, keys, old, new }
    }

    /// Appends its bytes.
    pub fn encode(&self, key: &KeySchema, out: &mut Vec<u8>) {
        varint::put(self.sequence.seqno, out);
        varint::put(u64::from(self.sequence.ordinal), out);
        varint::put(self.at_millis, out);
        let event = match self.event {
            ChangeEvent::Insert => 0,
            ChangeEvent::Modify => 1,
            ChangeEvent::Remove => 2,
        };
        let flag = |image: &Option<ItemRef>, flag| if image.is_some() { flag } else { 0 };
        let ttl = if self.by_ttl { BY_TTL } else { 0 };
        out.push(event | ttl | flag(&self.keys, HAS_KEYS) | flag(&self.old, HAS_OLD) | flag(&self.new, HAS_NEW));
        let mut put = |bytes: &[u8]| {
            varint::put(bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        };
        if let Some(item) = &self.keys {
            put(&key.project(item));
        }
        for image in [&self.old, &self.new].into_iter().flatten() {
            let written_out = image.names().map(|_| image.to_inline_bytes());
            put(written_out.as_deref().unwrap_or(image.encoded()));
        }
    }

    /// Takes a change from the begin of a place in `buffer`, which its images share; the place then begins behind it.
    /// `None` if there is none.
    #[inline(always)]
    pub fn take(buffer: &Arc<NamedBytes>, place: &mut Range<usize>) -> Option<Self> {
        let mut bytes = buffer.bytes().get(place.clone())?;
        let seqno = varint::take(&mut bytes)?;
        let ordinal = u16::try_from(varint::take(&mut bytes)?).ok()?;
        let at_millis = varint::take(&mut bytes)?;
        let (&flags, rest) = bytes.split_first()?;
        bytes = rest;
        let event = match flags & EVENT_MASK {
            0 => ChangeEvent::Insert,
            1 => ChangeEvent::Modify,
            2 => ChangeEvent::Remove,
            _ => return None,
        };
        let keys = if flags & HAS_KEYS == 0 { None } else { Some(take_image(buffer, place.end, &mut bytes)?) };
        let old = if flags & HAS_OLD == 0 { None } else { Some(take_image(buffer, place.end, &mut bytes)?) };
        let new = if flags & HAS_NEW == 0 { None } else { Some(take_image(buffer, place.end, &mut bytes)?) };
        place.start = place.end - bytes.len();
        let sequence = Sequence { seqno, ordinal };
        Some(Self { sequence, at_millis, event, by_ttl: flags & BY_TTL != 0, keys, old, new })
    }
}

/// Takes an image from the front of `bytes`, which end at a place in `buffer`.
#[inline(always)]
fn take_image(buffer: &Arc<NamedBytes>, end: usize, bytes: &mut &[u8]) -> Option<ItemRef> {
    let len = usize::try_from(varint::take(bytes)?).ok()?;
    let (image, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    // Its reader comes to it after all records of the page.
    std::hint::black_box(load_ahead(image));
    let end = end - rest.len();
    Some(ItemRef::within(buffer, end - len..end))
}

/// Whether an item stays what it is. The size decides most cases without looking further.
fn is_same(old: &ItemRef, new: &ItemRef) -> bool {
    if old.size_bytes() != new.size_bytes() {
        return false;
    }
    match (old.names(), new.names()) {
        (None, None) => old.encoded() == new.encoded(),
        _ => old == new,
    }
}

/// A record of a change stream, as its reader gets it.
#[derive(Clone, Debug)]
pub struct ChangeRecord {
    /// What happened.
    pub event: ChangeEvent,
    /// Where the record is in its shard; as text a number of 25 digits.
    pub sequence: Sequence,
    /// Milliseconds since 1970 of the commit, by the database's clock.
    pub at_millis: u64,
    /// The item before, if there was one and the view shows it.
    pub old: Option<ItemRef>,
    /// The item after, if there is one and the view shows it.
    pub new: Option<ItemRef>,
    /// Which images the stream shows.
    pub view: StreamView,
    /// Whether the item was deleted because its time to live had ended.
    pub by_ttl: bool,
    /// The key attributes, if neither image is shown.
    key_image: Option<ItemRef>,
    stream: Arc<StreamMeta>,
    database_id: u64,
}

impl ChangeRecord {
    /// What a reader of a stream gets of a change.
    #[inline(always)]
    pub(crate) fn new(change: Change, stream: &Arc<StreamMeta>, database_id: u64) -> Self {
        let Change { sequence, at_millis, event, by_ttl, keys: key_image, old, new } = change;
        let (view, stream) = (stream.view, Arc::clone(stream));
        Self { event, sequence, at_millis, old, new, view, by_ttl, key_image, stream, database_id }
    }

    /// An item that has the key attributes.
    fn key_source(&self) -> Option<&ItemRef> {
        self.key_image.as_ref().or(self.new.as_ref()).or(self.old.as_ref())
    }
    /// The item's key attributes.
    pub fn keys(&self) -> Item {
        self.key_source().map(|item| key_attributes(self.stream.key.attributes(), item)).unwrap_or_default()
    }
    /// A number that no other record of the database has. If a record was read before it was durable
    /// ([`Durability::Buffered`](crate::Durability::Buffered)) and a power failure took it, another record gets the number.
    pub fn event_id(&self) -> u128 {
        let mut identity = [0; 26];
        identity[..8].copy_from_slice(&self.database_id.to_le_bytes());
        identity[8..16].copy_from_slice(&self.stream.id.to_le_bytes());
        identity[16..24].copy_from_slice(&self.sequence.seqno.to_le_bytes());
        identity[24..].copy_from_slice(&self.sequence.ordinal.to_le_bytes());
        xxhash_rust::xxh3::xxh3_128(&identity)
    }
    /// The sequence number as text, 25 digits.
    pub fn sequence_number(&self) -> String {
        self.sequence.to_string()
    }
    /// The event's identity as 32 hexadecimal digits.
    pub fn event_id_text(&self) -> String {
        format!("{:032x}", self.event_id())
    }
    /// The record as an item, with the names that DynamoDB gives the parts of a record: `eventName` (S), `Keys` (M),
    /// `OldImage` and `NewImage` (M) where they are shown, and of a deletion by time to live `userIdentity` (M).
    pub fn to_item(&self) -> Item {
        let mut item = Item::new().with("eventName", self.event.name()).with("Keys", self.keys());
        for (name, image) in [("OldImage", &self.old), ("NewImage", &self.new)] {
            if let Some(image) = image {
                item = item.with(name, image.to_item());
            }
        }
        if self.by_ttl {
            let service = Item::new().with("type", "Service").with("principalId", "dynamodb.amazonaws.com");
            item = item.with("userIdentity", service);
        }
        item
    }
    fn key_bytes(&self) -> usize {
        let Some(item) = self.key_source() else { return 0 };
        let of = |key: &KeyAttribute| Some(key.name.len() + item.get(&key.name)?.size_bytes());
        self.stream.key.attributes().filter_map(of).sum()
    }
    /// The most that [`size_bytes`](Self::size_bytes) can be: keys are part of an image.
    #[inline]
    pub(crate) fn most_bytes(&self) -> usize {
        let images = [&self.key_image, &self.old, &self.new].into_iter().flatten();
        images.map(|image| 2 * image.size_bytes()).sum()
    }
    /// DynamoDB's size of keys and images, in bytes.
    pub fn size_bytes(&self) -> usize {
        let images = [&self.old, &self.new].into_iter().flatten();
        self.key_bytes() + images.map(ItemRef::size_bytes).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::KeyType;
    use bytes::Bytes;

    fn schema() -> KeySchema {
        KeySchema { hash: KeyAttribute::new("id", KeyType::S), range: None }
    }
    fn stream(view: StreamView) -> Arc<StreamMeta> {
        let table_name = "t".to_owned();
        let key = schema();
        Arc::new(StreamMeta {
            id: 2,
            table: 1,
            table_name,
            key,
            view,
            label_millis: 0,
            disabled_millis: None,
            kinesis: None,
        })
    }
    fn item(n: i64) -> ItemRef {
        ItemRef::from(&Item::new().with("id", "a").with("n", n))
    }
    fn change(view: StreamView, old: Option<i64>, new: Option<i64>) -> Option<Change> {
        let (old, new) = (old.map(item), new.map(item));
        let event = ChangeEvent::of(old.as_ref(), new.as_ref())?;
        Some(Change::of(
            view,
            Occurrence { event, sequence: Sequence::new(300, 2), at_millis: 1000, origin: Origin::User },
            old,
            new,
        ))
    }

    #[test]
    fn views_show_what_they_say() {
        let shown = |view, old, new| {
            let change = change(view, old, new).unwrap();
            let record = ChangeRecord::new(change, &stream(view), 1);
            assert_eq!(record.keys(), Item::new().with("id", "a"));
            let images = [&record.old, &record.new].into_iter().flatten().map(ItemRef::size_bytes);
            assert_eq!(record.size_bytes(), 3 + images.sum::<usize>());
            let number = |image: &Option<ItemRef>| image.as_ref().and_then(|item| item.get("n")?.as_i64());
            (record.event, number(&record.old), number(&record.new))
        };
        use ChangeEvent::{Insert, Modify, Remove};
        assert_eq!(shown(StreamView::NewAndOld, Some(1), Some(2)), (Modify, Some(1), Some(2)));
        assert_eq!(shown(StreamView::NewImage, Some(1), Some(2)), (Modify, None, Some(2)));
        assert_eq!(shown(StreamView::OldImage, Some(1), Some(2)), (Modify, Some(1), None));
        assert_eq!(shown(StreamView::KeysOnly, Some(1), Some(2)), (Modify, None, None));
        assert_eq!(shown(StreamView::NewImage, Some(1), None), (Remove, None, None));
        assert_eq!(shown(StreamView::OldImage, None, Some(2)), (Insert, None, None));
        assert!(change(StreamView::NewAndOld, Some(1), Some(1)).is_none());
        assert!(change(StreamView::NewAndOld, None, None).is_none());
    }

    #[test]
    fn changes_come_back_and_damage_never_panics() {
        for view in [StreamView::NewAndOld, StreamView::NewImage, StreamView::OldImage, StreamView::KeysOnly] {
            for (old, new) in [(None, Some(1)), (Some(1), Some(2)), (Some(2), None)] {
                let change = change(view, old, new).unwrap();
                let mut out = Vec::new();
                change.encode(&schema(), &mut out);
                let plain = |bytes: &[u8]| Arc::new(NamedBytes::plain(Bytes::copy_from_slice(bytes)));
                let mut place = 0..out.len();
                let back = Change::take(&plain(&out), &mut place).unwrap();
                assert!(place.is_empty());
                assert_eq!((back.sequence, back.event, back.at_millis), (change.sequence, change.event, 1000));
                assert_eq!((&back.old, &back.new), (&change.old, &change.new));
                assert_eq!(back.keys.is_some(), change.keys.is_some());
                for len in 0..out.len() {
                    assert!(Change::take(&plain(&out[..len]), &mut (0..len)).is_none());
                }
            }
        }
    }

    #[test]
    fn golden_bytes() {
        let mut out = Vec::new();
        change(StreamView::KeysOnly, None, Some(7)).unwrap().encode(&schema(), &mut out);
        assert_eq!(out, b"\xac\x02\x02\xe8\x07\x08\x08\x03\x01\x04id\x04\x01a");
    }
}
