//! The data files of an export.

use super::{Change, DataFormat, ion, json, manifest::DataFile};
use crate::objects::{ObjectStore, ObjectWriter};
use flate2::{Compression, write::GzEncoder};
use hashrange::ItemRef;
use md5::{Digest, Md5};
use std::io::{self, Write};

/// Bytes of records that are packed at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// One data file under way.
pub(crate) struct DataFileWriter {
    packed: GzEncoder<Hashed>,
    records: Vec<u8>,
    format: DataFormat,
    /// Names of the key attributes.
    key: Vec<String>,
    path: String,
    items: u64,
}

/// An object whose bytes are counted into a checksum.
struct Hashed {
    object: Box<dyn ObjectWriter>,
    md5: Md5,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.object.write(bytes)?;
        self.md5.update(&bytes[..written]);
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.object.flush()
    }
}

impl DataFileWriter {
    /// Begins a file under this key of the bucket; `key` names the key attributes of the table.
    pub(crate) fn begin(
        store: &dyn ObjectStore,
        bucket: &str,
        path: String,
        format: DataFormat,
        key: Vec<String>,
    ) -> io::Result<Self> {
        let hashed = Hashed { object: store.write(bucket, &path)?, md5: Md5::new() };
        let packed = GzEncoder::new(hashed, Compression::fast());
        Ok(Self { packed, records: Vec::with_capacity(CHUNK_BYTES), format, key, path, items: 0 })
    }

    /// Adds an item.
    pub(crate) fn item(&mut self, item: &ItemRef) -> io::Result<()> {
        match self.format {
            DataFormat::DynamoDbJson => json::write_record(&mut self.records, item, &self.key),
            DataFormat::Ion => ion::write_record(&mut self.records, item, &self.key),
        }
        self.added()
    }

    /// Adds a change.
    pub(crate) fn change(&mut self, change: &Change<'_>) -> io::Result<()> {
        match self.format {
            DataFormat::DynamoDbJson => json::write_change(&mut self.records, change, &self.key),
            DataFormat::Ion => ion::write_change(&mut self.records, change, &self.key),
        }
        self.added()
    }

    fn added(&mut self) -> io::Result<()> {
        self.items += 1;
        if self.records.len() >= CHUNK_BYTES {
            self.packed.write_all(&self.records)?;
            self.records.clear();
        }
        Ok(())
    }

    /// Ends the file, which is durable then.
    pub(crate) fn finish(mut self) -> io::Result<DataFile> {
        self.packed.write_all(&self.records)?;
        let Hashed { object, md5 } = self.packed.finish()?;
        object.finish()?;
        Ok(DataFile { key: self.path, items: self.items, md5: md5.finalize().into() })
    }
}
