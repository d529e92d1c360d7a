//! Buckets of S3, Google Cloud Storage and Azure, by the crate `object_store`: it signs, and tries again what failed.

use super::{
    ObjectStore, ObjectWriter,
    calls::Calls,
    remote_object::{RemoteReader, RemoteWriter},
    service::{Address, ObjectService, Problems, invalid},
    status::classified,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{Error, ObjectStore as Client, ObjectStoreExt, PutMode, PutOptions, path::Path};
use std::{
    collections::HashMap,
    fmt,
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

/// Clients of buckets that are kept: each has connections of its own.
const MOST_CLIENTS: usize = 64;
/// Longest name of a bucket.
const MAX_BUCKET_CHARS: usize = 255;
/// Attempts to make an object that another writer makes and removes.
const MOST_ATTEMPTS: usize = 4;
/// Small objects that are asked for at a time.
const AT_A_TIME: usize = 32;

/// Buckets of a service, with the credentials, the region and the endpoint that the environment names.
///
/// Calls wait for the service, also on threads of an asynchronous runtime. A request that fails is tried again up to
/// ten times within half a minute. The service has to reject a second object of one key where it is asked to
/// (`If-None-Match: *`); S3, Google, Azure, Cloudflare R2 and MinIO do.
pub struct RemoteStore {
    calls: Arc<Calls>,
    buckets: Buckets,
}

enum Buckets {
    /// All of a service.
    Of { service: ObjectService, clients: Mutex<HashMap<String, Arc<dyn Client>>> },
    /// One, whose name is empty.
    One { client: Arc<dyn Client>, url: String, service: Option<ObjectService> },
}

impl fmt::Debug for RemoteStore {
    /// Without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteStore").field(&self.url("", "")).finish()
    }
}

impl RemoteStore {
    /// All buckets of a service, for exports and imports. Errors: no threads.
    pub fn of_service(service: ObjectService) -> io::Result<Self> {
        Ok(Self { calls: Calls::new()?, buckets: Buckets::Of { service, clients: Mutex::default() } })
    }

    /// One bucket, whose name is empty: whatever implements `object_store`'s trait. `url` is what messages call it. Errors: no
    /// threads.
    pub fn of_bucket(client: Arc<dyn Client>, url: impl Into<String>) -> io::Result<Self> {
        let buckets = Buckets::One { client, url: url.into(), service: None };
        Ok(Self { calls: Calls::new()?, buckets })
    }

    /// The bucket that a URL names, whose name is empty, and the prefix behind it: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`,
    /// `az://CONTAINER/PREFIX`, and the other forms that `object_store` knows of these services. Errors: it is no such URL, it
    /// has credentials in it, the environment lacks what the service needs, no threads.
    pub fn at(url: &str) -> io::Result<(Self, String)> {
        let Address { service, client, bucket, prefix } = Address::parse(url)?;
        let buckets = Buckets::One { client, url: bucket, service: Some(service) };
        Ok((Self { calls: Calls::new()?, buckets }, prefix))
    }

    /// The client of a bucket; `None` if no bucket can have that name.
    fn client(&self, bucket: &str) -> io::Result<Option<Arc<dyn Client>>> {
        let (service, clients) = match &self.buckets {
            Buckets::One { client, .. } => return Ok(bucket.is_empty().then(|| client.clone())),
            Buckets::Of { service, clients } => (service, clients),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let begins_well = bucket.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if bucket.len() > MAX_BUCKET_CHARS || !begins_well || !bucket.bytes().all(is_name) {
            return Ok(None);
        }
        let mut clients = clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(bucket) {
            return Ok(Some(known.clone()));
        }
        let client = service.client(bucket)?;
        if clients.len() >= MOST_CLIENTS {
            clients.clear();
        }
        clients.insert(bucket.to_owned(), client.clone());
        Ok(Some(client))
    }

    fn existing(&self, bucket: &str) -> io::Result<Arc<dyn Client>> {
        self.client(bucket)?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no bucket {bucket}")))
    }

    fn problems(&self) -> Problems {
        match &self.buckets {
            Buckets::Of { service, .. } => Problems(Some(*service)),
            Buckets::One { service, .. } => Problems(*service),
        }
    }
}

fn path(key: &str) -> io::Result<Path> {
    let path = Path::parse(key).map_err(|error| invalid(error.to_string()))?;
    // Slashes at the ends would be lost.
    if !key.is_empty() && path.as_ref() == key {
        Ok(path)
    } else {
        Err(invalid(format!("no object can have the key {key:?} here")))
    }
}

impl ObjectStore for RemoteStore {
    fn url(&self, bucket: &str, key: &str) -> String {
        match &self.buckets {
            Buckets::Of { service, .. } => format!("{}://{bucket}/{key}", service.scheme()),
            Buckets::One { url, .. } => format!("{url}/{key}"),
        }
    }

    fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        let Some(client) = self.client(bucket)? else { return Ok(false) };
        match self.calls.wait(classified(async move { client.list(None).try_next().await }))? {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            // It may be that only a part of the bucket may be listed. What is asked for next says so if it is not.
            Err(Error::PermissionDenied { .. }) => Ok(true),
            Err(error) => Err(self.problems().of(error)),
        }
    }

    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        let client = self.existing(bucket)?;
        // The service lists by whole segments.
        let folder = prefix.rsplit_once('/').filter(|(folder, _)| !folder.is_empty());
        let folder = folder.map(|(folder, _)| path(folder)).transpose()?;
        let prefix = prefix.to_owned();
        let listed = self.calls.wait(classified(async move {
            let begins = |key: &Path| key.as_ref().starts_with(&prefix);
            let objects =
                client.list(folder.as_ref()).try_filter(|object| std::future::ready(begins(&object.location)));
            objects.map_ok(|object| (object.location.to_string(), object.size)).try_collect::<Vec<_>>().await
        }))?;
        Ok(keys_of(listed.map_err(|error| self.problems().of(error))?))
    }

    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>> {
        let reader = RemoteReader::open(&self.calls, self.existing(bucket)?, path(key)?, self.problems())?;
        Ok(Box::new(reader))
    }

    fn read_many(&self, bucket: &str, keys: &[String]) -> io::Result<Vec<Option<Bytes>>> {
        let client = self.existing(bucket)?;
        let paths = keys.iter().map(|key| path(key)).collect::<io::Result<Vec<_>>>()?;
        let read = self.calls.wait(async move {
            let reads = paths.into_iter().map(|path| {
                let client = client.clone();
                async move {
                    match async { client.get(&path).await?.bytes().await }.await {
                        Ok(bytes) => Ok(Some(bytes)),
                        Err(Error::NotFound { .. }) => Ok(None),
                        Err(error) => Err(error),
                    }
                }
            });
            stream::iter(reads).buffered(AT_A_TIME).try_collect::<Vec<_>>().await
        })?;
        read.map_err(|error| self.problems().of(error))
    }

    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>> {
        let (client, path) = (self.existing(bucket)?, path(key)?);
        Ok(Box::new(RemoteWriter::new(self.calls.clone(), client, path, self.problems())))
    }

    fn create(&self, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<bool> {
        let (client, path) = (self.existing(bucket)?, path(key)?);
        let bytes = Bytes::copy_from_slice(bytes);
        let made = self.calls.wait(async move {
            let mut refused = None;
            for _ in 0..MOST_ATTEMPTS {
                match client.put_opts(&path, bytes.clone().into(), PutOptions::from(PutMode::Create)).await {
                    Ok(_) => return Ok(true),
                    Err(error @ (Error::AlreadyExists { .. } | Error::Precondition { .. })) => refused = Some(error),
                    Err(error) => return Err(error),
                }
                // A conflict with a writer that fails, or with a removal, is answered like an object that is there.
                match client.head(&path).await {
                    Ok(_) => return Ok(false),
                    Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            refused.map_or(Ok(false), Err)
        })?;
        made.map_err(|error| self.problems().of(error))
    }

    fn remove(&self, bucket: &str, key: &str) -> io::Result<()> {
        let (client, path) = (self.existing(bucket)?, path(key)?);
        match self.calls.wait(async move { client.delete(&path).await })? {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.problems().of(error)),
        }
    }
}

/// Keys in order, without the empty objects that consoles make for folders.
fn keys_of(mut listed: Vec<(String, u64)>) -> Vec<String> {
    listed.sort_unstable();
    let is_folder = |key: &str| {
        let inner = format!("{key}/");
        let at = listed.partition_point(|(other, _)| *other < inner);
        listed.get(at).is_some_and(|(other, _)| other.starts_with(&inner))
    };
    let keys = listed.iter().filter(|(key, size)| *size > 0 || !is_folder(key));
    keys.map(|(key, _)| key.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hashrange::{
        Database, Item,
        history::{Archive, ArchiveOptions, ArchivePlace, Moment},
        key::S,
    };
    use object_store::{chunked::ChunkedStore, memory::InMemory};
    use std::thread;

    fn memory() -> (Arc<InMemory>, RemoteStore) {
        let client = Arc::new(InMemory::new());
        (client.clone(), RemoteStore::of_bucket(client, "s3://test").unwrap())
    }

    fn put(store: &RemoteStore, key: &str, bytes: &[u8]) {
        let mut object = store.write("", key).unwrap();
        object.write_all(bytes).unwrap();
        object.finish().unwrap();
    }

    fn get(store: &RemoteStore, key: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        store.read("", key)?.read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn objects_come_back_under_their_keys() {
        let (_, store) = memory();
        assert!(store.has_bucket("").unwrap() && !store.has_bucket("b").unwrap());
        assert_eq!(get(&store, "a/b").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(store.create("", "a/b", b"one").unwrap() && !store.create("", "a/b", b"two").unwrap());
        assert_eq!(get(&store, "a/b").unwrap(), b"one");
        put(&store, "a/b", b"three");
        put(&store, "a/c.d/1-2", b"");
        put(&store, "ab", b"x");
        assert_eq!(store.list("", "").unwrap(), ["a/b", "a/c.d/1-2", "ab"]);
        assert_eq!(store.list("", "a/").unwrap(), ["a/b", "a/c.d/1-2"]);
        assert_eq!(store.list("", "a").unwrap(), ["a/b", "a/c.d/1-2", "ab"]);
        assert_eq!(store.list("", "a/c").unwrap(), ["a/c.d/1-2"]);
        let keys: Vec<String> = ["ab", "none", "a/b"].map(str::to_owned).into();
        let read = store.read_many("", &keys).unwrap();
        assert_eq!(read, [Some(Bytes::from_static(b"x")), None, Some(Bytes::from_static(b"three"))]);
        drop(store.write("", "half").unwrap());
        store.remove("", "a/b").unwrap();
        store.remove("", "a/b").unwrap();
        assert_eq!(store.list("", "").unwrap(), ["a/c.d/1-2", "ab"]);
        for key in ["", "/a", "a/", "a//b", "a/../b", "."] {
            assert_eq!(store.create("", key, b"").unwrap_err().kind(), io::ErrorKind::InvalidInput, "{key}");
        }
        assert_eq!(store.list("b", "").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(store.url("", "a/b"), "s3://test/a/b");
    }

    #[test]
    fn long_objects_go_in_parts_and_come_back_in_pieces() {
        // A service sends an object bit by bit; the store in memory would send it at once.
        let service = ChunkedStore::new(memory().0, 64 << 10);
        let store = RemoteStore::of_bucket(Arc::new(service), "s3://test").unwrap();
        let bytes: Vec<u8> = (0..20_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        for len in [0, 1, 8 << 20, (8 << 20) + 1, 16 << 20, bytes.len()] {
            put(&store, "long", &bytes[..len]);
            assert!(get(&store, "long").unwrap() == bytes[..len], "{len}");
        }
        let mut half = store.write("", "half").unwrap();
        half.write_all(&bytes).unwrap();
        drop(half);
        assert_eq!(store.list("", "").unwrap(), ["long"]);
        let mut reader = store.read("", "long").unwrap();
        reader.read_exact(&mut [0; 1000]).unwrap();
        put(&store, "long", &bytes[1..]);
        // The piece behind the first may have been read before.
        let mut rest = Vec::new();
        assert!(reader.read_to_end(&mut rest).unwrap_err().to_string().contains("changed while it was read"));
        assert!(bytes[1000..].starts_with(&rest) && reader.read(&mut [0]).is_err(), "it does not end there");
    }

    #[test]
    fn empty_objects_of_folders_are_not_listed() {
        let listed = [("a", 0), ("a-b", 3), ("a/b", 1), ("c", 0), ("d", 2), ("d/e", 0)];
        let keys = keys_of(listed.map(|(key, size)| (key.to_owned(), size)).into());
        assert_eq!(keys, ["a-b", "a/b", "c", "d", "d/e"]);
    }

    #[test]
    fn of_many_writers_of_a_key_one_succeeds() {
        let (client, _) = memory();
        for round in 0..20 {
            let key = format!("key/{round}");
            let made: Vec<bool> = thread::scope(|scope| {
                let writers: Vec<_> = (0..4)
                    .map(|_| {
                        let store = RemoteStore::of_bucket(client.clone(), "s3://test").unwrap();
                        let key = &key;
                        scope.spawn(move || store.create("", key, b"x").unwrap())
                    })
                    .collect();
                writers.into_iter().map(|writer| writer.join().unwrap()).collect()
            });
            assert_eq!(made.iter().filter(|is_new| **is_new).count(), 1);
        }
    }

    #[test]
    fn a_database_is_archived_and_restored_also_on_the_thread_of_another_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (_, store) = memory();
            let place = ArchivePlace::new(Arc::new(store), "", "of/shop").unwrap();
            let db = Database::options().background(false).in_memory().unwrap();
            let table = db.create_table("stock").hash::<S>("sku").create().unwrap();
            let archiving = db.archive_to(place.clone(), ArchiveOptions::default()).unwrap();
            for n in 0..50 {
                table.put(&Item::new().with("sku", n.to_string()).with("text", "x".repeat(2_000))).unwrap();
                archiving.step().unwrap();
            }
            assert_eq!(place.to_string(), "s3://test/of/shop/");
            let archive = Archive::open(place).unwrap();
            archive.verify().unwrap();
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("restored");
            let (restored, _) =
                archive.restore_into(Moment::Now, &target, Database::options().background(false)).unwrap();
            assert_eq!(restored.table::<S>("stock").unwrap().scan().items().count(), 50);
            drop(archiving);
        });
    }

    #[test]
    fn what_is_no_address_of_a_bucket_is_refused() {
        for (url, said) in [
            ("nowhere", "is no URL"),
            ("mailto://x", "s3://, gs:// or az://"),
            ("memory:///x", "s3://, gs:// or az://"),
            ("https://example.com/x", "s3://, gs:// or az://"),
            ("s3://bucket/x?key=secret", "from the environment"),
            ("s3://id:secret@bucket/x", "from the environment"),
            ("s3://bucket/a//b", "s3://, gs:// or az://"),
        ] {
            let error = RemoteStore::at(url).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{url}");
            assert!(error.to_string().contains(said) && !error.to_string().contains("secret"), "{url}: {error}");
        }
        let (store, prefix) = RemoteStore::at("s3://bucket/of/shop/").unwrap();
        assert_eq!((prefix.as_str(), store.url("", "of/shop/id").as_str()), ("of/shop", "s3://bucket/of/shop/id"));
        assert_eq!(RemoteStore::at("s3a://bucket").unwrap().1, "");
        let buckets = RemoteStore::of_service(ObjectService::S3).unwrap();
        for name in ["", "../x", "a/b", "a?b", "-a", "a b"] {
            assert!(!buckets.has_bucket(name).unwrap(), "{name}");
        }
        assert_eq!(buckets.url("b", "k"), "s3://b/k");
    }
}
