//! The keys of one open database, by generation.

use super::{
    EncryptedAs, FileCipher, KeyContext, KeyProvider, Part, SALT_BYTES, Secret, Tag, WrappedKey,
    file_cipher::preferred_suite, random,
};
use crate::error::Result;
use arc_swap::ArcSwap;
use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The kind of the file `KEYS`, as far as its own tag is concerned.
const KEYS_MAGIC: &[u8; 8] = b"hrKEY\r\n\x1a";

/// A key of a database.
#[derive(Clone)]
pub struct Generation {
    /// Its number, counted from 1.
    pub number: u32,
    /// The key as the root key wrapped it.
    pub wrapped: WrappedKey,
    key: Secret,
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({})", self.number)
    }
}

/// The keys of one open database. New files are encrypted under the newest generation.
pub struct Keyring {
    database_id: u64,
    suite: u8,
    /// Ascending, never empty.
    generations: ArcSwap<Vec<Generation>>,
    /// Manifests with lower numbers were replaced.
    least_manifest: AtomicU64,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("generations", &**self.generations.load()).finish_non_exhaustive()
    }
}

impl Keyring {
    /// Keys for a new database. Errors: what the provider returns; no randomness.
    pub fn create(database_id: u64, provider: &dyn KeyProvider) -> Result<Self> {
        Ok(Self::of(database_id, vec![new_generation(database_id, 1, provider)?], 0))
    }

    /// Keys that were stored, in ascending order and at least one. Errors: what the provider returns.
    pub fn unwrap(
        database_id: u64,
        stored: Vec<(u32, WrappedKey)>,
        least_manifest: u64,
        provider: &dyn KeyProvider,
    ) -> Result<Self> {
        let generation = |(number, wrapped): (u32, WrappedKey)| {
            let key = provider.unwrap(&KeyContext { database_id, generation: number }, &wrapped)?;
            Ok(Generation { number, wrapped, key })
        };
        let generations: Result<Vec<Generation>> = stored.into_iter().map(generation).collect();
        Ok(Self::of(database_id, generations?, least_manifest))
    }

    fn of(database_id: u64, generations: Vec<Generation>, least_manifest: u64) -> Self {
        Self {
            database_id,
            suite: preferred_suite(),
            generations: ArcSwap::from_pointee(generations),
            least_manifest: AtomicU64::new(least_manifest),
        }
    }

    /// The database that the keys belong to.
    pub fn database_id(&self) -> u64 {
        self.database_id
    }
    /// All generations, ascending.
    pub fn generations(&self) -> Arc<Vec<Generation>> {
        self.generations.load_full()
    }
    /// Manifests with lower numbers were replaced: one that turns up was put back.
    pub fn least_manifest(&self) -> u64 {
        self.least_manifest.load(Ordering::Acquire)
    }

    /// The cipher of a new file of a kind and number, and what its header says. Errors: no randomness.
    pub fn new_file(&self, magic: &[u8; 8], number: u64) -> Result<(EncryptedAs, FileCipher)> {
        let generations = self.generations.load();
        let newest = generations.last().map_or(0, |newest| newest.number);
        let encrypted_as = EncryptedAs { suite: self.suite, generation: newest, salt: random()? };
        let cipher = self.file(magic, number, &encrypted_as);
        Ok((
            encrypted_as,
            cipher.ok_or_else(|| crate::error::Error::damaged("there is no key to encrypt a file with"))?,
        ))
    }
    /// The cipher of a file that exists; `None` if there is no such generation or cipher.
    pub fn file(&self, magic: &[u8; 8], number: u64, encrypted_as: &EncryptedAs) -> Option<FileCipher> {
        let generations = self.generations.load();
        let generation = generations.iter().find(|generation| generation.number == encrypted_as.generation)?;
        FileCipher::derive(&generation.key, encrypted_as, magic, self.database_id, number)
    }

    /// The present generations and a new one, for a rotation. Errors: what the provider returns; no randomness.
    pub fn with_new_generation(&self, provider: &dyn KeyProvider) -> Result<Vec<Generation>> {
        let mut generations = self.generations().to_vec();
        let number = generations.last().map_or(1, |newest| newest.number.saturating_add(1));
        generations.push(new_generation(self.database_id, number, provider)?);
        Ok(generations)
    }
    /// The present generations, wrapped by another root key. Errors: what the provider returns.
    pub fn rewrapped(&self, provider: &dyn KeyProvider) -> Result<Vec<Generation>> {
        let rewrap = |generation: &Generation| {
            let context = KeyContext { database_id: self.database_id, generation: generation.number };
            Ok(Generation { wrapped: provider.wrap(&context, &generation.key)?, ..generation.clone() })
        };
        self.generations().iter().map(rewrap).collect()
    }
    /// The present generations without those that no file is encrypted under; the newest one stays.
    pub fn without_unused(&self, used: &BTreeSet<u32>) -> Vec<Generation> {
        let generations = self.generations();
        let newest = generations.last().map(|newest| newest.number);
        let stays = |generation: &&Generation| used.contains(&generation.number) || Some(generation.number) == newest;
        generations.iter().filter(stays).cloned().collect()
    }
    /// Takes over what was stored.
    pub fn adopt(&self, generations: Vec<Generation>, least_manifest: u64) {
        self.generations.store(Arc::new(generations));
        self.least_manifest.store(least_manifest, Ordering::Release);
    }

    /// What proves that the content of `KEYS` was written with these keys, the newest of which encrypts it under a fresh salt.
    pub fn prove(&self, generations: &[Generation], salt: [u8; SALT_BYTES], content: &[u8]) -> Result<Tag> {
        match self.keys_cipher(generations, salt) {
            Some(cipher) => cipher.encrypt(Part::Header, 0, content, &mut []),
            None => Err(crate::error::Error::damaged("there is no key to prove the file KEYS with")),
        }
    }
    /// Whether the content of `KEYS` was written with these keys.
    pub fn is_proven(&self, salt: [u8; SALT_BYTES], content: &[u8], tag: &Tag) -> bool {
        let cipher = self.keys_cipher(&self.generations.load(), salt);
        cipher.is_some_and(|cipher| cipher.decrypt(Part::Header, 0, content, &mut [], tag))
    }
    fn keys_cipher(&self, generations: &[Generation], salt: [u8; SALT_BYTES]) -> Option<FileCipher> {
        let newest = generations.last()?;
        let encrypted_as = EncryptedAs { suite: FileCipher::OF_KEYS, generation: newest.number, salt };
        FileCipher::derive(&newest.key, &encrypted_as, KEYS_MAGIC, self.database_id, 0)
    }
}

fn new_generation(database_id: u64, number: u32, provider: &dyn KeyProvider) -> Result<Generation> {
    let key = Secret::random()?;
    let wrapped = provider.wrap(&KeyContext { database_id, generation: number }, &key)?;
    Ok(Generation { number, wrapped, key })
}
