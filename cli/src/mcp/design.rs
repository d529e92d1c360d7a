//! A design on trial: tables in an empty database, and what statements would do with them.

use super::tools::{Asked, bound, explain, read, request};
use hashrange::Database;
use hashrange_wire::Protocol;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Design {
    tables: Vec<Value>,
    #[serde(default)]
    statements: Vec<Asked>,
}

/// Makes the tables and explains the statements. Errors: arguments of another form; what a table or statement is rejected for is
/// part of the answer.
pub(super) fn check(arguments: Value) -> Result<Value, String> {
    let design: Design = read(arguments)?;
    let database = Database::options().background(false).in_memory().map_err(|error| error.to_string())?;
    let protocol = Protocol::new(database.clone());
    let mut problems = Vec::new();
    let mut tables = Vec::new();
    for table in &design.tables {
        let name = table["TableName"].as_str().unwrap_or_default();
        match request(&protocol, "CreateTable", table) {
            Ok(_) => tables.push(json!({ "table": name, "is_valid": true })),
            Err(error) => {
                problems.push(format!("table {name}: {error}"));
                tables.push(json!({ "table": name, "is_valid": false, "error": error }));
            }
        }
    }
    let mut statements = Vec::new();
    for asked in &design.statements {
        let text = &asked.statement;
        match bound(&database, asked).and_then(|statement| explain(&statement)) {
            Ok(plan) => {
                if plan["kind"] == "scan" {
                    problems
                        .push(format!("{text}: reads a whole table or index; no key that it names leads to the items"));
                }
                statements.push(json!({ "statement": text, "plan": plan }));
            }
            Err(error) => {
                problems.push(format!("{text}: {error}"));
                statements.push(json!({ "statement": text, "error": error }));
            }
        }
    }
    Ok(json!({ "is_fit": problems.is_empty(), "problems": problems, "tables": tables, "statements": statements }))
}
