//! Page tokens: where a page ended, as a text that can be handed to a client and taken back.
//!
//! ```text
//! token := base64url of
//!          version u8, table u32, index u32 (0 for the table), key attributes as an encoded item, tag of 16 bytes
//! ```
//! Numbers are little-endian. The tag is SipHash-2-4 (128 bits) of all before it, under a key of the database. A client
//! can read a token, but one that it changes or makes up, and one of another table, index or database, is rejected.

use super::{page::PageOptions, table_ref::TableRef, target::Target};
use crate::{
    config::{Options, PageTokenKey},
    engine::Engine,
    error::{Error, Result},
    item::{Item, ItemRef},
};
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;

/// What a token is good for, and the key that proves it.
#[derive(Clone, Copy, Debug)]
pub struct TokenScope {
    key: Option<PageTokenKey>,
    database_id: u64,
    table: u32,
    index: u32,
}

impl TokenScope {
    /// Tokens of a table or of one of its indexes, by their numbers; no index is number 0.
    pub fn new(options: &Options, database_id: u64, table: u32, index: Option<u32>) -> Self {
        Self { key: options.page_token_key, database_id, table, index: index.unwrap_or(0) }
    }

    /// The token of a key.
    pub fn seal(&self, key: &Item) -> String {
        let mut bytes = self.head();
        bytes.extend_from_slice(ItemRef::from(key).encoded());
        bytes.extend_from_slice(&self.tag(&bytes));
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// The key of a token.
    ///
    /// # Errors
    /// A validation error for anything that [`seal`](Self::seal) did not make for the same table, index and database.
    pub fn open(&self, token: &str) -> Result<Item> {
        self.read(token)
            .ok_or_else(|| Error::validation("the page token is not one of this table or index; start again"))
    }

    fn read(&self, token: &str) -> Option<Item> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (content, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        let differences = tag.iter().zip(self.tag(content)).fold(0, |all, (one, other)| all | (one ^ other));
        let key = content.strip_prefix(self.head().as_slice()).filter(|_| differences == 0)?;
        let key = ItemRef::from_bytes(Bytes::copy_from_slice(key));
        key.check().ok().map(|()| key.to_item())
    }

    fn head(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.table.to_le_bytes());
        bytes.extend_from_slice(&self.index.to_le_bytes());
        bytes
    }

    fn tag(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let key = self.key.as_ref().map_or_else(|| derived_key(self.database_id), |key| key.0);
        let mut hasher = SipHasher24::new_with_key(&key);
        hasher.write(bytes);
        hasher.finish128().as_bytes()
    }
}

/// The key that a token of a read stands for.
///
/// # Errors
/// As for [`TokenScope::open`], and those of finding table and index.
pub fn open_page_token(engine: &Engine, table: &TableRef<'_>, options: &PageOptions<'_>, token: &str) -> Result<Item> {
    let slot = table.resolve(engine)?;
    Target::find(&slot, options)?.token_scope(engine).open(token)
}

/// A key for databases that were given none.
fn derived_key(database_id: u64) -> [u8; TAG_BYTES] {
    let mut hasher = SipHasher24::new_with_key(b"hashrange: pages");
    hasher.write_u64(database_id);
    hasher.finish128().as_bytes()
}
