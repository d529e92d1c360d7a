//! Reads: ranges of keys one after the other, or everything, a page at a time.

use crate::{
    capacity::Consumed,
    error::Result,
    expression::Path,
    item::{Item, ItemRef},
    partiql::{
        bind::result_name,
        plan::{Access, ReadPlan},
        ranges::{self, KeyRange, SortRange},
    },
    request::{GetItem, MAX_PAGE_BYTES, Page, PageOptions, PartQuery, Query, Scan},
};
use std::borrow::Cow;

/// Where a page ended.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::partiql) struct Position {
    /// The range that is read next; always 0 for a scan.
    pub range: usize,
    /// The key behind which reading goes on; `None` for the beginning of the range.
    pub key: Option<Item>,
}

/// A page.
#[derive(Clone, Debug, Default)]
pub(in crate::partiql) struct ReadAnswer {
    pub items: Vec<ItemRef>,
    /// Where the next page begins; `None` if nothing is left.
    pub next: Option<Position>,
    pub consumed: Consumed,
    /// How many items were looked at.
    pub evaluated: usize,
    /// How many bytes of them were read, where there are several ranges.
    bytes: usize,
}

/// Reads a page of at most `limit` items, at most 10 of several partition keys, and at most 1 MB of them, before the filter.
pub(in crate::partiql) fn read_page(
    plan: &ReadPlan,
    limit: Option<usize>,
    from: Option<&Position>,
) -> Result<ReadAnswer> {
    let limit = plan.page_limit(limit);
    let mut answer = ReadAnswer::default();
    let start = from.map_or(0, |from| from.range);
    let key = from.and_then(|from| from.key.as_ref());
    match &plan.access {
        Access::Scan => {
            let page = scan(plan, limit, key)?;
            answer.take(plan, page, 0);
        }
        Access::Keys(ranges) => {
            for (at, range) in ranges.iter().enumerate().skip(start) {
                let key = key.filter(|_| at == start);
                let left = limit.map(|limit| limit.saturating_sub(answer.evaluated));
                if left == Some(0) || answer.is_full() {
                    answer.next = Some(Position { range: at, key: None });
                    break;
                }
                // Behind the only item of a range, reading goes on with the next range.
                if plan.is_single(range) && key.is_some() {
                    continue;
                }
                // Of several keys, one that is too long is not there: a query does not measure them.
                if plan.is_single(range) && left != Some(1) && ranges::check_sizes(range).is_ok() {
                    answer.get(plan, range)?;
                    continue;
                }
                let page = answer.query(plan, range, left, key)?;
                answer.take(plan, page, at);
                if answer.next.is_some() {
                    break;
                }
            }
        }
    }
    Ok(answer)
}

impl ReadAnswer {
    fn take(&mut self, plan: &ReadPlan, page: Page, range: usize) {
        self.next = page.last_evaluated_key().map(|key| Position { range, key: Some(key) });
        self.evaluated += page.scanned_count;
        self.consumed.add(&page.consumed);
        self.items.extend(page.items.into_iter().filter_map(|item| present(plan, item)));
    }

    fn get(&mut self, plan: &ReadPlan, range: &KeyRange) -> Result<()> {
        let mut get = GetItem::new(&plan.table, key_item(plan, range));
        get.consistent_read = plan.consistent;
        let output = plan.database.execute(&get)?;
        self.consumed.add(&output.consumed());
        self.evaluated += usize::from(output.item.is_some());
        self.bytes += output.item.as_ref().map_or(0, ItemRef::size_bytes);
        let item = output.item.filter(|item| plan.filter.as_ref().is_none_or(|filter| filter.matches(Some(item))));
        self.items.extend(item.map(|item| flat(plan, item)));
        Ok(())
    }

    fn query(&mut self, plan: &ReadPlan, range: &KeyRange, limit: Option<usize>, start: Option<&Item>) -> Result<Page> {
        let mut query = Query::new(&plan.table, range.bound_key());
        query.options = options(plan, limit, start);
        query.options.filter = plan.filter.clone().filter(|_| !plan.filter_reads_key);
        query.scan_index_forward = !plan.descending;
        if matches!(&plan.access, Access::Keys(ranges) if ranges.len() == 1) {
            return plan.database.execute(&query);
        }
        let part = PartQuery::new(query, self.bytes);
        let page = plan.database.execute(&part)?;
        self.bytes = part.bytes();
        Ok(page)
    }

    /// Whether a megabyte was read.
    fn is_full(&self) -> bool {
        self.bytes >= MAX_PAGE_BYTES
    }
}

fn scan(plan: &ReadPlan, limit: Option<usize>, start: Option<&Item>) -> Result<Page> {
    let mut scan = Scan::new(&plan.table);
    scan.options = options(plan, limit, start);
    scan.options.filter = plan.filter.clone();
    plan.database.execute(&scan)
}

/// What both have in common.
fn options<'a>(plan: &'a ReadPlan, limit: Option<usize>, start: Option<&'a Item>) -> PageOptions<'a> {
    PageOptions {
        index: plan.index.as_deref().map(Cow::Borrowed),
        projection: plan.fetched.clone(),
        limit,
        consistent_read: plan.consistent,
        exclusive_start_key: start.map(Cow::Borrowed),
        ..PageOptions::default()
    }
}

/// The key that a range has one item of.
pub(super) fn key_item(plan: &ReadPlan, range: &KeyRange) -> Item {
    let key = &plan.definition.key;
    let mut item = Item::new().with(key.hash.name.clone(), range.hash.clone());
    if let (Some(sort), SortRange::Equal(value)) = (&key.range, &range.sort) {
        item.insert(sort.name.clone(), value.clone());
    }
    item
}

/// An item of a page as the statement returns it; `None` if it does not pass a filter that a query cannot take.
fn present(plan: &ReadPlan, item: ItemRef) -> Option<ItemRef> {
    let is_tested = plan.filter_reads_key && plan.access != Access::Scan;
    let filter = plan.filter.as_ref().filter(|_| is_tested);
    filter.is_none_or(|filter| filter.matches(Some(&item))).then(|| flat(plan, item))
}

/// The values at the paths that a statement names, side by side.
pub(super) fn flat(plan: &ReadPlan, item: ItemRef) -> ItemRef {
    let Some(paths) = &plan.items else { return item };
    let value = |path: &Path| Some((result_name(path), path.find(&item)?.to_value()));
    let flat: Item = paths.iter().filter_map(value).collect();
    ItemRef::from(&flat)
}
