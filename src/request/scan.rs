//! Scan: every item, in the order of tokens, in one piece or in parallel segments.

use super::{
    any::RequestRef,
    cached::{self, Behind},
    executor::{Executor, Request, Run},
    lagged_read::LaggedRead,
    page::{Page, PageBuilder, PageOptions},
    table_ref::TableRef,
    target::Target,
};
use crate::{
    engine::key_ref,
    error::{Error, Result},
    item::Item,
    partition::KeyRef,
    schema::EncodedKey,
};

/// Most segments of a parallel scan.
pub const MAX_SEGMENTS: u32 = 1_000_000;

/// Reads a page of all items, or of all entries of an index.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Scan<'a> {
    /// The table.
    pub table: TableRef<'a>,
    /// Reads one segment of so many: disjoint ranges of tokens that together are the table.
    pub segment: Option<(u32, u32)>,
    /// What shall be read, and how it is presented.
    pub options: PageOptions<'a>,
}

impl<'a> Scan<'a> {
    /// Reads every item of the table.
    pub fn new(table: impl Into<TableRef<'a>>) -> Self {
        Self { table: table.into(), segment: None, options: PageOptions::default() }
    }
}

impl Request for Scan<'_> {}
impl Run for Scan<'_> {
    type Response = Page;
    fn run(&self, executor: &Executor<'_>) -> Result<Page> {
        let (engine, options) = (executor.engine, &self.options);
        let slot = self.table.resolve(engine)?;
        let target = Target::find(&slot, options)?;
        target.check_readable(options)?;
        target.check_paths(options)?;
        let (first_token, last_token) = self.tokens()?;
        let space = target.space();
        let is_mixed = target.state.definition.is_mixed();
        let mut builder = PageBuilder::new(executor, &slot, &target, options);
        let start = options.exclusive_start_key.as_deref();
        let after = start.map(|key| self.place(&target, key, first_token, last_token)).transpose()?;
        let mut token = after.as_ref().map_or(first_token, EncodedKey::token);
        let begin = after.as_ref().map_or(KeyRef { token, collection: &[], sort: &[] }, key_ref);
        builder.begin_at(begin)?;
        let selects = |key: &EncodedKey| {
            (first_token..=last_token).contains(&key.token()) && after.as_ref().is_none_or(|after| key > after)
        };
        let mut lagged = LaggedRead::of(engine, &target, false, selects);
        loop {
            let partition = target.ring().find(token);
            let end = partition.last_token.min(last_token);
            let after = after.as_ref().filter(|key| key.token() >= partition.first_token).map(key_ref);
            let view = partition.pin();
            let mut cursor = partition.scan(&view, token, end, after, engine.wal().visible())?;
            let note = |stepped_over: u64| {
                if stepped_over > 0 {
                    engine.stepped_over(target.ring(), &partition, stepped_over);
                }
            };
            if !is_mixed && lagged.is_none() && !builder.is_charged() {
                cursor.each_item(&mut builder)?;
                if builder.is_full() {
                    note(cursor.stepped_over());
                    return Ok(builder.finish());
                }
            }
            while cursor.valid() {
                if let Some(lagged) = &mut lagged {
                    let key = cursor.key();
                    while let Some(item) = lagged.next_before(Some(key)) {
                        if !builder.push(item)? {
                            return Ok(builder.finish());
                        }
                    }
                }
                // Items, entries of local indexes and stamps are side by side, and only one kind is asked for.
                let belongs = !is_mixed || cursor.collection().first() == Some(&space);
                if let Some(item) = cursor.item().filter(|_| belongs)
                    && !lagged.as_ref().map_or(Ok(false), |lagged| lagged.hides(&target, &item))?
                    && !builder.push_at(cursor.key(), item)?
                {
                    note(cursor.stepped_over());
                    return Ok(builder.finish());
                }
                cursor.advance()?;
            }
            note(cursor.stepped_over());
            while let Some(item) = lagged.as_mut().and_then(|lagged| lagged.next_up_to(end)) {
                if !builder.push(item)? {
                    return Ok(builder.finish());
                }
            }
            match end.checked_add(1) {
                Some(next) if end < last_token => token = next,
                _ => return Ok(builder.finish()),
            }
        }
    }
    fn run_cached(&self, behind: &Behind<'_>) -> Result<Page> {
        cached::scan(self, behind)
    }
    fn as_request(&self) -> RequestRef<'_> {
        RequestRef::Scan(self)
    }
    fn tables(&self) -> Vec<&TableRef<'_>> {
        vec![&self.table]
    }
}

impl Scan<'_> {
    fn place(&self, target: &Target, key: &Item, first_token: u64, last_token: u64) -> Result<EncodedKey> {
        let place = target.place_of(key)?;
        match self.segment {
            Some((segment, total)) if !(first_token..=last_token).contains(&place.token()) => {
                Err(Error::validation(format!(
                    "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey \
                     with correct Segment. TotalSegments: {total} Segment: {segment}"
                )))
            }
            _ => Ok(place),
        }
    }

    /// First and last token of the segment.
    #[expect(clippy::cast_possible_truncation, reason = "the quotient of a 64-bit shift by its divisor fits 64 bits")]
    pub(super) fn tokens(&self) -> Result<(u64, u64)> {
        let Some((segment, total)) = self.segment else { return Ok((0, u64::MAX)) };
        if !(1..=MAX_SEGMENTS).contains(&total) {
            return Err(Error::validation(format!(
                "1 validation error detected: Value '{total}' at 'totalSegments' failed to satisfy constraint: Member \
                 must have value between 1 and {MAX_SEGMENTS}"
            )));
        }
        if segment >= total {
            return Err(Error::validation(format!(
                "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} \
                 is not less than TotalSegments: {total}"
            )));
        }
        let cut = |position: u32| ((u128::from(position) << 64) / u128::from(total)) as u64;
        let last = if segment + 1 == total { u64::MAX } else { cut(segment + 1) - 1 };
        Ok((cut(segment), last))
    }
}
