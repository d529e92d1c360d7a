//! Access by vectors, each under its number: policies of user alice (tag `tenant` = `t1`), a request, what becomes of it.
//!
//! Table `TTT` has keys `pk` and `sk`, and a global index `GGG` by `gpk`; table `UUU` has the same keys.

use crate::support::{Wire, merged};
use hashrange::access::{Policy, Principal};
use hashrange_wire::{Timing, access::Caller};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

const SCOPE: &str = "arn:aws:dynamodb:us-east-1:000000000000";

/// What becomes of a request.
#[derive(Clone, Copy)]
enum Is {
    Allowed,
    /// With a part of the text.
    Denied(&'static str),
    /// Another error, by its name.
    Refused(&'static str),
}
use Is::{Allowed, Denied, Refused};

const D: Is = Denied("is not authorized to perform");

struct World {
    wire: Wire,
    seen: BTreeSet<u32>,
}

fn statement(effect: &str, actions: &str, resource: &str, condition: &str) -> String {
    let actions: Vec<String> = actions.split(' ').map(|action| format!("\"dynamodb:{action}\"")).collect();
    let condition = if condition.is_empty() { String::new() } else { format!(r#","Condition":{{{condition}}}"#) };
    let actions = actions.join(",");
    format!(r#"{{"Effect":"{effect}","Action":[{actions}],"Resource":"arn:aws:dynamodb:*:*:{resource}"{condition}}}"#)
}

fn allow(actions: &str, condition: &str) -> String {
    statement("Allow", actions, "table/TTT", condition)
}

fn deny(actions: &str, condition: &str) -> String {
    statement("Deny", actions, "table/TTT", condition)
}

fn both(one: String, other: String) -> String {
    format!("{one},{other}")
}

fn policy(statements: &str) -> Policy {
    Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)).unwrap()
}

fn alice(statements: &str) -> Principal {
    let alice = Principal::new("alice").tag("tenant", "t1");
    if statements.is_empty() { alice } else { alice.policy(policy(statements)) }
}

/// `operator`: values of a condition key.
fn line(operator: &str, key: &str, values: &[&str]) -> String {
    json!({operator: {key: values}}).to_string().trim_matches(['{', '}']).to_owned() + "}"
}

fn leading(values: &[&str]) -> String {
    line("ForAllValues:StringEquals", "dynamodb:LeadingKeys", values)
}

fn attributes(values: &[&str]) -> String {
    line("ForAllValues:StringEquals", "dynamodb:Attributes", values)
}

fn key(pk: &str) -> Value {
    json!({"pk": {"S": pk}, "sk": {"S": "s"}})
}

fn item(pk: &str) -> Value {
    merged(key(pk), json!({"gpk": {"S": "t1"}, "a": {"N": "1"}, "b": {"N": "2"}}))
}

fn get(pk: &str, more: Value) -> (&'static str, Value) {
    ("GetItem", merged(json!({"TableName": "TTT", "Key": key(pk)}), more))
}

fn put(pk: &str) -> (&'static str, Value) {
    ("PutItem", json!({"TableName": "TTT", "Item": item(pk)}))
}

fn update(expression: &str, more: Value) -> (&'static str, Value) {
    let values = if expression.contains(":v") || more.to_string().contains(":v") {
        json!({"ExpressionAttributeValues": {":v": {"N": "1"}}})
    } else {
        json!({})
    };
    let base = json!({"TableName": "TTT", "Key": key("t1"), "UpdateExpression": expression});
    ("UpdateItem", merged(merged(base, values), more))
}

fn query(attribute: &str, value: &str, more: Value) -> (&'static str, Value) {
    let base = json!({"TableName": "TTT", "KeyConditionExpression": format!("{attribute} = :k"),
                      "ExpressionAttributeValues": {":k": {"S": value}}});
    ("Query", merged(base, more))
}

fn scan() -> (&'static str, Value) {
    ("Scan", json!({"TableName": "TTT"}))
}

fn keys(tables: &[&str], pks: &[&str]) -> (&'static str, Value) {
    let keys: Vec<Value> = pks.iter().map(|pk| key(pk)).collect();
    let requests: serde_json::Map<String, Value> =
        tables.iter().map(|table| ((*table).to_owned(), json!({"Keys": keys}))).collect();
    ("BatchGetItem", json!({"RequestItems": requests}))
}

fn transact(second: Value) -> (&'static str, Value) {
    ("TransactWriteItems", json!({"TransactItems": [{"Put": {"TableName": "TTT", "Item": item("t1")}}, second]}))
}

fn alone(member: Value) -> (&'static str, Value) {
    ("TransactWriteItems", json!({"TransactItems": [member]}))
}

fn select(text: &str) -> (&'static str, Value) {
    ("ExecuteStatement", json!({"Statement": text}))
}

impl World {
    fn new() -> Self {
        let wire = Wire::new();
        let definition = |attribute: &str| json!({"AttributeName": attribute, "AttributeType": "S"});
        for table in ["TTT", "UUU"] {
            wire.ok(
                "CreateTable",
                json!({"TableName": table, "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [definition("pk"), definition("sk"), definition("gpk")],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                "GlobalSecondaryIndexes": [{"IndexName": "GGG", "Projection": {"ProjectionType": "ALL"},
                                            "KeySchema": [{"AttributeName": "gpk", "KeyType": "HASH"}]}]}),
            );
            for pk in ["t1", "t2", "t1#7", "t2#7", "#7", "*#7", "pub#1"] {
                wire.ok("PutItem", json!({"TableName": table, "Item": item(pk)}));
            }
        }
        Self { wire, seen: BTreeSet::new() }
    }

    /// Sends a request as a principal and looks at what becomes of it.
    #[track_caller]
    fn expect(&mut self, vector: u32, who: &Principal, request: (&str, Value), is: Is) -> Value {
        self.seen.insert(vector);
        let target = format!("DynamoDB_20120810.{}", request.0);
        let caller = Caller::new(who.clone());
        let response = self.wire.protocol.handle_as(&caller, &target, request.1.to_string().as_bytes());
        let error = response.error;
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let text = body["Message"].as_str().or(body["message"].as_str()).unwrap_or_default().to_owned();
        let found = format!("T{vector} {} {}: {error} {text}", request.0, request.1);
        match is {
            Allowed => assert_eq!(error, "", "{found}"),
            Denied(part) => {
                assert!(error == "AccessDeniedException" && text.contains(part), "{found} without {part}");
            }
            Refused(name) => assert_eq!(error, name, "{found}"),
        }
        body
    }
}

#[test]
fn actions_and_resources() {
    let mut world = World::new();
    let text = "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: dynamodb:GetItem on resource: \
                arn:aws:dynamodb:us-east-1:000000000000:table/TTT because no identity-based policy allows the \
                dynamodb:GetItem action";
    world.expect(1, &alice(""), get("t1", json!({})), Denied(text));
    let reader = alice(&allow("GetItem", ""));
    world.expect(2, &reader, get("t1", json!({})), Allowed);
    world.expect(2, &reader, put("t1"), D);
    let kept = alice(&both(allow("*", ""), deny("DeleteTable", "")));
    let delete = || ("DeleteTable", json!({"TableName": "TTT"}));
    let explicit = Denied("with an explicit deny in an identity-based policy");
    world.expect(3, &kept, delete(), explicit);
    world.expect(
        4,
        &alice(&allow("Query", "")),
        query("gpk", "t1", json!({"IndexName": "GGG"})),
        Denied("table/TTT/index/GGG"),
    );
    world.expect(5, &alice(&allow("BatchGetItem", "")), keys(&["TTT", "UUU"], &["t1"]), Denied("table/UUU"));
    let checker = alice(&allow("PutItem ConditionCheckItem", ""));
    let check = json!({"ConditionCheck": {"TableName": "TTT", "Key": key("t2"), "ConditionExpression": "attribute_exists(pk)"}});
    world.expect(6, &checker, transact(check), Allowed);
    let change = json!({"Update": {"TableName": "TTT", "Key": key("t2"), "UpdateExpression": "SET c = a"}});
    world.expect(6, &checker, transact(change), Denied("dynamodb:UpdateItem"));
    let unknown = alice(&allow("TransactWriteItems", ""));
    let member = json!({"Put": {"TableName": "TTT", "Item": item("t1")}});
    world.expect(7, &unknown, alone(member), Denied("dynamodb:PutItem"));
    let one = select("SELECT * FROM TTT WHERE pk = 't1'");
    world.expect(8, &alice(&allow("GetItem Query", "")), one, Denied("dynamodb:PartiQLSelect"));
    // A batch of statements reads or writes, and does not do both; so the second one is about another table.
    let one = |table: &str| json!({"Statement": format!("SELECT * FROM {table} WHERE pk = 't1' AND sk = 's'")});
    let statements = json!({"Statements": [one("TTT"), one("UUU")]});
    let body = world.expect(9, &alice(&allow("PartiQLSelect", "")), ("BatchExecuteStatement", statements), Allowed);
    assert_eq!(body["Responses"][0]["Item"], item("t1"));
    assert_eq!(body["Responses"][1]["Error"]["Code"], "AccessDenied");
    world.expect(10, &reader, ("ListTables", json!({})), Denied("us-east-1:000000000000:table/* because"));
    let missing = |table: &str| ("GetItem", json!({"TableName": table, "Key": key("t1")}));
    let other = alice(&statement("Allow", "GetItem", "table/XXX", ""));
    world.expect(11, &other, missing("YYY"), D);
    world.expect(11, &other, missing("XXX"), Refused("ResourceNotFoundException"));
    // Deletion protection is looked at behind policies.
    world.wire.ok("UpdateTable", json!({"TableName": "TTT", "DeletionProtectionEnabled": true}));
    world.expect(36, &kept, delete(), explicit);
    world.expect(37, &reader, ("GetItem", json!({"TableName": "", "Key": key("t1")})), Refused("ValidationException"));
    world.expect(37, &reader, get("t1", json!({"ProjectionExpression": "a,,b"})), Refused("ValidationException"));
    let writer = alice(&allow("PutItem", ""));
    world.expect(37, &writer, ("GetItem", json!({"TableName": "", "Key": key("t1")})), Refused("ValidationException"));
    world.expect(37, &writer, get("t1", json!({"ProjectionExpression": "a,,b"})), D);
    assert_eq!(world.seen, (1..=11).chain([36, 37]).collect());
}

#[test]
fn leading_keys() {
    let mut world = World::new();
    let own = |action: &str| alice(&allow(action, &leading(&["t1"])));
    world.expect(12, &own("GetItem"), get("t1", json!({})), Allowed);
    world.expect(12, &own("GetItem"), get("t2", json!({})), D);
    world.expect(13, &own("Query"), query("pk", "t1", json!({})), Allowed);
    world.expect(13, &own("Query"), query("pk", "t2", json!({})), D);
    world.expect(14, &own("BatchGetItem"), keys(&["TTT"], &["t1", "t1#7"]), D);
    world.expect(14, &own("BatchGetItem"), keys(&["TTT"], &["t1"]), Allowed);
    world.expect(14, &own("BatchGetItem"), keys(&["TTT"], &["t1", "t2"]), D);
    let writes =
        json!({"RequestItems": {"TTT": [{"PutRequest": {"Item": item("t1")}}, {"DeleteRequest": {"Key": key("t2")}}]}});
    world.expect(15, &own("BatchWriteItem"), ("BatchWriteItem", writes), D);
    let body = world.expect(16, &own("Scan"), scan(), Allowed);
    assert_eq!(body["Count"], 7, "all items: the trap of the language");
    let guard = format!("{},{}", leading(&["t1"]), r#""Null":{"dynamodb:LeadingKeys":"false"}"#);
    world.expect(17, &alice(&allow("Scan", &guard)), scan(), D);
    world.expect(17, &own("Scan").strict(), scan(), D);
    let other = line("ForAnyValue:StringEquals", "dynamodb:LeadingKeys", &["t2"]);
    let without = alice(&both(deny("*", &other), allow("*", "")));
    world.expect(18, &without, get("t2", json!({})), D);
    world.expect(18, &without, scan(), Allowed);
    let of_index = alice(&statement("Allow", "Query", "table/TTT/index/GGG", &leading(&["t1"])));
    let body = world.expect(19, &of_index, query("gpk", "t1", json!({"IndexName": "GGG"})), Allowed);
    assert_eq!(body["Count"], 7);
    world.expect(19, &of_index, query("gpk", "t2", json!({"IndexName": "GGG"})), D);
    let like = |value: &str| allow("GetItem", &line("ForAllValues:StringLike", "dynamodb:LeadingKeys", &[value]));
    let tagged = "${aws:PrincipalTag/tenant}#*";
    world.expect(20, &alice(&like(tagged)), get("t1#7", json!({})), Allowed);
    world.expect(20, &alice(&like(tagged)), get("t2#7", json!({})), D);
    let untagged = |value: &str| Principal::new("alice").policy(policy(&like(value)));
    world.expect(21, &untagged(tagged), get("#7", json!({})), D);
    world.expect(22, &untagged(tagged).tag("tenant", "*"), get("t2#7", json!({})), D);
    world.expect(22, &untagged(tagged).tag("tenant", "*"), get("*#7", json!({})), Allowed);
    world.expect(23, &untagged("${aws:PrincipalTag/tenant, 'pub'}#*"), get("pub#1", json!({})), Allowed);
    assert_eq!(world.seen, (12..=23).collect());
}

#[test]
fn columns_and_other_conditions() {
    let mut world = World::new();
    let listed = attributes(&["pk", "sk", "a"]);
    let loose = alice(&allow("GetItem", &listed));
    world.expect(24, &loose, get("t1", json!({"ProjectionExpression": "a"})), Allowed);
    world.expect(24, &loose, get("t1", json!({"ProjectionExpression": "a, b"})), D);
    let body = world.expect(25, &loose, get("t1", json!({})), Allowed);
    assert_eq!(body["Item"], item("t1"), "the whole item");
    let select_only = line("StringEqualsIfExists", "dynamodb:Select", &["SPECIFIC_ATTRIBUTES"]);
    world.expect(26, &alice(&allow("GetItem", &format!("{listed},{select_only}"))), get("t1", json!({})), D);
    let without_sort_key = alice(&allow("GetItem", &attributes(&["pk", "a"])));
    world.expect(27, &without_sort_key, get("t1", json!({"ProjectionExpression": "a"})), D);
    let updater = alice(&allow("UpdateItem", &listed));
    world.expect(28, &updater, update("SET a = :v", json!({})), Allowed);
    world.expect(28, &updater, update("SET a = b", json!({})), D);
    world.expect(28, &updater, update("SET a = :v", json!({"ConditionExpression": "b = :v"})), D);
    let returned = line("StringEqualsIfExists", "dynamodb:ReturnValues", &["NONE", "UPDATED_NEW"]);
    let quiet = alice(&allow("UpdateItem", &format!("{listed},{returned}")));
    world.expect(29, &quiet, update("SET a = :v", json!({"ReturnValues": "ALL_NEW"})), D);
    world.expect(29, &quiet, update("SET a = :v", json!({})), Allowed);
    let secret = line("ForAllValues:StringNotLike", "dynamodb:Attributes", &["secret*"]);
    let open = alice(&allow("UpdateItem", &secret));
    world.expect(30, &open, update("SET secretX = :v", json!({})), D);
    world.expect(30, &open, update("SET a = :v", json!({})), Allowed);
    let enclosed = line("StringEquals", "dynamodb:EnclosingOperation", &["TransactWriteItems"]);
    let enclosed = alice(&allow("PutItem", &enclosed));
    world.expect(31, &enclosed, put("t1"), D);
    world.expect(31, &enclosed, alone(json!({"Put": {"TableName": "TTT", "Item": item("t1")}})), Allowed);
    let full = r#""Bool":{"dynamodb:FullTableScan":"true"}"#;
    let no_scans = alice(&both(deny("PartiQLSelect", full), allow("*", "")));
    world.expect(32, &no_scans, select("SELECT * FROM TTT"), D);
    world.expect(32, &no_scans, select("SELECT * FROM TTT WHERE pk = 't1'"), Allowed);
    let untagged = line("StringNotEquals", "aws:PrincipalTag/x", &["1"]);
    world.expect(33, &alice(&allow("GetItem", &untagged)), get("t1", json!({})), Allowed);
    let until = alice(&allow("*", &line("DateLessThan", "aws:CurrentTime", &["2026-01-01T00:00:01Z"])));
    world.expect(34, &until, get("t1", json!({})), Allowed);
    world.wire.clock.advance(Duration::from_secs(1));
    world.expect(34, &until, get("t1", json!({})), D);
    let bounded = alice(&allow("*", "")).boundary(policy(&allow("GetItem", "")));
    world.expect(35, &bounded, put("t1"), Denied("because no permissions boundary allows the dynamodb:PutItem action"));
    assert_eq!(world.seen, (24..=35).collect());
}

#[test]
fn what_is_refused_leaves_no_trace() {
    let mut world = World::new();
    let guard = format!("{},{}", leading(&["t1"]), r#""Null":{"dynamodb:LeadingKeys":"false"}"#);
    let own = alice(&allow("*", &guard));
    let before = world.wire.ok("Scan", json!({"TableName": "TTT"}));
    let last_commit = |world: &World| world.wire.protocol.database().statistics().last_commit;
    let commits = last_commit(&world);
    let two = key("t2");
    for request in [
        put("t2"),
        ("UpdateItem", json!({"TableName": "TTT", "Key": two, "UpdateExpression": "REMOVE a"})),
        ("DeleteItem", json!({"TableName": "TTT", "Key": two, "ReturnConsumedCapacity": "TOTAL"})),
        (
            "BatchWriteItem",
            json!({"RequestItems": {"TTT": [{"PutRequest": {"Item": key("t1")}}, {"DeleteRequest": {"Key": two}}]}}),
        ),
        transact(json!({"Delete": {"TableName": "TTT", "Key": two}})),
        select("DELETE FROM TTT WHERE pk = 't2' AND sk = 's'"),
        select("UPDATE TTT SET a = 9 WHERE pk = 't2' AND sk = 's'"),
        (
            "ExecuteTransaction",
            json!({"TransactStatements": [
            {"Statement": "INSERT INTO TTT VALUE {'pk': 't1', 'sk': 'n'}"},
            {"Statement": "INSERT INTO TTT VALUE {'pk': 't2', 'sk': 'n'}"}]}),
        ),
    ] {
        let body = world.expect(38, &own, request, D);
        assert_eq!(body["ConsumedCapacity"], Value::Null);
    }
    assert_eq!(world.wire.ok("Scan", json!({"TableName": "TTT"})), before, "no item changed");
    assert_eq!(last_commit(&world), commits, "nothing was written");
}

fn put_policy(statement: Value, more: Value) -> (&'static str, Value) {
    let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let arn = format!("{SCOPE}:table/TTT");
    ("PutResourcePolicy", merged(json!({"ResourceArn": arn, "Policy": document}), more))
}

fn of_table(effect: &str, principal: &Value, action: &str) -> Value {
    json!({"Effect": effect, "Principal": principal, "Action": format!("dynamodb:{action}"), "Resource": "*"})
}

#[test]
fn policies_of_tables() {
    let mut world = World::new();
    let root = Principal::root();
    let by_arn = json!({"AWS": "arn:aws:iam::000000000000:user/alice"});
    let first = world.expect(39, &root, put_policy(of_table("Allow", &by_arn, "GetItem"), json!({})), Allowed);
    world.expect(39, &alice(""), get("t1", json!({})), Allowed);
    // The same in another order of members, with white space, and lists of one element.
    let again = json!({"Resource": ["*"], "Action": ["dynamodb:GetItem"], "Principal": by_arn, "Effect": "Allow"});
    let document = format!("{:#}", json!({"Statement": again, "Version": "2012-10-17"}));
    let arn = format!("{SCOPE}:table/TTT");
    let request = ("PutResourcePolicy", json!({"ResourceArn": arn, "Policy": document}));
    world.wire.clock.advance(Duration::from_millis(10));
    assert_eq!(world.expect(42, &root, request, Allowed)["RevisionId"], first["RevisionId"]);
    let stale = json!({"ExpectedRevisionId": "1"});
    let none = json!({"ExpectedRevisionId": "NO_POLICY"});
    let no_put = of_table("Deny", &json!("*"), "PutItem");
    world.expect(44, &root, put_policy(no_put.clone(), stale), Refused("PolicyNotFoundException"));
    world.expect(44, &root, put_policy(no_put.clone(), none.clone()), Refused("PolicyNotFoundException"));
    let delete = || ("DeleteResourcePolicy", json!({"ResourceArn": format!("{SCOPE}:table/TTT")}));
    world.expect(44, &root, delete(), Allowed);
    world.expect(44, &root, put_policy(no_put, none), Allowed);
    let mighty = alice(&allow("*", ""));
    world.expect(40, &mighty, put("t1"), Denied("with an explicit deny in a resource-based policy"));
    for (bytes, is) in [(20_480, Allowed), (20_481, Refused("ValidationException"))] {
        let document =
            json!({"Version": "2012-10-17", "Statement": [of_table("Deny", &json!("*"), "Scan")]}).to_string();
        let padded = document.clone() + &" ".repeat(bytes - document.len());
        let request = ("PutResourcePolicy", json!({"ResourceArn": arn, "Policy": padded}));
        world.expect(41, &root, request, is);
        let read = world.wire.ok("GetResourcePolicy", json!({"ResourceArn": arn}));
        assert!(read["Policy"].as_str().unwrap().len() < 200);
    }
    let locking = || of_table("Deny", &json!("*"), "PutResourcePolicy");
    let guard = "The new resource policy will not allow you to update the resource policy in the future.";
    world.expect(45, &root, put_policy(locking(), json!({})), Denied(guard));
    let confirmed = json!({"ConfirmRemoveSelfResourceAccess": true});
    world.expect(45, &root, put_policy(locking(), confirmed.clone()), Allowed);
    world.expect(45, &root, put_policy(locking(), confirmed), D);
    world.expect(45, &root, delete(), Allowed);
    let unbounded = put_policy(of_table("Allow", &json!("*"), "GetItem"), json!({}));
    let body = world.expect(46, &root, unbounded, Refused("ValidationException"));
    assert!(body["message"].as_str().unwrap().starts_with("Resource-based policy grants unbounded access"), "{body}");
    assert_eq!(world.seen, (39..=46).filter(|vector| *vector != 43).collect());
}

#[test]
fn policies_of_tables_rest_between_changes() {
    let mut world = World::new();
    world.wire.protocol = world.wire.protocol.clone().timing(Timing::Service);
    world.wire.clock.advance(Duration::from_secs(60));
    let root = Principal::root();
    let deny = |action: &str| put_policy(of_table("Deny", &json!("*"), action), json!({}));
    world.expect(43, &root, deny("Scan"), Allowed);
    world.wire.clock.advance(Duration::from_secs(1));
    world.expect(43, &root, deny("Query"), Refused("ResourceInUseException"));
    world.wire.clock.advance(Duration::from_secs(2));
    world.expect(43, &root, deny("Query"), Refused("ThrottlingException"));
    world.wire.clock.advance(Duration::from_secs(13));
    world.expect(43, &root, deny("Query"), Allowed);
}
