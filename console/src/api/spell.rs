//! A read as other clients write it: the AWS command line, Rust, Python and PartiQL.
//!
//! Each text is built from values that are quoted by the rules of its language, whatever they hold.

use super::{
    read::{Read, sign},
    value,
};
use hashrange::{AttributeValue, Item, schema::TableDefinition};
use serde::Serialize;
use serde_json::json;
use std::fmt::Write;

/// A read in four languages.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Spelled {
    /// A command of the AWS command line, for a shell.
    pub(crate) cli: String,
    /// Rust, on this engine.
    pub(crate) rust: String,
    /// Python, with boto3.
    pub(crate) python: String,
    /// A PartiQL statement.
    pub(crate) partiql: String,
}

/// Spells a read of a table.
pub(crate) fn read(table: &TableDefinition, read: &Read) -> Spelled {
    Spelled { cli: cli(read), rust: rust(table, read), python: python(read), partiql: partiql(table, read) }
}

/// A text between single quotes for a POSIX shell.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn cli(read: &Read) -> String {
    let expressions = read.expressions();
    let operation = if read.is_query() { "query" } else { "scan" };
    let mut out = format!("aws dynamodb {operation} --endpoint-url http://127.0.0.1:8000 --table-name {}", read.table);
    let mut add = |option: &str, text: Option<String>| {
        if let Some(text) = text {
            let _ = write!(out, " \\\n  --{option} {text}"); // a String takes everything
        }
    };
    add("index-name", read.index.clone());
    add("key-condition-expression", expressions.key.as_deref().map(shell));
    add("filter-expression", expressions.filter.as_deref().map(shell));
    add("projection-expression", expressions.projection.as_deref().map(shell));
    let names = expressions.placeholders.names.map(|names| json!(names).to_string());
    add("expression-attribute-names", names.as_deref().map(shell));
    let values = expressions.placeholders.values.map(|values| value::item_json(&Item(values)).to_string());
    add("expression-attribute-values", values.as_deref().map(shell));
    add("limit", Some(read.limit.to_string()));
    // Without it the command line asks for page after page.
    add("no-paginate", Some(String::new()));
    add("no-scan-index-forward", read.is_descending.then(String::new));
    add("consistent-read", read.is_consistent.then(String::new));
    add("exclusive-start-key", read.start.as_ref().map(|key| shell(&key.to_dynamodb_json())));
    out.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A string literal of Rust.
fn rust_text(text: &str) -> String {
    format!("{text:?}")
}

fn rust_value(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => rust_text(text),
        AttributeValue::Bool(flag) => flag.to_string(),
        AttributeValue::N(number) => rust_number(&number.to_string()),
        other => format!("AttributeValue::from_dynamodb_json({})?", rust_text(&other.to_dynamodb_json())),
    }
}

/// A number of Rust. A literal without a type becomes an `i32` here, where other numbers do not fit.
fn rust_number(digits: &str) -> String {
    if digits.parse::<i32>().is_ok() {
        digits.to_owned()
    } else if digits.parse::<i64>().is_ok() {
        format!("{digits}i64")
    } else {
        format!("{}.parse::<Number>()?", rust_text(digits))
    }
}

fn rust(table: &TableDefinition, read: &Read) -> String {
    let kinds: Vec<&str> = table.key.attributes().map(|attribute| attribute.kind.name()).collect();
    let shape = if kinds.len() == 1 { kinds.concat() } else { format!("({})", kinds.join(", ")) };
    let mut out = format!("let table = db.table::<{shape}>({})?;\nlet page = table", rust_text(&read.table));
    let partition: Vec<String> = read.partition.iter().map(|equal| rust_value(&equal.value)).collect();
    let index = read.index.as_deref().map(rust_text);
    out += &match (read.is_query(), index) {
        (true, Some(index)) => format!("\n    .query_index({index}, [{}])", partition.join(", ")),
        (true, None) => format!("\n    .query({})", partition.join(", ")),
        (false, Some(index)) => format!("\n    .scan_index({index})"),
        (false, None) => "\n    .scan()".to_owned(),
    };
    for equal in &read.leading {
        out += &format!("\n    .range(eq({}))", rust_value(&equal.value));
    }
    if let Some(sort) = &read.sort {
        let values: Vec<String> = sort.values.iter().map(rust_value).collect();
        out += &format!("\n    .range({}({}))", sort.test, values.join(", "));
    }
    let filters: Vec<String> = read.filters.iter().map(rust_filter).collect();
    if !filters.is_empty() {
        out += &format!("\n    .filter({})", filters.join(" & "));
    }
    if !read.attributes.is_empty() {
        let expressions = read.expressions();
        let text = expressions.projection.unwrap_or_default();
        let names = expressions.placeholders.names.unwrap_or_default();
        let used = names.iter().filter(|(alias, _)| text.split(", ").any(|part| part == *alias));
        let pairs: Vec<String> =
            used.map(|(alias, name)| format!("{} => {}", rust_text(alias), rust_text(name))).collect();
        out += &format!("\n    .project(({}, values! {{{}}}))", rust_text(&text), pairs.join(", "));
    }
    if read.is_descending {
        out += "\n    .descending()";
    }
    if read.is_consistent {
        out += "\n    .consistent(true)";
    }
    if let Some(start) = &read.start {
        out += &format!("\n    .start_after(Item::from_dynamodb_json({})?)", rust_text(&start.to_dynamodb_json()));
    }
    out + &format!("\n    .limit({})\n    .page()?;", read.limit)
}

fn rust_filter(filter: &super::read::Filter) -> String {
    let value = filter.value.as_ref().map(rust_value).unwrap_or_default();
    format!("attr_named({}).{}({value})", rust_text(&filter.name), filter.test)
}

/// A string literal of Python. JSON's are, but for the line separators, which JSON may leave as they are.
fn python_text(text: &str) -> String {
    json!(text).to_string()
}

/// A value as boto3 takes it: a number that is no whole one of 64 bits is a `Decimal`, a binary is `bytes`.
fn python_value(value: &AttributeValue) -> String {
    fn listed(values: impl Iterator<Item = String>) -> String {
        values.collect::<Vec<_>>().join(", ")
    }
    match value {
        AttributeValue::S(text) => python_text(text),
        AttributeValue::N(number) => python_number(&number.to_string()),
        AttributeValue::B(_) => format!("b64decode({})", python_text(&value::text(value))),
        AttributeValue::Bool(true) => "True".to_owned(),
        AttributeValue::Bool(false) => "False".to_owned(),
        AttributeValue::Null => "None".to_owned(),
        AttributeValue::L(elements) => format!("[{}]", listed(elements.iter().map(python_value))),
        AttributeValue::M(members) => {
            let member =
                |(name, value): (&String, &AttributeValue)| format!("{}: {}", python_text(name), python_value(value));
            format!("{{{}}}", listed(members.iter().map(member)))
        }
        AttributeValue::Ss(texts) => format!("{{{}}}", listed(texts.iter().map(|text| python_text(text)))),
        AttributeValue::Ns(numbers) => {
            format!("{{{}}}", listed(numbers.iter().map(|number| python_number(&number.to_string()))))
        }
        AttributeValue::Bs(binaries) => {
            format!("{{{}}}", listed(binaries.iter().map(|binary| python_value(&AttributeValue::B(binary.clone())))))
        }
    }
}

fn python_number(digits: &str) -> String {
    if digits.parse::<i64>().is_ok() { digits.to_owned() } else { format!("Decimal({})", python_text(digits)) }
}

/// A test as boto3's conditions name it.
fn python_test(test: &str, values: &[String]) -> String {
    let name = match test {
        "le" => "lte",
        "ge" => "gte",
        other => other,
    };
    format!("{name}({})", values.join(", "))
}

fn python(read: &Read) -> String {
    let mut out = "from boto3.dynamodb.conditions import Attr, Key\n\n".to_owned();
    let operation = if read.is_query() { "query" } else { "scan" };
    let mut arguments = Vec::new();
    let mut add = |name: &str, text: String| arguments.push(format!("\n    {name}={text},"));
    if let Some(index) = &read.index {
        add("IndexName", python_text(index));
    }
    let mut key: Vec<String> = Vec::new();
    for equal in read.partition.iter().chain(&read.leading) {
        key.push(format!("Key({}).eq({})", python_text(&equal.name), python_value(&equal.value)));
    }
    if let Some(sort) = &read.sort {
        let values: Vec<String> = sort.values.iter().map(python_value).collect();
        key.push(format!("Key({}).{}", python_text(&sort.name), python_test(sort.test, &values)));
    }
    if !key.is_empty() {
        add("KeyConditionExpression", key.join(" & "));
    }
    let filters: Vec<String> = read
        .filters
        .iter()
        .map(|filter| {
            let values: Vec<String> = filter.value.iter().map(python_value).collect();
            format!("Attr({}).{}", python_text(&filter.name), python_test(filter.test, &values))
        })
        .collect();
    if !filters.is_empty() {
        add("FilterExpression", filters.join(" & "));
    }
    if !read.attributes.is_empty() {
        let aliases: Vec<String> = (0..read.attributes.len()).map(|number| format!("#p{number}")).collect();
        add("ProjectionExpression", python_text(&aliases.join(", ")));
        let named = aliases.iter().zip(&read.attributes);
        let names: Vec<String> =
            named.map(|(alias, name)| format!("{}: {}", python_text(alias), python_text(name))).collect();
        add("ExpressionAttributeNames", format!("{{{}}}", names.join(", ")));
    }
    if let Some(start) = &read.start {
        let parts = start.0.iter().map(|(name, value)| format!("{}: {}", python_text(name), python_value(value)));
        add("ExclusiveStartKey", format!("{{{}}}", parts.collect::<Vec<_>>().join(", ")));
    }
    if read.is_descending {
        add("ScanIndexForward", "False".to_owned());
    }
    if read.is_consistent {
        add("ConsistentRead", "True".to_owned());
    }
    add("Limit", read.limit.to_string());
    let arguments = arguments.concat();
    for (name, module) in [("Decimal", "decimal"), ("b64decode", "base64")] {
        if arguments.contains(&format!("{name}(")) {
            out = format!("from {module} import {name}\n{out}");
        }
    }
    out = format!("import boto3\n{out}");
    let _ = write!(out, "table = boto3.resource(\"dynamodb\").Table({})", python_text(&read.table));
    out + &format!("\npage = table.{operation}({arguments}\n)")
}

/// A name of PartiQL between quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn partiql_value(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => format!("'{}'", text.replace('\'', "''")),
        AttributeValue::N(number) => number.to_string(),
        AttributeValue::Bool(flag) => flag.to_string(),
        AttributeValue::Null => "NULL".to_owned(),
        AttributeValue::L(elements) => {
            format!("[{}]", elements.iter().map(partiql_value).collect::<Vec<_>>().join(", "))
        }
        AttributeValue::M(members) => {
            let member = |(name, value): (&String, &AttributeValue)| {
                format!("'{}': {}", name.replace('\'', "''"), partiql_value(value))
            };
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        // Binaries and sets of them have no literal.
        other => format!("? /* {} */", other.to_dynamodb_json().replace("*/", "* /")),
    }
}

fn partiql_test(test: &str, name: &str, values: &[String]) -> String {
    let value = values.first().map_or("", String::as_str);
    let other = values.get(1).map_or("", String::as_str);
    match test {
        "exists" => format!("{name} IS NOT MISSING"),
        "not_exists" => format!("{name} IS MISSING"),
        "begins_with" | "contains" => format!("{test}({name}, {value})"),
        "between" => format!("{name} BETWEEN {value} AND {other}"),
        _ => format!("{name} {} {value}", sign(test)),
    }
}

fn partiql(table: &TableDefinition, read: &Read) -> String {
    let attributes: Vec<String> = read.attributes.iter().map(|name| quoted(name)).collect();
    let attributes = if attributes.is_empty() { "*".to_owned() } else { attributes.join(", ") };
    let index = read.index.as_deref().map(|index| format!(".{}", quoted(index))).unwrap_or_default();
    let mut out = format!("SELECT {attributes}\nFROM {}{index}", quoted(&read.table));
    let mut tests = Vec::new();
    for equal in read.partition.iter().chain(&read.leading) {
        tests.push(format!("{} = {}", quoted(&equal.name), partiql_value(&equal.value)));
    }
    if let Some(sort) = &read.sort {
        let values: Vec<String> = sort.values.iter().map(partiql_value).collect();
        tests.push(partiql_test(sort.test, &quoted(&sort.name), &values));
    }
    for filter in &read.filters {
        let values: Vec<String> = filter.value.iter().map(partiql_value).collect();
        tests.push(partiql_test(filter.test, &quoted(&filter.name), &values));
    }
    if !tests.is_empty() {
        out += &format!("\nWHERE {}", tests.join("\n  AND "));
    }
    if read.is_descending {
        let range = super::read::keys(table, read.index.as_deref()).map(|(_, range)| range).unwrap_or_default();
        if let Some(first) = range.first() {
            out += &format!("\nORDER BY {} DESC", quoted(&first.name));
        }
    }
    out
}
