//! Objects by bucket and key: where archives are, and where exports go and imports come from.
//!
//! S3 is such a store. The one that comes with the crate is a [folder](FolderStore); a program can bring another one.

#[cfg(unix)]
mod folder;
mod key;
mod memory;

#[cfg(unix)]
pub use folder::FolderStore;
pub use memory::MemoryStore;

use bytes::Bytes;
use std::{
    fmt::Debug,
    io::{self, Read, Write},
};

/// A store of objects, as S3 is one.
///
/// An object is there as a whole or not at all: what is written appears when it is [finished](ObjectWriter::finish).
pub trait ObjectStore: Debug + Send + Sync {
    /// What messages call an object, or what has keys that begin so: `s3://BUCKET/KEY`.
    fn url(&self, bucket: &str, key: &str) -> String {
        format!("s3://{bucket}/{key}")
    }
    /// Whether there is a bucket of that name. Buckets are never created. Errors: of the store.
    fn has_bucket(&self, bucket: &str) -> io::Result<bool>;
    /// The keys that begin with `prefix`, in the order of their bytes. Errors: of the store.
    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>>;
    /// The bytes of an object. Errors: [`NotFound`](io::ErrorKind::NotFound) if there is none, of the store.
    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>>;
    /// The bytes of several small objects, in the order of the keys; `None` where there is none. A store that is far away asks
    /// for many at a time; this one asks for one behind the other. Errors: of the store.
    fn read_many(&self, bucket: &str, keys: &[String]) -> io::Result<Vec<Option<Bytes>>> {
        let one = |key: &String| match self.read(bucket, key) {
            Ok(mut object) => {
                let mut bytes = Vec::new();
                object.read_to_end(&mut bytes).map(|_| Some(bytes.into()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        keys.iter().map(one).collect()
    }
    /// Begins an object, which takes the place of one that is there when it is finished. Errors: a key that the store cannot
    /// hold, of the store.
    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>>;
    /// Makes an object durable under a key that no object has. Returns false, and changes nothing, if there is one: of two
    /// writers of a key exactly one succeeds. Errors: of the store; the object is there then or not.
    fn create(&self, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<bool>;
    /// Removes an object, if there is one. Errors: of the store.
    fn remove(&self, bucket: &str, key: &str) -> io::Result<()>;
}

/// An object that is being written. Dropping it leaves nothing under its key.
pub trait ObjectWriter: Write + Send {
    /// Makes the object durable, and then visible under its key. Errors: of the store; the object is not there then.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_agree() {
        let memory: Box<dyn ObjectStore> = Box::new(MemoryStore::new());
        #[cfg(unix)]
        let folder = tempfile::tempdir().unwrap();
        #[cfg(unix)]
        let stores = [memory, Box::new(FolderStore::of_bucket(folder.path()).unwrap())];
        #[cfg(not(unix))]
        let stores = [memory];
        for store in stores {
            assert!(store.has_bucket("").unwrap() && !store.has_bucket("b").unwrap());
            let text = |key: &str| {
                let mut text = String::new();
                store.read("", key)?.read_to_string(&mut text).map(|_| text)
            };
            assert_eq!(text("a/b").unwrap_err().kind(), io::ErrorKind::NotFound);
            assert!(store.create("", "a/b", b"one").unwrap() && !store.create("", "a/b", b"two").unwrap());
            assert!(store.create("", "a/c.d/1-2", b"").unwrap() && store.create("", "b", b"x").unwrap());
            assert_eq!(text("a/b").unwrap(), "one");
            assert_eq!(store.list("", "").unwrap(), ["a/b", "a/c.d/1-2", "b"]);
            assert_eq!(store.list("", "a/").unwrap(), ["a/b", "a/c.d/1-2"]);
            let mut object = store.write("", "a/b").unwrap();
            object.write_all(b"three").unwrap();
            assert_eq!(text("a/b").unwrap(), "one", "it is not finished");
            object.finish().unwrap();
            assert_eq!(text("a/b").unwrap(), "three");
            drop(store.write("", "half").unwrap());
            store.remove("", "a/b").unwrap();
            store.remove("", "a/b").unwrap();
            store.remove("", "no/such/folder").unwrap();
            assert_eq!(store.list("", "").unwrap(), ["a/c.d/1-2", "b"]);
        }
    }
}
