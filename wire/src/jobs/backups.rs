//! Backups: copies of the database's files at one moment, of which one table is of interest.
//!
//! A copy shares the runs of the database, as hard links or as the same memory, so that it is made at once and takes space only
//! as the two go apart. It holds everything that was acknowledged before the call, and of each commit all or nothing. Later
//! the other tables are deleted from the copy. The copies of a database in a folder are in its folder `backups`.

use super::{
    Jobs, Stopped,
    records::{self, BackupKind, BackupRecord},
};
use crate::error::Failure;
use hashrange::{
    Database, ErrorKind,
    file::{MemoryDisk, RealDisk},
    schema::TableDefinition,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The folder of the copies, in the folder of the database.
const FOLDER: &str = "backups";
/// How long a backup of a deleted table is kept, in milliseconds: 35 days.
const SYSTEM_EXPIRY_MILLIS: u64 = 35 * 24 * 60 * 60 * 1000;

/// The files of a backup.
#[derive(Clone, Debug)]
pub(crate) enum BackupData {
    Memory(Arc<MemoryDisk>),
    Folder(PathBuf),
}

impl Jobs {
    /// Backs a table up. What was acknowledged before the call is in the backup.
    pub(crate) fn create_backup(
        &self,
        name: &str,
        kind: BackupKind,
        definition: &TableDefinition,
    ) -> Result<BackupRecord, Failure> {
        let now_millis = self.now_millis();
        // Held until the row of the backup is there.
        let _one = (kind == BackupKind::System).then(|| self.board.one_system_backup());
        let id = match kind {
            BackupKind::System => self.system_id(now_millis)?,
            _ => self.new_id::<BackupRecord>(now_millis)?,
        };
        self.copy(&id)?;
        // What the copy has, not what the table has become since.
        let described = self.database.describe_table(&definition.name);
        let (item_count, size_bytes) = described.map_or((0, 0), |table| (table.item_count, table.size_bytes));
        let record = BackupRecord {
            id,
            name: name.to_owned(),
            kind,
            created_millis: now_millis,
            expiry_millis: (kind == BackupKind::System).then(|| now_millis + SYSTEM_EXPIRY_MILLIS),
            definition: definition.clone(),
            item_count,
            size_bytes,
            is_counted: false,
        };
        self.records().put(&record)?;
        self.go_on_with_backup(record.clone());
        Ok(record)
    }

    /// Ids of backups of deleted tables end in zeros; two of one millisecond get two milliseconds.
    fn system_id(&self, now_millis: u64) -> Result<String, Failure> {
        let mut millis = now_millis;
        loop {
            let id = format!("{millis:014}-00000000");
            if self.records().get::<BackupRecord>(&id)?.is_none() {
                return Ok(id);
            }
            millis += 1;
        }
    }

    /// Copies the files.
    fn copy(&self, id: &str) -> Result<(), Failure> {
        match self.folder_of(id) {
            Some(folder) => self.database.fork_onto(&RealDisk::open(&folder, true)?)?,
            None => {
                let disk = Arc::new(MemoryDisk::new());
                self.database.fork_onto(&*disk)?;
                self.board.state().in_memory.insert(id.to_owned(), BackupData::Memory(disk));
            }
        }
        Ok(())
    }

    fn folder_of(&self, id: &str) -> Option<PathBuf> {
        Some(self.database.folder()?.join(FOLDER).join(id))
    }

    fn data_of(&self, id: &str) -> Option<BackupData> {
        match self.folder_of(id) {
            Some(folder) => folder.is_dir().then_some(BackupData::Folder(folder)),
            None => self.board.state().in_memory.get(id).cloned(),
        }
    }

    /// Opens the copy of a backup.
    pub(super) fn open_backup(&self, id: &str) -> Result<Database, Stopped> {
        let options = self.database.copy_options();
        match self.data_of(id) {
            Some(BackupData::Memory(disk)) => Ok(options.open_on(disk)?),
            Some(BackupData::Folder(folder)) => Ok(options.open_existing(folder)?),
            None => {
                let text = format!("the files of backup {id} are not with this database");
                Err(Stopped::Failed(super::JobFailure::internal(text)))
            }
        }
    }

    /// Counts what is in a backup, and gives up what does not belong to its table, if that was not done.
    pub(super) fn go_on_with_backup(&self, record: BackupRecord) {
        if record.is_counted || self.data_of(&record.id).is_none() {
            return;
        }
        self.spawn(&record.id.clone(), move |jobs| {
            if let Err(Stopped::Failed(failure)) = jobs.count_backup(record) {
                tracing::warn!(message = failure.message, "a backup cannot be counted");
            }
        });
    }

    fn count_backup(&self, mut record: BackupRecord) -> Result<(), Stopped> {
        let copy = self.open_backup(&record.id)?;
        let (mut items, mut bytes) = (0, 0);
        for item in copy.dynamic_table(&record.definition.name)?.scan().items() {
            items += 1;
            bytes += item?.size_bytes() as u64;
            if items % 4_096 == 0 {
                self.check_going_on()?;
            }
        }
        let mut others = copy.list_tables();
        others.push(records::TABLE.to_owned());
        for name in others.iter().filter(|name| **name != record.definition.name) {
            match copy.drop_from_copy(name) {
                // There were no jobs when the copy was made.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                dropped => dropped?,
            }
        }
        copy.close()?;
        (record.item_count, record.size_bytes, record.is_counted) = (items, bytes, true);
        // It may have been deleted meanwhile.
        Ok(self.records().update(&record)?)
    }

    /// Removes a backup with its files; whether there was one.
    pub(crate) fn delete_backup(&self, id: &str) -> Result<bool, Failure> {
        if !self.records().remove::<BackupRecord>(id)? {
            return Ok(false);
        }
        self.board.wait_for(id, std::time::Duration::from_secs(5));
        self.board.state().in_memory.remove(id);
        if let Some(folder) = self.folder_of(id) {
            remove_folder(&folder);
        }
        Ok(true)
    }

    /// Removes copies that no row speaks of: a process was killed before it promised them, or while it deleted them.
    pub(super) fn remove_left_over_backups(&self) -> Result<(), Failure> {
        let Some(folder) = self.database.folder().map(|folder| folder.join(FOLDER)) else { return Ok(()) };
        for name in names_in(&folder) {
            if is_id(&name) && self.records().get::<BackupRecord>(&name)?.is_none() {
                remove_folder(&folder.join(name));
            }
        }
        Ok(())
    }

    /// Backups that have not expired, in the order of their creation; those that have are removed.
    pub(crate) fn backups(&self) -> Result<Vec<BackupRecord>, Failure> {
        let now_millis = self.now_millis();
        let (expired, alive): (Vec<_>, Vec<_>) = self
            .records()
            .list::<BackupRecord>()?
            .into_iter()
            .partition(|backup: &BackupRecord| backup.expiry_millis.is_some_and(|expiry| expiry <= now_millis));
        for backup in expired {
            self.delete_backup(&backup.id)?;
        }
        Ok(alive)
    }
}

fn is_id(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-';
    name.len() == 23 && name.bytes().all(is_part)
}

#[expect(clippy::disallowed_methods, reason = "copies of a database are folders beside it")]
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Removes a copy. What cannot be removed now is left over, and the next start removes it.
fn remove_folder(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, folder = %folder.display(), "a backup that is gone cannot be removed"),
    }
}
