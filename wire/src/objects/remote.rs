//! Buckets of S3, of Google's and Azure's stores, and whatever else the crate `object_store` reaches.
//!
//! That crate is asynchronous. A store has a runtime of its own, on which the threads of jobs and archives wait.

use super::{ObjectStore, ObjectWriter};
use bytes::{Buf, Bytes};
use futures_util::{TryStreamExt, stream::BoxStream};
use object_store::{
    ObjectStore as Store, ObjectStoreExt, PutMode, PutOptions, buffered::BufWriter, parse_url_opts, path::Path,
};
use std::{
    collections::HashMap,
    fmt,
    io::{self, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{io::AsyncWriteExt, runtime::Runtime};
use url::Url;

/// Buckets of a service, with the credentials, the region and the endpoint that the environment names (`AWS_ACCESS_KEY_ID`,
/// `AWS_REGION`, `AWS_ENDPOINT_URL` and so on).
pub struct RemoteStore {
    scheme: String,
    runtime: Arc<Runtime>,
    buckets: Mutex<HashMap<String, Arc<dyn Store>>>,
}

impl fmt::Debug for RemoteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteStore").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl RemoteStore {
    /// The buckets of a service: `s3`, `gs`, `az`, or another scheme that `object_store` knows. Errors: no threads.
    pub fn new(scheme: &str) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Self { scheme: scheme.to_owned(), runtime: Arc::new(runtime), buckets: Mutex::default() })
    }

    /// The store, bucket and prefix that a URL such as `s3://BUCKET/PREFIX` names. Errors: it is no such URL; no threads.
    pub fn at(url: &str) -> io::Result<(Self, String, String)> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid(format!("{url} is no URL")))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let store = Self::new(scheme)?;
        store.bucket(bucket)?;
        Ok((store, bucket.to_owned(), prefix.to_owned()))
    }

    fn bucket(&self, bucket: &str) -> io::Result<Arc<dyn Store>> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = buckets.get(bucket) {
            return Ok(known.clone());
        }
        let url = Url::parse(&format!("{}://{bucket}", self.scheme)).map_err(|error| invalid(error.to_string()))?;
        let environment = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
        let store: Arc<dyn Store> = parse_url_opts(&url, environment).map_err(io::Error::from)?.0.into();
        buckets.insert(bucket.to_owned(), store.clone());
        Ok(store)
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn path(key: &str) -> io::Result<Path> {
    Path::parse(key).map_err(|error| invalid(error.to_string()))
}

impl ObjectStore for RemoteStore {
    fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        let store = self.bucket(bucket)?;
        match self.runtime.block_on(store.list(None).try_next()) {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        let store = self.bucket(bucket)?;
        // The service lists by whole segments.
        let folder = prefix.rsplit_once('/').map(|(folder, _)| path(folder)).transpose()?;
        let listed = self.runtime.block_on(store.list(folder.as_ref()).try_collect::<Vec<_>>())?;
        let mut keys: Vec<String> = listed.into_iter().map(|object| object.location.to_string()).collect();
        keys.retain(|key| key.starts_with(prefix));
        keys.sort_unstable();
        Ok(keys)
    }

    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>> {
        let (store, path) = (self.bucket(bucket)?, path(key)?);
        let chunks = self.runtime.block_on(store.get(&path))?.into_stream();
        Ok(Box::new(RemoteReader { runtime: self.runtime.clone(), chunks, chunk: Bytes::new() }))
    }

    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>> {
        let object = BufWriter::new(self.bucket(bucket)?, path(key)?);
        Ok(Box::new(RemoteWriter { runtime: self.runtime.clone(), object, is_finished: false }))
    }

    fn create(&self, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let (store, path) = (self.bucket(bucket)?, path(key)?);
        let (payload, options) = (Bytes::copy_from_slice(bytes).into(), PutOptions::from(PutMode::Create));
        match self.runtime.block_on(store.put_opts(&path, payload, options)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn remove(&self, bucket: &str, key: &str) -> io::Result<()> {
        let (store, path) = (self.bucket(bucket)?, path(key)?);
        match self.runtime.block_on(store.delete(&path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

struct RemoteReader {
    runtime: Arc<Runtime>,
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for RemoteReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.chunks.try_next())? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let len = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..len]);
        Ok(len)
    }
}

struct RemoteWriter {
    runtime: Arc<Runtime>,
    object: BufWriter,
    is_finished: bool,
}

impl Write for RemoteWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.runtime.block_on(self.object.write(bytes))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ObjectWriter for RemoteWriter {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.is_finished = true;
        self.runtime.block_on(self.object.shutdown())
    }
}

impl Drop for RemoteWriter {
    fn drop(&mut self) {
        if !self.is_finished {
            // The service gives up parts of an upload that never ended by its own rules.
            let _ = self.runtime.block_on(self.object.abort());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_in_memory_is_a_store() {
        let (store, bucket, prefix) = RemoteStore::at("memory://bucket/a/prefix").unwrap();
        assert_eq!((&*bucket, &*prefix), ("bucket", "a/prefix"));
        assert!(store.has_bucket("bucket").unwrap());
        assert!(store.create("bucket", "a/b", b"one").unwrap() && !store.create("bucket", "a/b", b"two").unwrap());
        let mut object = store.write("bucket", "a/bc").unwrap();
        object.write_all(&[7; 100_000]).unwrap();
        drop(store.write("bucket", "a/half").unwrap());
        object.finish().unwrap();
        assert_eq!(store.list("bucket", "a/b").unwrap(), ["a/b", "a/bc"]);
        assert_eq!(store.list("bucket", "").unwrap(), ["a/b", "a/bc"]);
        let mut bytes = Vec::new();
        store.read("bucket", "a/bc").unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [7; 100_000]);
        store.remove("bucket", "a/b").unwrap();
        store.remove("bucket", "a/b").unwrap();
        assert_eq!(store.read("bucket", "a/b").err().unwrap().kind(), io::ErrorKind::NotFound);
        assert!(RemoteStore::at("nowhere").is_err() && RemoteStore::at("mailto://x").is_err());
    }
}
