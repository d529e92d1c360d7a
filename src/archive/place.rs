//! Where an archive is: a part of a store of objects.

use crate::{
    error::{Error, ErrorKind, Result},
    file::{ObjectStore, ObjectWriter},
};
use bytes::Bytes;
use std::{
    fmt,
    io::{self, Read},
    sync::Arc,
};

/// The place of one archive: the objects of a bucket whose keys begin with a prefix.
#[derive(Clone, Debug)]
pub struct ArchivePlace {
    store: Arc<dyn ObjectStore>,
    bucket: String,
    prefix: String,
    /// What messages call it.
    name: String,
}

impl ArchivePlace {
    /// The objects of a bucket whose keys begin with `prefix` and a `/`; all, if it is empty. Errors: the store has no such
    /// bucket, or cannot be read.
    pub fn new(store: Arc<dyn ObjectStore>, bucket: &str, prefix: &str) -> Result<Self> {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let place = Self { name: store.url(bucket, &prefix), bucket: bucket.to_owned(), prefix, store };
        match place.store.has_bucket(bucket) {
            Ok(true) => Ok(place),
            Ok(false) => {
                Err(Error::not_found(format!("there is no bucket for the archive {}; make it first", place.name)))
            }
            Err(error) => Err(place.io("read", "", &error)),
        }
    }

    /// A folder, which has to be there. Errors: it is not, or cannot be read.
    #[cfg(unix)]
    pub fn folder(folder: impl AsRef<std::path::Path>) -> Result<Self> {
        let name = folder.as_ref().display().to_string();
        match crate::file::FolderStore::of_bucket(folder) {
            Ok(store) => Ok(Self { store: Arc::new(store), bucket: String::new(), prefix: String::new(), name }),
            Err(error) => Err(Error::io("open", name, &error)),
        }
    }

    /// A folder, which is made if it is not there. Errors: it cannot be made or read.
    #[cfg(unix)]
    pub fn new_folder(folder: impl AsRef<std::path::Path>) -> Result<Self> {
        crate::file::make_folder(folder.as_ref())?;
        Self::folder(folder)
    }

    fn io(&self, operation: &'static str, key: &str, error: &io::Error) -> Error {
        Error::io(operation, format_args!("object {key} of the archive {self}"), error)
    }
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The names that begin so, in the order of their bytes.
    pub(super) fn list(&self, begin: &str) -> Result<Vec<String>> {
        let keys = self.store.list(&self.bucket, &self.key(begin)).map_err(|error| self.io("list", begin, &error))?;
        Ok(keys.iter().filter_map(|key| key.strip_prefix(&self.prefix)).map(str::to_owned).collect())
    }
    /// Opens an object; `None` if there is none.
    pub(super) fn open(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        match self.store.read(&self.bucket, &self.key(name)) {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io("read", name, &error)),
        }
    }
    /// Reads from an object into a buffer, until the buffer is full or the object ends.
    pub(super) fn fill(&self, name: &str, object: &mut dyn Read, buffer: &mut Vec<u8>, most: u64) -> Result<()> {
        buffer.clear();
        object.take(most).read_to_end(buffer).map(drop).map_err(|error| self.io("read", name, &error))
    }
    /// All bytes of an object; `None` if there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Bytes>> {
        let Some(mut object) = self.open(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        self.fill(name, &mut *object, &mut bytes, u64::MAX)?;
        Ok(Some(bytes.into()))
    }
    /// All bytes of several objects, in the order of their names; `None` where there is none.
    pub(super) fn read_many(&self, names: &[String]) -> Result<Vec<Option<Bytes>>> {
        let keys: Vec<String> = names.iter().map(|name| self.key(name)).collect();
        let which = || [names.first(), names.last()].map(|name| name.map_or("", String::as_str)).join(" to ");
        self.store.read_many(&self.bucket, &keys).map_err(|error| self.io("read", &which(), &error))
    }
    /// Makes an object; false if there is one.
    pub(super) fn create(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        self.store.create(&self.bucket, &self.key(name), bytes).map_err(|error| self.io("create", name, &error))
    }
    /// Makes an object of chunks, one behind the other, in the place of one that is there.
    pub(super) fn write(&self, name: &str, chunks: impl Iterator<Item = Result<Bytes>>) -> Result<()> {
        let problem = |error: io::Error| self.io("write", name, &error);
        let mut object: Box<dyn ObjectWriter> = self.store.write(&self.bucket, &self.key(name)).map_err(problem)?;
        for chunk in chunks {
            object.write_all(&chunk?).map_err(problem)?;
        }
        object.finish().map_err(problem)
    }
    /// Removes an object, if there is one.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        self.store.remove(&self.bucket, &self.key(name)).map_err(|error| self.io("remove", name, &error))
    }
    /// An object is not what was written.
    pub(super) fn damaged(&self, name: &str, what: &str) -> Error {
        let text = format!("object {name} of the archive {self} is damaged: {what}");
        Error::new(ErrorKind::Corrupt, "CorruptData", text)
    }
}

impl fmt::Display for ArchivePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
