//! A root key from a passphrase.

use super::{KeyContext, KeyProvider, RootKey, Secret, WrappedKey, random};
use crate::error::{Error, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::fmt;
use zeroize::Zeroizing;

/// Memory that a guess takes, in KiB.
const MEMORY_KIB: u32 = 64 << 10;
/// Passes over it.
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// The most that a file may ask for: `KEYS` may come from a stranger.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 32;
const MOST_LANES: u32 = 16;
const SALT_BYTES: usize = 16;
/// What messages call it.
const KEY_ID: &str = "a passphrase";

/// A root key that is derived from a passphrase by Argon2id, which makes each guess cost 64 MiB and a few hundred
/// milliseconds; so does each opening. A key of 32 random bytes is better wherever a person need not remember it.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// A passphrase. Errors: [`ErrorKind::Key`](crate::ErrorKind::Key) if it is empty.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(Error::unusable_key("a passphrase must not be empty"));
        }
        Ok(Self(text))
    }

    fn root(&self, cost: [u32; 3], salt: &[u8]) -> Option<RootKey> {
        let [memory_kib, passes, lanes] = cost;
        let params = Params::new(memory_kib, passes, lanes, Some(32)).ok()?;
        let mut blocks = Zeroizing::new(vec![Block::default(); params.block_count()]);
        let mut key = Zeroizing::new([0; 32]);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into_with_memory(self.0.as_bytes(), salt, &mut *key, blocks.as_mut_slice()).ok()?;
        Some(RootKey::from_bytes(*key))
    }
}

impl KeyProvider for Passphrase {
    fn wrap(&self, context: &KeyContext, key: &Secret) -> Result<WrappedKey> {
        let (cost, salt) = ([MEMORY_KIB, PASSES, LANES], random::<SALT_BYTES>()?);
        let root = self.root(cost, &salt).ok_or_else(|| Error::unusable_key("no key can be derived from it"))?;
        let mut bytes: Vec<u8> = cost.iter().flat_map(|number| number.to_le_bytes()).collect();
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(&root.wrapped_bytes(context, key)?);
        Ok(WrappedKey { key_id: KEY_ID.to_owned(), bytes })
    }

    fn unwrap(&self, context: &KeyContext, wrapped: &WrappedKey) -> Result<Secret> {
        let wrong = || Error::wrong_key(&wrapped.key_id, "another passphrase");
        let (cost, rest) = wrapped.bytes.split_first_chunk::<12>().ok_or_else(wrong)?;
        let (salt, wrapped_key) = rest.split_first_chunk::<SALT_BYTES>().ok_or_else(wrong)?;
        let number = |at: usize| u32::from_le_bytes([cost[at], cost[at + 1], cost[at + 2], cost[at + 3]]);
        let cost = [number(0), number(4), number(8)];
        if cost[0] > MOST_MEMORY_KIB || cost[1] > MOST_PASSES || cost[2] > MOST_LANES {
            return Err(wrong());
        }
        let root = self.root(cost, salt).ok_or_else(wrong)?;
        root.unwrapped(context, wrapped_key).ok_or_else(wrong)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}
