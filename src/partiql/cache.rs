//! Parsed statements by their texts, for callers that send the same texts again and again.
//!
//! What a text is parsed into depends on nothing else, so all databases of a process share one cache of bounded size. A
//! text belongs to one slot, by its hash, and replaces the text that was there. A reader never waits: it passes by a slot that
//! another thread uses.

use super::parse::{Parsed, parse};
use crate::error::Result;
use parking_lot::Mutex;
use std::sync::{Arc, LazyLock};
use xxhash_rust::xxh3::xxh3_64;

/// How many texts are kept.
const SLOTS: usize = 256;
/// Longer texts are not kept; together with the number of slots this bounds the memory of the cache.
const MAX_TEXT_BYTES: usize = 2048;

type Slot = Mutex<Option<Arc<Parsed>>>;

static CACHE: LazyLock<Box<[Slot]>> = LazyLock::new(|| (0..SLOTS).map(|_| Mutex::new(None)).collect());

/// As [`parse`].
pub(super) fn parsed(text: &str) -> Result<Arc<Parsed>> {
    if text.len() > MAX_TEXT_BYTES {
        return parse(text).map(Arc::new);
    }
    let slot = usize::try_from(xxh3_64(text.as_bytes()) % SLOTS as u64).ok().and_then(|at| CACHE.get(at));
    let Some(mut slot) = slot.and_then(Mutex::try_lock) else { return parse(text).map(Arc::new) };
    if let Some(parsed) = &*slot
        && *parsed.text == *text
    {
        return Ok(parsed.clone());
    }
    let parsed = Arc::new(parse(text)?);
    *slot = Some(parsed.clone());
    Ok(parsed)
}
