//! Numbers as an assistant writes and reads them: plain where every JSON reader keeps all of their digits, and else as
//! DynamoDB's JSON has them, `{"N": "12345678901234567890123"}`, in both directions.
//!
//! Most readers of JSON make a `f64` of a number, as this program's reader of the protocol does, and clients written in
//! JavaScript do so with whole numbers too.

use hashrange::{AttributeValue, Number};
use serde_json::{Map, Value, json, value::RawValue};
use std::collections::BTreeMap;

/// Whole numbers below it are told apart by every reader.
const SAFE_END: f64 = 9_007_199_254_740_992.0;
/// Digits of a fraction that every reader keeps.
const SAFE_DIGITS: usize = 15;

/// JSON as a value whose numbers keep all of their digits. Errors: it is no JSON.
pub(super) fn exact(text: &str) -> serde_json::Result<Value> {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            let members = members.into_iter().map(|(name, value)| Ok((name, exact(value.get())?)));
            members.collect::<serde_json::Result<Map<_, _>>>().map(Value::Object)
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text)?;
            elements.into_iter().map(|value| exact(value.get())).collect()
        }
        Some(b'-' | b'0'..=b'9') if !is_kept(text) => Ok(json!({ "N": text.trim() })),
        _ => serde_json::from_str(text),
    }
}

/// The value of a parameter. Errors: a number that a reader may have rounded before it came here; a value that no attribute has.
pub(super) fn parameter(value: &Value) -> Result<AttributeValue, String> {
    let mut text = String::new();
    push(value, &mut text)?;
    AttributeValue::from_json(&text).map_err(|error| error.to_string())
}

fn push(value: &Value, out: &mut String) -> Result<(), String> {
    match value {
        Value::Number(number) => match number.to_string() {
            text if is_kept(&text) => out.push_str(&text),
            text => {
                return Err(format!(
                    "{text} may have been rounded on its way here: write {{\"N\": \"...\"}} with all of its digits"
                ));
            }
        },
        Value::Array(elements) => {
            out.push('[');
            for (position, element) in elements.iter().enumerate() {
                out.push_str(if position > 0 { "," } else { "" });
                push(element, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => match typed_digits(members) {
            Some(digits) => out.push_str(&digits.parse::<Number>().map_err(|error| error.to_string())?.to_string()),
            None => {
                out.push('{');
                for (position, (name, member)) in members.iter().enumerate() {
                    out.push_str(if position > 0 { "," } else { "" });
                    out.push_str(&Value::from(name.as_str()).to_string());
                    out.push(':');
                    push(member, out)?;
                }
                out.push('}');
            }
        },
        other => out.push_str(&other.to_string()),
    }
    Ok(())
}

/// The digits of `{"N": "..."}`.
fn typed_digits(members: &Map<String, Value>) -> Option<&str> {
    members.get("N").filter(|_| members.len() == 1)?.as_str()
}

/// Whether every reader of JSON keeps all digits of a number.
fn is_kept(text: &str) -> bool {
    let mantissa = text.trim().split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
    let is_whole = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    let is_small = text.trim().parse::<f64>().is_ok_and(|number| number.abs() < SAFE_END);
    is_small && (is_whole || significant <= SAFE_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_go_out_and_come_back() {
        let text = r#"{"big":12345678901234567890123,"deep":[{"n":-0.12345678901234567890123}],"even":9007199254740992,"few":0.1,"id":9007199254740991,"s":"9007199254740993"}"#;
        let out = exact(text).unwrap();
        let shown = json!({
            "big": {"N": "12345678901234567890123"}, "deep": [{"n": {"N": "-0.12345678901234567890123"}}],
            "even": {"N": "9007199254740992"}, "few": 0.1, "id": 9_007_199_254_740_991_u64, "s": "9007199254740993",
        });
        assert_eq!(out, shown);
        assert_eq!(parameter(&out).unwrap(), AttributeValue::from_json(text).unwrap(), "what is shown is a parameter");
    }

    #[test]
    fn what_may_have_been_rounded_is_no_parameter() {
        for text in [
            "12345678901234567890123",
            "9007199254740993",
            "-18446744073709551615",
            "0.12345678901234567890123",
            "[1e30]",
        ] {
            let error = parameter(&serde_json::from_str(text).unwrap()).unwrap_err();
            assert!(error.contains("\"N\""), "{text}: {error}");
        }
        for text in ["7", "-0.5", "1e3", "1767225600000", "{\"N\":7}", "{\"N\":\"1\",\"M\":\"2\"}"] {
            let value = parameter(&serde_json::from_str(text).unwrap()).unwrap();
            assert_eq!(value, AttributeValue::from_json(text).unwrap(), "{text}");
        }
        assert!(parameter(&json!({"N": "seven"})).is_err());
    }
}
