//! Which table a request is about: by name, or by the identity that a handle has.

use crate::{
    engine::{Engine, TableSlot},
    error::{Error, Result},
};
use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

/// A table, by name or by a handle: `"orders".into()`, or `(&orders).into()` for a [`Table`](crate::Table).
///
/// A handle stands for one table of one database. A database rejects the handle of another one, and a handle on a table
/// that was deleted does not lead to a new table of that name.
#[derive(Clone)]
pub struct TableRef<'a>(Identity<'a>);

#[derive(Clone)]
enum Identity<'a> {
    Name(Cow<'a, str>),
    Borrowed(&'a Arc<Engine>, &'a Arc<TableSlot>),
    Owned(Arc<Engine>, Arc<TableSlot>),
}

/// A table that was found.
pub enum FoundTable<'a> {
    /// By a handle.
    Borrowed(&'a Arc<TableSlot>),
    /// By its name.
    Owned(Arc<TableSlot>),
}

impl Deref for FoundTable<'_> {
    type Target = Arc<TableSlot>;
    #[inline]
    fn deref(&self) -> &Arc<TableSlot> {
        match self {
            Self::Borrowed(slot) => slot,
            Self::Owned(slot) => slot,
        }
    }
}

impl<'a> TableRef<'a> {
    /// The table of a handle.
    #[inline]
    pub(crate) fn borrowed(engine: &'a Arc<Engine>, slot: &'a Arc<TableSlot>) -> Self {
        Self(Identity::Borrowed(engine, slot))
    }
    /// The table of a handle, for requests that outlive it.
    #[inline]
    pub(crate) fn owned(engine: Arc<Engine>, slot: Arc<TableSlot>) -> TableRef<'static> {
        TableRef(Identity::Owned(engine, slot))
    }
    /// The table's name, as it was given or as the handle's table has it.
    pub fn name(&self) -> Cow<'_, str> {
        match &self.0 {
            Identity::Name(name) => Cow::Borrowed(name),
            Identity::Borrowed(_, slot) => Cow::Owned(slot.state().definition.name.clone()),
            Identity::Owned(_, slot) => Cow::Owned(slot.state().definition.name.clone()),
        }
    }
    /// The same table, for requests that outlive a borrowed handle or name.
    pub fn into_owned(self) -> TableRef<'static> {
        TableRef(match self.0 {
            Identity::Name(name) => Identity::Name(Cow::Owned(name.into_owned())),
            Identity::Borrowed(engine, slot) => Identity::Owned(engine.clone(), slot.clone()),
            Identity::Owned(engine, slot) => Identity::Owned(engine, slot),
        })
    }
    /// The database of a handle.
    pub(crate) fn engine(&self) -> Option<&Arc<Engine>> {
        match &self.0 {
            Identity::Name(_) => None,
            Identity::Borrowed(engine, _) => Some(engine),
            Identity::Owned(engine, _) => Some(engine),
        }
    }
    /// Whether two lead to the same table.
    pub(super) fn is_same(&self, other: &TableRef<'_>) -> bool {
        match (self.slot(), other.slot()) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => self.name() == other.name(),
        }
    }
    fn slot(&self) -> Option<&Arc<TableSlot>> {
        match &self.0 {
            Identity::Name(_) => None,
            Identity::Borrowed(_, slot) => Some(slot),
            Identity::Owned(_, slot) => Some(slot),
        }
    }
    /// The table in a database. Errors: there is none, it is being created, it is a table of another database.
    #[inline(always)]
    pub(super) fn resolve(&self, engine: &Engine) -> Result<FoundTable<'_>> {
        let (of, slot) = match &self.0 {
            Identity::Borrowed(of, slot) => (&***of, *slot),
            Identity::Owned(of, slot) => (&**of, slot),
            Identity::Name(name) => return by_name(engine, name).map(FoundTable::Owned),
        };
        if std::ptr::eq(of, engine) { Ok(FoundTable::Borrowed(slot)) } else { Err(foreign()) }
    }
}

#[cold]
fn foreign() -> Error {
    Error::validation("the handle of a table goes with requests to its own database only")
}

fn by_name(engine: &Engine, name: &str) -> Result<Arc<TableSlot>> {
    let missing = || Error::no_table(name);
    let slot = engine.table(name).ok_or_else(missing)?;
    if engine.is_creating(&slot.state().definition) { Err(missing()) } else { Ok(slot) }
}

impl<'a> From<&'a str> for TableRef<'a> {
    fn from(name: &'a str) -> Self {
        Self(Identity::Name(Cow::Borrowed(name)))
    }
}
impl<'a> From<&'a String> for TableRef<'a> {
    fn from(name: &'a String) -> Self {
        Self(Identity::Name(Cow::Borrowed(name)))
    }
}
impl From<String> for TableRef<'_> {
    fn from(name: String) -> Self {
        Self(Identity::Name(Cow::Owned(name)))
    }
}

impl fmt::Debug for TableRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableRef({})", self.name())
    }
}
