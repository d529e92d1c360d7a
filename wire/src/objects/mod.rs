//! Objects by bucket and key: what exports are written to and imports are read from.
//!
//! The service exports to S3 and imports from it. Here an [`ObjectStore`] stands for S3. The one that comes with the crate is
//! a [folder](FolderStore): `s3://BUCKET/KEY` is the file `DIR/BUCKET/KEY`. With feature `object-store`, `RemoteStore` is the
//! buckets of a service: S3, Google Cloud Storage or Azure. A program can bring another one.

#[cfg(feature = "object-store")]
mod calls;
#[cfg(feature = "object-store")]
mod remote;
#[cfg(feature = "object-store")]
mod remote_object;
#[cfg(feature = "object-store")]
mod service;
#[cfg(feature = "object-store")]
mod status;

#[cfg(unix)]
pub use hashrange::file::FolderStore;
pub use hashrange::file::{ObjectStore, ObjectWriter};
#[cfg(feature = "object-store")]
pub use {remote::RemoteStore, service::ObjectService};

use std::io;

/// Writes a whole object.
pub(crate) fn put(store: &dyn ObjectStore, bucket: &str, key: &str, bytes: &[u8]) -> io::Result<()> {
    let mut object = store.write(bucket, key)?;
    object.write_all(bytes)?;
    object.finish()
}
