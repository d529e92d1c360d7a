//! Items in objects: the files that exports are made of and imports are read from.
//!
//! [`ion`] and [`json`] write and read a record in one of the two formats of exports; [`csv_rows`] reads the rows of CSV files.
//! [`input`] reads the items of an object record by record, however large it is. [`output`] writes the data files of an export
//! and [`manifest`] the files that list them.

pub(crate) mod csv_rows;
pub(crate) mod input;
pub(crate) mod ion;
mod ion_reader;
pub(crate) mod json;
pub(crate) mod manifest;
pub(crate) mod output;
mod unpack;

use serde::{Deserialize, Serialize};

/// A format of exports, and of imports that keep every value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DataFormat {
    #[default]
    DynamoDbJson,
    Ion,
}

impl DataFormat {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DynamoDbJson => "DYNAMODB_JSON",
            Self::Ion => "ION",
        }
    }
    /// How the names of data files end.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::DynamoDbJson => "json.gz",
            Self::Ion => "ion.gz",
        }
    }
}

/// How an object is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Compression {
    #[default]
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Gzip => "GZIP",
            Self::Zstd => "ZSTD",
        }
    }
    /// The one of that name; `None` if there is no such.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Zstd].into_iter().find(|one| one.name() == name)
    }
}

/// What is written of one key by an incremental export.
pub(crate) struct Change<'a> {
    /// When the key was last written, in milliseconds since 1970.
    pub(crate) written_millis: u64,
    /// The key.
    pub(crate) keys: &'a hashrange::ItemRef,
    /// The item at the beginning, if there was one and the view shows it.
    pub(crate) old: Option<&'a hashrange::ItemRef>,
    /// The item at the end, if there was one.
    pub(crate) new: Option<&'a hashrange::ItemRef>,
}

/// The attributes of an item, those of its key first, the others by name: equal items are equal bytes.
pub(crate) fn ordered<'i>(item: &'i hashrange::ItemRef, key: &[String]) -> Vec<(&'i str, hashrange::ValueRef<'i>)> {
    let mut attributes: Vec<_> = item.iter().collect();
    let place = |name: &str| key.iter().position(|key| key == name).unwrap_or(key.len());
    attributes.sort_by(|a, b| place(a.0).cmp(&place(b.0)).then_with(|| a.0.cmp(b.0)));
    attributes
}
