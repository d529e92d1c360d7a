//! dynoxide: DynamoDB's model on SQLite, through its native interface. Buffered writes run with `synchronous=NORMAL`,
//! synced ones with `FULL`, each on a connection of its own; it ships with a cache of 2 MB.

use crate::{
    data::{FIRST_VERSION, Key, Prepared},
    engine::{Engine, Features, Session},
};
use anyhow::{Context, Result};
use dynoxide::{
    AttributeValue, Database, ImportOptions,
    actions::{
        get_item::GetItemRequest,
        put_item::PutItemRequest,
        query::QueryRequest,
        scan::ScanRequest,
        transact_write_items::{TransactPut, TransactWriteItem, TransactWriteItemsRequest},
        update_item::UpdateItemRequest,
    },
};
use serde_json::{from_value, json};
use std::{collections::HashMap, path::Path};

const TABLE: &str = "orders";

pub struct Dynoxide {
    buffered: Database,
    synced: Database,
    features: Features,
}

impl Dynoxide {
    pub fn open(folder: &Path, features: Features) -> Result<Self> {
        let path = folder.join("peers.db");
        let path = path.to_str().context("a path in UTF-8")?;
        let (buffered, synced) = (Database::new(path)?, Database::new(path)?);
        if buffered.table_count()? == 0 {
            let mut table = json!({
                "TableName": TABLE,
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
            });
            if features.index {
                table["AttributeDefinitions"].as_array_mut().context("a list")?.push(json!(
                    {"AttributeName": "customer", "AttributeType": "S"}
                ));
                table["GlobalSecondaryIndexes"] = json!([{
                    "IndexName": "by_customer",
                    "KeySchema": [{"AttributeName": "customer", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }]);
            }
            if features.stream {
                table["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"});
            }
            buffered.create_table(from_value(table)?)?;
            if features.ttl {
                let ttl = json!({"Enabled": true, "AttributeName": "expires"});
                buffered.update_time_to_live(from_value(json!(
                    {"TableName": TABLE, "TimeToLiveSpecification": ttl}
                ))?)?;
            }
        }
        buffered.enable_bulk_loading()?;
        buffered.disable_bulk_loading()?; // leaves the connection with synchronous=NORMAL
        Ok(Self { buffered, synced, features })
    }
}

impl Engine for Dynoxide {
    fn session(&self, sync: bool) -> Result<Box<dyn Session + '_>> {
        Ok(Box::new(DynoxideSession { database: if sync { &self.synced } else { &self.buffered } }))
    }
    fn load(&self, items: &mut [Prepared]) -> Result<()> {
        let items = items.iter().map(|item| item.dynoxide.clone()).collect();
        let options = ImportOptions { record_streams: self.features.stream, set_cached_at: false };
        self.buffered.import_items(TABLE, items, options)?;
        Ok(())
    }
    fn settle(&self) -> Result<()> {
        Ok(())
    }
}

struct DynoxideSession<'a> {
    database: &'a Database,
}

fn key_of(key: Key<'_>) -> HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([("pk".to_owned(), text(key.hash())), ("sk".to_owned(), text(key.sort()))])
}

fn touch(item: &HashMap<String, AttributeValue>) {
    std::hint::black_box(item.keys().map(String::len).sum::<usize>());
}

fn set_version(item: &mut Prepared, version: u64) {
    let version = AttributeValue::N((FIRST_VERSION + version % 900_000).to_string());
    item.dynoxide.insert("version".to_owned(), version);
}

impl DynoxideSession<'_> {
    fn query_by(&self, request: QueryRequest) -> Result<usize> {
        let items = self.database.query(request)?.items.unwrap_or_default();
        items.iter().for_each(touch);
        Ok(items.len())
    }
}

impl Session for DynoxideSession<'_> {
    fn get(&mut self, key: Key<'_>) -> Result<bool> {
        let request = GetItemRequest { table_name: TABLE.to_owned(), key: key_of(key), ..GetItemRequest::default() };
        let item = self.database.get_item(request)?.item;
        Ok(item.inspect(touch).is_some())
    }
    fn batch_get(&mut self, keys: &[Key<'_>]) -> Result<usize> {
        let key = |key: &Key<'_>| json!({"pk": {"S": key.hash()}, "sk": {"S": key.sort()}});
        let keys: Vec<_> = keys.iter().map(key).collect();
        let answer = self.database.batch_get_item(from_value(json!({"RequestItems": {TABLE: {"Keys": keys}}}))?)?;
        let items = answer.responses.get(TABLE).map_or(&[][..], Vec::as_slice);
        items.iter().for_each(touch);
        Ok(items.len())
    }
    fn query(&mut self, key: Key<'_>, from_sort: bool) -> Result<usize> {
        let mut values = HashMap::from([(":p".to_owned(), AttributeValue::S(key.hash().to_owned()))]);
        let condition = if from_sort {
            values.insert(":s".to_owned(), AttributeValue::S(key.sort().to_owned()));
            "pk = :p AND sk >= :s"
        } else {
            "pk = :p"
        };
        self.query_by(QueryRequest {
            table_name: TABLE.to_owned(),
            key_condition_expression: Some(condition.to_owned()),
            expression_attribute_values: Some(values),
            scan_index_forward: true,
            limit: Some(10),
            ..QueryRequest::default()
        })
    }
    fn query_index(&mut self, customer: &str) -> Result<usize> {
        let values = HashMap::from([(":c".to_owned(), AttributeValue::S(customer.to_owned()))]);
        self.query_by(QueryRequest {
            table_name: TABLE.to_owned(),
            index_name: Some("by_customer".to_owned()),
            key_condition_expression: Some("customer = :c".to_owned()),
            expression_attribute_values: Some(values),
            scan_index_forward: true,
            limit: Some(10),
            ..QueryRequest::default()
        })
    }
    fn scan(&mut self) -> Result<usize> {
        let (mut read, mut start) = (0, None);
        loop {
            let request = ScanRequest {
                table_name: TABLE.to_owned(),
                exclusive_start_key: start.take(),
                ..ScanRequest::default()
            };
            let page = self.database.scan(request)?;
            let items = page.items.unwrap_or_default();
            items.iter().for_each(touch);
            read += items.len();
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(read);
            }
        }
    }
    fn put(&mut self, item: &mut Prepared, version: u64) -> Result<()> {
        set_version(item, version);
        let item = item.dynoxide.clone();
        self.database.put_item(PutItemRequest { table_name: TABLE.to_owned(), item, ..PutItemRequest::default() })?;
        Ok(())
    }
    fn update(&mut self, key: Key<'_>) -> Result<()> {
        let number = |number: &str| AttributeValue::N(number.to_owned());
        self.database.update_item(UpdateItemRequest {
            table_name: TABLE.to_owned(),
            key: key_of(key),
            update_expression: Some("SET #v = #v + :one".to_owned()),
            condition_expression: Some("#v > :zero".to_owned()),
            expression_attribute_names: Some(HashMap::from([("#v".to_owned(), "version".to_owned())])),
            expression_attribute_values: Some(HashMap::from([
                (":one".to_owned(), number("1")),
                (":zero".to_owned(), number("0")),
            ])),
            ..UpdateItemRequest::default()
        })?;
        Ok(())
    }
    fn transact(&mut self, items: &mut [Prepared], version: u64) -> Result<()> {
        let put = |item: &mut Prepared| {
            set_version(item, version);
            let put =
                TransactPut { table_name: TABLE.to_owned(), item: item.dynoxide.clone(), ..TransactPut::default() };
            TransactWriteItem { put: Some(put), ..TransactWriteItem::default() }
        };
        let transact_items = items.iter_mut().map(put).collect();
        let request = TransactWriteItemsRequest { transact_items, ..TransactWriteItemsRequest::default() };
        self.database.transact_write_items(request)?;
        Ok(())
    }
    fn sweep(&mut self) -> Result<usize> {
        Ok(self.database.sweep_ttl()?)
    }
    fn read_stream(&mut self) -> Result<usize> {
        let streams = serde_json::to_value(self.database.list_streams(from_value(json!({"TableName": TABLE}))?)?)?;
        let arn = &streams["Streams"][0]["StreamArn"];
        let stream = self.database.describe_stream(from_value(json!({"StreamArn": arn}))?)?;
        let stream = serde_json::to_value(stream)?;
        let mut read = 0;
        for shard in stream["StreamDescription"]["Shards"].as_array().context("a list of shards")? {
            let start = json!({
                "StreamArn": arn,
                "ShardId": shard["ShardId"],
                "ShardIteratorType": "TRIM_HORIZON",
            });
            let mut next = self.database.get_shard_iterator(from_value(start)?)?.shard_iterator;
            while let Some(iterator) = next {
                let page = self.database.get_records(from_value(json!({"ShardIterator": iterator}))?)?;
                if page.records.is_empty() {
                    break;
                }
                read += page.records.len();
                next = page.next_shard_iterator;
            }
        }
        Ok(read)
    }
}
