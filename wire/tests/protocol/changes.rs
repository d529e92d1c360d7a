//! Changes of throughput, billing and warm throughput that take the service's time, and what may follow them meanwhile.

use crate::support::{Wire, merged};
use hashrange::ledger::LedgerOptions;
use hashrange_wire::{Protocol, Timing};
use serde_json::{Value, json};
use std::time::Duration;

/// A wire whose changes take time.
fn service() -> Wire {
    with_creating_millis(0)
}

fn with_creating_millis(millis: u64) -> Wire {
    let Wire { protocol, clock } =
        Wire::with_options(|options| options.creating_millis(millis).ledger(LedgerOptions::new()));
    Wire { protocol: Protocol::new(protocol.database().clone()).timing(Timing::Service), clock }
}

fn units(read: i64, write: i64) -> Value {
    json!({"ReadCapacityUnits": read, "WriteCapacityUnits": write})
}

fn create(wire: &Wire, name: &str, more: Value) {
    let table = json!({
        "TableName": name, "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    wire.ok("CreateTable", merged(table, more));
}

fn update(more: Value) -> Value {
    merged(json!({"TableName": "things"}), more)
}

fn described(wire: &Wire) -> Value {
    wire.ok("DescribeTable", json!({"TableName": "things"}))["Table"].clone()
}

fn wait(wire: &Wire, millis: u64) {
    wire.clock.advance(Duration::from_millis(millis));
}

const IN_USE: &str =
    "Attempt to change a resource which is still in use: Table IOPS are currently being updated. Table: things";
const IN_PROCESS: &str =
    "Attempt to change a resource which is still in use: Table: things is in the process of being updated.";

#[test]
fn a_change_of_throughput_takes_two_seconds_and_keeps_others_out() {
    let wire = service();
    create(&wire, "things", json!({"ProvisionedThroughput": units(5, 5)}));
    wire.ok("UpdateTable", update(json!({"ProvisionedThroughput": units(6, 5)})));
    assert_eq!(described(&wire)["TableStatus"], "UPDATING");
    wait(&wire, 1_999);
    let change = update(json!({"ProvisionedThroughput": units(7, 5)}));
    assert_eq!(wire.error("UpdateTable", change.clone()), ("ResourceInUseException".to_owned(), IN_USE.to_owned()));
    let (name, text) = wire.error("DeleteTable", json!({"TableName": "things"}));
    assert_eq!((name.as_str(), text.as_str()), ("ResourceInUseException", IN_PROCESS));
    wire.ok("UpdateTable", update(json!({"DeletionProtectionEnabled": false})));
    wait(&wire, 1);
    assert_eq!(described(&wire)["TableStatus"], "ACTIVE");
    wire.ok("UpdateTable", change);
    wait(&wire, 2_000);
    wire.ok("DeleteTable", json!({"TableName": "things"}));
}

#[test]
fn switches_of_billing_take_their_time_and_one_way_can_be_asked_back() {
    let wire = service();
    create(&wire, "things", json!({"ProvisionedThroughput": units(5, 5)}));
    let to_on_demand = update(json!({"BillingMode": "PAY_PER_REQUEST"}));
    let to_provisioned = update(json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(3, 3)}));
    wire.ok("UpdateTable", to_on_demand.clone());
    assert_eq!(described(&wire)["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST", "the mode shows at once");
    // The way back is barred until the switch is done.
    wait(&wire, 149_999);
    assert_eq!(wire.error("UpdateTable", to_provisioned.clone()).1, IN_USE);
    wait(&wire, 1);
    assert_eq!(described(&wire)["TableStatus"], "ACTIVE");
    // Asked again for what it is, the table says yes and does nothing.
    let answer = wire.ok("UpdateTable", to_on_demand.clone());
    assert_eq!(answer["TableDescription"]["TableStatus"], "UPDATING");
    assert_eq!(described(&wire)["TableStatus"], "ACTIVE");

    wire.ok("UpdateTable", to_provisioned);
    wait(&wire, 79_999);
    assert_eq!(described(&wire)["TableStatus"], "UPDATING");
    // Asked to go back, the service says yes and goes on.
    let answer = wire.ok("UpdateTable", to_on_demand.clone());
    assert_eq!(answer["TableDescription"]["TableStatus"], "UPDATING");
    wait(&wire, 1);
    let table = described(&wire);
    assert_eq!(
        (&table["TableStatus"], &table["BillingModeSummary"]["BillingMode"]),
        (&json!("ACTIVE"), &json!("PROVISIONED"))
    );
    assert_eq!(table["ProvisionedThroughput"]["ReadCapacityUnits"], 3);
    // The second time is short.
    wire.ok("UpdateTable", to_on_demand);
    wait(&wire, 4_500);
    assert_eq!(described(&wire)["TableStatus"], "ACTIVE");
}

#[test]
fn warm_throughput_rises_behind_an_active_table() {
    let wire = service();
    create(&wire, "things", json!({"BillingMode": "PAY_PER_REQUEST"}));
    let raise = |read: u64| update(json!({"WarmThroughput": {"ReadUnitsPerSecond": read}}));
    wire.ok("UpdateTable", raise(20_000));
    let warm = || described(&wire)["WarmThroughput"].clone();
    let shown =
        |read: u64, status: &str| json!({"ReadUnitsPerSecond": read, "Status": status, "WriteUnitsPerSecond": 4_000});
    assert_eq!(described(&wire)["TableStatus"], "ACTIVE");
    assert_eq!(warm(), shown(12_000, "UPDATING"));
    assert_eq!(wire.error("DeleteTable", json!({"TableName": "things"})).1, IN_PROCESS);
    wire.ok("UpdateTable", raise(20_000)); // no change begins it anew
    wait(&wire, 399_999);
    assert_eq!(warm(), shown(12_000, "UPDATING"));
    wait(&wire, 1);
    assert_eq!(warm(), shown(20_000, "ACTIVE"));
    // A little more later takes seconds.
    wire.ok("UpdateTable", raise(21_000));
    assert_eq!(warm(), shown(20_000, "UPDATING"));
    wait(&wire, 2_000);
    assert_eq!(warm(), shown(21_000, "ACTIVE"));
    wire.ok("DeleteTable", json!({"TableName": "things"}));
}

#[test]
fn the_last_request_for_warm_throughput_wins() {
    let wire = service();
    create(&wire, "things", json!({"BillingMode": "PAY_PER_REQUEST"}));
    let raise = |read: u64| update(json!({"WarmThroughput": {"ReadUnitsPerSecond": read}}));
    wire.ok("UpdateTable", raise(20_000));
    wait(&wire, 100_000);
    wire.ok("UpdateTable", raise(30_000));
    assert_eq!(described(&wire)["WarmThroughput"]["ReadUnitsPerSecond"], 12_000, "the old number until it is done");
    wait(&wire, 400_000);
    let warm = described(&wire)["WarmThroughput"].clone();
    assert_eq!((&warm["ReadUnitsPerSecond"], &warm["Status"]), (&json!(30_000), &json!("ACTIVE")));
    assert_eq!(described(&wire)["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
}

#[test]
fn warm_throughput_has_a_floor() {
    let wire = Wire::new();
    let on_demand = |warm: Value| {
        json!({"TableName": "warm", "BillingMode": "PAY_PER_REQUEST", "WarmThroughput": warm,
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]})
    };
    let text = wire.invalid("CreateTable", on_demand(json!({"ReadUnitsPerSecond": 11_999})));
    assert!(
        text.contains("ReadUnitsPerSecond for WarmThroughput for table is lower than initial throughput"),
        "{text}"
    );
    let provisioned = merged(
        on_demand(json!({"ReadUnitsPerSecond": 5})),
        json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(10, 10)}),
    );
    let text = wire.invalid("CreateTable", provisioned);
    assert!(text.ends_with("for table is lower than ReadCapacityUnits of ProvisionedThroughput"), "{text}");
    wire.ok("CreateTable", on_demand(json!({"ReadUnitsPerSecond": 13_000})));
    let change = |warm: Value| json!({"TableName": "warm", "WarmThroughput": warm});
    let text = wire.invalid("UpdateTable", change(json!({"ReadUnitsPerSecond": 12_999})));
    assert!(text.ends_with("decreasing WarmThroughput is not supported"), "{text}");
    wire.ok("UpdateTable", change(json!({"ReadUnitsPerSecond": 13_000})));
    wire.ok("UpdateTable", change(json!({"ReadUnitsPerSecond": 13_001})));
    let warm = wire.ok("DescribeTable", json!({"TableName": "warm"}))["Table"]["WarmThroughput"].clone();
    assert_eq!(warm, json!({"ReadUnitsPerSecond": 13_001, "Status": "ACTIVE", "WriteUnitsPerSecond": 4_000}));
}

#[test]
fn limits_on_demand_have_a_range_and_are_cleared_one_by_one() {
    let wire = Wire::new();
    let table = |limits: Value, more: Value| {
        merged(
            json!({"TableName": "things", "OnDemandThroughput": limits,
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}),
            more,
        )
    };
    let on_demand = json!({"BillingMode": "PAY_PER_REQUEST"});
    for limit in [0, -1, -2] {
        let text = wire.invalid("CreateTable", table(json!({"MaxReadRequestUnits": limit}), on_demand.clone()));
        assert!(text.ends_with("for OnDemandThroughput for table is outside of valid range"), "{limit}: {text}");
    }
    let provisioned = json!({"ProvisionedThroughput": units(1, 1)});
    let text = wire.invalid("CreateTable", table(json!({"MaxReadRequestUnits": 5}), provisioned));
    assert!(text.ends_with("cannot be specified when table BillingMode is PROVISIONED."), "{text}");
    wire.ok("CreateTable", table(json!({"MaxReadRequestUnits": 1_000, "MaxWriteRequestUnits": 500}), on_demand));
    for limit in [0, -2] {
        let text = wire.invalid("UpdateTable", update(json!({"OnDemandThroughput": {"MaxReadRequestUnits": limit}})));
        assert!(text.ends_with("is outside of valid range"), "{limit}: {text}");
    }
    let answer = wire.ok("UpdateTable", update(json!({"OnDemandThroughput": {"MaxReadRequestUnits": -1}})));
    let shown = &answer["TableDescription"];
    assert_eq!(shown["OnDemandThroughput"], json!({"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 500}));
    assert_eq!(shown["TableStatus"], "ACTIVE", "it is done with the answer");
    assert_eq!(described(&wire)["OnDemandThroughput"], json!({"MaxWriteRequestUnits": 500}));
    wire.ok("UpdateTable", update(json!({"OnDemandThroughput": {"MaxWriteRequestUnits": -1}})));
    assert_eq!(described(&wire)["OnDemandThroughput"], Value::Null);
    let (status, body) = wire.raw("UpdateTable", update(json!({"OnDemandThroughput": {}})).to_string().as_bytes());
    assert_eq!(status, 500, "as the service does: {body}");
}

#[test]
fn so_many_tables_are_created_at_once_and_no_more() {
    let wire = with_creating_millis(10_000);
    let indexed = json!({"BillingMode": "PAY_PER_REQUEST", "GlobalSecondaryIndexes": [{
        "IndexName": "by_pk", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"}}]});
    (0..250).for_each(|at| create(&wire, &format!("indexed-{at}"), indexed.clone()));
    let request = |name: &str, more: Value| {
        let table = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        });
        merged(table, more)
    };
    let text = "Subscriber limit exceeded: Only 250 tables can be created, updated, or deleted simultaneously";
    let refused = wire.error("CreateTable", request("one-more", indexed));
    assert_eq!(refused, ("LimitExceededException".to_owned(), text.to_owned()));
    (0..250).for_each(|at| create(&wire, &format!("plain-{at}"), json!({"BillingMode": "PAY_PER_REQUEST"})));
    let refused = wire.error("CreateTable", request("one-more", json!({})));
    assert_eq!(refused.1, text.replace("250", "500"));
    wait(&wire, 10_000);
    wire.ok("CreateTable", request("one-more", json!({})));
}

#[test]
fn insights_beyond_the_rules_of_an_account_fail() {
    let wire = service();
    for at in 0..51 {
        create(&wire, &format!("t{at:02}"), json!({"BillingMode": "PAY_PER_REQUEST"}));
    }
    let enable = |at: usize| json!({"TableName": format!("t{at:02}"), "ContributorInsightsAction": "ENABLE"});
    (0..51).for_each(|at| drop(wire.ok("UpdateContributorInsights", enable(at))));
    let state = |at: usize| wire.ok("DescribeContributorInsights", json!({"TableName": format!("t{at:02}")}));
    assert_eq!(state(50)["ContributorInsightsStatus"], "ENABLING");
    wait(&wire, 2_000);
    assert_eq!(state(49)["ContributorInsightsStatus"], "ENABLED");
    let failed = state(50);
    assert_eq!(failed["ContributorInsightsStatus"], "FAILED");
    assert_eq!(failed["FailureException"]["ExceptionName"], "LimitExceededException");
    assert_eq!(failed["ContributorInsightsRuleList"], Value::Null);
    // With one of the others off there is room.
    wire.ok("UpdateContributorInsights", json!({"TableName": "t00", "ContributorInsightsAction": "DISABLE"}));
    wire.ok("UpdateContributorInsights", enable(50));
    wait(&wire, 2_000);
    assert_eq!(state(50)["ContributorInsightsStatus"], "ENABLED");
}
