//! The three operations with PartiQL statements: members, tokens, batches, transactions and capacity.

use crate::support::Wire;
use serde_json::{Value, json};

fn wire() -> Wire {
    let wire = Wire::with_table();
    for sk in 1..4 {
        let item = json!({"pk": {"S": "a"}, "sk": {"N": sk.to_string()}, "kind": {"S": "k"}, "rank": {"N": "1"}});
        wire.ok("PutItem", json!({"TableName": "things", "Item": item}));
    }
    wire
}

fn execute(wire: &Wire, statement: &str) -> Value {
    wire.ok("ExecuteStatement", json!({"Statement": statement}))
}

fn message(wire: &Wire, operation: &str, request: Value) -> String {
    wire.error(operation, request).1
}

#[test]
fn items_are_always_there() {
    let wire = wire();
    let insert = "INSERT INTO things VALUE {'pk': 'b', 'sk': 1, 'd': ?}";
    let request = json!({"Statement": insert, "Parameters": [{"B": "aGk="}]});
    assert_eq!(wire.ok("ExecuteStatement", request.clone()), json!({"Items": []}));
    let select = execute(&wire, "SELECT d FROM things WHERE pk = 'b' AND sk = 1");
    assert_eq!(select, json!({"Items": [{"d": {"B": "aGk="}}]}));
    let (name, text) = wire.error("ExecuteStatement", request);
    let (namespace, text) = (name.split('#').next().unwrap_or_default().to_owned(), text);
    assert_eq!(text, "Duplicate primary key exists in table");
    assert!(namespace == "DuplicateItemException" || namespace.contains("dynamodb"), "{namespace}");
    let returned = execute(&wire, "UPDATE things SET n = 1 WHERE pk = 'b' AND sk = 1 RETURNING MODIFIED NEW *");
    assert_eq!(returned, json!({"Items": [{"n": {"N": "1"}}]}));
    assert_eq!(
        execute(&wire, "DELETE FROM things WHERE pk = 'none' AND sk = 1 RETURNING ALL OLD *"),
        json!({"Items": []})
    );
}

#[test]
fn members_are_checked_before_anything_is_read() {
    let wire = wire();
    let constraint = "failed to satisfy constraint: Member must";
    let request = json!({"Statement": "", "Limit": 0, "Parameters": [], "ReturnConsumedCapacity": "ALL",
        "ReturnValuesOnConditionCheckFailure": ""});
    let expected = format!(
        "5 validation errors detected: Value '' at 'returnValuesOnConditionCheckFailure' {constraint} satisfy enum value set: \
         [ALL_OLD, NONE]; Value '0' at 'limit' {constraint} have value greater than or equal to 1; Value '' at 'statement' \
         {constraint} have length greater than or equal to 1; Value 'ALL' at 'returnConsumedCapacity' {constraint} satisfy \
         enum value set: [INDEXES, TOTAL, NONE]; Value '[]' at 'parameters' {constraint} have length greater than or equal to 1"
    );
    assert_eq!(message(&wire, "ExecuteStatement", request), expected);
    assert!(
        message(&wire, "ExecuteStatement", json!({}))
            .starts_with("1 validation error detected: Value null at 'statement'")
    );
    let long = format!("SELECT * FROM things WHERE pk = '{}'", "a".repeat(8192));
    let text = message(&wire, "ExecuteStatement", json!({"Statement": long}));
    assert!(text.ends_with(&format!("at 'statement' {constraint} have length less than or equal to 8192")), "{text}");
    // Parameters are judged before the statement is parsed, used or not.
    let bad = json!({"Statement": "SELECT", "Parameters": [{"NULL": false}]});
    let expected = "One or more parameter values were invalid: Null attribute value types must have the value of true";
    assert_eq!(message(&wire, "ExecuteStatement", bad), expected);
    for (parameter, expected) in [
        (json!({"N": "x"}), "The parameter cannot be converted to a numeric value: x"),
        (json!({"SS": []}), "One or more parameter values were invalid: An string set  may not be empty"),
        (json!({"NS": ["1", "1.0"]}), "Input collection contains duplicates"),
        (json!({}), "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        (json!({"M": {"": {"S": "a"}}}), "Empty attribute name"),
    ] {
        let request = json!({"Statement": "SELECT * FROM things WHERE pk = ?", "Parameters": [parameter]});
        assert_eq!(message(&wire, "ExecuteStatement", request), expected);
    }
}

/// Requests a page of one item, with parameters and a token.
fn page(statement: &str, parameters: &Value, limit: usize, token: Option<&Value>) -> Value {
    let mut request = json!({"Statement": statement, "Limit": limit});
    if parameters != &json!([]) {
        request["Parameters"] = parameters.clone();
    }
    if let Some(token) = token {
        request["NextToken"] = token.clone();
    }
    request
}

#[test]
fn tokens_are_bound_to_statement_and_parameters() {
    let wire = wire();
    let select = "SELECT * FROM things WHERE pk = ? AND sk < ?";
    let given = |number: &str| json!([{"S": "a"}, {"N": number}]);
    let first = wire.ok("ExecuteStatement", page(select, &given("1E2"), 1, None));
    let token = &first["NextToken"];
    let second = wire.ok("ExecuteStatement", page(select, &given("1e+2"), 2, Some(token)));
    assert_eq!(second["Items"].as_array().map(Vec::len), Some(2));
    let mismatch = "NextToken does not match request";
    assert_eq!(message(&wire, "ExecuteStatement", page(select, &given("100"), 1, Some(token))), mismatch);
    for other in [format!("{select} "), format!("{select};"), select.to_lowercase()] {
        assert_eq!(
            message(&wire, "ExecuteStatement", page(&other, &given("1E2"), 1, Some(token))),
            mismatch,
            "{other}"
        );
    }
    // Members of sets are the same by value alone, in any order; zero has no sign.
    let unequal = "SELECT * FROM things WHERE pk = 'a' AND x <> ?";
    for (one, same, other) in [
        (json!({"NS": ["1", "2"]}), json!({"NS": ["2", "1.0"]}), json!({"NS": ["1", "3"]})),
        (json!({"N": "0"}), json!({"N": "-0"}), json!({"N": "0.0"})),
    ] {
        let token = wire.ok("ExecuteStatement", page(unequal, &json!([one]), 1, None))["NextToken"].clone();
        let second = wire.ok("ExecuteStatement", page(unequal, &json!([same]), 1, Some(&token)));
        assert_eq!(second["Items"].as_array().map(Vec::len), Some(1));
        assert_eq!(message(&wire, "ExecuteStatement", page(unequal, &json!([other]), 1, Some(&token))), mismatch);
    }
    let listed = unequal;
    let list = json!([{"L": []}]);
    let token = wire.ok("ExecuteStatement", page(listed, &list, 1, None))["NextToken"].clone();
    assert_eq!(message(&wire, "ExecuteStatement", page(listed, &list, 1, Some(&token))), mismatch);
}

#[test]
fn tokens_cannot_be_made_or_changed() {
    let wire = wire();
    let none = json!([]);
    let select = "SELECT * FROM things WHERE pk = 'a'";
    let token = wire.ok("ExecuteStatement", page(select, &none, 1, None))["NextToken"].clone();
    let text = token.as_str().unwrap();
    let mut changed = text.to_owned().into_bytes();
    let at = changed.len() / 2;
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    for junk in ["junk", "AAAA", &text[..text.len() - 4], &changed] {
        let request = page(select, &none, 1, Some(&json!(junk)));
        assert_eq!(message(&wire, "ExecuteStatement", request), "Invalid NextToken", "{junk}");
    }
    let empty = message(&wire, "ExecuteStatement", page(select, &none, 1, Some(&json!(""))));
    assert!(empty.ends_with(
        "Value '' at 'nextToken' failed to satisfy constraint: Member must have length greater than or equal to 1"
    ));
    let other = Wire::with_table();
    assert_eq!(message(&other, "ExecuteStatement", page(select, &none, 1, Some(&token))), "Invalid NextToken");
    let write = "DELETE FROM things WHERE pk = 'a' AND sk = 1";
    let expected = "NextToken is only valid on a SELECT statement";
    assert_eq!(message(&wire, "ExecuteStatement", page(write, &none, 1, Some(&token))), expected);
}

fn batch(statements: &[&str]) -> Value {
    let statements: Vec<_> = statements.iter().map(|text| json!({"Statement": text})).collect();
    json!({"Statements": statements, "ReturnConsumedCapacity": "INDEXES"})
}

#[test]
fn a_batch_answers_each_statement() {
    let wire = wire();
    let answer = wire.ok(
        "BatchExecuteStatement",
        batch(&[
            "SELECT sk FROM things WHERE pk = 'a' AND sk = 1",
            "SELECT * FROM nowhere WHERE pk = 'a'",
            "SELECT * FROM things WHERE pk = 'none' AND sk = 1",
        ]),
    );
    let expected = json!([
        {"TableName": "things", "Item": {"sk": {"N": "1"}}},
        {"TableName": "nowhere", "Error": {"Code": "ResourceNotFound", "Message": "Requested resource not found"}},
        {"TableName": "things"}]);
    assert_eq!(answer["Responses"], expected);
    let units = json!([{"TableName": "things", "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}}]);
    assert_eq!(answer["ConsumedCapacity"], units);

    let (insert, other) = (
        "INSERT INTO things VALUE {'pk': 'a', 'sk': 1}",
        "INSERT INTO things VALUE {'pk': 'n', 'sk': 1, 'kind': 'k', 'rank': 2}",
    );
    let answer = wire.ok("BatchExecuteStatement", batch(&[insert, other]));
    assert_eq!(answer["Responses"][0]["Error"]["Code"], "DuplicateItem");
    assert_eq!(answer["ConsumedCapacity"][0]["CapacityUnits"], 4.0);
    assert_eq!(answer["ConsumedCapacity"][0]["Table"]["CapacityUnits"], 1.0);
    assert_eq!(answer["ConsumedCapacity"][0]["GlobalSecondaryIndexes"]["by_kind"]["CapacityUnits"], 1.0);
    assert_eq!(answer["ConsumedCapacity"][0]["LocalSecondaryIndexes"]["by_rank"]["CapacityUnits"], 1.0);

    let mut request =
        batch(&["DELETE FROM things WHERE pk = ? AND sk = 1", "DELETE FROM things WHERE pk = 'a' AND sk = 2"]);
    assert_eq!(wire.ok("BatchExecuteStatement", request.clone())["Responses"][0]["Error"]["Code"], "ValidationError");
    request["Statements"][0]["Parameters"] = json!([{"N": "x"}]);
    let refused = wire.ok("BatchExecuteStatement", request);
    assert_eq!(refused["Responses"][0]["Error"]["Message"], "The parameter cannot be converted to a numeric value: x");
    assert!(refused["Responses"][1].get("Error").is_none());
}

#[test]
fn batches_and_transactions_are_bounded() {
    let wire = wire();
    let texts: Vec<String> = (0..101).map(|n| format!("DELETE FROM things WHERE pk = 'd{n}' AND sk = 1")).collect();
    let some = |count: usize| texts[..count].iter().map(String::as_str).collect::<Vec<_>>();
    wire.ok("BatchExecuteStatement", batch(&some(25)));
    let text = message(&wire, "BatchExecuteStatement", batch(&some(26)));
    let opening = "1 validation error detected: Value '[BatchStatementRequest(statement=DELETE FROM things WHERE pk = 'd0' AND sk \
                   = 1, parameters=null, consistentRead=null, returnValuesOnConditionCheckFailure=null), ";
    assert!(text.starts_with(opening), "{text}");
    assert!(
        text.ends_with(
            "at 'statements' failed to satisfy constraint: Member must have length less than or equal to 25"
        )
    );
    wire.ok("ExecuteTransaction", transaction(&some(100)));
    let text = message(&wire, "ExecuteTransaction", transaction(&some(101)));
    assert!(text.starts_with("1 validation error detected: Value '[ParameterizedStatement(statement="), "{text}");
    for (operation, member) in [("BatchExecuteStatement", "Statements"), ("ExecuteTransaction", "TransactStatements")] {
        let text = message(&wire, operation, json!({member: []}));
        assert!(text.ends_with("Member must have length greater than or equal to 1"), "{text}");
        let text = message(&wire, operation, json!({member: [{"Statement": "", "Parameters": []}]}));
        assert!(text.starts_with("2 validation errors detected: Value '' at '"), "{text}");
        assert!(text.contains(".1.member.statement'") && text.contains(".1.member.parameters'"), "{text}");
    }
}

fn transaction(statements: &[&str]) -> Value {
    let statements: Vec<_> = statements.iter().map(|text| json!({"Statement": text})).collect();
    json!({"TransactStatements": statements})
}

#[test]
fn transactions_answer_reads_and_not_writes() {
    let wire = wire();
    let reads = transaction(&[
        "SELECT sk FROM things WHERE pk = 'a' AND sk = 1",
        "SELECT * FROM things WHERE pk = 'none' AND sk = 1",
    ]);
    assert_eq!(wire.ok("ExecuteTransaction", reads)["Responses"], json!([{"Item": {"sk": {"N": "1"}}}, {}]));
    let insert = ["INSERT INTO things VALUE {'pk': 'x', 'sk': 1, 'kind': 'k', 'rank': 1}"];
    let mut request = transaction(&insert);
    request["ReturnConsumedCapacity"] = json!("INDEXES");
    let answer = wire.ok("ExecuteTransaction", request);
    assert_eq!(answer["Responses"], json!([]));
    let units = |units: f64| json!({"CapacityUnits": units, "WriteCapacityUnits": units});
    let expected = json!([{"TableName": "things", "CapacityUnits": 4.0, "WriteCapacityUnits": 4.0, "Table": units(2.0),
        "LocalSecondaryIndexes": {"by_rank": units(1.0)}, "GlobalSecondaryIndexes": {"by_kind": units(1.0)}}]);
    assert_eq!(answer["ConsumedCapacity"], expected);
    let (name, text) = wire.error("ExecuteTransaction", transaction(&insert));
    assert!(name.ends_with("TransactionCanceledException"), "{name}");
    assert!(text.ends_with("[DuplicateItem]"), "{text}");
}

#[test]
fn a_client_token_stands_for_statements_and_parameters() {
    let wire = wire();
    let request = |pk: &str, mode: Option<&str>| {
        let mut statement =
            json!({"Statement": "INSERT INTO things VALUE {'pk': ?, 'sk': 1}", "Parameters": [{"S": pk}]});
        if let Some(mode) = mode {
            statement["ReturnValuesOnConditionCheckFailure"] = json!(mode);
        }
        json!({"TransactStatements": [statement], "ClientRequestToken": "token-1", "ReturnConsumedCapacity": "TOTAL"})
    };
    let first = wire.ok("ExecuteTransaction", request("t", None));
    assert_eq!(first["ConsumedCapacity"][0]["WriteCapacityUnits"], 2.0);
    let again = wire.ok("ExecuteTransaction", request("t", Some("NONE")));
    assert_eq!(again["ConsumedCapacity"][0]["ReadCapacityUnits"], 2.0);
    for other in [request("u", None), request("t", Some("ALL_OLD"))] {
        assert!(wire.error("ExecuteTransaction", other).0.ends_with("IdempotentParameterMismatchException"));
    }
}

#[test]
fn reads_cost_what_they_walk() {
    let wire = wire();
    let cost = |statement: &str, consistent: bool| {
        let request =
            json!({"Statement": statement, "ConsistentRead": consistent, "ReturnConsumedCapacity": "INDEXES"});
        wire.ok("ExecuteStatement", request)["ConsumedCapacity"].clone()
    };
    let of_table =
        |units: f64| json!({"TableName": "things", "CapacityUnits": units, "Table": {"CapacityUnits": units}});
    let nothing = "SELECT * FROM things WHERE pk = 'none' AND sk = 1";
    assert_eq!(cost(nothing, false), of_table(0.5));
    assert_eq!(cost(nothing, true), of_table(1.0));
    assert_eq!(cost("SELECT * FROM things WHERE pk = 'a' AND kind = 'none'", false), of_table(0.5));
    let fetched = cost("SELECT kind FROM things.by_rank WHERE pk = 'a'", false);
    assert_eq!(fetched["CapacityUnits"], 2.0);
    assert_eq!(fetched["Table"]["CapacityUnits"], 1.5);
    assert_eq!(fetched["LocalSecondaryIndexes"]["by_rank"]["CapacityUnits"], 0.5);
    let indexed = cost("SELECT * FROM things.by_kind WHERE kind = 'k'", false);
    assert_eq!(indexed["Table"]["CapacityUnits"], 0.0);
    assert_eq!(indexed["GlobalSecondaryIndexes"]["by_kind"]["CapacityUnits"], 0.5);
    let insert = json!({"Statement": "INSERT INTO things VALUE {'pk': 'c', 'sk': 1, 'kind': 'k', 'rank': 1}",
        "ReturnConsumedCapacity": "TOTAL"});
    assert_eq!(wire.ok("ExecuteStatement", insert)["ConsumedCapacity"]["CapacityUnits"], 3.0);
}

#[test]
fn keys_of_several_attributes_are_refused_first() {
    let wire = wire();
    let request = json!({"Statement": "SELECT size(x) FROM things.nope"});
    assert_eq!(message(&wire, "ExecuteStatement", request), "Unexpected path component at 1:8:4");
}

#[test]
fn a_failed_condition_shows_the_item_that_is_there() {
    let wire = wire();
    let fail = |statement: &str, mode: &str| {
        let request = json!({"Statement": statement, "ReturnValuesOnConditionCheckFailure": mode});
        let (status, body) = wire.raw("ExecuteStatement", request.to_string().as_bytes());
        assert_eq!(status, 400, "{body}");
        body
    };
    let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    let text = "The conditional request failed";
    let item = json!({"pk": {"S": "a"}, "sk": {"N": "1"}, "kind": {"S": "k"}, "rank": {"N": "1"}});
    let failing = [
        "UPDATE things SET n = 1 WHERE pk = 'a' AND sk = 1 AND kind = 'x'",
        "DELETE FROM things WHERE pk = 'a' AND sk = 1 AND kind = 'x'",
    ];
    for statement in failing {
        assert_eq!(fail(statement, "ALL_OLD"), json!({"__type": kind, "Item": item, "Message": text}));
        assert_eq!(fail(statement, "NONE"), json!({"__type": kind, "message": text}));
    }
    let missing = "UPDATE things SET n = 1 WHERE pk = 'none' AND sk = 1 AND kind = 'x'";
    assert_eq!(fail(missing, "ALL_OLD"), json!({"__type": kind, "message": text}));
    assert_eq!(
        fail("UPDATE things SET n = 1 WHERE pk = 'none' AND sk = 1", "ALL_OLD"),
        json!({"__type": kind, "message": text})
    );
    let duplicate = json!({"__type": "com.amazonaws.dynamodb.v20120810#DuplicateItemException",
        "message": "Duplicate primary key exists in table"});
    assert_eq!(fail("INSERT INTO things VALUE {'pk': 'a', 'sk': 1}", "ALL_OLD"), duplicate);
    let members = |mode: &str| {
        let one = |statement: &str| json!({"Statement": statement, "ReturnValuesOnConditionCheckFailure": mode});
        json!([one(failing[0]), one("INSERT INTO things VALUE {'pk': 'a', 'sk': 2}")])
    };
    let answer = wire.ok("BatchExecuteStatement", json!({"Statements": members("ALL_OLD")}));
    assert_eq!(
        answer["Responses"],
        json!([
        {"TableName": "things", "Error": {"Code": "ConditionalCheckFailed", "Message": text, "Item": item}},
        {"TableName": "things", "Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"}}])
    );
    let cancelled = |mode: &str| {
        let request = json!({"TransactStatements": members(mode)});
        wire.raw("ExecuteTransaction", request.to_string().as_bytes()).1["CancellationReasons"].clone()
    };
    let duplicate = json!({"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"});
    assert_eq!(
        cancelled("ALL_OLD"),
        json!([{"Code": "ConditionalCheckFailed", "Message": text, "Item": item}, duplicate])
    );
    assert_eq!(cancelled("NONE"), json!([{"Code": "ConditionalCheckFailed", "Message": text}, duplicate]));
}

#[test]
fn a_cancelled_transaction_says_why() {
    let wire = wire();
    let reasons = |statements: &[&str]| {
        let (status, body) = wire.raw("ExecuteTransaction", transaction(statements).to_string().as_bytes());
        assert_eq!(status, 400, "{body}");
        assert!(body["__type"].as_str().unwrap().ends_with("#TransactionCanceledException"), "{body}");
        body["CancellationReasons"].clone()
    };
    let fine = "INSERT INTO things VALUE {'pk': 'new', 'sk': 1}";
    let one = |code: &str, text: &str| json!([{"Code": "None"}, {"Code": code, "Message": text}]);
    let schema = "The provided key element does not match the schema";
    for (statement, code, text) in [
        ("UPDATE things SET n = 1 WHERE pk = 5 AND sk = 1", "ValidationError", schema),
        ("DELETE FROM things WHERE pk = 'a' AND sk = 'x'", "ValidationError", schema),
        (
            "INSERT INTO things VALUE {'pk': 'a', 'sk': 'x'}",
            "ValidationError",
            "One or more parameter values were invalid: Type mismatch for key sk expected: N actual: S",
        ),
        (
            "UPDATE things SET sk = 2 WHERE pk = 'a' AND sk = 1",
            "ValidationError",
            "One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key",
        ),
        ("INSERT INTO nowhere VALUE {'pk': 'a'}", "ResourceNotFound", "Requested resource not found"),
        (
            "UPDATE things SET n = 1 WHERE pk = 'none' AND sk = 1",
            "ConditionalCheckFailed",
            "The conditional request failed",
        ),
    ] {
        assert_eq!(reasons(&[fine, statement]), one(code, text), "{statement}");
    }
    let long = "k".repeat(2049);
    let size =
        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes";
    assert_eq!(
        reasons(&[fine, &format!("DELETE FROM things WHERE pk = '{long}' AND sk = 1")]),
        one("ValidationError", size)
    );
    let reads = ["SELECT * FROM things WHERE pk = 'a' AND sk = 1", "SELECT * FROM things WHERE pk = 5 AND sk = 1"];
    assert_eq!(reasons(&reads), one("ValidationError", schema));
    assert_eq!(wire.get("new", 1), Value::Null);
}

#[test]
fn an_insert_looks_at_what_is_there_before_it_measures() {
    let wire = wire();
    let insert = |pk: &str, value: Value| {
        let request = json!({"Statement": format!("INSERT INTO things VALUE {{'pk': '{pk}', 'sk': 1, 'x': ?}}"), "Parameters": [value]});
        wire.error("ExecuteStatement", request)
    };
    let deep = (0..32).fold(json!({"S": "x"}), |inner, _| json!({"L": [inner]}));
    let large = json!({"S": "x".repeat(409_600)});
    for value in [deep.clone(), large.clone()] {
        assert_eq!(insert("a", value).0, "DuplicateItemException");
    }
    assert_eq!(insert("new", deep.clone()).1, "Nesting Levels have exceeded supported limits");
    assert_eq!(insert("new", large).1, "Item size has exceeded the maximum allowed size");
    let keyless = json!({"Statement": "INSERT INTO things VALUE {'pk': 'a', 'x': ?}", "Parameters": [deep]});
    assert_eq!(
        message(&wire, "ExecuteStatement", keyless),
        "One or more parameter values were invalid: Missing the key sk in the item"
    );
}

#[test]
fn a_transaction_of_reads_costs_twice() {
    let wire = wire();
    let mut request = transaction(&["SELECT * FROM things WHERE pk = 'none' AND sk = 1"]);
    request["ReturnConsumedCapacity"] = json!("TOTAL");
    let answer = wire.ok("ExecuteTransaction", request);
    let expected = json!([{"TableName": "things", "CapacityUnits": 2.0, "ReadCapacityUnits": 2.0}]);
    assert_eq!(answer["ConsumedCapacity"], expected);
    let mut mixed =
        batch(&["DELETE FROM things WHERE pk = ? AND sk = 1", "SELECT * FROM things WHERE pk = 'a' AND sk = 1"]);
    mixed["ReturnConsumedCapacity"] = json!("NONE");
    let answer = wire.ok("BatchExecuteStatement", mixed);
    assert_eq!(answer["Responses"][0]["Error"]["Code"], "ValidationError");
    assert_eq!(answer["Responses"][1]["Item"]["sk"], json!({"N": "1"}));
}
