//! Bodies in CBOR, which clients of CloudWatch send: what operations read and write as JSON, translated both ways.
//!
//! Times are numbers in JSON, and numbers with the tag of a time in CBOR. Binary values have no place in the operations that
//! are spoken to like this, and are rejected.

use crate::{error::Failure, json::Malformed};
use ciborium::Value;
use serde_json::{Map, Number, Value as Json};

/// The tag of seconds since 1970.
const TIME_TAG: u64 = 1;
/// Containers inside of containers.
const MAX_DEPTH: usize = 32;
/// Most bytes of a request body. A byte may become two values of 32 bytes and more on the way to JSON, which the server's budget of
/// memory does not count. The largest request of CloudWatch has 500 queries of some hundred bytes.
const MAX_BODY_BYTES: usize = 256 << 10;

/// A request body as JSON; nothing at all is an empty structure. Errors: it is large, or no CBOR, or holds what JSON cannot say.
pub(crate) fn to_json(body: &[u8]) -> Result<Vec<u8>, Failure> {
    if body.is_empty() {
        return Ok(b"{}".to_vec());
    }
    if body.len() > MAX_BODY_BYTES {
        return Err(Failure::serialization(format!(
            "a body in CBOR has at most {MAX_BODY_BYTES} bytes; this one has {}",
            body.len()
        )));
    }
    let value: Value =
        ciborium::de::from_reader_with_recursion_limit(body, MAX_DEPTH).map_err(|_| Malformed::Syntax)?;
    let json = json_of(value).ok_or_else(|| Failure::serialization("a value has no place in this operation"))?;
    Ok(json.to_string().into_bytes())
}

fn json_of(value: Value) -> Option<Json> {
    Some(match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(truth),
        Value::Text(text) => Json::String(text),
        Value::Integer(integer) => match u64::try_from(integer) {
            Ok(positive) => positive.into(),
            Err(_) => i64::try_from(integer).ok()?.into(),
        },
        Value::Float(float) => Json::Number(Number::from_f64(float)?),
        Value::Tag(TIME_TAG, time) => json_of(*time)?,
        Value::Array(values) => values.into_iter().map(json_of).collect::<Option<Vec<_>>>()?.into(),
        Value::Map(members) => {
            let member = |(name, value): (Value, Value)| Some((name.into_text().ok()?, json_of(value)?));
            Json::Object(members.into_iter().map(member).collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

/// A response body as CBOR.
pub(crate) fn of_json(body: &[u8]) -> Vec<u8> {
    let json: Json = serde_json::from_slice(body).unwrap_or_default();
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = ciborium::into_writer(&value_of(json, false), &mut bytes);
    bytes
}

fn value_of(json: Json, is_time: bool) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(truth),
        Json::String(text) => Value::Text(text),
        Json::Number(number) => {
            let value = match (number.as_u64(), number.as_i64()) {
                (Some(positive), _) => Value::from(positive),
                (None, Some(negative)) => Value::from(negative),
                (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
            };
            if is_time { Value::Tag(TIME_TAG, Box::new(value)) } else { value }
        }
        Json::Array(values) => Value::Array(values.into_iter().map(|value| value_of(value, is_time)).collect()),
        Json::Object(members) => {
            let member = |(name, value): (String, Json)| {
                let is_time = name.ends_with("Timestamp") || name.ends_with("Timestamps");
                (Value::Text(name), value_of(value, is_time))
            };
            Value::Map(members.into_iter().map(member).collect())
        }
    }
}
