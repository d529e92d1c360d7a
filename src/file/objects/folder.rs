//! A folder as a store of objects: `s3://BUCKET/KEY` is `DIR/BUCKET/KEY`.
//!
//! Every step of a path is opened from the folder before it and follows no link, so that no key and no link that is in
//! the folder leads out of it, also if the folder changes meanwhile. An object is written aside, in a folder of its bucket
//! that is not listed, synced, and renamed.

use super::{ObjectStore, ObjectWriter, key};
use rustix::{
    fd::OwnedFd,
    fs::{self, AtFlags, CWD, Dir, FileType, Mode, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use xxhash_rust::xxh3::xxh3_128;

/// The folder in a bucket in which objects are written; no key leads into it.
const PARTS: &str = ".hashrange-parts";
/// Longest name of a bucket.
const MAX_BUCKET_CHARS: usize = 255;
/// Folders in folders that are listed.
const MAX_DEPTH: usize = 512;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Tells objects apart that this process makes at the same time.
static MADE: AtomicU64 = AtomicU64::new(0);

/// A folder whose folders are buckets, or which is a bucket itself.
#[derive(Clone, Debug)]
pub struct FolderStore {
    root: Arc<OwnedFd>,
    is_bucket: bool,
}

impl FolderStore {
    /// The store in a folder, which has to be there, with its folders as buckets. Errors: it is not there, is no folder, or
    /// cannot be read.
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
        // The folder itself may be a link: it is what the user named.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = fs::openat(CWD, folder.as_ref(), flags, Mode::empty())?;
        Ok(Self { root: Arc::new(root), is_bucket: false })
    }

    /// The store with one bucket, whose name is empty: the folder, which has to be there. Errors: as [`open`](Self::open).
    pub fn of_bucket(folder: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self { is_bucket: true, ..Self::open(folder)? })
    }

    /// The folder of a bucket; `None` if there is none.
    fn bucket(&self, bucket: &str) -> io::Result<Option<OwnedFd>> {
        if self.is_bucket {
            return if bucket.is_empty() { self.root.try_clone().map(Some) } else { Ok(None) };
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let first = bucket.bytes().next();
        if bucket.len() > MAX_BUCKET_CHARS
            || !bucket.bytes().all(is_name)
            || !first.is_some_and(|byte| byte.is_ascii_alphanumeric())
        {
            return Ok(None);
        }
        match fs::openat(&self.root, bucket, FOLDER, Mode::empty()) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn existing(&self, bucket: &str) -> io::Result<OwnedFd> {
        self.bucket(bucket)?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no bucket {bucket}")))
    }
}

impl ObjectStore for FolderStore {
    fn has_bucket(&self, bucket: &str) -> io::Result<bool> {
        Ok(self.bucket(bucket)?.is_some())
    }

    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        let mut keys = Vec::new();
        walk(&self.existing(bucket)?, "", prefix, 0, &mut keys)?;
        keys.sort_unstable();
        keys.dedup(); // one key may have two names
        Ok(keys)
    }

    fn read(&self, bucket: &str, key: &str) -> io::Result<Box<dyn Read + Send>> {
        for (folder, name) in self.paths(bucket, key)? {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let Some(file) = if_there(fs::openat(&folder, &name, flags, Mode::empty()))? else { continue };
            let file = File::from(file);
            if !file.metadata()?.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{key} is no file")));
            }
            return Ok(Box::new(file));
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn write(&self, bucket: &str, key: &str) -> io::Result<Box<dyn ObjectWriter>> {
        // The same key has the same name aside: what an earlier attempt left is written over.
        let (file, part) = self.begin(bucket, key, &format!("{:032x}", xxh3_128(key.as_bytes())), OFlags::TRUNC)?;
        Ok(Box::new(FolderWriter { file: BufWriter::with_capacity(256 << 10, file), part }))
    }

    fn create(&self, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<bool> {
        for (folder, name) in self.paths(bucket, key)? {
            if if_there(fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW))?.is_some() {
                return Ok(false);
            }
        }
        // A name aside may be left of a process that ended, and be the object that it made: it is never opened again.
        let (mut file, part) = loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            match self.begin(bucket, key, &format!("{}-{number}", std::process::id()), OFlags::EXCL) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                begun => break begun?,
            }
        };
        file.write_all(bytes)?;
        file.sync_data()?;
        drop(file);
        let Part { parts, part: aside, folder, name, .. } = &part;
        // A link is made only where there is no file of the name.
        let is_new = match fs::linkat(parts, aside.as_str(), folder, name.as_str(), AtFlags::empty()) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => part.rename_to_free_name()?,
            Err(error) => return Err(error.into()),
        };
        sync_folder(folder)?;
        Ok(is_new)
    }

    fn remove(&self, bucket: &str, key: &str) -> io::Result<()> {
        for (folder, name) in self.paths(bucket, key)? {
            if if_there(fs::unlinkat(&folder, &name, AtFlags::empty()))?.is_some() {
                sync_folder(&folder)?;
            }
        }
        Ok(())
    }
}

impl FolderStore {
    /// Where an object may be: folders that are there, each with a name in it. What this store writes comes first, and behind it
    /// what other programs may have put there.
    fn paths(&self, bucket: &str, key: &str) -> io::Result<Vec<(Arc<OwnedFd>, String)>> {
        let mut folders = vec![Arc::new(self.existing(bucket)?)];
        let (parents, last) = key.rsplit_once('/').map_or((None, key), |(parents, last)| (Some(parents), last));
        for segment in parents.into_iter().flat_map(|parents| parents.split('/')) {
            let mut inner = Vec::new();
            for folder in &folders {
                for name in key::names_of(segment) {
                    let opened = if_there(fs::openat(folder, name, FOLDER, Mode::empty()))?;
                    inner.extend(opened.map(Arc::new));
                }
            }
            folders = inner;
        }
        let names = |folder: Arc<OwnedFd>| key::names_of(last).into_iter().map(move |name| (folder.clone(), name));
        Ok(folders.into_iter().flat_map(names).collect())
    }

    /// Begins a file aside, for a key.
    fn begin(&self, bucket: &str, key: &str, aside: &str, how: OFlags) -> io::Result<(File, Part)> {
        let bucket = self.existing(bucket)?;
        let mut names = key::names(key);
        let Some(name) = names.pop() else { return Err(io::ErrorKind::InvalidInput.into()) };
        if names.first().unwrap_or(&name) == PARTS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{PARTS} is no place for objects")));
        }
        let parts = open_or_make(&bucket, PARTS)?;
        let mut folder = bucket;
        for name in &names {
            folder = open_or_make(&folder, name)?;
        }
        let flags = how | OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&parts, aside, flags, Mode::from_raw_mode(0o644))?;
        Ok((File::from(file), Part { parts, part: aside.to_owned(), folder, name, is_finished: false }))
    }
}

/// Makes the names in a folder durable: as for files, where the call that `fsync` is does not reach the medium (macOS).
fn sync_folder(folder: &OwnedFd) -> io::Result<()> {
    File::from(folder.try_clone()?).sync_all()
}

/// What a call found; `None` if there is nothing of the name.
fn if_there<T>(found: Result<T, Errno>) -> io::Result<Option<T>> {
    match found {
        Err(Errno::NOENT) => Ok(None),
        found => Ok(Some(found?)),
    }
}

/// Opens a folder of a folder, and makes it, durably, if it is missing.
fn open_or_make(folder: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    match fs::mkdirat(folder, name, Mode::from_raw_mode(0o755)) {
        Ok(()) => sync_folder(folder)?,
        Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(fs::openat(folder, name, FOLDER, Mode::empty())?)
}

/// Adds the keys under a folder; `path` is the key of the folder, with its slash.
fn walk(folder: &OwnedFd, path: &str, prefix: &str, depth: usize, keys: &mut Vec<String>) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{path} lies too deep")));
    }
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        // A name that is no text is no key.
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") || depth == 0 && name == PARTS {
            continue;
        }
        let key = format!("{path}{}", key::segment(name));
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let stat = fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            kind => kind,
        };
        match kind {
            FileType::RegularFile if key.starts_with(prefix) => keys.push(key),
            FileType::Directory => {
                let path = format!("{key}/");
                if path.starts_with(prefix) || prefix.starts_with(&path) {
                    match fs::openat(folder, name, FOLDER, Mode::empty()) {
                        Ok(inner) => walk(&inner, &path, prefix, depth + 1, keys)?,
                        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where an object is written, and where it goes.
struct Part {
    parts: OwnedFd,
    part: String,
    folder: OwnedFd,
    name: String,
    is_finished: bool,
}

impl Part {
    /// Gives the object its name where the file system has no links; false if another one has it. Where names cannot be
    /// exchanged only if they are free, the name is taken first, and given back if the object does not come.
    fn rename_to_free_name(&self) -> io::Result<bool> {
        let (aside, name) = (self.part.as_str(), self.name.as_str());
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        match fs::renameat_with(&self.parts, aside, &self.folder, name, fs::RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => return Ok(false),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(&self.folder, name, flags, Mode::from_raw_mode(0o644)) {
            Ok(_) => {}
            Err(Errno::EXIST) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        fs::renameat(&self.parts, aside, &self.folder, name).map(|()| true).map_err(|error| {
            let _ = fs::unlinkat(&self.folder, name, AtFlags::empty());
            error.into()
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished {
            // What cannot be removed takes room, and no key leads to it.
            let _ = fs::unlinkat(&self.parts, self.part.as_str(), AtFlags::empty());
        }
    }
}

struct FolderWriter {
    file: BufWriter<File>,
    part: Part,
}

impl Write for FolderWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ObjectWriter for FolderWriter {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_data()?;
        let Part { parts, part, folder, name, is_finished } = &mut self.part;
        fs::renameat(&*parts, part.as_str(), &*folder, name.as_str())?;
        *is_finished = true;
        sync_folder(folder)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "this test looks at the folder from outside")]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn store() -> (tempfile::TempDir, FolderStore) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mine")).unwrap();
        let store = FolderStore::open(folder.path()).unwrap();
        (folder, store)
    }

    fn put(store: &FolderStore, key: &str, bytes: &[u8]) {
        let mut object = store.write("mine", key).unwrap();
        object.write_all(bytes).unwrap();
        object.finish().unwrap();
    }

    #[test]
    fn what_a_process_left_aside_is_not_written_over() {
        let (folder, store) = store();
        assert!(store.create("mine", "a", b"one").unwrap());
        // As a power failure leaves it: the object still has its name aside, which the next process of this number draws too.
        let made = folder.path().join("mine").join("a");
        let next = MADE.load(Ordering::Relaxed);
        for number in next..next + 100 {
            let aside = folder.path().join("mine").join(PARTS).join(format!("{}-{number}", std::process::id()));
            std::fs::hard_link(&made, aside).unwrap();
        }
        assert!(store.create("mine", "b", b"two").unwrap());
        assert_eq!((text(&store, "a").unwrap(), text(&store, "b").unwrap()), ("one".to_owned(), "two".to_owned()));
    }

    fn text(store: &FolderStore, key: &str) -> io::Result<String> {
        let mut text = String::new();
        store.read("mine", key)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn objects_come_back_under_their_keys() {
        let (folder, store) = store();
        let keys = ["x/..", "../../out", "/abs", "a/b", "a//b", "a/.", "ü", "x y"];
        for key in keys {
            put(&store, key, key.as_bytes());
        }
        let mut sorted = keys.to_vec();
        sorted.sort_unstable();
        assert_eq!(store.list("mine", "").unwrap(), sorted);
        assert_eq!(store.list("mine", "a/").unwrap(), ["a/.", "a//b", "a/b"]);
        for key in keys {
            assert_eq!(text(&store, key).unwrap(), key);
        }
        let around: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(around, ["mine"], "nothing left the bucket");
        put(&store, "a/b", b"again");
        assert_eq!(text(&store, "a/b").unwrap(), "again");
        // What other programs put there under names that would be written in another way here.
        std::fs::create_dir(folder.path().join("mine/d e")).unwrap();
        std::fs::write(folder.path().join("mine/d e/x y"), "theirs").unwrap();
        assert_eq!(text(&store, "d e/x y").unwrap(), "theirs");
        store.remove("mine", "d e/x y").unwrap();
        store.remove("mine", "no such folder/x").unwrap();
        assert_eq!(store.list("mine", "d").unwrap(), [] as [&str; 0]);
        std::fs::write(folder.path().join("mine/d e/x y"), "theirs").unwrap();
        assert!(!store.create("mine", "d e/x y", b"new").unwrap());
        put(&store, "d e/x y", b"ours");
        put(&store, "d e/z", b"z");
        assert_eq!(store.list("mine", "d").unwrap(), ["d e/x y", "d e/z"]);
        assert_eq!(text(&store, "d e/x y").unwrap(), "ours");
        for key in ["d e/x y", "d e/z"] {
            store.remove("mine", key).unwrap();
            assert_eq!(text(&store, key).unwrap_err().kind(), io::ErrorKind::NotFound, "nothing older comes back");
        }
        keys.into_iter().for_each(|key| store.remove("mine", key).unwrap());
        assert_eq!(store.list("mine", "").unwrap(), [] as [&str; 0]);
    }

    #[test]
    fn what_is_not_finished_is_not_there() {
        let (folder, store) = store();
        let mut object = store.write("mine", "half").unwrap();
        object.write_all(b"half").unwrap();
        assert_eq!(store.list("mine", "").unwrap(), [] as [&str; 0]);
        drop(object);
        let parts = std::fs::read_dir(folder.path().join("mine").join(PARTS)).unwrap();
        assert_eq!(parts.count(), 0);
        assert!(store.write("mine", ".hashrange-parts/x").is_err());
    }

    #[test]
    fn links_lead_nowhere_and_buckets_are_not_made() {
        let (folder, store) = store();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        symlink(outside.path(), folder.path().join("linked")).unwrap();
        symlink(outside.path(), folder.path().join("mine/dir")).unwrap();
        symlink(outside.path().join("secret"), folder.path().join("mine/file")).unwrap();
        assert!(!store.has_bucket("linked").unwrap());
        assert!(store.read("mine", "dir/secret").is_err() && store.read("mine", "file").is_err());
        assert!(store.write("mine", "dir/new").is_err());
        assert_eq!(store.list("mine", "").unwrap(), [] as [&str; 0]);
        for bucket in ["none", "..", ".", "", "mine/..", "/", ".hashrange-parts"] {
            assert!(!store.has_bucket(bucket).unwrap(), "{bucket}");
            assert!(store.write(bucket, "x").is_err());
        }
        std::fs::write(folder.path().join("mine/two words.json"), "w").unwrap();
        assert_eq!(store.list("mine", "").unwrap(), ["two words.json"]);
        assert_eq!(text(&store, "two words.json").unwrap(), "w");
    }
}
