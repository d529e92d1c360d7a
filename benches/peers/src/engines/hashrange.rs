//! hashrange through its public interface, with its defaults: typed keys, expressions, capacity and all.

use crate::{
    data::{FIRST_VERSION, Key, Prepared},
    engine::{Engine, Features, Session},
};
use anyhow::{Context, Result, ensure};
use hashrange::{
    Database, Durability, ItemRef, Table,
    admin::index,
    attr,
    key::{S, ge},
    schema::StreamView,
    streams::IteratorStart,
    values,
};
use std::path::Path;

const TABLE: &str = "orders";

pub struct Hashrange {
    database: Database,
    table: Table<(S, S)>,
}

impl Hashrange {
    pub fn open(folder: &Path, features: Features) -> Result<Self> {
        // Items that end would be gone before the sweep is measured, were the sweeper running already.
        let options = Database::options().durability(Durability::Buffered).background(!features.ttl);
        let database = options.open(folder)?;
        let mut builder = database.create_table(TABLE).hash::<S>("pk").range::<S>("sk");
        if features.index {
            builder = builder.gsi(index("by_customer").hash::<S>("customer"));
        }
        if features.ttl {
            builder = builder.ttl("expires");
        }
        if features.stream {
            builder = builder.stream(StreamView::NewImage);
        }
        let table = builder.open_or_create()?;
        Ok(Self { database, table })
    }
}

impl Engine for Hashrange {
    fn session(&self, sync: bool) -> Result<Box<dyn Session + '_>> {
        let durability = if sync { Durability::Sync } else { Durability::Buffered };
        Ok(Box::new(HashrangeSession { engine: self, durability }))
    }
    fn load(&self, items: &mut [Prepared]) -> Result<()> {
        for item in items {
            self.table.put(&item.item)?;
        }
        Ok(())
    }
    fn settle(&self) -> Result<()> {
        self.database.compact()?;
        Ok(self.database.sync()?)
    }
}

struct HashrangeSession<'a> {
    engine: &'a Hashrange,
    durability: Durability,
}

fn touch(item: &ItemRef) {
    let sum: usize = item.iter().map(|(name, value)| name.len() + value.len()).sum();
    std::hint::black_box(sum);
}

impl Session for HashrangeSession<'_> {
    fn get(&mut self, key: Key<'_>) -> Result<bool> {
        let item = self.engine.table.get((key.hash(), key.sort()))?;
        Ok(item.inspect(touch).is_some())
    }
    fn batch_get(&mut self, keys: &[Key<'_>]) -> Result<usize> {
        let answer = self.engine.table.batch_get(keys.iter().map(|key| (key.hash(), key.sort())))?;
        ensure!(answer.unprocessed.is_empty(), "a batch of small items fits into an answer");
        answer.items.iter().for_each(touch);
        Ok(answer.items.len())
    }
    fn query(&mut self, key: Key<'_>, from_sort: bool) -> Result<usize> {
        let mut query = self.engine.table.query(key.hash()).limit(10);
        if from_sort {
            query = query.range(ge(key.sort()));
        }
        let page = query.page()?;
        page.items.iter().for_each(touch);
        Ok(page.count)
    }
    fn query_index(&mut self, customer: &str) -> Result<usize> {
        let query = self.engine.table.query_expr("customer = :c", values! {":c" => customer});
        let page = query.index("by_customer").limit(10).page()?;
        page.items.iter().for_each(touch);
        Ok(page.count)
    }
    fn scan(&mut self) -> Result<usize> {
        let mut read = 0;
        for item in self.engine.table.scan().items() {
            touch(&item?);
            read += 1;
        }
        Ok(read)
    }
    fn put(&mut self, item: &mut Prepared, version: u64) -> Result<()> {
        set_version(item, version);
        self.engine.table.put_with(&item.item).durability(self.durability).send()?;
        Ok(())
    }
    fn update(&mut self, key: Key<'_>) -> Result<()> {
        let update = self.engine.table.update((key.hash(), key.sort())).add("version", 1);
        update.when(attr("version").gt(0)).durability(self.durability).send()?;
        Ok(())
    }
    fn transact(&mut self, items: &mut [Prepared], version: u64) -> Result<()> {
        let mut transaction = self.engine.database.transact_write().durability(self.durability);
        for item in items {
            set_version(item, version);
            transaction = transaction.put(&self.engine.table, &item.item);
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
