//! Tokens: bytes as a text that can be handed to a client and taken back.
//!
//! ```text
//! token   := base64url of content, tag of 16 bytes
//! content := 1 u8, table u32, index u32 (0 for the table), key attributes as an encoded item      where a page ended
//!          | 2 u8, any bytes                                                                      what a program sealed
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

/// The first byte of what page tokens contain.
const PAGE: u8 = 1;
/// The same of tokens of programs.
const PROGRAM: u8 = 2;
const TAG_BYTES: usize = 16;

/// What proves that a token was made by this database.
#[derive(Clone, Copy, Debug)]
pub struct TokenSeal {
    key: Option<PageTokenKey>,
    database_id: u64,
}

impl TokenSeal {
    /// The seal of a database.
    pub fn new(options: &Options, database_id: u64) -> Self {
        Self { key: options.page_token_key, database_id }
    }

    /// The token of bytes that a program hands out.
    pub fn seal_for_program(&self, bytes: &[u8]) -> String {
        self.seal([&[PROGRAM], bytes].concat())
    }

    /// The bytes of such a token; `None` for anything else.
    pub fn open_for_program(&self, token: &str) -> Option<Vec<u8>> {
        Some(self.open(token)?.strip_prefix(&[PROGRAM])?.to_vec())
    }

    fn seal(&self, mut content: Vec<u8>) -> String {
        content.extend_from_slice(&self.tag(&content));
        BASE64URL_NOPAD.encode(&content)
    }

    fn open(&self, token: &str) -> Option<Vec<u8>> {
        let mut bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (content, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        // In a time that does not tell where the two differ.
        let differences = tag.iter().zip(self.tag(content)).fold(0, |all, (one, other)| all | (one ^ other));
        bytes.truncate(content.len());
        (differences == 0).then_some(bytes)
    }

    fn tag(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let key = self.key.as_ref().map_or_else(|| derived_key(self.database_id), |key| key.0);
        let mut hasher = SipHasher24::new_with_key(&key);
        hasher.write(bytes);
        hasher.finish128().as_bytes()
    }
}

/// What a page token is good for, and the key that proves it.
#[derive(Clone, Copy, Debug)]
pub struct TokenScope {
    seal: TokenSeal,
    table: u32,
    index: u32,
}

impl TokenScope {
    /// Tokens of a table or of one of its indexes, by their numbers; no index is number 0.
    pub fn new(options: &Options, database_id: u64, table: u32, index: Option<u32>) -> Self {
        Self { seal: TokenSeal::new(options, database_id), table, index: index.unwrap_or(0) }
    }

    /// The token of a key.
    pub fn seal(&self, key: &Item) -> String {
        let mut bytes = self.head();
        bytes.extend_from_slice(ItemRef::from(key).encoded());
        self.seal.seal(bytes)
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
        let content = self.seal.open(token)?;
        let key = content.strip_prefix(self.head().as_slice())?;
        let key = ItemRef::from_bytes(Bytes::copy_from_slice(key));
        key.check().ok().map(|()| key.to_item())
    }

    fn head(&self) -> Vec<u8> {
        let mut bytes = vec![PAGE];
        bytes.extend_from_slice(&self.table.to_le_bytes());
        bytes.extend_from_slice(&self.index.to_le_bytes());
        bytes
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
