//! Objects by bucket and key: what exports are written to and imports are read from.
//!
//! The service exports to S3 and imports from it. Here an [`ObjectStore`] stands for S3. The one that comes with the crate is
//! a [folder](FolderStore): `s3://BUCKET/KEY` is the file `DIR/BUCKET/KEY`. A program can bring another one.

#[cfg(unix)]
pub use hashrange::file::FolderStore;
pub use hashrange::file::{ObjectStore, ObjectWriter};

use std::io;

/// Writes a whole object.
pub(crate) fn put(store: &dyn ObjectStore, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<()> {
    let mut object = store.write(bucket, key)?;
    object.write_all(bytes)?;
    object.finish()
}
