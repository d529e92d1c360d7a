//! Objects by bucket and key: what exports are written to and imports are read from.
//!
//! The service exports to S3 and imports from it. Here an [`ObjectStore`] stands for S3. The one that comes with the crate is
//! a [folder](FolderStore): `s3://BUCKET/KEY` is the file `DIR/BUCKET/KEY`. A program can bring another one.

#[cfg(unix)]
mod folder;
mod key;

#[cfg(unix)]
pub use folder::FolderStore;

use std::{
    fmt::Debug,
    io::{self, Read, Write},
};

/// A store of objects, as S3 is one.
///
/// An object is there as a whole or not at all: what is written appears when it is [finished](ObjectWriter::finish).
pub trait ObjectStore: Debug + Send + Sync {
    /// Whether there is a bucket of that name. Buckets are never created. Errors: of the store.
    fn has_bucket(&self, bucket: &str) -> io::Result<bool>;
    /// The keys that begin with `prefix`, in the order of their bytes. Errors: of the store.
    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>>;
    /// The bytes of an object. Errors: there is none, of the store.
    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>>;
    /// Begins an object, which takes the place of one that is there when it is finished. Errors: a key that the store cannot
    /// hold, of the store.
    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>>;
}

/// An object that is being written. Dropping it leaves nothing under its key.
pub trait ObjectWriter: Write + Send {
    /// Makes the object durable, and then visible under its key. Errors: of the store; the object is not there then.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Writes a whole object.
pub(crate) fn put(store: &dyn ObjectStore, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<()> {
    let mut object = store.write(bucket, key)?;
    object.write_all(bytes)?;
    object.finish()
}
