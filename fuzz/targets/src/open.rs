//! Opening whatever a disk holds, and using what comes out of it.

use hashrange::{Clock, Database, Item, file::Disk};
use std::sync::Arc;

/// Options for a database without threads, whose files are the same every time.
pub fn options() -> hashrange::OpenOptions {
    let options = Database::options().background(false).clock(Clock::manual(1_700_000_000_000)).seed(7);
    options.initial_partitions(1).log_segment_bytes(4096)
}

/// Opens a disk that may hold anything, and uses every table in it. An error is an answer like any other.
pub fn open_and_use(disk: Arc<dyn Disk>) {
    let Ok(db) = options().open_on(disk) else { return };
    let _ = (db.facts(), db.verify());
    for name in db.list_tables() {
        let _ = db.describe_table(&name);
        let Ok(table) = db.dynamic_table(&name) else { continue };
        for item in table.scan().items().take(100) {
            let Ok(item) = item else { break };
            let item = item.to_item();
            let key = table.definition().key.clone();
            let key: Item = item
                .iter()
                .filter(|(name, _)| key.attributes().any(|part| part.name == **name))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect();
            let _ = (table.get(&key), table.put(&item));
        }
        for index in table.definition().indexes.iter() {
            let _ = table.scan().index(&index.name).page();
        }
        let _ = table.put(&Item::new().with("a", "new").with("b", "new").with("c", 1).with("d", 2));
    }
    for _ in 0..4 {
        let _ = db.step();
    }
    let _ = (db.flush(), db.compact(), db.verify());
}
