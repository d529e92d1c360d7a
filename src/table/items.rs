//! Iterators over the pages and items of a query or scan.
//!
//! Pages are read one by one, each from the view of its moment. A query can be read from both ends: the pages of the front
//! end where those of the back have begun, and the other way round. A scan goes in one direction only, because the engine
//! walks through a table in the order of tokens, and a page of DynamoDB's Scan has no other.

use super::read::{PagedRequest, Read};
use crate::{
    error::Result,
    item::ItemRef,
    request::{Page, Query},
};
use serde::de::DeserializeOwned;
use std::{borrow::Cow, iter::FusedIterator, marker::PhantomData};

/// Pages one after the other, each read when it is asked for. No lock or snapshot is held between them.
#[derive(Clone, Debug)]
pub struct Pages<R> {
    read: Read<R>,
    done: bool,
}

impl<R: PagedRequest> Pages<R> {
    pub(super) fn of(read: Read<R>) -> Self {
        Self { read, done: false }
    }
}

impl<R: PagedRequest> Iterator for Pages<R> {
    type Item = Result<Page>;
    fn next(&mut self) -> Option<Result<Page>> {
        if self.done {
            return None;
        }
        let page = self.read.page();
        let next = page.as_ref().ok().and_then(Page::last_evaluated_key);
        self.done = next.is_none();
        self.read.continue_after(next);
        Some(page)
    }
}

impl<R: PagedRequest> FusedIterator for Pages<R> {}

impl Pages<Query<'static>> {
    /// The last page of what neither end has read yet, its items in the other order.
    fn next_back(&mut self) -> Result<Option<Page>> {
        if self.done {
            return Ok(None);
        }
        self.read.open_token()?;
        let mut backwards = self.read.clone();
        let (front, back) = (&mut self.read.request.options, &mut backwards.request.options);
        back.exclusive_start_key = front.exclusive_end_key.take();
        back.exclusive_end_key = front.exclusive_start_key.clone();
        backwards.request.scan_index_forward = !self.read.request.scan_index_forward;
        let page = backwards.page()?;
        let begin = page.last_evaluated_key();
        self.done = begin.is_none();
        front.exclusive_end_key = begin.map(Cow::Owned);
        Ok(Some(page))
    }
}

/// Items one after the other, read page by page; those of a query also from the back, by
/// [`next_back`](DoubleEndedIterator::next_back) and [`rev`](Iterator::rev).
///
/// Both ends read lazily and meet in the middle. Under a [`limit`](Read::limit) the last item is the last one that the limit
/// lets through, so that the first call of `next_back` reads all of them. An error ends the iterator.
///
/// ```
/// use hashrange::{Database, Item, key::{N, S}};
///
/// # fn main() -> hashrange::Result<()> {
/// let db = Database::in_memory()?;
/// let readings = db.create_table("readings").hash::<S>("sensor").range::<N>("at").create()?;
/// for at in 1..=5 {
///     readings.put(&Item::new().with("sensor", "s1").with("at", at))?;
/// }
/// let at = |item: hashrange::ItemRef| item.get("at").and_then(|at| at.as_i64());
/// let mut items = readings.query("s1").items();
/// assert_eq!(items.next().transpose()?.and_then(at), Some(1));
/// assert_eq!(items.next_back().transpose()?.and_then(at), Some(5));
/// assert_eq!(items.rev().map(|item| item.map(at)).collect::<Result<Vec<_>, _>>()?, [Some(4), Some(3), Some(2)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is read before the first `next`"]
pub struct Items<R> {
    pages: Pages<R>,
    /// Items of the page that was read last from the front.
    front: std::vec::IntoIter<ItemRef>,
    /// The same from the back: the last item first.
    back: std::vec::IntoIter<ItemRef>,
    /// Items that the limit, if there is one, lets through yet.
    left: usize,
    is_limited: bool,
}

impl<R: PagedRequest> Items<R> {
    pub(super) fn of(pages: Pages<R>, limit: Option<usize>) -> Self {
        let (front, back) = (Vec::new().into_iter(), Vec::new().into_iter());
        Self { pages, front, back, left: limit.unwrap_or(usize::MAX), is_limited: limit.is_some() }
    }
    /// The items as values of a type.
    pub fn typed<T: DeserializeOwned>(self) -> TypedItems<R, T> {
        TypedItems { items: self, kind: PhantomData }
    }
    /// All items, or the first error.
    pub fn try_collect<C: FromIterator<ItemRef>>(self) -> Result<C> {
        self.collect()
    }
    fn counted(&mut self, item: ItemRef) -> Option<Result<ItemRef>> {
        self.left -= 1;
        Some(Ok(item))
    }
}

impl<R: PagedRequest> Iterator for Items<R> {
    type Item = Result<ItemRef>;
    fn next(&mut self) -> Option<Result<ItemRef>> {
        if self.left == 0 {
            return None;
        }
        loop {
            if let Some(item) = self.front.next() {
                return self.counted(item);
            }
            match self.pages.next() {
                Some(Ok(page)) => self.front = page.items.into_iter(),
                Some(Err(error)) => {
                    self.left = 0;
                    return Some(Err(error));
                }
                None => {
                    let item = self.back.next_back()?;
                    return self.counted(item);
                }
            }
        }
    }
}

impl<R: PagedRequest> FusedIterator for Items<R> {}

impl Items<Query<'static>> {
    fn read_back(&mut self) -> Result<Option<ItemRef>> {
        if std::mem::take(&mut self.is_limited) {
            let all: Vec<ItemRef> = self.by_ref().collect::<Result<_>>()?;
            self.left = all.len();
            self.front = all.into_iter();
            self.pages.done = true;
        }
        loop {
            if let Some(item) = self.back.next() {
                return Ok(Some(item));
            }
            match self.pages.next_back()? {
                Some(page) => self.back = page.items.into_iter(),
                None => return Ok(self.front.next_back()),
            }
        }
    }
}

impl DoubleEndedIterator for Items<Query<'static>> {
    fn next_back(&mut self) -> Option<Result<ItemRef>> {
        if self.left == 0 {
            return None;
        }
        match self.read_back() {
            Ok(None) => None,
            Ok(Some(item)) => self.counted(item),
            Err(error) => {
                self.left = 0;
                Some(Err(error))
            }
        }
    }
}

/// Items one after the other, each as a value of a type; see [`Read::typed`]. Those of a query come from both ends, as
/// [`Items`] do.
#[derive(Debug)]
#[must_use = "nothing is read before the first `next`"]
pub struct TypedItems<R, T> {
    items: Items<R>,
    kind: PhantomData<fn() -> T>,
}

impl<R: Clone, T> Clone for TypedItems<R, T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), kind: PhantomData }
    }
}

impl<R: PagedRequest, T: DeserializeOwned> TypedItems<R, T> {
    /// All values, or the first error.
    pub fn try_collect<C: FromIterator<T>>(self) -> Result<C> {
        self.collect()
    }
}

impl<R: PagedRequest, T: DeserializeOwned> Iterator for TypedItems<R, T> {
    type Item = Result<T>;
    fn next(&mut self) -> Option<Result<T>> {
        Some(self.items.next()?.and_then(|item| item.de()))
    }
}

impl<T: DeserializeOwned> DoubleEndedIterator for TypedItems<Query<'static>, T> {
    fn next_back(&mut self) -> Option<Result<T>> {
        Some(self.items.next_back()?.and_then(|item| item.de()))
    }
}

impl<R: PagedRequest, T: DeserializeOwned> FusedIterator for TypedItems<R, T> {}
