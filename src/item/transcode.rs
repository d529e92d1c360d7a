//! Rewriting an encoded item for another dictionary, or for none.
//!
//! A run is written from memtables, where names are written out, and from older runs, each under a dictionary of its
//! own. Only lists and maps are taken apart for that, since only they hold names; all else is copied as bytes.

use super::{
    DictionaryBuilder, Item, ItemRef, ValueRef,
    check::damaged,
    codec::{
        HEAD_BYTES, MAX_DEPTH, MEMBER_BYTES, Tag, encode_item, encode_member, write_inline_name, write_name_id,
        write_payload, write_varint, write_with_length,
    },
};
use crate::error::Result;
use smallvec::SmallVec;

/// Appends `item` to `out`, whichever way its own names are written, with ids of `names` for the names that it gives
/// ids to.
///
/// # Errors
/// Kind [`Corrupt`](crate::error::ErrorKind::Corrupt) if the item's lengths or names are damaged; `out` is then as
/// before, while `names` may have learnt names.
pub fn transcode(item: &ItemRef, names: &mut DictionaryBuilder, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let done = write_item(
        item,
        &mut |name: &str, out: &mut Vec<u8>| match names.id_for(name) {
            Some(id) => write_name_id(out, id),
            None => write_inline_name(out, name),
        },
        out,
    );
    if done.is_none() {
        out.truncate(start);
        return Err(damaged("its lengths or names do not fit together"));
    }
    Ok(())
}

/// The item with all names written out, as far as it is intact.
pub(crate) fn inline_bytes(item: &ItemRef) -> Vec<u8> {
    let mut out = Vec::with_capacity(item.encoded().len() * 3 / 2);
    let mut inline = |name: &str, out: &mut Vec<u8>| write_inline_name(out, name);
    if write_item(item, &mut inline, &mut out).is_none() {
        return super::codec::encode_item(&item.to_item());
    }
    out
}

/// The first attributes of an item, at most `most`, that `keep` wants, as an item, with all names written out. Damaged
/// ones are left out.
pub(crate) fn project(item: &ItemRef, most: usize, keep: impl Fn(&str) -> bool) -> Vec<u8> {
    let kept = item.iter().filter(|(name, _)| keep(name)).take(most);
    let kept: SmallVec<[(&str, ValueRef<'_>); 8]> = kept.collect();
    let size = kept.iter().map(|(name, value)| name.len() + value.size_bytes()).sum();
    let bytes: usize = kept.iter().map(|(name, value)| name.len() + value.payload.len() + MEMBER_BYTES).sum();
    let mut out = Vec::with_capacity(HEAD_BYTES + bytes);
    write_varint(&mut out, size);
    write_varint(&mut out, kept.len());
    let mut inline = |name: &str, out: &mut Vec<u8>| write_inline_name(out, name);
    for (name, value) in &kept {
        write_inline_name(&mut out, name);
        if write_value(*value, MAX_DEPTH - 1, &mut inline, &mut out).is_none() {
            return encode_item(&kept.iter().map(|(name, value)| ((*name).to_owned(), value.to_value())).collect());
        }
    }
    out
}

/// The item with the attributes `replaced`, which ascend, taken out and those of `new` put in; `gone` is how many of the
/// former it has, and `size` what the result counts. All names are written out, everything else is copied as bytes.
///
/// # Errors
/// Kind [`Corrupt`](crate::error::ErrorKind::Corrupt) if the item's lengths or names are damaged.
pub fn replace_attributes(
    item: &ItemRef,
    (replaced, gone): (&[&str], usize),
    new: &Item,
    size: usize,
) -> Result<Vec<u8>> {
    let widened = if item.names().is_some() { item.encoded().len() / 2 } else { 0 };
    let mut out = Vec::with_capacity(item.encoded().len() + widened + 64);
    write_varint(&mut out, size);
    let done = write_replaced(item.as_map(), (replaced, gone), new, &mut out);
    done.map(|()| out).ok_or_else(|| damaged("its lengths or names do not fit together"))
}

fn write_replaced(old: ValueRef<'_>, (replaced, gone): (&[&str], usize), new: &Item, out: &mut Vec<u8>) -> Option<()> {
    let count = old.count()?;
    write_varint(out, count.checked_sub(gone)? + new.len());
    let mut inline = |name: &str, out: &mut Vec<u8>| write_inline_name(out, name);
    let mut added = new.iter().peekable();
    let mut members = old.map();
    for _ in 0..count {
        let (name, value) = members.next()?;
        if replaced.binary_search(&name).is_ok() {
            continue;
        }
        while let Some((name, value)) = added.next_if(|(added, _)| added.as_str() < name) {
            encode_member(name, value, out);
        }
        write_inline_name(out, name);
        if old.names.is_some() {
            write_value(value, MAX_DEPTH - 1, &mut inline, out)?;
        } else if value.tag.has_payload() {
            write_payload(out, value.tag, value.payload);
        } else {
            out.push(value.tag as u8);
        }
    }
    added.for_each(|(name, value)| encode_member(name, value, out));
    members.rest().is_empty().then_some(())
}

/// Writes a name in the form that the target asks for.
trait WriteName: FnMut(&str, &mut Vec<u8>) {}
impl<F: FnMut(&str, &mut Vec<u8>)> WriteName for F {}

fn write_item(item: &ItemRef, name: &mut impl WriteName, out: &mut Vec<u8>) -> Option<()> {
    write_varint(out, item.size_bytes());
    write_members(item.as_map(), MAX_DEPTH, name, out)
}

fn write_members(map: ValueRef<'_>, depth: usize, write_name: &mut impl WriteName, out: &mut Vec<u8>) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    let count = map.count()?;
    write_varint(out, count);
    let mut members = map.map();
    for _ in 0..count {
        let (name, value) = members.next()?;
        write_name(name, out);
        write_value(value, depth, write_name, out)?;
    }
    members.rest().is_empty().then_some(())
}

fn write_value(value: ValueRef<'_>, depth: usize, name: &mut impl WriteName, out: &mut Vec<u8>) -> Option<()> {
    match value.tag {
        Tag::Null | Tag::False | Tag::True => out.push(value.tag as u8),
        Tag::M => {
            out.push(Tag::M as u8);
            return write_with_length(out, |out| write_members(value, depth, name, out));
        }
        Tag::L => {
            out.push(Tag::L as u8);
            return write_with_length(out, |out| {
                let depth = depth.checked_sub(1)?;
                let count = value.count()?;
                write_varint(out, count);
                let mut elements = value.list();
                for _ in 0..count {
                    write_value(elements.next()?, depth, name, out)?;
                }
                elements.rest().is_empty().then_some(())
            });
        }
        _ => write_payload(out, value.tag, value.payload),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{Item, arbitrary::any_item, encode_item};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn rewritten(items: &[ItemRef]) -> Vec<ItemRef> {
        let mut names = DictionaryBuilder::new();
        let encoded: Vec<Vec<u8>> = items
            .iter()
            .map(|item| {
                let mut out = vec![0xaa];
                transcode(item, &mut names, &mut out).unwrap();
                out.split_off(1)
            })
            .collect();
        let names = Arc::new(names.finish());
        encoded.into_iter().map(|bytes| ItemRef::with_names(bytes.into(), names.clone())).collect()
    }

    #[test]
    fn names_become_ids_at_every_level() {
        let item = Item::new()
            .with("country", "Chile")
            .with("list", [Item::new().with("country", 1), Item::new().with("country", 2)]);
        let plain = ItemRef::from(&item);
        let under = rewritten(&[plain.clone(), plain.clone()]);
        assert!(under[1].encoded().len() + 20 < plain.encoded().len());
        assert_eq!(under[1].path("list[1].country").unwrap().as_i64(), Some(2));
        assert_eq!(under[1].get("country").unwrap().as_str(), Some("Chile"));
        assert_eq!(under[1].get("city"), None);
        assert_eq!(under[1].size_bytes(), plain.size_bytes());
    }

    #[test]
    fn an_id_without_a_name_is_damage() {
        let item = ItemRef::from_bytes(b"\x02\x01\x01\x04\x01x"[..].into());
        let mut out = vec![7];
        assert!(transcode(&item, &mut DictionaryBuilder::new(), &mut out).is_err());
        assert_eq!(out, [7]);
    }

    proptest! {
        #[test]
        fn a_projection_is_the_encoding_of_what_is_kept(items in prop::collection::vec(any_item(), 1..4), odd: bool) {
            let keep = |name: &str| (name.len() % 2 == 1) == odd;
            for item in items.iter().zip(rewritten(&items.iter().map(ItemRef::from).collect::<Vec<_>>())) {
                let kept: Item = item.0.clone().into_iter().filter(|(name, _)| keep(name)).collect();
                prop_assert_eq!(&project(&ItemRef::from(item.0), usize::MAX, keep), &encode_item(&kept));
                prop_assert_eq!(&project(&item.1, usize::MAX, keep), &encode_item(&kept));
            }
        }

        #[test]
        fn nothing_is_lost(items in prop::collection::vec(any_item(), 1..4)) {
            // Each item twice, so that all names get ids.
            let plain: Vec<ItemRef> = items.iter().chain(&items).map(ItemRef::from).collect();
            let under = rewritten(&plain);
            let again = rewritten(&under.iter().rev().cloned().collect::<Vec<_>>());
            for (i, item) in items.iter().chain(&items).enumerate() {
                for rewritten in [&under[i], &again[again.len() - 1 - i]] {
                    rewritten.check().unwrap();
                    prop_assert_eq!(&rewritten.to_item(), item);
                    prop_assert_eq!(rewritten.to_inline_bytes(), encode_item(item));
                    for (name, value) in item.iter() {
                        prop_assert!(rewritten.get(name).unwrap().eq_value(value));
                    }
                }
            }
        }
    }
}
