//! SQLite: WAL mode, tables without row ids, prepared statements, 256 MiB of cache at most and 4 GiB mapped. Buffered writes run
//! with `synchronous=NORMAL`, synced ones with `FULL`. Writers queue in the program, which is faster than in SQLite.

use super::key_value::{KeyValue, Sink, Transaction, Tree};
use crate::data::Key;
use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

pub struct Sqlite {
    path: PathBuf,
    cache_bytes: usize,
    readers: Mutex<Vec<Connection>>,
    /// One for buffered writes, one for synced ones.
    writers: Mutex<[Connection; 2]>,
}

/// What a connection keeps of the file at most; what it does not is mapped.
const LARGEST_CACHE_BYTES: usize = 256 << 20;

fn connect(path: &Path, synchronous: &str, cache_bytes: usize) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -((cache_bytes / 1_024) as i64))?;
    connection.pragma_update(None, "mmap_size", 4i64 << 30)?;
    connection.pragma_update(None, "wal_autocheckpoint", 10_000)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn put(connection: &Connection, tree: Tree, key: &[u8], value: &[u8]) -> Result<()> {
    let name = tree.name();
    let text = format!("INSERT INTO {name}(k, v) VALUES(?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v");
    connection.prepare_cached(&text)?.execute((key, value))?;
    Ok(())
}

fn get(connection: &Connection, tree: Tree, key: &[u8], sink: Sink<'_>) -> Result<bool> {
    let mut statement = connection.prepare_cached(&format!("SELECT v FROM {} WHERE k = ?1", tree.name()))?;
    let found = statement.query_row([key], |row| {
        sink(key, row.get_ref(0)?.as_blob()?);
        Ok(())
    });
    Ok(found.optional()?.is_some())
}

impl Sqlite {
    pub fn open(folder: &Path, cache_bytes: usize) -> Result<Self> {
        // Each connection has a cache of its own.
        let cache_bytes = (cache_bytes / 4).min(LARGEST_CACHE_BYTES);
        let path = folder.join("peers.sqlite");
        let writers = [connect(&path, "NORMAL", cache_bytes)?, connect(&path, "FULL", cache_bytes)?];
        for tree in Tree::ALL {
            let text = "(k BLOB NOT NULL PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID";
            writers[0].execute_batch(&format!("CREATE TABLE IF NOT EXISTS {}{text}", tree.name()))?;
        }
        Ok(Self { path, cache_bytes, readers: Mutex::default(), writers: Mutex::new(writers) })
    }
    fn read<R>(&self, read: impl FnOnce(&Connection) -> Result<R>) -> Result<R> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| connect(&self.path, "NORMAL", self.cache_bytes), Ok)?;
        let answer = read(&connection);
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        answer
    }
    fn write<R>(&self, sync: bool, write: impl FnOnce(&Connection) -> Result<R>) -> Result<R> {
        write(&self.writers.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(sync)])
    }
}

impl KeyValue for Sqlite {
    fn get(&self, key: &[u8], sink: Sink<'_>) -> Result<bool> {
        self.read(|connection| get(connection, Tree::Main, key, sink))
    }
    fn batch_get(&self, keys: &[Key<'_>], sink: Sink<'_>) -> Result<usize> {
        self.read(|connection| {
            connection.prepare_cached("BEGIN")?.execute([])?;
            let mut found = 0;
            for key in keys {
                found += usize::from(get(connection, Tree::Main, key.full(), sink)?);
            }
            connection.prepare_cached("COMMIT")?.execute([])?;
            Ok(found)
        })
    }
    fn range(&self, tree: Tree, from: &[u8], to: &[u8], limit: usize, sink: Sink<'_>) -> Result<usize> {
        self.read(|connection| {
            let name = tree.name();
            let text = format!("SELECT k, v FROM {name} WHERE k >= ?1 AND k < ?2 ORDER BY k LIMIT ?3");
            let mut statement = connection.prepare_cached(&text)?;
            let mut rows = statement.query((from, to, i64::try_from(limit).unwrap_or(i64::MAX)))?;
            let mut read = 0;
            while let Some(row) = rows.next()? {
                sink(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
                read += 1;
            }
            Ok(read)
        })
    }
    fn put(&self, key: &[u8], value: &[u8], sync: bool) -> Result<()> {
        self.write(sync, |connection| put(connection, Tree::Main, key, value))
    }
    fn transact(&self, sync: bool, work: &mut dyn FnMut(&mut dyn Transaction) -> Result<()>) -> Result<()> {
        self.write(sync, |connection| {
            connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let done = work(&mut SqliteTransaction { connection });
            let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
            connection.prepare_cached(end)?.execute([])?;
            done
        })
    }
    fn settle(&self) -> Result<()> {
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.write(true, |connection| connection.query_row(checkpoint, [], |_| Ok(())).context("checkpoint"))
    }
}

struct SqliteTransaction<'a> {
    connection: &'a Connection,
}

impl Transaction for SqliteTransaction<'_> {
    fn get(&mut self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut found = None;
        get(self.connection, tree, key, &mut |_, value| found = Some(value.to_vec()))?;
        Ok(found)
    }
    fn put(&mut self, tree: Tree, key: &[u8], value: &[u8]) -> Result<()> {
        put(self.connection, tree, key, value)
    }
    fn delete(&mut self, tree: Tree, key: &[u8]) -> Result<()> {
        self.connection.prepare_cached(&format!("DELETE FROM {} WHERE k = ?1", tree.name()))?.execute([key])?;
        Ok(())
    }
}
