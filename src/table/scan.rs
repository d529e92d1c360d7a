//! Scan: every item, in the order of tokens, in one piece or in parallel segments.

use super::{
    IntoCondition, IntoProjection, Items, KeyShape, Page, Pages, Table,
    lagged_read::LaggedRead,
    page::{PageBuilder, ReadOptions, Target},
};
use crate::{
    engine::key_ref,
    error::{Error, Result},
    expression::ExpressionKind,
    item::Item,
    schema::{EncodedKey, IndexKind},
};

/// Most segments of a parallel scan.
pub const MAX_SEGMENTS: u32 = 1_000_000;

/// A scan that is being described; [`Scan::page`], [`Scan::pages`] or [`Scan::items`] read.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `page`, `pages` or `items`"]
pub struct Scan<K> {
    table: Table<K>,
    options: ReadOptions,
    segment: Option<(u32, u32)>,
}

impl<K: KeyShape> Table<K> {
    /// Every item of the table.
    pub fn scan(&self) -> Scan<K> {
        Scan { table: self.clone(), options: ReadOptions::default(), segment: None }
    }
    /// Every entry of an index, with what the index projects.
    pub fn scan_index(&self, name: impl Into<String>) -> Scan<K> {
        self.scan().index(name)
    }
}

impl<K: KeyShape> Scan<K> {
    /// Reads an index instead of the table.
    pub fn index(mut self, name: impl Into<String>) -> Self {
        self.options.index = Some(name.into());
        self
    }
    /// Returns only items that fulfil a condition; what is filtered out is read and paid for all the same. Several filters
    /// must all hold.
    pub fn filter(mut self, condition: impl IntoCondition) -> Self {
        self.options.filter(condition.into_condition(ExpressionKind::Filter));
        self
    }
    /// Returns only these paths of each item. Comes once, or the read is refused.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        self.options.project(projection.into_projection());
        self
    }
    /// Evaluates at most so many items a page; [`Scan::items`] returns at most so many in all.
    pub fn limit(mut self, items: usize) -> Self {
        self.options.limit = Some(items);
        self
    }
    /// Whether the read must be strongly consistent: refused for global indexes, costs twice as much elsewhere.
    pub fn consistent(mut self, consistent: bool) -> Self {
        self.options.consistent = consistent;
        self
    }
    /// Counts without returning items.
    pub fn count_only(mut self) -> Self {
        self.options.count_only = true;
        self
    }
    /// All attributes of the items, also where a local index does not carry them.
    pub fn all_attributes(mut self) -> Self {
        self.options.all_attributes = true;
        self
    }
    /// Continues after the key that a page ended with.
    pub fn start_after(mut self, key: Item) -> Self {
        self.options.start_after = Some(key);
        self
    }
    /// Reads one of `total` segments: disjoint ranges of tokens that together are the table.
    pub fn segment(mut self, segment: u32, total: u32) -> Self {
        self.segment = Some((segment, total));
        self
    }

    /// Reads one page.
    pub fn page(&self) -> Result<Page> {
        self.page_after(self.options.start_after.as_ref())
    }

    /// Reads page after page.
    pub fn pages(self) -> impl Iterator<Item = Result<Page>> {
        let start = self.options.start_after.clone();
        Pages::new(start, move |start| self.page_after(start.as_ref()))
    }

    /// Reads item after item.
    pub fn items(mut self) -> impl Iterator<Item = Result<crate::item::ItemRef>> {
        let limit = self.options.limit;
        if self.options.count_only {
            self.options.refuse(Error::validation("a read that counts only has no items; read its pages"));
        }
        if self.options.filter.is_some() {
            self.options.limit = None; // the limit is on what is returned, not on what is evaluated
        }
        Items::new(self.pages(), limit)
    }

    fn page_after(&self, start: Option<&Item>) -> Result<Page> {
        let target = Target::find(&self.table, &self.options)?;
        if self.options.limit == Some(0) {
            return Err(Error::validation(
                "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have \
                 value greater than or equal to 1",
            ));
        }
        let (first_token, last_token) = self.tokens()?;
        let space = target.space();
        let is_mixed = target.state.definition.indexes.iter().any(|index| index.kind == IndexKind::Local);
        let mut builder = PageBuilder::new(&self.table, &target, &self.options);
        let after = start.map(|key| self.place(&target, key, first_token, last_token)).transpose()?;
        let mut token = after.as_ref().map_or(first_token, EncodedKey::token);
        let selects = |key: &EncodedKey| {
            (first_token..=last_token).contains(&key.token()) && after.as_ref().is_none_or(|after| key > after)
        };
        let mut lagged = LaggedRead::of(&self.table.engine, &target, false, selects);
        loop {
            let partition = target.ring().find(token);
            let end = partition.last_token.min(last_token);
            let after = after.as_ref().filter(|key| key.token() >= partition.first_token).map(key_ref);
            let view = partition.pin();
            let mut cursor = partition.scan(&view, token, end, after, self.table.engine.wal().visible())?;
            while cursor.valid() {
                if let Some(lagged) = &mut lagged {
                    let key = cursor.key();
                    while let Some(item) = lagged.next_before(Some(key)) {
                        if !builder.push(item)? {
                            return Ok(builder.finish());
                        }
                    }
                }
                // Items and entries of local indexes lie side by side, and only one kind is asked for.
                let belongs = !is_mixed || cursor.collection().first() == Some(&space);
                if let Some(item) = cursor.item().filter(|_| belongs)
                    && !lagged.as_ref().map_or(Ok(false), |lagged| lagged.hides(&target, &item))?
                    && !builder.push(item)?
                {
                    return Ok(builder.finish());
                }
                cursor.advance()?;
            }
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
    fn tokens(&self) -> Result<(u64, u64)> {
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
