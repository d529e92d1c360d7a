//! The operations of a workload over HTTP, signed as DynamoDB's clients sign.

use super::client::{Answer, Client, Key};
use crate::{agent, failure::Failure};
use hashrange::{Clock, date};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{env, io, thread, time::Duration};
use ureq::Agent;

/// Longest time that a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Pause between two looks whether the table is there, and how many.
const PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSES: u32 = 300;
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// Rejects an address that cannot be one.
pub(super) fn check(address: &str) -> Result<(), Failure> {
    let is_tls = address.starts_with("https://");
    if is_tls && !cfg!(feature = "tls") {
        let text = "this binary speaks no TLS; build it with --features tls, or name an http:// endpoint";
        return Err(Failure::Usage(text.to_owned()));
    }
    if is_tls || address.starts_with("http://") {
        return Ok(());
    }
    Err(Failure::Usage(format!("--endpoint {address}: begins with neither http:// nor https://")))
}

/// A connection to an endpoint.
pub(super) struct HttpClient {
    agent: Agent,
    address: String,
    host: String,
    table: String,
    keys: Keys,
}

/// What requests are signed with; a local endpoint takes any.
struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
    region: String,
}

impl Keys {
    fn of_environment() -> Self {
        let named = |names: &[&str]| names.iter().find_map(|name| env::var(name).ok());
        Self {
            id: named(&["AWS_ACCESS_KEY_ID"]).unwrap_or_else(|| "local".to_owned()),
            secret: named(&["AWS_SECRET_ACCESS_KEY"]).unwrap_or_else(|| "local".to_owned()),
            token: named(&["AWS_SESSION_TOKEN"]),
            region: named(&["AWS_REGION", "AWS_DEFAULT_REGION"]).unwrap_or_else(|| "us-east-1".to_owned()),
        }
    }

    /// The header `Authorization` of a request at a time such as `20261120T123456Z`.
    fn authorization(&self, host: &str, target: &str, time: &str, body: &[u8]) -> String {
        let token = self.token.as_deref().map(|token| ("x-amz-security-token", token));
        let headers = [("content-type", CONTENT_TYPE), ("host", host), ("x-amz-date", time)];
        let headers: Vec<_> = headers.into_iter().chain(token).chain([("x-amz-target", target)]).collect();
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let signed = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let request = format!("POST\n/\n\n{lines}\n{signed}\n{}", hex(&Sha256::digest(body)));
        let day = time.get(..8).unwrap_or_default();
        let scope = format!("{day}/{}/dynamodb/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(request.as_bytes())));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, &self.region, "dynamodb", "aws4_request"] {
            key = sign(&key, part);
        }
        let signature = hex(&sign(&key, &text));
        let id = &self.id;
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}")
    }
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    // A key may have any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The time, as signatures have it.
fn now() -> String {
    let label = date::label(Clock::system().now_millis());
    let digits: String =
        label.split('.').next().unwrap_or_default().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    digits + "Z"
}

/// Units of an answer: of one table or of several.
fn units(body: &Value) -> f64 {
    let consumed = &body["ConsumedCapacity"];
    let of_one = |one: &Value| one["CapacityUnits"].as_f64().unwrap_or(0.0);
    consumed.as_array().map_or_else(|| of_one(consumed), |all| all.iter().map(of_one).sum())
}

fn count(body: &Value, member: &str, list: Option<&str>) -> u64 {
    let tables = body[member].as_object().into_iter().flatten();
    let lists = tables.map(|(_, left)| list.map_or(left, |list| &left[list]));
    lists.map(|list| list.as_array().map_or(0, Vec::len) as u64).sum()
}

fn key_json(key: &Key) -> Value {
    json!({ "pk": { "S": key.pk }, "sk": { "S": key.sk } })
}

fn item_json(key: &Key, payload: &str) -> Value {
    json!({ "pk": { "S": key.pk }, "sk": { "S": key.sk }, "payload": { "S": payload } })
}

impl HttpClient {
    /// Errors: there is no authority to trust, for an address with TLS.
    pub(super) fn new(address: &str, table: &str) -> Result<Self, Failure> {
        let host = address.split_once("://").map_or(address, |(_, host)| host);
        let host = host.split('/').next().unwrap_or_default().to_owned();
        let (agent, keys) = (agent::of(address, TIMEOUT)?, Keys::of_environment());
        Ok(Self { agent, address: address.to_owned(), host, table: table.to_owned(), keys })
    }

    /// Sends a request. The status and body of the answer. Errors: there is none.
    fn ask(&self, operation: &str, body: &Value) -> Result<(u16, Value), Failure> {
        let cannot = |error: ureq::Error| {
            Failure::io(format!("cannot reach {}", self.address), io::Error::other(error.to_string()))
        };
        let (body, target, time) = (body.to_string().into_bytes(), format!("DynamoDB_20120810.{operation}"), now());
        let authorization = self.keys.authorization(&self.host, &target, &time, &body);
        let mut request = self
            .agent
            .post(&self.address)
            .header("content-type", CONTENT_TYPE)
            .header("x-amz-target", &target)
            .header("x-amz-date", &time)
            .header("authorization", &authorization);
        if let Some(token) = &self.keys.token {
            request = request.header("x-amz-security-token", token);
        }
        let mut answer = request.send(&body[..]).map_err(cannot)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_vec().map_err(cannot)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Carries an operation out; `done` says what its answer means.
    fn operate(&self, operation: &str, body: &Value, done: impl FnOnce(&Value) -> Answer) -> Result<Answer, Failure> {
        let (status, answer) = self.ask(operation, body)?;
        let name = answer["__type"].as_str().map_or("", |name| name.rsplit('#').next().unwrap_or_default());
        match (status, name) {
            (200, _) => Ok(done(&answer)),
            (_, "ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded") => {
                Ok(Answer::throttled(1))
            }
            _ => Err(refused(operation, status, &answer)),
        }
    }
}

fn refused(operation: &str, status: u16, answer: &Value) -> Failure {
    let text = format!("status {status}: {answer}");
    Failure::io(format!("the endpoint refused {operation}"), io::Error::other(text))
}

impl Client for HttpClient {
    fn create_table(&mut self) -> Result<(), Failure> {
        let create = json!({
            "TableName": self.table, "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
        });
        let (status, answer) = self.ask("CreateTable", &create)?;
        if status != 200 && !answer.to_string().contains("ResourceInUseException") {
            return Err(refused("CreateTable", status, &answer));
        }
        for _ in 0..MOST_PAUSES {
            let (status, answer) = self.ask("DescribeTable", &json!({ "TableName": self.table }))?;
            if status == 200 && answer["Table"]["TableStatus"] == "ACTIVE" {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        Err(Failure::Usage(format!("table {} does not become active", self.table)))
    }
    fn get(&mut self, key: &Key) -> Result<Answer, Failure> {
        let get = json!({"TableName": self.table, "Key": key_json(key), "ReturnConsumedCapacity": "TOTAL"});
        self.operate("GetItem", &get, |answer| Answer::read(units(answer)))
    }
    fn put(&mut self, key: &Key, payload: &str) -> Result<Answer, Failure> {
        let item = item_json(key, payload);
        let put = json!({"TableName": self.table, "Item": item, "ReturnConsumedCapacity": "TOTAL"});
        self.operate("PutItem", &put, |answer| Answer::written(units(answer)))
    }
    fn increment(&mut self, key: &Key) -> Result<Answer, Failure> {
        let update = json!({
            "TableName": self.table, "Key": key_json(key), "UpdateExpression": "ADD #c :one",
            "ExpressionAttributeNames": {"#c": "count"}, "ExpressionAttributeValues": {":one": {"N": "1"}},
            "ReturnConsumedCapacity": "TOTAL",
        });
        self.operate("UpdateItem", &update, |answer| Answer::written(units(answer)))
    }
    fn query(&mut self, pk: &str, limit: u64) -> Result<Answer, Failure> {
        let query = json!({
            "TableName": self.table, "KeyConditionExpression": "pk = :pk", "Limit": limit,
            "ExpressionAttributeValues": {":pk": {"S": pk}}, "ReturnConsumedCapacity": "TOTAL",
        });
        self.operate("Query", &query, |answer| Answer::read(units(answer)))
    }
    fn batch_get(&mut self, keys: &[Key]) -> Result<Answer, Failure> {
        let keys: Vec<Value> = keys.iter().map(key_json).collect();
        let get = json!({"RequestItems": {&self.table: {"Keys": keys}}, "ReturnConsumedCapacity": "TOTAL"});
        self.operate("BatchGetItem", &get, |answer| {
            Answer::read(units(answer)).and(Answer::throttled(count(answer, "UnprocessedKeys", Some("Keys"))))
        })
    }
    fn batch_put(&mut self, keys: &[Key], payload: &str) -> Result<Answer, Failure> {
        let put = |key: &Key| json!({"PutRequest": {"Item": item_json(key, payload)}});
        let puts: Vec<Value> = keys.iter().map(put).collect();
        let write = json!({"RequestItems": {&self.table: puts}, "ReturnConsumedCapacity": "TOTAL"});
        self.operate("BatchWriteItem", &write, |answer| {
            Answer::written(units(answer)).and(Answer::throttled(count(answer, "UnprocessedItems", None)))
        })
    }
}
