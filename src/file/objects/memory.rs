//! Objects in memory, for tests.

use super::{ObjectStore, ObjectWriter};
use bytes::Bytes;
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    sync::Arc,
};

type Objects = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// Objects in memory, in one bucket whose name is empty. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Objects);

impl MemoryStore {
    /// A store without objects.
    pub fn new() -> Self {
        Self::default()
    }
    /// Another store with the same objects.
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().clone())))
    }
    /// Puts other bytes in the place of an object, as damage does.
    pub fn replace(&self, key: &str, bytes: impl Into<Bytes>) {
        self.0.lock().insert(key.to_owned(), bytes.into());
    }
    /// The bytes of an object, if there is one.
    pub fn bytes(&self, key: &str) -> Option<Bytes> {
        self.0.lock().get(key).cloned()
    }
}

fn check(bucket: &str) -> io::Result<()> {
    if bucket.is_empty() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::NotFound, format!("no bucket {bucket}"))) }
}

impl ObjectStore for MemoryStore {
    fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        Ok(bucket.is_empty())
    }

    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        check(bucket)?;
        Ok(self.0.lock().keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }

    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>> {
        check(bucket)?;
        let bytes = self.bytes(key).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(io::Cursor::new(bytes)))
    }

    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>> {
        check(bucket)?;
        Ok(Box::new(MemoryWriter { objects: self.0.clone(), key: key.to_owned(), bytes: Vec::new() }))
    }

    fn create(&self, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<bool> {
        check(bucket)?;
        let mut objects = self.0.lock();
        let is_new = !objects.contains_key(key);
        if is_new {
            objects.insert(key.to_owned(), Bytes::copy_from_slice(bytes));
        }
        Ok(is_new)
    }

    fn remove(&self, bucket: &str, key: &str) -> io::Result<()> {
        check(bucket)?;
        self.0.lock().remove(key);
        Ok(())
    }
}

struct MemoryWriter {
    objects: Objects,
    key: String,
    bytes: Vec<u8>,
}

impl Write for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ObjectWriter for MemoryWriter {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.objects.lock().insert(self.key, self.bytes.into());
        Ok(())
    }
}
