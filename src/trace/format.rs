//! The bytes of a trace.
//!
//! ```text
//! trace    = "hrtrace1"  block*
//! block    = length u32  crc32 of the payload u32  payload        (little-endian)
//! payload  = record*
//! record   = 1  name  key  sort?  billing  n  index*              a table, numbered from 0 in their order
//!          | 2  name                                              an attribute, numbered from 0
//!          | 3  millis  flags  table  [index]  key  sort  units  bytes  n  entry*  n  value*
//! entry    = index  units  key                                    of a global index that was written
//! value    = attribute  text                                      of an attribute that was asked for
//! index    = name  is_global  key  billing
//! billing  = 0 | 1  read  write                                   on demand, or units a second
//! ```
//!
//! Numbers are varints, texts have their length before them, `millis` counts from the record before (from 1970 in the first
//! one), and units are halves. Flags: 1 a write, 2 strongly consistent, 4 reads an index, 8 belongs to the request before, 16
//! has no key. A reader stops at the first block that is cut off or damaged: what a crash leaves is a trace.

use crate::format::varint;

pub const MAGIC: &[u8; 8] = b"hrtrace1";
/// Bytes after which a block is written.
pub const BLOCK_BYTES: usize = 64 << 10;
/// Longest block that is read.
pub const MAX_BLOCK_BYTES: usize = 16 << 20;

pub const TABLE: u8 = 1;
pub const ATTRIBUTE: u8 = 2;
pub const ACCESS: u8 = 3;

const IS_WRITE: u64 = 1;
const IS_CONSISTENT: u64 = 2;
const READS_INDEX: u64 = 4;
const CONTINUES: u64 = 8;
const HAS_NO_KEY: u64 = 16;

/// A table as a trace describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedTable {
    /// Its name.
    pub name: String,
    /// The attribute of its partition key.
    pub key: String,
    /// The attribute of its sort key.
    pub sort: Option<String>,
    /// Read and write units a second; `None` if it is on demand.
    pub provisioned: Option<(u64, u64)>,
    /// Its indexes.
    pub indexes: Vec<RecordedIndex>,
}

impl RecordedTable {
    /// Whether both describe the same table. A table cannot change its keys.
    pub(super) fn is_the_same(&self, other: &Self) -> bool {
        (&self.name, &self.key, &self.sort) == (&other.name, &other.key, &other.sort)
    }
}

/// An index as a trace describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedIndex {
    /// Its name.
    pub name: String,
    /// Whether it is a global one; a local one draws on its table.
    pub is_global: bool,
    /// The attribute of its partition key.
    pub key: String,
    /// Read and write units a second; `None` if it is on demand.
    pub provisioned: Option<(u64, u64)>,
}

/// One item, collection or table that a request accessed. Keys are texts as they were, or hashes of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access {
    /// When, in milliseconds since 1970.
    pub at_millis: u64,
    /// Whether it was written; otherwise it was read.
    pub is_write: bool,
    /// Whether a read was strongly consistent, or one of a transaction.
    pub is_consistent: bool,
    /// Whether it belongs to the same request as the access before.
    pub continues: bool,
    /// Position of the table among those of the trace.
    pub table: usize,
    /// Position of the index that was read among those of the table.
    pub index: Option<usize>,
    /// The partition key; `None` for a scan.
    pub key: Option<Vec<u8>>,
    /// The sort key; empty if there is none or several were read.
    pub sort: Vec<u8>,
    /// Half units of the table, or of the index that was read.
    pub half_units: u64,
    /// Bytes of the item, if they are known.
    pub bytes: u64,
    /// Global indexes that were written: position, half units, partition key of the entry if it is known.
    pub entries: Vec<(usize, u64, Vec<u8>)>,
    /// Values of attributes that were asked for, by position.
    pub values: Vec<(usize, Vec<u8>)>,
}

fn put_text(text: &[u8], out: &mut Vec<u8>) {
    varint::put(text.len() as u64, out);
    out.extend_from_slice(text);
}

fn put_billing(provisioned: Option<(u64, u64)>, out: &mut Vec<u8>) {
    match provisioned {
        None => varint::put(0, out),
        Some((read, write)) => [1, read, write].into_iter().for_each(|number| varint::put(number, out)),
    }
}

/// Appends a table.
pub fn put_table(table: &RecordedTable, out: &mut Vec<u8>) {
    out.push(TABLE);
    put_text(table.name.as_bytes(), out);
    put_text(table.key.as_bytes(), out);
    put_text(table.sort.as_deref().unwrap_or_default().as_bytes(), out);
    put_billing(table.provisioned, out);
    varint::put(table.indexes.len() as u64, out);
    for index in &table.indexes {
        put_text(index.name.as_bytes(), out);
        varint::put(u64::from(index.is_global), out);
        put_text(index.key.as_bytes(), out);
        put_billing(index.provisioned, out);
    }
}

/// Appends an attribute.
pub fn put_attribute(name: &str, out: &mut Vec<u8>) {
    out.push(ATTRIBUTE);
    put_text(name.as_bytes(), out);
}

/// Appends an access; the one before it was at `before_millis`.
pub fn put_access(access: &Access, before_millis: u64, out: &mut Vec<u8>) {
    out.push(ACCESS);
    varint::put(access.at_millis.saturating_sub(before_millis), out);
    let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
    let flags = flag(access.is_write, IS_WRITE)
        | flag(access.is_consistent, IS_CONSISTENT)
        | flag(access.index.is_some(), READS_INDEX)
        | flag(access.continues, CONTINUES)
        | flag(access.key.is_none(), HAS_NO_KEY);
    varint::put(flags, out);
    varint::put(access.table as u64, out);
    if let Some(index) = access.index {
        varint::put(index as u64, out);
    }
    put_text(access.key.as_deref().unwrap_or_default(), out);
    put_text(&access.sort, out);
    varint::put(access.half_units, out);
    varint::put(access.bytes, out);
    varint::put(access.entries.len() as u64, out);
    for (index, half_units, key) in &access.entries {
        varint::put(*index as u64, out);
        varint::put(*half_units, out);
        put_text(key, out);
    }
    varint::put(access.values.len() as u64, out);
    for (attribute, text) in &access.values {
        varint::put(*attribute as u64, out);
        put_text(text, out);
    }
}

fn take_len(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(varint::take(bytes)?).ok()
}

fn take_text<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = take_len(bytes)?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(text)
}

fn take_string(bytes: &mut &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(take_text(bytes)?).into_owned())
}

fn take_billing(bytes: &mut &[u8]) -> Option<Option<(u64, u64)>> {
    match varint::take(bytes)? {
        0 => Some(None),
        1 => Some(Some((varint::take(bytes)?, varint::take(bytes)?))),
        _ => None,
    }
}

/// Takes a table, behind its tag.
pub fn take_table(bytes: &mut &[u8]) -> Option<RecordedTable> {
    let (name, key, sort) = (take_string(bytes)?, take_string(bytes)?, take_string(bytes)?);
    let sort = Some(sort).filter(|sort| !sort.is_empty());
    let provisioned = take_billing(bytes)?;
    let mut table = RecordedTable { name, key, sort, provisioned, indexes: Vec::new() };
    for _ in 0..take_len(bytes)? {
        let (name, is_global) = (take_string(bytes)?, varint::take(bytes)? != 0);
        let (key, provisioned) = (take_string(bytes)?, take_billing(bytes)?);
        table.indexes.push(RecordedIndex { name, is_global, key, provisioned });
    }
    Some(table)
}

/// Takes an attribute, behind its tag.
pub fn take_attribute(bytes: &mut &[u8]) -> Option<String> {
    take_string(bytes)
}

/// Takes an access, behind its tag, in the place of the one before.
pub fn take_access(bytes: &mut &[u8], access: &mut Access) -> Option<()> {
    access.at_millis = access.at_millis.checked_add(varint::take(bytes)?)?;
    let flags = varint::take(bytes)?;
    access.is_write = flags & IS_WRITE != 0;
    access.is_consistent = flags & IS_CONSISTENT != 0;
    access.continues = flags & CONTINUES != 0;
    access.table = take_len(bytes)?;
    access.index = if flags & READS_INDEX == 0 { None } else { Some(take_len(bytes)?) };
    let key = take_text(bytes)?;
    if flags & HAS_NO_KEY == 0 {
        let kept = access.key.get_or_insert_default();
        kept.clear();
        kept.extend_from_slice(key);
    } else {
        access.key = None;
    }
    access.sort.clear();
    access.sort.extend_from_slice(take_text(bytes)?);
    (access.half_units, access.bytes) = (varint::take(bytes)?, varint::take(bytes)?);
    access.entries.clear();
    for _ in 0..take_len(bytes)? {
        access.entries.push((take_len(bytes)?, varint::take(bytes)?, take_text(bytes)?.to_vec()));
    }
    access.values.clear();
    for _ in 0..take_len(bytes)? {
        access.values.push((take_len(bytes)?, take_text(bytes)?.to_vec()));
    }
    Some(())
}
