//! Writing many items: batches as large as an endpoint takes, and again what it did not get to.

use super::refused;
use crate::failure::Failure;
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest},
};
use std::{collections::HashMap, time::Duration};

/// Requests of one batch.
const MAX_REQUESTS: usize = 25;
/// Bytes of one batch as JSON, well below the 16 MB of a request.
const MAX_BYTES: usize = 8 << 20;
/// First pause after a batch of which something was left, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// Batches in a row that got nothing done at all before the copy gives up.
const MAX_IDLE_ROUNDS: u32 = 30;

/// A change of the target.
pub(super) enum Change {
    Put(HashMap<String, AttributeValue>),
    Delete(HashMap<String, AttributeValue>),
}

/// Applies changes of distinct keys; when it returns, the target has acknowledged all of them.
pub(super) async fn write(client: &Client, table: &str, changes: Vec<Change>) -> Result<(), Failure> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for change in changes {
        let size = size_of(&change);
        if batch.len() == MAX_REQUESTS || (bytes + size > MAX_BYTES && !batch.is_empty()) {
            send(client, table, std::mem::take(&mut batch)).await?;
            bytes = 0;
        }
        batch.push(request(table, change)?);
        bytes += size;
    }
    if batch.is_empty() { Ok(()) } else { send(client, table, batch).await }
}

async fn send(client: &Client, table: &str, mut left: Vec<WriteRequest>) -> Result<(), Failure> {
    let (mut pause, mut idle_rounds) = (FIRST_PAUSE, 0);
    loop {
        let before = left.len();
        let sent = client.batch_write_item().request_items(table, left).send().await;
        let answer = sent.map_err(|error| refused(format!("cannot write to {table}"), error))?;
        left = answer.unprocessed_items.and_then(|mut tables| tables.remove(table)).unwrap_or_default();
        if left.is_empty() {
            return Ok(());
        }
        idle_rounds = if left.len() < before { 0 } else { idle_rounds + 1 };
        if idle_rounds == MAX_IDLE_ROUNDS {
            let why = "the target leaves every item unprocessed; raise its throughput and start the copy again";
            return Err(Failure::Service { what: format!("cannot write to {table}"), why: why.to_owned() });
        }
        tokio::time::sleep(pause).await;
        pause = if idle_rounds == 0 { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
    }
}

fn request(table: &str, change: Change) -> Result<WriteRequest, Failure> {
    let request = WriteRequest::builder();
    let built = match change {
        Change::Put(item) => PutRequest::builder().set_item(Some(item)).build().map(|put| request.put_request(put)),
        Change::Delete(key) => {
            DeleteRequest::builder().set_key(Some(key)).build().map(|delete| request.delete_request(delete))
        }
    };
    let why = |error: aws_sdk_dynamodb::error::BuildError| error.to_string();
    built
        .map(aws_sdk_dynamodb::types::builders::WriteRequestBuilder::build)
        .map_err(|error| Failure::Service { what: format!("cannot write to {table}"), why: why(error) })
}

fn size_of(change: &Change) -> usize {
    match change {
        Change::Put(item) | Change::Delete(item) => size_of_map(item),
    }
}

fn size_of_map(map: &HashMap<String, AttributeValue>) -> usize {
    map.iter().map(|(name, value)| name.len() + 8 + size_of_value(value)).sum()
}

/// About how many bytes a value has as JSON. Values do not nest deeper than 32 levels.
fn size_of_value(value: &AttributeValue) -> usize {
    let texts = |texts: &[String]| texts.iter().map(|text| text.len() + 4).sum::<usize>();
    12 + match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len() + text.len() / 8,
        AttributeValue::B(bytes) => bytes.as_ref().len() * 4 / 3,
        AttributeValue::Ss(set) | AttributeValue::Ns(set) => texts(set),
        AttributeValue::Bs(set) => set.iter().map(|bytes| bytes.as_ref().len() * 4 / 3 + 4).sum(),
        AttributeValue::L(list) => list.iter().map(size_of_value).sum(),
        AttributeValue::M(map) => size_of_map(map),
        _ => 5,
    }
}
