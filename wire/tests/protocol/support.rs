//! A protocol over an empty database in memory, and requests as JSON trees.

use hashrange::{Clock, Database, OpenOptions};
use hashrange_wire::{Profile, Protocol};
use serde_json::{Value, json};

/// A protocol whose clock stands at the beginning of 2026 until it is moved.
pub(crate) struct Wire {
    pub(crate) protocol: Protocol,
    pub(crate) clock: Clock,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self::with_options(|options| options)
    }

    /// The same in the older wording.
    pub(crate) fn older(self) -> Self {
        let Self { protocol, clock } = self;
        Self { protocol: protocol.profile(Profile::May2026), clock }
    }

    /// Over a database with other options.
    pub(crate) fn with_options(change: impl FnOnce(OpenOptions) -> OpenOptions) -> Self {
        let clock = Clock::manual(1_767_225_600_000);
        let database = change(Database::options().clock(clock.clone()).auto_scaling(true)).in_memory().unwrap();
        Self { protocol: Protocol::new(database), clock }
    }

    /// With a table `things`: hash key `pk` (S), sort key `sk` (N), a local index `by_rank` on `rank` (N) that carries
    /// keys only, a global index `by_kind` on `kind` (S) and `rank` that carries everything.
    pub(crate) fn with_table() -> Self {
        let wire = Self::new();
        wire.create_things();
        wire
    }

    pub(crate) fn create_things(&self) {
        self.ok(
            "CreateTable",
            json!({
                "TableName": "things", "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"},
                    {"AttributeName": "rank", "AttributeType": "N"}, {"AttributeName": "kind", "AttributeType": "S"}],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "LocalSecondaryIndexes": [{
                    "IndexName": "by_rank", "Projection": {"ProjectionType": "KEYS_ONLY"},
                    "KeySchema": [
                        {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}]}],
                "GlobalSecondaryIndexes": [{
                    "IndexName": "by_kind", "Projection": {"ProjectionType": "ALL"},
                    "KeySchema": [
                        {"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "rank", "KeyType": "RANGE"}]}],
            }),
        );
    }

    /// Status and body of any request, null if it has none; operations on streams have names of their own.
    pub(crate) fn raw(&self, operation: &str, body: &[u8]) -> (u16, Value) {
        let streams = ["ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"].contains(&operation);
        let service = if streams { "DynamoDBStreams" } else { "DynamoDB" };
        let response = self.protocol.handle(&format!("{service}_20120810.{operation}"), body);
        let body = if response.body.is_empty() { b"null" } else { &response.body[..] };
        (response.status, serde_json::from_slice(body).expect("a response is JSON"))
    }

    /// The body of a request that has to succeed.
    pub(crate) fn ok(&self, operation: &str, request: Value) -> Value {
        // Spread over lines: white space is allowed wherever JSON allows it.
        let (status, body) = self.raw(operation, format!("{request:#}").as_bytes());
        assert_eq!(status, 200, "{operation} {request}: {body}");
        body
    }

    /// Name and text of the error of a request that has to fail.
    pub(crate) fn error(&self, operation: &str, request: Value) -> (String, String) {
        let (status, body) = self.raw(operation, request.to_string().as_bytes());
        assert_eq!(status, 400, "{operation} {request}: {body}");
        let name = body["__type"].as_str().and_then(|name| name.rsplit('#').next()).unwrap_or_default();
        let text = body["message"].as_str().or_else(|| body["Message"].as_str()).unwrap_or_default();
        (name.to_owned(), text.to_owned())
    }

    /// The text of a `ValidationException`.
    pub(crate) fn invalid(&self, operation: &str, request: Value) -> String {
        let (name, text) = self.error(operation, request);
        assert_eq!(name, "ValidationException", "{text}");
        text
    }

    /// Puts an item into `things`.
    pub(crate) fn put(&self, item: Value) {
        self.ok("PutItem", json!({"TableName": "things", "Item": item}));
    }

    /// An item of `things`; null if there is none.
    pub(crate) fn get(&self, pk: &str, sk: i64) -> Value {
        self.ok("GetItem", json!({"TableName": "things", "Key": key(pk, sk)}))["Item"].clone()
    }
}

/// A key of `things`.
pub(crate) fn key(pk: &str, sk: i64) -> Value {
    json!({"pk": {"S": pk}, "sk": {"N": sk.to_string()}})
}

/// A tree with the members of both.
pub(crate) fn merged(mut base: Value, more: Value) -> Value {
    if let (Some(base), Value::Object(more)) = (base.as_object_mut(), more) {
        base.extend(more);
    }
    base
}
