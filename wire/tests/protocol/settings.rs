//! What a table was asked to be is described: class, encryption, limits, billing, insights, policies, destinations.

use crate::support::{Wire, merged};
use hashrange_wire::Timing;
use serde_json::{Value, json};
use std::time::Duration;

const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/things";
const INVALID: &str = "One or more parameter values were invalid: ";

fn things(more: Value) -> Value {
    merged(json!({"TableName": "things"}), more)
}

fn described(wire: &Wire, table: &str) -> Value {
    wire.ok("DescribeTable", json!({"TableName": table}))["Table"].clone()
}

/// A table of that name, with other members than the usual ones.
fn create(wire: &Wire, name: &str, more: Value) -> Value {
    let base = json!({
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]});
    wire.ok("CreateTable", merged(base, more));
    described(wire, name)
}

fn service() -> Wire {
    let Wire { protocol, clock } = Wire::with_table();
    let wire = Wire { protocol: protocol.timing(Timing::Service), clock };
    wire.clock.advance(Duration::from_secs(60));
    wire
}

#[test]
fn class_encryption_and_protection_are_described() {
    let wire = Wire::with_table();
    assert_eq!(described(&wire, "things")["TableClassSummary"], Value::Null);
    let table = create(
        &wire,
        "rare",
        json!({"TableClass": "STANDARD_INFREQUENT_ACCESS", "SSESpecification": {"Enabled": true}}),
    );
    assert_eq!(table["TableClassSummary"]["TableClass"], "STANDARD_INFREQUENT_ACCESS");
    let (sse, arn) = (&table["SSEDescription"], "arn:aws:kms:us-east-1:000000000000:key/");
    assert_eq!((&sse["Status"], &sse["SSEType"]), (&json!("ENABLED"), &json!("KMS")));
    assert!(sse["KMSMasterKeyArn"].as_str().unwrap().starts_with(arn), "{sse}");

    wire.ok("UpdateTable", json!({"TableName": "rare", "TableClass": "STANDARD"}));
    assert_eq!(described(&wire, "rare")["TableClassSummary"]["TableClass"], "STANDARD");
    let mine = json!({"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": format!("{arn}mine")});
    let answer = wire.ok("UpdateTable", json!({"TableName": "rare", "SSESpecification": mine}));
    assert_eq!(answer["TableDescription"]["SSEDescription"]["Status"], "UPDATING");
    assert_eq!(described(&wire, "rare")["SSEDescription"]["KMSMasterKeyArn"], format!("{arn}mine"));
    let text = wire.invalid("UpdateTable", json!({"TableName": "rare", "SSESpecification": mine}));
    assert!(text.starts_with(&format!("{INVALID}Table is already encrypted with given KMSMasterKeyId.")), "{text}");
    wire.ok("UpdateTable", json!({"TableName": "rare", "SSESpecification": {"Enabled": false}}));
    assert_eq!(described(&wire, "rare")["SSEDescription"], Value::Null);
    for (specification, text) in [
        (json!({}), "Table is already encrypted by default"),
        (json!({"Enabled": false, "SSEType": "KMS"}), "SSEType can not be specified if Enabled is false"),
        (json!({"Enabled": false, "KMSMasterKeyId": "k"}), "KMSMasterKeyId can not be specified if Enabled is false"),
        (json!({"Enabled": true, "KMSMasterKeyId": "k"}), "SSEType KMS is required if KMSMasterKeyId is specified"),
        (json!({"Enabled": true, "SSEType": "AES256"}), "SSEType AES256 is not supported"),
    ] {
        let refused = wire.invalid("UpdateTable", json!({"TableName": "rare", "SSESpecification": specification}));
        assert_eq!(refused, format!("{INVALID}{text}"));
    }
    let foreign = json!({"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": "arn:aws:kms:eu-west-1:1:key/k"});
    let refused = wire.invalid("UpdateTable", json!({"TableName": "rare", "SSESpecification": foreign}));
    assert!(refused.starts_with("KMS validation error: "), "{refused}");
    let both = json!({"TableName": "rare", "TableClass": "STANDARD", "DeletionProtectionEnabled": true});
    let text = format!("{INVALID}TableClass modification must be the only operation in the request");
    assert_eq!(wire.invalid("UpdateTable", both), text);
}

#[test]
fn limits_and_warm_throughput_are_kept_for_table_and_index() {
    let wire = Wire::with_table();
    let caps = json!({"MaxReadRequestUnits": 5, "MaxWriteRequestUnits": 6});
    wire.ok("UpdateTable", things(json!({"OnDemandThroughput": caps})));
    let warm = json!({"ReadUnitsPerSecond": 13_000});
    let update = json!({"IndexName": "by_kind", "OnDemandThroughput": caps, "WarmThroughput": warm});
    wire.ok("UpdateTable", things(json!({"GlobalSecondaryIndexUpdates": [{"Update": update}]})));
    let table = described(&wire, "things");
    let index = &table["GlobalSecondaryIndexes"][0];
    assert_eq!((&table["OnDemandThroughput"], &index["OnDemandThroughput"]), (&caps, &caps));
    let of_index = json!({"ReadUnitsPerSecond": 13_000, "Status": "ACTIVE", "WriteUnitsPerSecond": 4_000});
    assert_eq!(index["WarmThroughput"], of_index);
    wire.ok("UpdateTable", things(json!({"OnDemandThroughput": {"MaxReadRequestUnits": -1}})));
    assert_eq!(described(&wire, "things")["OnDemandThroughput"], json!({"MaxWriteRequestUnits": 6}));
    wire.ok("UpdateTable", things(json!({"WarmThroughput": {"WriteUnitsPerSecond": 4_001}})));
    for (change, text) in [
        (json!({"OnDemandThroughput": {"MaxReadRequestUnits": 0}}), "is outside of valid range"),
        (json!({"WarmThroughput": {"WriteUnitsPerSecond": 4_000}}), "decreasing WarmThroughput is not supported"),
        (json!({"WarmThroughput": {"ReadUnitsPerSecond": 0}}), "is outside of valid range"),
    ] {
        let refused = wire.invalid("UpdateTable", things(change));
        assert!(refused.starts_with(INVALID) && refused.ends_with(text), "{refused}");
    }
    let units = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 5});
    let asked = json!({"ReadUnitsPerSecond": 1000, "WriteUnitsPerSecond": 1200});
    let provisioned = json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units, "WarmThroughput": asked});
    let table = create(&wire, "warm", provisioned);
    assert_eq!(table["WarmThroughput"], merged(asked, json!({"Status": "ACTIVE"})));
    assert_eq!(table["BillingModeSummary"], Value::Null);
}

#[test]
fn billing_and_throughput_fit_and_leave_their_times() {
    let wire = Wire::with_table();
    let units = |n: i64| json!({"ReadCapacityUnits": n, "WriteCapacityUnits": n});
    let index = |n: i64| json!([{"Update": {"IndexName": "by_kind", "ProvisionedThroughput": units(n)}}]);
    let text = wire.invalid("UpdateTable", things(json!({"GlobalSecondaryIndexUpdates": index(5)})));
    let refused = "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: by_kind when BillingMode is \
                   PAY_PER_REQUEST";
    assert_eq!(text, format!("{INVALID}{refused}"));
    let switch = json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5)});
    let text = wire.invalid("UpdateTable", things(switch.clone()));
    assert_eq!(text, format!("{INVALID}ProvisionedThroughput must be specified for index: by_kind"));
    wire.ok("UpdateTable", things(merged(switch, json!({"GlobalSecondaryIndexUpdates": index(5)}))));
    let table = described(&wire, "things");
    assert_eq!(table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"], 5);
    let since = json!({"BillingMode": "PROVISIONED", "LastUpdateToPayPerRequestDateTime": 1_767_225_600.0});
    assert_eq!(table["BillingModeSummary"], since);
    // What a table was once ready for it stays ready for.
    assert_eq!(table["WarmThroughput"]["ReadUnitsPerSecond"], 12_000);

    wire.clock.advance(Duration::from_secs(10));
    wire.ok("UpdateTable", things(json!({"ProvisionedThroughput": units(4)})));
    let shown = described(&wire, "things")["ProvisionedThroughput"].clone();
    assert_eq!((&shown["NumberOfDecreasesToday"], &shown["ReadCapacityUnits"]), (&json!(1), &json!(4)));
    assert_eq!(shown["LastDecreaseDateTime"], 1_767_225_610.0);
    assert_eq!(shown["LastIncreaseDateTime"], Value::Null);
}

#[test]
fn a_stream_is_named_after_it_was_disabled() {
    let wire = Wire::with_table();
    let set = |specification: Value| wire.ok("UpdateTable", things(json!({"StreamSpecification": specification})));
    set(json!({"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}));
    let before = described(&wire, "things");
    set(json!({"StreamEnabled": false}));
    let after = described(&wire, "things");
    for member in ["LatestStreamArn", "LatestStreamLabel"] {
        assert!(before[member].is_string() && before[member] == after[member], "{member}");
    }
    assert_eq!(after["StreamSpecification"], Value::Null);
}

#[test]
fn insights_are_turned_on_and_off_for_table_and_index() {
    let wire = Wire::with_table();
    let describe = |more: Value| wire.ok("DescribeContributorInsights", things(more));
    let never = json!({"TableName": "things", "ContributorInsightsStatus": "DISABLED"});
    assert_eq!(describe(json!({})), never);
    let enable = json!({"ContributorInsightsAction": "ENABLE"});
    let answer = wire.ok("UpdateContributorInsights", things(enable.clone()));
    assert_eq!(answer["ContributorInsightsStatus"], "ENABLING");
    let state = describe(json!({}));
    assert_eq!(state["ContributorInsightsStatus"], "ENABLED");
    assert_eq!(state["ContributorInsightsMode"], "ACCESSED_AND_THROTTLED_KEYS");
    let rules = state["ContributorInsightsRuleList"].as_array().unwrap();
    assert_eq!(rules.len(), 4);
    assert_eq!(rules[2], "DynamoDBContributorInsights-SKC-things-1767225600000");
    let throttled = json!({"IndexName": "by_kind", "ContributorInsightsMode": "THROTTLED_KEYS"});
    wire.ok("UpdateContributorInsights", things(merged(enable, throttled)));
    let rules = describe(json!({"IndexName": "by_kind"}))["ContributorInsightsRuleList"].clone();
    assert_eq!(rules.as_array().unwrap().len(), 2);
    let page = wire.ok("ListContributorInsights", json!({"MaxResults": 1}));
    assert_eq!(page["ContributorInsightsSummaries"].as_array().unwrap().len(), 1);
    let rest = wire.ok("ListContributorInsights", json!({"NextToken": page["NextToken"]}));
    let summary = json!([{"TableName": "things", "IndexName": "by_kind", "ContributorInsightsStatus": "ENABLED",
        "ContributorInsightsMode": "THROTTLED_KEYS"}]);
    assert_eq!(rest, json!({"ContributorInsightsSummaries": summary}));
    wire.ok("UpdateContributorInsights", things(json!({"ContributorInsightsAction": "DISABLE"})));
    let off = describe(json!({}));
    assert_eq!(
        (&off["ContributorInsightsStatus"], &off["ContributorInsightsRuleList"]),
        (&json!("DISABLED"), &Value::Null)
    );
    let nothing = things(json!({"IndexName": "by_nothing", "ContributorInsightsAction": "ENABLE"}));
    assert_eq!(wire.error("UpdateContributorInsights", nothing).0, "ResourceNotFoundException");
}

#[test]
fn a_policy_is_kept_under_revisions() {
    let wire = Wire::with_table();
    let document = |sid: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Resource": ["*"], "Sid": sid, "Effect": "Deny", "Principal": "*", "Action": ["dynamodb:Scan"]}]})
        .to_string()
    };
    let put = |sid: &str, more: Value| merged(json!({"ResourceArn": ARN, "Policy": document(sid)}), more);
    let (name, text) = wire.error("GetResourcePolicy", json!({"ResourceArn": ARN}));
    assert_eq!(name, "PolicyNotFoundException");
    assert_eq!(text, format!("Resource-based policy not found for the provided ResourceArn: {ARN}"));
    let first = wire.ok("PutResourcePolicy", put("a", json!({"ExpectedRevisionId": "NO_POLICY"})));
    assert_eq!(first, wire.ok("PutResourcePolicy", put("a", json!({}))), "the same policy is no change");
    let got = wire.ok("GetResourcePolicy", json!({"ResourceArn": ARN}));
    let canonical = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Deny","Principal":"*","Action":"dynamodb:Scan","Resource":"*"}]}"#;
    assert_eq!((&got["Policy"], &got["RevisionId"]), (&json!(canonical), &first["RevisionId"]));
    for stale in ["NO_POLICY", "7"] {
        let refused = wire.error("PutResourcePolicy", put("b", json!({"ExpectedRevisionId": stale})));
        assert_eq!(refused.0, "PolicyNotFoundException");
    }
    let second = wire.ok("PutResourcePolicy", put("b", json!({"ExpectedRevisionId": first["RevisionId"]})));
    assert_ne!(second, first);
    assert_eq!(wire.ok("DeleteResourcePolicy", json!({"ResourceArn": ARN})), second);
    assert_eq!(wire.ok("DeleteResourcePolicy", json!({"ResourceArn": ARN})), json!({}));
    for (arn, name) in [
        ("things", "ValidationException"),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/things/index/by_kind", "ValidationException"),
        ("arn:aws:dynamodb:eu-west-1:000000000000:table/things", "ValidationException"),
        ("arn:aws:dynamodb:us-east-1:000000000001:table/things", "ValidationException"),
        ("arn:aws:dynamodb:us-east-1:000000000000:table/nothing", "ResourceNotFoundException"),
        (
            "arn:aws:dynamodb:us-east-1:000000000000:table/things/stream/2020-01-01T00:00:00.000",
            "ResourceNotFoundException",
        ),
    ] {
        assert_eq!(wire.error("GetResourcePolicy", json!({"ResourceArn": arn})).0, name, "{arn}");
    }
    let all = document("d").replace("dynamodb:Scan", "dynamodb:*");
    let (name, text) = wire.error("PutResourcePolicy", json!({"ResourceArn": ARN, "Policy": all}));
    assert_eq!(name, "AccessDeniedException");
    assert_eq!(text, "The new resource policy will not allow you to update the resource policy in the future.");
    let confirmed = json!({"ResourceArn": ARN, "Policy": all, "ConfirmRemoveSelfResourceAccess": true});
    wire.ok("PutResourcePolicy", confirmed);
    let records = document("e").replace("dynamodb:Scan", "dynamodb:GetRecords");
    let (_, text) = wire.error("PutResourcePolicy", json!({"ResourceArn": ARN, "Policy": records}));
    assert!(text.ends_with("The following action names are invalid: \"dynamodb:GetRecords\""), "{text}");
    let at_creation = json!({"ResourcePolicy": document("c")});
    create(&wire, "guarded", at_creation);
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/guarded";
    assert!(wire.ok("GetResourcePolicy", json!({"ResourceArn": arn}))["Policy"].as_str().unwrap().contains("\"c\""));
}

#[test]
fn point_in_time_recovery_has_a_window() {
    let wire = Wire::with_table();
    let update = |more: Value| things(json!({"PointInTimeRecoverySpecification": more}));
    let state = || {
        let answer = wire.ok("DescribeContinuousBackups", things(json!({})));
        answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"].clone()
    };
    assert_eq!(state(), json!({"PointInTimeRecoveryStatus": "DISABLED"}));
    wire.ok("UpdateContinuousBackups", update(json!({"PointInTimeRecoveryEnabled": true})));
    let at = 1_767_225_600.0;
    let window = |days: u32, earliest: f64, latest: f64| {
        json!({"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": days,
            "EarliestRestorableDateTime": earliest, "LatestRestorableDateTime": latest})
    };
    assert_eq!(state(), window(35, at, at));
    wire.clock.advance(Duration::from_secs(2 * 86_400));
    let shorter = json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 1});
    wire.ok("UpdateContinuousBackups", update(shorter));
    assert_eq!(state(), window(1, at + 86_400.0, at + 2.0 * 86_400.0));
    let refused = wire.invalid(
        "UpdateContinuousBackups",
        update(json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 36})),
    );
    assert!(refused.contains("'pointInTimeRecoverySpecification.recoveryPeriodInDays'"), "{refused}");
    let refused = wire.invalid(
        "UpdateContinuousBackups",
        update(json!({"PointInTimeRecoveryEnabled": false, "RecoveryPeriodInDays": 7})),
    );
    assert!(refused.starts_with("Invalid Request: Cannot specify RecoveryPeriodInDays"), "{refused}");
    wire.ok("UpdateContinuousBackups", update(json!({"PointInTimeRecoveryEnabled": false})));
    assert_eq!(state(), json!({"PointInTimeRecoveryStatus": "DISABLED"}));
    let (name, text) = wire.error("DescribeContinuousBackups", json!({"TableName": "nothing"}));
    assert_eq!((name.as_str(), text.as_str()), ("TableNotFoundException", "Table not found: nothing"));
}

/// The service: changes of tables take seconds to minutes.
/// Here: they are done with their answer, unless `--timing service`.
#[test]
fn changes_take_the_services_time_where_they_are_asked_to() {
    let wire = service();
    let specification =
        |enabled: bool| things(json!({"TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": "ends"}}));
    wire.ok("UpdateTimeToLive", specification(true));
    let text = "Time to live has been modified multiple times within a fixed interval";
    assert_eq!(wire.invalid("UpdateTimeToLive", specification(false)), text);
    assert_eq!(wire.invalid("UpdateTimeToLive", specification(true)), "TimeToLive is already enabled");
    wire.clock.advance(Duration::from_secs(31 * 60));
    wire.ok("UpdateTimeToLive", specification(false));

    wire.ok("UpdateContributorInsights", things(json!({"ContributorInsightsAction": "ENABLE"})));
    let insights = || wire.ok("DescribeContributorInsights", things(json!({})))["ContributorInsightsStatus"].clone();
    assert_eq!(insights(), "ENABLING");
    wire.clock.advance(Duration::from_secs(2));
    assert_eq!(insights(), "ENABLED");

    wire.ok("UpdateTable", things(json!({"TableClass": "STANDARD_INFREQUENT_ACCESS"})));
    assert_eq!(described(&wire, "things")["TableStatus"], "UPDATING");
    wire.clock.advance(Duration::from_secs(6));
    assert_eq!(described(&wire, "things")["TableStatus"], "ACTIVE");

    let sse = |table: &str| described(&wire, table)["SSEDescription"]["Status"].clone();
    create(&wire, "secret", json!({"SSESpecification": {"Enabled": true}}));
    assert_eq!(sse("secret"), "ENABLED");
    wire.ok("UpdateTable", things(json!({"SSESpecification": {"Enabled": true}})));
    assert_eq!(sse("things"), "UPDATING");
    wire.clock.advance(Duration::from_secs(22));
    assert_eq!(sse("things"), "ENABLED");

    let policy = |action: &str| {
        let statement = json!([{"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*"}]);
        json!({"ResourceArn": ARN, "Policy": json!({"Statement": statement}).to_string()})
    };
    wire.ok("PutResourcePolicy", policy("dynamodb:Scan"));
    assert_eq!(wire.error("PutResourcePolicy", policy("dynamodb:Query")).0, "ResourceInUseException");
    wire.clock.advance(Duration::from_secs(2));
    assert_eq!(wire.error("PutResourcePolicy", policy("dynamodb:Query")).0, "ThrottlingException");
    wire.clock.advance(Duration::from_secs(13));
    wire.ok("PutResourcePolicy", policy("dynamodb:Query"));
}

#[test]
fn an_attribute_that_is_defined_again_keeps_its_type() {
    let create = json!({
        "AttributeDefinitions": [
            {"AttributeName": "x", "AttributeType": "S"}, {"AttributeName": "pk", "AttributeType": "N"}],
        "GlobalSecondaryIndexUpdates": [{"Create": {
            "IndexName": "by_x", "KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"}}}]});
    let wire = Wire::with_table();
    wire.ok("UpdateTable", things(create.clone()));
    assert_eq!(
        described(&wire, "things")["AttributeDefinitions"][0],
        json!({"AttributeName": "pk", "AttributeType": "S"})
    );
    let older = Wire::with_table().older();
    assert!(older.invalid("UpdateTable", things(create)).contains("Attributes cannot be redefined."));
}

#[test]
fn a_table_class_changes_twice_in_thirty_days() {
    let wire = Wire::with_table();
    let class = |class: &str| things(json!({"TableClass": class}));
    wire.ok("UpdateTable", class("STANDARD_INFREQUENT_ACCESS"));
    wire.clock.advance(Duration::from_secs(86_400));
    // What is no change counts too.
    wire.ok("UpdateTable", class("STANDARD_INFREQUENT_ACCESS"));
    let (name, text) = wire.error("UpdateTable", class("STANDARD"));
    assert_eq!(name, "LimitExceededException");
    assert_eq!(text, "Subscriber limit exceeded: Updates to TableClass are limited to 2 times in 30 day(s).");
    wire.clock.advance(Duration::from_secs(29 * 86_400));
    wire.ok("UpdateTable", class("STANDARD"));
    assert_eq!(described(&wire, "things")["TableClassSummary"]["TableClass"], "STANDARD");
    let unknown = "Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD, \
                   STANDARD_INFREQUENT_ACCESS].";
    assert_eq!(wire.invalid("UpdateTable", class("GLACIER")), unknown);
    let kind = json!([{"AttributeName": "pk", "AttributeType": "S"}]);
    let key = json!([{"AttributeName": "pk", "KeyType": "HASH"}]);
    let create = json!({"TableName": "cold", "BillingMode": "PAY_PER_REQUEST", "KeySchema": key,
                        "AttributeDefinitions": kind, "TableClass": "GLACIER"});
    assert_eq!(wire.invalid("CreateTable", create), unknown);
}

#[test]
fn the_answer_to_a_switch_to_on_demand_does_not_tell_since_when() {
    let wire = Wire::new();
    let units = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 5});
    create(&wire, "cart", json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}));
    let request = json!({"TableName": "cart", "BillingMode": "PAY_PER_REQUEST"});
    let answer = wire.ok("UpdateTable", request)["TableDescription"]["BillingModeSummary"].clone();
    assert_eq!(answer, json!({"BillingMode": "PAY_PER_REQUEST"}));
    let since = described(&wire, "cart")["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"].clone();
    assert_eq!(since, 1_767_225_600.0);
}

#[test]
fn a_table_has_twenty_global_indexes_at_most() {
    let wire = Wire::with_table();
    let index = |n: usize| {
        json!({"IndexName": format!("more_{n}"), "Projection": {"ProjectionType": "KEYS_ONLY"},
               "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}]})
    };
    let add = |n: usize| {
        let kind = json!([{"AttributeName": "kind", "AttributeType": "S"}]);
        things(json!({"AttributeDefinitions": kind, "GlobalSecondaryIndexUpdates": [{"Create": index(n)}]}))
    };
    for n in 1..20 {
        wire.ok("UpdateTable", add(n));
        crate::backups::eventually(|| {
            let indexes = described(&wire, "things")["GlobalSecondaryIndexes"].clone();
            indexes.as_array().unwrap().iter().all(|index| index["IndexStatus"] == "ACTIVE")
        });
    }
    let (name, text) = wire.error("UpdateTable", add(20));
    assert_eq!(name, "LimitExceededException");
    let limit = "Subscriber limit exceeded: Number of global secondary indexes exceeds per-table limit of 20";
    assert_eq!(text, limit);
}

#[test]
fn a_stream_is_enabled_with_its_view() {
    let wire = Wire::with_table();
    let text = wire.invalid("UpdateTable", things(json!({"StreamSpecification": {"StreamEnabled": true}})));
    assert_eq!(text, format!("{INVALID}If stream is being enabled then UpdateViewType is required"));
}
