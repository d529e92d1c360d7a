//! hashrange through its public interface, with its defaults: typed keys, expressions, capacity and all.
//!
//! A new table is loaded before it is there, as a restore or an import does it, but where its change stream shall have the
//! items.

use crate::{
    data::{FIRST_VERSION, Key, Prepared},
    engine::{Engine, Features, Session},
};
use anyhow::{Context, Result, ensure};
use hashrange::{
    Database, Durability, ItemRef, Table,
    admin::{TableLoader, TableSpec, index},
    attr,
    key::{KeyType, S, ge},
    schema::{IndexKind, KeyAttribute, KeySchema, StreamView},
    streams::IteratorStart,
    values,
};
use std::{
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
};

const TABLE: &str = "orders";

pub struct Hashrange {
    database: Database,
    /// Once it is there.
    table: OnceLock<Table<(S, S)>>,
    /// Until then.
    loader: Mutex<Option<TableLoader>>,
}

impl Hashrange {
    pub fn open(folder: &Path, features: Features) -> Result<Self> {
        // Items that end would be gone before the sweep is measured, were the sweeper running already.
        let options = Database::options().durability(Durability::Buffered).background(!features.ttl);
        let database = options.open(folder)?;
        let engine = Self { database, table: OnceLock::new(), loader: Mutex::new(None) };
        if engine.database.list_tables().iter().any(|name| name == TABLE) {
            engine.take_table()?;
        } else if features.stream {
            let table = engine.database.create_table(TABLE).hash::<S>("pk").range::<S>("sk");
            table.stream(StreamView::NewImage).create()?;
            engine.take_table()?;
        } else {
            let loader = engine.database.load_table(spec(features))?;
            *engine.loader.lock().unwrap_or_else(PoisonError::into_inner) = Some(loader);
        }
        Ok(engine)
    }
    fn take_table(&self) -> Result<()> {
        let table = self.database.table(TABLE)?;
        self.table.get_or_init(|| table);
        Ok(())
    }
    fn table(&self) -> Result<&Table<(S, S)>> {
        self.table.get().context("the table was loaded")
    }
}

fn spec(features: Features) -> TableSpec {
    let key = |name: &str| KeyAttribute::new(name, KeyType::S);
    let mut spec = TableSpec::new(TABLE, KeySchema { hash: key("pk"), range: Some(key("sk")) });
    let by_customer = || index("by_customer").hash::<S>("customer").into_spec(IndexKind::Global, None);
    spec.indexes.extend(features.index.then(by_customer));
    spec.ttl_attribute = features.ttl.then(|| "expires".to_owned());
    spec
}

impl Engine for Hashrange {
    fn session(&self, sync: bool) -> Result<Box<dyn Session + '_>> {
        let durability = if sync { Durability::Sync } else { Durability::Buffered };
        Ok(Box::new(HashrangeSession { engine: self, table: self.table()?, durability }))
    }
    fn load(&self, items: &mut [Prepared]) -> Result<()> {
        match &mut *self.loader.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(loader) => items.iter().try_for_each(|item| loader.put(&item.item))?,
            None => {
                let table = self.table()?;
                items.iter().try_for_each(|item| table.put(&item.item).map(drop))?;
            }
        }
        Ok(())
    }
    fn settle(&self) -> Result<()> {
        if let Some(loader) = self.loader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            loader.finish()?;
            self.take_table()?;
        }
        self.database.compact()?;
        Ok(self.database.sync()?)
    }
}

struct HashrangeSession<'a> {
    engine: &'a Hashrange,
    table: &'a Table<(S, S)>,
    durability: Durability,
}

fn touch(item: &ItemRef) {
    let sum: usize = item.iter().map(|(name, value)| name.len() + value.len()).sum();
    std::hint::black_box(sum);
}

impl Session for HashrangeSession<'_> {
    fn get(&mut self, key: Key<'_>) -> Result<bool> {
        let item = self.table.get((key.hash(), key.sort()))?;
        Ok(item.inspect(touch).is_some())
    }
    fn batch_get(&mut self, keys: &[Key<'_>]) -> Result<usize> {
        let answer = self.table.batch_get(keys.iter().map(|key| (key.hash(), key.sort())))?;
        ensure!(answer.unprocessed.is_empty(), "a batch of small items fits into an answer");
        answer.items.iter().for_each(touch);
        Ok(answer.items.len())
    }
    fn query(&mut self, key: Key<'_>, from_sort: bool) -> Result<usize> {
        let mut query = self.table.query(key.hash()).limit(10);
        if from_sort {
            query = query.range(ge(key.sort()));
        }
        let page = query.page()?;
        page.items.iter().for_each(touch);
        Ok(page.count)
    }
    fn query_index(&mut self, customer: &str) -> Result<usize> {
        let query = self.table.query_expr("customer = :c", values! {":c" => customer});
        let page = query.index("by_customer").limit(10).page()?;
        page.items.iter().for_each(touch);
        Ok(page.count)
    }
    fn scan(&mut self) -> Result<usize> {
        let mut read = 0;
        for item in self.table.scan().items() {
            touch(&item?);
            read += 1;
        }
        Ok(read)
    }
    fn put(&mut self, item: &mut Prepared, version: u64) -> Result<()> {
        set_version(item, version);
        self.table.put_with(&item.item).durability(self.durability).send()?;
        Ok(())
    }
    fn update(&mut self, key: Key<'_>) -> Result<()> {
        let update = self.table.update((key.hash(), key.sort())).add("version", 1);
        update.when(attr("version").gt(0)).durability(self.durability).send()?;
        Ok(())
    }
    fn transact(&mut self, items: &mut [Prepared], version: u64) -> Result<()> {
        let mut transaction = self.engine.database.transact_write().durability(self.durability);
        for item in items {
            set_version(item, version);
            transaction = transaction.put(self.table, &item.item);
        }
        transaction.send()?;
        Ok(())
    }
    fn sweep(&mut self) -> Result<usize> {
        Ok(self.engine.database.sweep_now()? as usize)
    }
    fn read_stream(&mut self) -> Result<usize> {
        let database = &self.engine.database;
        let stream = database.list_streams(Some(TABLE)).pop().context("the table has a stream")?;
        let mut read = 0;
        for shard in &stream.shards {
            let start = IteratorStart::TrimHorizon;
            let mut next = Some(database.shard_iterator(TABLE, &stream.label, &shard.id, &start)?);
            while let Some(iterator) = next {
                let page = database.stream_records(&iterator, None)?;
                if page.records.is_empty() {
                    break;
                }
                page.records.iter().filter_map(|record| record.new.as_ref()).for_each(touch);
                read += page.records.len();
                next = page.next;
            }
        }
        Ok(read)
    }
}

fn set_version(item: &mut Prepared, version: u64) {
    item.item.insert("version".to_owned(), (FIRST_VERSION + version % 900_000).into());
}
