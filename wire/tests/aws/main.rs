//! The official Rust SDK against a database in the same process.

#![cfg(feature = "aws-sdk")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::ShardIteratorType;
use hashrange::{Database, Durability, Item, key::S, schema::StreamView};

fn shop() -> Database {
    let db = Database::options().durability(Durability::Buffered).in_memory().unwrap();
    let orders = db.create_table("orders").hash::<S>("id").stream(StreamView::NewAndOld).create().unwrap();
    orders.put(&Item::new().with("id", "o#1").with("total", 7)).unwrap();
    db
}

#[tokio::test]
async fn what_the_engine_wrote_the_sdk_reads_and_the_other_way_round() {
    let db = shop();
    let client = hashrange_wire::aws_client(&db);
    let id = AttributeValue::S("o#1".to_owned());
    let read = client.get_item().table_name("orders").key("id", id).send().await.unwrap();
    assert_eq!(read.item().unwrap()["total"], AttributeValue::N("7".to_owned()));
    client.put_item().table_name("orders").item("id", AttributeValue::S("o#2".to_owned())).send().await.unwrap();
    assert!(db.table::<S>("orders").unwrap().get("o#2").unwrap().is_some());
}

#[tokio::test]
async fn refusals_arrive_as_the_sdks_errors() {
    let client = hashrange_wire::aws_client(&shop());
    let put = client.put_item().table_name("orders").item("id", AttributeValue::S("o#1".to_owned()));
    let refused = put.condition_expression("attribute_not_exists(id)").send().await.unwrap_err();
    assert!(refused.into_service_error().is_conditional_check_failed_exception());
    let missing = client.scan().table_name("nothing").send().await.unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn changes_are_read_through_the_streams_client() {
    let client = hashrange_wire::aws_streams_client(&shop());
    let streams = client.list_streams().table_name("orders").send().await.unwrap();
    let arn = streams.streams()[0].stream_arn().unwrap();
    let description = client.describe_stream().stream_arn(arn).send().await.unwrap();
    let mut records = 0;
    for shard in description.stream_description().unwrap().shards() {
        let iterator = client.get_shard_iterator().stream_arn(arn).shard_id(shard.shard_id().unwrap());
        let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
        let read = client.get_records().set_shard_iterator(iterator.shard_iterator).send().await.unwrap();
        records += read.records().len();
    }
    assert_eq!(records, 1);
}

#[test]
fn no_tokio_is_needed() {
    let client = hashrange_wire::aws_client(&shop());
    let mut list = Box::pin(client.list_tables().send());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(tables) = list.as_mut().poll(&mut context) {
            assert_eq!(tables.unwrap().table_names(), ["orders"]);
            break;
        }
    }
}
