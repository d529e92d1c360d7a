//! Whether bytes are exactly what the codec writes.

use super::{
    ItemRef, ValueRef,
    codec::{MAX_DEPTH, Tag},
};
use crate::error::{Error, Result};

/// What a list or map counts besides its content.
const CONTAINER_BYTES: usize = 3;

/// The error for bytes that are no item.
pub(crate) fn damaged(what: &str) -> Error {
    Error::damaged(format!("the bytes are not an item: {what}"))
}

/// Walks through the whole item; see [`ItemRef::check`].
pub(crate) fn check_item(item: &ItemRef) -> Result<()> {
    let root = item.as_map();
    let size = check_members(root, MAX_DEPTH)?;
    if size != item.size_bytes() {
        return Err(damaged(&format!("its size is {size}, but it says {}", item.size_bytes())));
    }
    Ok(())
}

/// Checks members in full and returns the size of names and values.
fn check_members(map: ValueRef<'_>, depth: usize) -> Result<usize> {
    let depth = depth.checked_sub(1).ok_or_else(|| damaged("nested too deeply"))?;
    let mut members = map.map();
    let mut size = 0;
    let mut last = None;
    for _ in 0..count(map)? {
        let (name, value) = members.next().ok_or_else(|| damaged("a name or value is cut off or unknown"))?;
        if last.is_some_and(|last| last >= name) {
            return Err(damaged("names are not ascending"));
        }
        last = Some(name);
        size += name.len() + check_value(value, depth)?;
    }
    if members.rest().is_empty() { Ok(size) } else { Err(damaged("bytes follow the last member")) }
}

fn count(container: ValueRef<'_>) -> Result<usize> {
    container.count().ok_or_else(|| damaged("a count is cut off or too large"))
}

/// Checks a value in full and returns its size.
fn check_value(value: ValueRef<'_>, depth: usize) -> Result<usize> {
    match value.tag {
        Tag::Null | Tag::False | Tag::True => Ok(1),
        Tag::B => Ok(value.payload.len()),
        Tag::S => value.as_str().map(str::len).ok_or_else(|| damaged("a string is not UTF-8")),
        Tag::N => value.as_number().map(|n| n.size_bytes()).ok_or_else(|| damaged("a number is malformed")),
        Tag::Ss | Tag::Ns | Tag::Bs => check_set(value, depth),
        Tag::L => check_list(value, depth),
        Tag::M => Ok(CONTAINER_BYTES + value.len() + check_members(value, depth)?),
    }
}

fn check_list(list: ValueRef<'_>, depth: usize) -> Result<usize> {
    let depth = depth.checked_sub(1).ok_or_else(|| damaged("nested too deeply"))?;
    let mut elements = list.list();
    let mut size = CONTAINER_BYTES;
    for _ in 0..count(list)? {
        let element = elements.next().ok_or_else(|| damaged("an element is cut off"))?;
        size += 1 + check_value(element, depth)?;
    }
    if elements.rest().is_empty() { Ok(size) } else { Err(damaged("bytes follow the last element")) }
}

fn check_set(set: ValueRef<'_>, depth: usize) -> Result<usize> {
    let mut elements = set.set();
    let mut size = 0;
    let mut last: Option<ValueRef<'_>> = None;
    let count = count(set)?;
    for _ in 0..count {
        let element = elements.next().ok_or_else(|| damaged("an element is cut off"))?;
        if last.is_some_and(|last| last.payload >= element.payload) {
            return Err(damaged("the elements of a set are not ascending"));
        }
        last = Some(element);
        size += check_value(element, depth)?;
    }
    if count == 0 {
        return Err(damaged("a set is empty"));
    }
    if elements.rest().is_empty() { Ok(size) } else { Err(damaged("bytes follow the last element")) }
}
