//! The tools, without the protocol: names, arguments, answers.

use super::{design, numbers};
use hashrange::{
    Database, ItemRef,
    partiql::{PlanKind, Statement},
};
use hashrange_wire::Protocol;
use serde::Deserialize;
use serde_json::{Value, json};

/// Items of an answer, unless the caller says otherwise.
const ITEMS: usize = 100;
/// Items of an answer at most.
const MOST_ITEMS: usize = 1_000;
/// Bytes of items in an answer: an assistant cannot use more.
const MOST_BYTES: usize = 256 << 10;

/// What the parameters of a statement are.
const PARAMETERS: &str = "Values of the ?s, in order, as plain JSON. A number from 2^53 on, or a fraction of more than 15 digits, is \
                          written {\"N\": \"12345678901234567890\"}, so that no reader rounds it; items of answers have them so too. \
                          A map whose only member is a text by the name N cannot be told from such a number";

/// A tool as it is listed.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// JSON Schema of the arguments.
    pub(crate) arguments: Value,
    /// Whether it changes nothing.
    pub(crate) is_read_only: bool,
}

/// A database, and what may be done with it.
pub(crate) struct Tools {
    database: Database,
    may_write: bool,
}

/// A statement with values for its `?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    pub(super) statement: String,
    #[serde(default)]
    pub(super) parameters: Vec<Value>,
    limit: Option<usize>,
    #[serde(default)]
    allow_scan: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    table: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Tools {
    /// The tools of a database; `may_write` adds statements that change items.
    pub(crate) fn new(database: Database, may_write: bool) -> Self {
        Self { database, may_write }
    }

    /// All tools.
    pub(crate) fn list(&self) -> Vec<Tool> {
        let statement =
            json!({"type": "string", "description": "PartiQL, such as SELECT * FROM orders WHERE customer = ?"});
        let parameters = json!({"type": "array", "description": PARAMETERS});
        let asked = json!({"statement": statement, "parameters": parameters});
        let mut queried = asked.clone();
        queried["limit"] = json!({"type": "integer", "minimum": 1, "maximum": MOST_ITEMS, "default": ITEMS});
        queried["allow_scan"] = json!({"type": "boolean", "default": false, "description": "Take a statement that reads a whole table or index"});
        let tool = |name, description, properties: Value, required: &[&str]| Tool {
            name,
            description,
            arguments: json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false}),
            is_read_only: true,
        };
        let mut tools = vec![
            tool("list_tables", "Names of all tables, with numbers of items and bytes.", json!({}), &[]),
            tool(
                "describe_table",
                "Keys, indexes, billing, stream and numbers of a table, as DynamoDB's DescribeTable answers.",
                json!({"table": {"type": "string"}}),
                &["table"],
            ),
            tool(
                "query",
                "Items that a PartiQL SELECT selects, as plain JSON, and numbers that readers would round as {\"N\": \"...\"}. It must name a partition key of the table or of an index \
                 (FROM \"table\".\"index\"), unless allow_scan is set.",
                queried,
                &["statement"],
            ),
            tool(
                "explain",
                "What a PartiQL statement would do, without doing it: a get, a query or a scan, of which index, and the \
                 capacity units that it consumes.",
                asked.clone(),
                &["statement"],
            ),
            tool(
                "check_design",
                "Checks a table design: makes the tables (arguments of DynamoDB's CreateTable) in an empty database, and says of \
                 each access pattern (a PartiQL statement) whether it is a get, a query or a scan.",
                json!({"tables": {"type": "array", "items": {"type": "object"}},
                    "statements": {"type": "array",
                        "items": {"type": "object", "properties": asked.clone(), "required": ["statement"]}}}),
                &["tables"],
            ),
        ];
        if self.may_write {
            let mut write =
                tool("write", "Carries out a PartiQL INSERT, UPDATE or DELETE of one item.", asked, &["statement"]);
            write.is_read_only = false;
            tools.push(write);
        }
        tools
    }

    /// Carries a tool out. Errors: a text for the caller, who can ask again in another way.
    pub(crate) fn call(&self, name: &str, arguments: Value) -> Result<Value, String> {
        match name {
            "list_tables" => read(arguments).and_then(|Nothing {}| self.list_tables()),
            "describe_table" => self.describe(&read::<Named>(arguments)?.table),
            "query" => self.query(&read(arguments)?),
            "explain" => explain(&self.statement(&read(arguments)?)?),
            "check_design" => design::check(arguments),
            "write" if self.may_write => self.write(&read(arguments)?),
            "write" => Err("this server only reads; it was started without --write".to_owned()),
            other => Err(format!("there is no tool {other}")),
        }
    }

    fn list_tables(&self) -> Result<Value, String> {
        let mut tables = Vec::new();
        for name in self.database.list_tables() {
            let table = self.database.describe_table(&name).map_err(said)?;
            tables.push(json!({"name": name, "items": table.item_count, "bytes": table.size_bytes}));
        }
        Ok(json!({ "tables": tables }))
    }

    fn describe(&self, table: &str) -> Result<Value, String> {
        request(&Protocol::new(self.database.clone()), "DescribeTable", &json!({ "TableName": table }))
    }

    fn query(&self, asked: &Asked) -> Result<Value, String> {
        let limit = asked.limit.unwrap_or(ITEMS).clamp(1, MOST_ITEMS);
        let mut statement = self.statement(asked)?.limit(limit + 1);
        if !is_select(&statement)? {
            return Err("query takes SELECT statements only".to_owned());
        }
        if !asked.allow_scan {
            statement = statement.no_scans();
        }
        let (mut items, mut bytes, mut is_complete) = (Vec::new(), 0, true);
        for item in statement.items() {
            let item: ItemRef = item.map_err(said)?;
            let text = item.to_json();
            bytes += text.len();
            if items.len() == limit || (bytes > MOST_BYTES && !items.is_empty()) {
                is_complete = false;
                break;
            }
            items.push(numbers::exact(&text).map_err(|error| error.to_string())?);
        }
        Ok(json!({ "items": items, "is_complete": is_complete }))
    }

    fn write(&self, asked: &Asked) -> Result<Value, String> {
        let statement = self.statement(asked)?;
        if is_select(&statement)? {
            return Err("write takes INSERT, UPDATE and DELETE; query takes SELECT".to_owned());
        }
        statement.send().map_err(said)?;
        Ok(json!({ "done": true }))
    }

    fn statement(&self, asked: &Asked) -> Result<Statement, String> {
        bound(&self.database, asked)
    }
}

/// A statement with its values.
pub(super) fn bound(database: &Database, asked: &Asked) -> Result<Statement, String> {
    let mut statement = database.statement(&asked.statement);
    for parameter in &asked.parameters {
        statement = statement.bind_value(numbers::parameter(parameter)?);
    }
    Ok(statement)
}

/// What a statement would do.
pub(super) fn explain(statement: &Statement) -> Result<Value, String> {
    let plan = statement.explain().map_err(said)?;
    let requests: Vec<String> =
        statement.dry_run().unwrap_or_default().iter().map(|request| request.to_string()).collect();
    Ok(json!({
        "kind": plan.kind.word(), "table": plan.table, "index": plan.index, "keys": plan.keys,
        "filter": plan.filter, "least_units": plan.least_units, "most_units": plan.most_units, "text": plan.to_string(),
        "requests": requests,
    }))
}

/// Sends a request of DynamoDB's protocol. Errors: the rejection.
pub(super) fn request(protocol: &Protocol, operation: &str, body: &Value) -> Result<Value, String> {
    let answer = protocol.handle(&format!("DynamoDB_20120810.{operation}"), body.to_string().as_bytes());
    let value: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    if answer.status == 200 {
        return Ok(value);
    }
    let message = value["message"].as_str().or_else(|| value["Message"].as_str()).unwrap_or_default();
    Err(format!("{}: {message}", answer.error))
}

pub(super) fn read<T: for<'de> Deserialize<'de>>(arguments: Value) -> Result<T, String> {
    serde_json::from_value(arguments).map_err(|error| format!("the arguments are wrong: {error}"))
}

/// Whether a statement reads, and changes nothing.
fn is_select(statement: &Statement) -> Result<bool, String> {
    let kind = statement.explain().map_err(said)?.kind;
    Ok(matches!(kind, PlanKind::Get | PlanKind::Query | PlanKind::Scan))
}

fn said(error: hashrange::Error) -> String {
    error.to_string()
}
