//! Encoding of items, straight from the engine's bytes: nothing is decoded into a tree on the way out.

use crate::json::Writer;
use hashrange::{AttributeValue, Item, ItemRef, ValueRef};

/// An item of the engine.
pub(crate) fn write_item(out: &mut Writer, item: &ItemRef) {
    out.begin_object();
    for (name, value) in item.iter() {
        out.name(name);
        write_value(out, value);
    }
    out.end_object();
}

/// A key, such as a `LastEvaluatedKey`.
pub(crate) fn write_key(out: &mut Writer, key: &Item) {
    out.begin_object();
    for (name, value) in key.iter() {
        out.name(name);
        write_owned_value(out, value);
    }
    out.end_object();
}

fn write_value(out: &mut Writer, value: ValueRef<'_>) {
    out.begin_object();
    let tag = value.type_name();
    out.name(tag);
    match tag {
        "S" => out.string(value.as_str().unwrap_or_default()),
        "N" => write_number(out, value),
        "B" => out.base64(value.as_bytes().unwrap_or_default()),
        "BOOL" => out.boolean(value.as_bool().unwrap_or_default()),
        "NULL" => out.boolean(true),
        "L" => {
            out.begin_array();
            for element in value.list() {
                write_value(out, element);
            }
            out.end_array();
        }
        "M" => {
            out.begin_object();
            for (name, member) in value.map() {
                out.name(name);
                write_value(out, member);
            }
            out.end_object();
        }
        _ => {
            out.begin_array();
            for element in value.set() {
                match tag {
                    "SS" => out.string(element.as_str().unwrap_or_default()),
                    "NS" => write_number(out, element),
                    _ => out.base64(element.as_bytes().unwrap_or_default()),
                }
            }
            out.end_array();
        }
    }
    out.end_object();
}

fn write_number(out: &mut Writer, value: ValueRef<'_>) {
    match value.as_number() {
        Some(number) => out.display_string(&number),
        None => out.string("0"),
    }
}

/// A value that the protocol built itself.
pub(crate) fn write_owned_value(out: &mut Writer, value: &AttributeValue) {
    out.begin_object();
    out.name(value.type_name());
    match value {
        AttributeValue::S(text) => out.string(text),
        AttributeValue::N(number) => out.display_string(number),
        AttributeValue::B(bytes) => out.base64(bytes),
        AttributeValue::Bool(truth) => out.boolean(*truth),
        AttributeValue::Null => out.boolean(true),
        AttributeValue::L(elements) => {
            out.begin_array();
            elements.iter().for_each(|element| write_owned_value(out, element));
            out.end_array();
        }
        AttributeValue::M(members) => {
            out.begin_object();
            for (name, member) in members {
                out.name(name);
                write_owned_value(out, member);
            }
            out.end_object();
        }
        AttributeValue::Ss(texts) => {
            out.begin_array();
            texts.iter().for_each(|text| out.string(text));
            out.end_array();
        }
        AttributeValue::Ns(numbers) => {
            out.begin_array();
            numbers.iter().for_each(|number| out.display_string(number));
            out.end_array();
        }
        AttributeValue::Bs(elements) => {
            out.begin_array();
            elements.iter().for_each(|bytes| out.base64(bytes));
            out.end_array();
        }
    }
    out.end_object();
}
