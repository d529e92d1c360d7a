//! The keys of an encrypted database.

use super::Database;
use crate::{
    cipher::Encryption,
    engine::{KeyGeneration, RewriteReport},
    error::Result,
};

impl Database {
    /// The generations of the database's key that are in use, oldest first, and how many files each has; `None` if the
    /// database is not encrypted. Errors: disk.
    pub fn keys(&self) -> Result<Option<Vec<KeyGeneration>>> {
        self.engine().key_generations()
    }

    /// Makes a new key for all files that are written from now on, and returns its generation. Compaction encrypts older
    /// files anew in its own time, [`Database::rewrite`] at once. Errors: the database is not encrypted; what the key
    /// provider returns; disk.
    ///
    /// ```
    /// use hashrange::{Database, Item, encryption::RootKey, key::S};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let db = Database::options().encryption(RootKey::generate()?).in_memory()?;
    /// db.create_table("notes").hash::<S>("id").create()?.put(&Item::new().with("id", "n1"))?;
    /// assert_eq!(db.rotate_key()?, 2);
    /// assert_eq!(db.rewrite()?.files_left, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn rotate_key(&self) -> Result<u32> {
        self.engine().rotate_database_key()
    }

    /// Goes by another root key from now on: the keys of the database are wrapped by it, which rewrites one small file. The
    /// old root key opens the database no more; it still opens older copies of the folder. Errors: the database is not
    /// encrypted; what the key provider returns; disk.
    ///
    /// ```
    /// use hashrange::{Database, encryption::RootKey};
    ///
    /// # fn main() -> hashrange::Result<()> {
    /// let (old, new) = (RootKey::generate()?, RootKey::generate()?);
    /// let db = Database::options().encryption(old).in_memory()?;
    /// db.rotate_root_key(new)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn rotate_root_key(&self, encryption: impl Into<Encryption>) -> Result<()> {
        self.engine().change_root_key(encryption.into())
    }

    /// Encrypts with the newest key what is encrypted with an older one, or not at all: memtables, runs, change streams,
    /// manifest and log are written anew. Takes as long as a full compaction. The old files are removed; whether their
    /// bytes can still be read from the medium is the file system's matter. A key that no file needs any more leaves the
    /// folder with the next opening. Errors: the database is not encrypted; damage; disk.
    pub fn rewrite(&self) -> Result<RewriteReport> {
        self.engine().rewrite_files()
    }
}
