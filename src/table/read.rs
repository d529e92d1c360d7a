//! Query and scan: what their builders have in common.

use super::{
    get::projected_twice,
    items::{Items, Pages, TypedItems},
};
use crate::{
    entity::Entity,
    error::{Error, Result},
    expression::{ExpressionKind, IntoCondition, IntoProjection, attr_named},
    item::{Item, ItemRef},
    request::{Executor, Hooks, Page, PageOptions, Query, Request, Scan, Select, TableRef, open_page_token},
};
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// A request that is answered page by page.
pub trait PagedRequest: Request<Response = Page> + Clone {
    /// What shall be read, and how it is presented.
    #[doc(hidden)]
    fn options(&mut self) -> &mut PageOptions<'static>;
    /// The table.
    #[doc(hidden)]
    fn table(&self) -> &TableRef<'static>;
}

impl PagedRequest for Query<'static> {
    fn options(&mut self) -> &mut PageOptions<'static> {
        &mut self.options
    }
    fn table(&self) -> &TableRef<'static> {
        &self.table
    }
}
impl PagedRequest for Scan<'static> {
    fn options(&mut self) -> &mut PageOptions<'static> {
        &mut self.options
    }
    fn table(&self) -> &TableRef<'static> {
        &self.table
    }
}

/// A query or scan that is being described; [`Read::page`], [`Read::pages`] or [`Read::items`] read.
#[derive(Clone, Debug)]
#[must_use = "nothing is read before `page`, `pages` or `items`"]
pub struct Read<R> {
    pub(super) request: R,
    hooks: Hooks,
    /// Where the first page begins, as a token of an earlier read.
    token: Option<String>,
    /// What is wrong with the description; reported when the read begins.
    fault: Option<Error>,
}

impl<R: PagedRequest> Read<R> {
    #[inline]
    pub(super) fn new(request: R, hooks: Hooks) -> Self {
        Self { request, hooks, token: None, fault: None }
    }
    /// The read will fail with this, if nothing was wrong with it before.
    pub(super) fn refuse(mut self, fault: Error) -> Self {
        self.fault.get_or_insert(fault);
        self
    }
    fn or_refuse(self, changed: Result<()>) -> Self {
        match changed {
            Ok(()) => self,
            Err(fault) => self.refuse(fault),
        }
    }

    /// Reads an index instead of the table.
    pub fn index(mut self, name: impl Into<String>) -> Self {
        self.request.options().index = Some(Cow::Owned(name.into()));
        self
    }
    /// Returns only items that fulfil a condition; what is filtered out is read and paid for all the same. Several filters
    /// must all hold.
    pub fn filter(mut self, condition: impl IntoCondition) -> Self {
        let filter = &mut self.request.options().filter;
        let joined = condition.into_condition(ExpressionKind::Filter).and_then(|condition| {
            *filter = Some(match filter.take() {
                Some(before) => before.and(condition)?,
                None => condition,
            });
            Ok(())
        });
        self.or_refuse(joined)
    }
    /// Returns only these paths of each item. Comes once, or the read is rejected.
    pub fn project(mut self, projection: impl IntoProjection) -> Self {
        let before = &mut self.request.options().projection;
        let only = match before {
            Some(_) => Err(projected_twice()),
            None => projection.into_projection().map(|projection| *before = Some(projection)),
        };
        self.or_refuse(only)
    }
    /// Evaluates at most so many items a page. [`Read::items`] and what follows from it return at most so many in all; with a
    /// filter they read whole pages, so that the limit is on what passes the filter. A page of none is rejected.
    pub fn limit(mut self, items: usize) -> Self {
        self.request.options().limit = Some(items);
        self
    }
    /// Whether the read must be strongly consistent: rejected for global indexes, costs twice as much elsewhere.
    pub fn consistent(mut self, consistent: bool) -> Self {
        self.request.options().consistent_read = consistent;
        self
    }
    /// Counts without returning items.
    pub fn count_only(self) -> Self {
        self.select(Select::Count)
    }
    /// All attributes of the items, also where a local index does not carry them.
    pub fn all_attributes(self) -> Self {
        self.select(Select::AllAttributes)
    }
    fn select(mut self, select: Select) -> Self {
        let before = std::mem::replace(&mut self.request.options().select, select);
        if before == Select::Default || before == select {
            return self;
        }
        self.refuse(Error::validation("a read that counts only has no attributes; ask for one of the two"))
    }
    /// Continues after the key that a page ended with.
    pub fn start_after(mut self, key: Item) -> Self {
        self.request.options().exclusive_start_key = Some(Cow::Owned(key));
        self
    }

    /// Continues where an earlier page of the same read ended: with the [`Page::next_token`] that a client hands back. A
    /// token that no page of this table or index gave is rejected by the read.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// # let db = Database::in_memory()?;
    /// # let table = db.create_table("notes").hash::<S>("author").range::<S>("at").create()?;
    /// # for at in ["1", "2", "3"] { table.put(&Item::new().with("author", "ann").with("at", at))?; }
    /// let first = table.query("ann").limit(2).page()?;
    /// let token = first.next_token().expect("there is a third note"); // to the client, and back
    /// let second = table.query("ann").limit(2).start_at(&token).page()?;
    /// assert_eq!((first.items.len(), second.items.len()), (2, 1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_at(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The request, for a transaction that reads by itself.
    pub(super) fn into_request(mut self) -> Result<R> {
        self.open_token()?;
        Ok(self.request)
    }
    /// Puts the key of the token, if there is one, into the request. Errors also: what is wrong with the description.
    pub(super) fn open_token(&mut self) -> Result<()> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        if let Some(token) = self.token.take() {
            let table = self.request.table().clone();
            let engine = table.engine().ok_or_else(|| Error::validation("the read has no database"))?;
            let key = open_page_token(engine, &table, self.request.options(), &token)?;
            self.request.options().exclusive_start_key = Some(Cow::Owned(key));
        }
        Ok(())
    }
    /// The next page begins behind this key, the last of the page before.
    pub(super) fn continue_after(&mut self, key: Option<Item>) {
        self.request.options().exclusive_start_key = key.map(Cow::Owned);
        self.token = None;
    }

    /// Reads one page.
    pub fn page(&self) -> Result<Page> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let engine = self.request.table().engine().ok_or_else(|| Error::validation("the read has no database"))?;
        let executor = Executor::new(engine, &self.hooks);
        let Some(token) = &self.token else { return executor.execute(&self.request) };
        let mut request = self.request.clone();
        let key = open_page_token(engine, &request.table().clone(), request.options(), token)?;
        request.options().exclusive_start_key = Some(Cow::Owned(key));
        executor.execute(&request)
    }

    /// The first item, if there is one; reads no more than it needs. With a filter it reads whole pages until an item fulfils it.
    pub fn first(mut self) -> Result<Option<ItemRef>> {
        self.request.options().limit = Some(1);
        self.items().next().transpose()
    }

    /// Reads item after item, each as a value of a type. An item that does not fit is an error of kind
    /// [`Decode`](crate::ErrorKind::Decode), after which the next can be read.
    ///
    /// ```
    /// use hashrange::{Database, Item, key::S};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Note {
    ///     text: String,
    /// }
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// # let db = Database::in_memory()?;
    /// let notes = db.create_table("notes").hash::<S>("author").range::<S>("at").create()?;
    /// notes.put(&Item::new().with("author", "ann").with("at", "1").with("text", "hello"))?;
    /// for note in notes.query("ann").typed::<Note>() {
    ///     assert_eq!(note?.text, "hello");
    /// }
    /// let all: Vec<Note> = notes.scan().typed().try_collect()?;
    /// # assert_eq!(all.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn typed<T: DeserializeOwned>(self) -> TypedItems<R, T> {
        self.items().typed()
    }

    /// Reads the items of one kind of [`Entity`], each as a value of it; items of other kinds are passed over, and paid
    /// for.
    pub fn entities<T: Entity + DeserializeOwned>(self) -> TypedItems<R, T> {
        self.filter(attr_named(T::KIND_ATTRIBUTE).eq(T::KIND)).typed()
    }

    /// How many items there are: at most as many as a [`limit`](Self::limit) says. They are read and paid for page by page, and
    /// not returned. An error of any page is the answer, which `items().count()` counts as an item.
    pub fn count(self) -> Result<usize> {
        let mut read = self.count_only();
        let limit = read.limit_of_all();
        let mut count = 0;
        for page in read.pages() {
            count += page?.count;
            if let Some(limit) = limit.filter(|limit| count >= *limit) {
                return Ok(limit);
            }
        }
        Ok(count)
    }

    /// Reads page after page.
    pub fn pages(self) -> Pages<R> {
        Pages::of(self)
    }

    /// Reads item after item. Those of a query can be read from both ends; see [`Items`].
    pub fn items(self) -> Items<R> {
        let (pages, limit) = self.into_pages_and_limit();
        Items::of(pages, limit)
    }

    /// Pages whose items are wanted one by one, and how many of them at most.
    pub(crate) fn into_pages_and_limit(mut self) -> (Pages<R>, Option<usize>) {
        let limit = self.limit_of_all();
        if self.request.options().select == Select::Count {
            self = self.refuse(Error::validation("a read that counts only has no items; read its pages"));
        }
        (self.pages(), limit)
    }

    /// The limit, as one of what is returned in all; what is evaluated has none then, where there is a filter.
    fn limit_of_all(&mut self) -> Option<usize> {
        let options = self.request.options();
        let limit = options.limit;
        if options.filter.is_some() {
            options.limit = None;
        }
        limit
    }
}
