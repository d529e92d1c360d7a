//! Requests of principals: what policies allow, what they refuse, in which words, and in which order.

use crate::support::Wire;
use hashrange::access::{Policy, Principal};
use hashrange_wire::{Response, access::Caller};
use serde_json::{Value, json};

fn principal(statements: &str) -> Caller {
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    Caller::new(Principal::user("alice").tag("tenant", "t1").policy(Policy::parse(&policy).unwrap()))
}

fn allow(actions: &str) -> String {
    let actions: Vec<String> = actions.split(' ').map(|action| format!("\"dynamodb:{action}\"")).collect();
    format!(r#"{{"Effect":"Allow","Action":[{}],"Resource":"arn:aws:dynamodb:*:*:table/things"}}"#, actions.join(","))
}

fn send(wire: &Wire, caller: &Caller, operation: &str, body: &Value) -> (Response, Value) {
    let prefix = if matches!(operation, "ListStreams" | "DescribeStream" | "GetRecords" | "GetShardIterator") {
        "DynamoDBStreams_20120810"
    } else {
        "DynamoDB_20120810"
    };
    let response = wire.protocol.handle_as(caller, &format!("{prefix}.{operation}"), body.to_string().as_bytes());
    let body = serde_json::from_slice(&response.body).unwrap_or_default();
    (response, body)
}

#[track_caller]
fn refusal(wire: &Wire, caller: &Caller, operation: &str, body: &Value) -> String {
    let (response, body) = send(wire, caller, operation, body);
    assert_eq!(response.status, 400, "{operation} {body}");
    assert_eq!(body["__type"], "com.amazon.coral.service#AccessDeniedException", "{operation} {body}");
    body["Message"].as_str().unwrap().to_owned()
}

fn key(pk: &str) -> Value {
    json!({"pk": {"S": pk}, "sk": {"N": "1"}})
}

fn get(pk: &str) -> Value {
    json!({"TableName": "things", "Key": key(pk)})
}

#[test]
fn refusals_have_the_services_words() {
    let wire = Wire::with_table();
    let nothing = principal(&allow("Query"));
    assert_eq!(
        refusal(&wire, &nothing, "GetItem", &get("t1")),
        "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: dynamodb:GetItem on resource: \
         arn:aws:dynamodb:us-east-1:000000000000:table/things because no identity-based policy allows the \
         dynamodb:GetItem action"
    );
    let on_all = refusal(&wire, &nothing, "ListTables", &json!({}));
    assert!(on_all.contains("on resource: arn:aws:dynamodb:us-east-1:000000000000:table/* because"), "{on_all}");
    let index = json!({"TableName": "things", "IndexName": "by_kind", "KeyConditionExpression": "kind = :k",
                       "ExpressionAttributeValues": {":k": {"S": "x"}}});
    assert!(refusal(&wire, &nothing, "Query", &index).contains("table/things/index/by_kind "));
}

#[test]
fn the_order_of_checks() {
    let wire = Wire::with_table();
    let (reader, stranger) = (principal(&allow("GetItem")), principal(&allow("Query")));
    for caller in [&reader, &stranger] {
        let (response, _) = send(&wire, caller, "GetItem", &json!({"TableName": "", "Key": key("t1")}));
        assert_eq!(response.error, "ValidationException");
    }
    let bad = json!({"TableName": "things", "Key": key("t1"), "ProjectionExpression": "a,,b"});
    assert_eq!(send(&wire, &reader, "GetItem", &bad).0.error, "ValidationException");
    refusal(&wire, &stranger, "GetItem", &bad);
    let missing = json!({"TableName": "missing", "Key": key("t1")});
    refusal(&wire, &reader, "GetItem", &missing);
    let everything = principal(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
    assert_eq!(send(&wire, &everything, "GetItem", &missing).0.error, "ResourceNotFoundException");
    // A condition that only the whole request can meet does not turn a mistake into a refusal once it was met.
    let exact = principal(
        r#"{"Effect":"Allow","Action":"dynamodb:PutItem","Resource":"*","Condition":{"StringEquals":{"dynamodb:LeadingKeys":"t1"}}}"#,
    );
    let wrong = json!({"TableName": "things", "Item": {"pk": {"S": "t1"}, "sk": {"S": "no number"}}});
    assert_eq!(send(&wire, &exact, "PutItem", &wrong).0.error, "ValidationException");
    wire.ok("UpdateTable", json!({"TableName": "things", "DeletionProtectionEnabled": true}));
    let kept =
        principal(&format!(r#"{},{{"Effect":"Deny","Action":"dynamodb:DeleteTable","Resource":"*"}}"#, allow("*")));
    let text = refusal(&wire, &kept, "DeleteTable", &json!({"TableName": "things"}));
    assert!(text.ends_with("with an explicit deny in an identity-based policy"), "{text}");
}

#[test]
fn every_element_of_batches_and_transactions_is_decided_on() {
    let wire = Wire::with_table();
    let own = r#""Condition":{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":"${aws:PrincipalTag/tenant}"},"Null":{"dynamodb:LeadingKeys":"false"}}"#;
    let tenant = principal(&allow("*").replace('}', &format!(",{own}}}")));
    let puts = |keys: &[&str]| {
        let puts: Vec<Value> = keys.iter().map(|pk| json!({"PutRequest": {"Item": key(pk)}})).collect();
        json!({"RequestItems": {"things": puts}})
    };
    assert_eq!(send(&wire, &tenant, "BatchWriteItem", &puts(&["t1"])).0.status, 200);
    refusal(&wire, &tenant, "BatchWriteItem", &puts(&["t3", "t1"]));
    let transaction = |other: &str| {
        json!({"TransactItems": [
            {"Put": {"TableName": "things", "Item": key("t1")}},
            {"ConditionCheck": {"TableName": "things", "Key": key(other), "ConditionExpression": "attribute_not_exists(pk)"}}]})
    };
    let text = refusal(&wire, &tenant, "TransactWriteItems", &transaction("t2"));
    assert!(text.contains("dynamodb:ConditionCheckItem"), "{text}");
    let gets = json!({"RequestItems": {"things": {"Keys": [key("t1"), key("t2")]}}});
    refusal(&wire, &tenant, "BatchGetItem", &gets);
    let gets = json!({"TransactItems": [{"Get": {"TableName": "things", "Key": key("t2")}}]});
    refusal(&wire, &tenant, "TransactGetItems", &gets);
    let select = |pk: &str| json!({"Statement": format!("SELECT * FROM things WHERE pk = '{pk}' AND sk = 1")});
    assert_eq!(send(&wire, &tenant, "ExecuteStatement", &select("t1")).0.status, 200);
    refusal(&wire, &tenant, "ExecuteStatement", &select("t2"));
    let (response, body) =
        send(&wire, &tenant, "BatchExecuteStatement", &json!({"Statements": [select("t1"), select("t2")]}));
    assert_eq!(response.status, 200);
    assert_eq!(body["Responses"][1]["Error"]["Code"], "AccessDenied");
    refusal(&wire, &tenant, "Scan", &json!({"TableName": "things"}));
    let body = wire.ok("Scan", json!({"TableName": "things"}));
    assert_eq!(body["Count"], 1, "what was refused wrote nothing");
}

#[test]
fn capacity_that_is_reported_can_be_tested() {
    let wire = Wire::with_table();
    let quiet = principal(
        &allow("GetItem").replace('}', r#","Condition":{"StringEquals":{"dynamodb:ReturnConsumedCapacity":"NONE"}}}"#),
    );
    assert_eq!(send(&wire, &quiet, "GetItem", &get("t1")).0.status, 200);
    let mut reported = get("t1");
    reported["ReturnConsumedCapacity"] = "TOTAL".into();
    refusal(&wire, &quiet, "GetItem", &reported);
}

#[test]
fn policies_of_tables_are_enforced_and_guard_against_lock_out() {
    let wire = Wire::with_table();
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    let put = |statement: &str, confirmed: bool| {
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        json!({"ResourceArn": arn, "Policy": policy, "ConfirmRemoveSelfResourceAccess": confirmed})
    };
    let grant = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::000000000000:user/alice"}},"Action":"dynamodb:GetItem","Resource":"{arn}"}}"#
    );
    let admin = Caller::new(Principal::root());
    let alice = Caller::new(Principal::user("alice"));
    refusal(&wire, &alice, "GetItem", &get("t1"));
    assert_eq!(send(&wire, &admin, "PutResourcePolicy", &put(&grant, false)).0.status, 200);
    assert_eq!(send(&wire, &alice, "GetItem", &get("t1")).0.status, 200);
    refusal(&wire, &alice, "PutResourcePolicy", &put(&grant, false));
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"dynamodb:PutResourcePolicy","Resource":"*"}"#;
    assert_eq!(
        refusal(&wire, &admin, "PutResourcePolicy", &put(deny, false)),
        "The new resource policy will not allow you to update the resource policy in the future."
    );
    assert_eq!(send(&wire, &admin, "PutResourcePolicy", &put(deny, true)).0.status, 200);
    refusal(&wire, &admin, "PutResourcePolicy", &put(&grant, false));
    refusal(&wire, &alice, "GetItem", &get("t1"));
    let odd = r#"{"Effect":"Deny","Principal":"*","Action":"dynamodb:GetItem","Resource":"*","Condition":{"StringIs":{"aws:username":"a"}}}"#;
    let text = wire.invalid("PutResourcePolicy", put(odd, false));
    assert!(text.contains("Invalid policy document: "), "{text}");
}

#[test]
fn operations_on_tables_name_their_resources() {
    let wire = Wire::with_table();
    let caller = principal(&allow("DescribeTable TagResource"));
    assert_eq!(send(&wire, &caller, "DescribeTable", &json!({"TableName": "things"})).0.status, 200);
    refusal(&wire, &caller, "DescribeTable", &json!({"TableName": "other"}));
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    let tags = json!({"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}]});
    assert_eq!(send(&wire, &caller, "TagResource", &tags).0.status, 200);
    refusal(&wire, &caller, "UntagResource", &json!({"ResourceArn": arn, "TagKeys": ["a"]}));
    for operation in ["UpdateTable", "DeleteTable", "UpdateTimeToLive", "DescribeContinuousBackups", "CreateBackup"] {
        refusal(&wire, &caller, operation, &json!({"TableName": "things"}));
    }
    for operation in ["ListStreams", "DescribeLimits", "DescribeEndpoints", "ListBackups", "ListExports", "ListImports"]
    {
        refusal(&wire, &caller, operation, &json!({}));
    }
    let create = json!({"TableName": "new-one", "Tags": [{"Key": "a", "Value": "b"}]});
    let creator = principal(r#"{"Effect":"Allow","Action":"dynamodb:CreateTable","Resource":"*"}"#);
    assert!(refusal(&wire, &creator, "CreateTable", &create).contains("dynamodb:TagResource"));
    refusal(&wire, &caller, "GetRecords", &json!({"ShardIterator": "nothing"}));
}

const EVERYTHING: &str = r#"{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}"#;

/// Everything on all resources but all on one, whoever owns it.
fn all_but(resource: &str) -> Caller {
    let deny = format!(r#"{{"Effect":"Deny","Action":"dynamodb:*","Resource":"arn:aws:dynamodb:*:*:{resource}"}}"#);
    principal(&format!("{EVERYTHING},{deny}"))
}

/// A request of each kind about a table.
fn requests_about(arn: &str) -> Vec<(&'static str, Value)> {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Deny","Principal":"*","Action":"dynamodb:Scan","Resource":"*"}]}"#;
    let kinesis = "arn:aws:kinesis:us-east-1:000000000000:stream/x";
    vec![
        ("DescribeTable", json!({"TableName": arn})),
        ("UpdateTable", json!({"TableName": arn, "DeletionProtectionEnabled": false})),
        (
            "UpdateTimeToLive",
            json!({"TableName": arn, "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "t"}}),
        ),
        ("DescribeTimeToLive", json!({"TableName": arn})),
        ("CreateBackup", json!({"TableName": arn, "BackupName": "one"})),
        (
            "UpdateContinuousBackups",
            json!({"TableName": arn, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true}}),
        ),
        ("DescribeContinuousBackups", json!({"TableName": arn})),
        ("UpdateContributorInsights", json!({"TableName": arn, "ContributorInsightsAction": "ENABLE"})),
        ("DescribeContributorInsights", json!({"TableName": arn})),
        ("EnableKinesisStreamingDestination", json!({"TableName": arn, "StreamArn": kinesis})),
        ("DescribeKinesisStreamingDestination", json!({"TableName": arn})),
        ("TagResource", json!({"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}]})),
        ("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a"]})),
        ("ListTagsOfResource", json!({"ResourceArn": arn})),
        ("PutResourcePolicy", json!({"ResourceArn": arn, "Policy": policy})),
        ("GetResourcePolicy", json!({"ResourceArn": arn})),
        ("DeleteResourcePolicy", json!({"ResourceArn": arn})),
        ("GetItem", json!({"TableName": arn, "Key": key("t1")})),
        ("PutItem", json!({"TableName": arn, "Item": key("t1")})),
        ("UpdateItem", json!({"TableName": arn, "Key": key("t1")})),
        ("DeleteItem", json!({"TableName": arn, "Key": key("t1")})),
        ("Scan", json!({"TableName": arn})),
        ("BatchGetItem", json!({"RequestItems": {arn: {"Keys": [key("t1")]}}})),
        ("BatchWriteItem", json!({"RequestItems": {arn: [{"PutRequest": {"Item": key("t1")}}]}})),
        ("TransactGetItems", json!({"TransactItems": [{"Get": {"TableName": arn, "Key": key("t1")}}]})),
        ("TransactWriteItems", json!({"TransactItems": [{"Put": {"TableName": arn, "Item": key("t1")}}]})),
        (
            "RestoreTableToPointInTime",
            json!({"SourceTableArn": arn, "TargetTableName": "copy", "UseLatestRestorableTime": true,
                   "SSESpecificationOverride": {"Enabled": true}}),
        ),
        ("DeleteTable", json!({"TableName": arn})),
    ]
}

#[test]
fn an_arn_of_another_owner_names_nothing_here() {
    let wire = Wire::with_table();
    let elsewhere = [
        "arn:x:dynamodb:us-east-1:000000000000:table/things",
        "arn:aws:dynamodb:eu-west-1:000000000000:table/things",
        "arn:aws:dynamodb:us-east-1:111111111111:table/things",
    ];
    let stranger = Principal::user("bob").account("111111111111");
    let everything = Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{EVERYTHING}]}}"#)).unwrap();
    let stranger = Caller::new(stranger.policy(everything));
    let strange_root = Caller::new(Principal::root().account("111111111111"));
    let own = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    for arn in elsewhere {
        for (operation, body) in requests_about(arn) {
            let (status, answer) = wire.raw(operation, body.to_string().as_bytes());
            assert_eq!(status, 400, "{operation} {body}: {answer}");
            for caller in [&stranger, &strange_root, &all_but("table/things"), &principal(EVERYTHING)] {
                let (response, answer) = send(&wire, caller, operation, &body);
                assert_eq!(response.status, 400, "{operation} {body}: {answer}");
            }
        }
    }
    // Its own ARN is refused by the same policies, and to another account.
    for (operation, body) in requests_about(own) {
        for caller in [&stranger, &strange_root, &all_but("table/things")] {
            refusal(&wire, caller, operation, &body);
        }
    }
    let table = wire.ok("DescribeTable", json!({"TableName": own}))["Table"].clone();
    assert_eq!((&table["TableStatus"], &table["ItemCount"]), (&json!("ACTIVE"), &json!(0)));
    assert_eq!(wire.ok("ListBackups", json!({}))["BackupSummaries"], json!([]));
    assert_eq!(
        wire.invalid("DeleteTable", json!({"TableName": elsewhere[1]})),
        format!("Invalid TableArn: Invalid ResourceArn provided as input {}", elsewhere[1])
    );
    let (name, _) = wire.error("DeleteTable", json!({"TableName": elsewhere[2]}));
    assert_eq!(name, "AccessDeniedException");
}

#[test]
fn streams_and_backups_are_decided_on_under_any_region_in_their_arns() {
    let wire = Wire::with_table();
    let stream = json!({"TableName": "things", "StreamSpecification":
        {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}});
    let stream = wire.ok("UpdateTable", stream)["TableDescription"]["LatestStreamArn"].as_str().unwrap().to_owned();
    let shard = wire.ok("DescribeStream", json!({"StreamArn": stream}))["StreamDescription"]["Shards"][0].clone();
    let iterator =
        |stream: &str| json!({"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "LATEST"});
    let backup = wire.ok("CreateBackup", json!({"TableName": "things", "BackupName": "one"}))["BackupDetails"].clone();
    let backup = backup["BackupArn"].as_str().unwrap().to_owned();
    let caller = all_but("table/things/*");
    let regional = principal(&format!(
        "{EVERYTHING},{}",
        r#"{"Effect":"Deny","Action":"dynamodb:*","Resource":"arn:aws:dynamodb:us-east-1:000000000000:table/things/*"}"#
    ));
    let stranger = Caller::new(Principal::root().account("111111111111"));
    for (from, to) in [("us-east-1", "us-east-1"), ("us-east-1", "eu-west-1"), ("000000000000", "111111111111")] {
        let (stream, backup) = (stream.replace(from, to), backup.replace(from, to));
        for caller in [&caller, &regional, &stranger] {
            refusal(&wire, caller, "DescribeStream", &json!({"StreamArn": stream}));
            refusal(&wire, caller, "GetShardIterator", &iterator(&stream));
            for operation in ["DescribeBackup", "DeleteBackup"] {
                refusal(&wire, caller, operation, &json!({"BackupArn": backup}));
            }
            let restore = json!({"BackupArn": backup, "TargetTableName": "copy"});
            refusal(&wire, caller, "RestoreTableFromBackup", &restore);
        }
        if from != to && to != "us-east-1" {
            for (operation, body) in
                [("DescribeStream", json!({"StreamArn": stream})), ("GetShardIterator", iterator(&stream))]
            {
                assert_eq!(wire.error(operation, body).0, "ResourceNotFoundException");
            }
        }
    }
    wire.ok("DescribeBackup", json!({"BackupArn": backup}));
}

#[test]
fn policies_decide_on_what_the_operation_looks_at() {
    let wire = Wire::with_table();
    let caller = all_but("table/things");
    let own = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
    let public = "arn:aws:dynamodb:us-east-1:000000000000:table/public";
    let kinesis = "arn:aws:kinesis:us-east-1:000000000000:stream/x";
    for operation in
        ["EnableKinesisStreamingDestination", "UpdateKinesisStreamingDestination", "DisableKinesisStreamingDestination"]
    {
        refusal(&wire, &caller, operation, &json!({"TableName": "things", "StreamArn": kinesis}));
    }
    let only = principal(&allow("EnableKinesisStreamingDestination"));
    let enable = json!({"TableName": "things", "StreamArn": kinesis});
    assert_eq!(send(&wire, &only, "EnableKinesisStreamingDestination", &enable).0.status, 200);
    for source in
        [json!({"SourceTableArn": own}), json!({"SourceTableName": "things"}), json!({"SourceTableName": own})]
    {
        let to = json!({"TargetTableName": "copy", "UseLatestRestorableTime": true, "TableName": "public"});
        refusal(&wire, &caller, "RestoreTableToPointInTime", &crate::support::merged(source, to));
    }
    let bulk = json!({"BulkOperationArn": format!("{own}/bulk/01")});
    for operation in ["DescribeBulkOperation", "CancelBulkOperation"] {
        refusal(&wire, &all_but("table/things/*"), operation, &bulk);
    }
    // The list is of the bulk writes of all tables.
    let one =
        principal(&format!(r#"{{"Effect":"Allow","Action":"dynamodb:ListBulkOperations","Resource":"{public}"}}"#));
    refusal(&wire, &one, "ListBulkOperations", &json!({"TableArn": public}));
    // Members that the operation skips say nothing.
    for other in ["ResourceArn", "StreamArn", "TableArn", "BackupArn", "ExportArn", "ImportArn", "GlobalTableName"] {
        for operation in ["DescribeTable", "DeleteTable", "CreateBackup", "UpdateTimeToLive"] {
            refusal(&wire, &caller, operation, &json!({"TableName": "things", other: public}));
        }
    }
    let tags = json!({"ResourceArn": own, "TableName": "public", "Tags": [{"Key": "a", "Value": "b"}]});
    refusal(&wire, &caller, "TagResource", &tags);
    refusal(&wire, &caller, "GetResourcePolicy", &json!({"ResourceArn": own, "TableArn": public}));
    // What one parser reads, the other reads alike.
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for body in [
        r#"{"TableName":"things","Other":1e999}"#.to_owned(),
        format!(r#"{{"TableName":"things","Other":{deep}}}"#),
        r#"{"TableName":"public","TableName":"things"}"#.to_owned(),
        r#"{"TableName":"things","TableName":"public"}"#.to_owned(),
        r#"{"Table\u004eame":"things"}"#.to_owned(),
    ] {
        let response = wire.protocol.handle_as(&caller, "DynamoDB_20120810.DescribeTable", body.as_bytes());
        assert_eq!((response.status, response.error), (400, "AccessDeniedException"), "{body}");
    }
    wire.ok("DescribeTable", json!({"TableName": "things"}));
}
