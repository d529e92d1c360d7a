//! Replicas in other regions: what is refused and how, what is described, and what reaches the other endpoint.

use crate::support::Wire;
use hashrange::{
    Clock, Database,
    access::{Policy, Principal},
    inspect::Work,
    regions::World,
};
use hashrange_wire::{Protocol, Timing, access::Caller};
use serde_json::{Value, json};
use std::time::Duration;

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "us-west-2"];

/// The endpoints of three regions, and one that is for strong consistency of no use.
fn endpoints(timing: Timing) -> (World, Vec<Wire>) {
    let clock = Clock::manual(1_767_225_600_000);
    let options = Database::options().background(false).auto_scaling(true);
    let options = World::options().clock(clock.clone()).database(options).region("us-west-1");
    let world = REGIONS.iter().fold(options, |options, region| options.region(*region)).open().unwrap();
    let endpoint = |region: &&str| {
        let mut owner = hashrange_wire::Owner::default();
        (*region).clone_into(&mut owner.region);
        let protocol = Protocol::new(world.database(region).unwrap()).owner(owner).timing(timing).world(world.clone());
        Wire { protocol, clock: clock.clone() }
    };
    let wires = REGIONS.iter().map(endpoint).collect();
    (world, wires)
}

fn create(wire: &Wire, more: Value) {
    let mut table = json!({
        "TableName": "cart", "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]});
    table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    wire.ok("CreateTable", table);
}

fn on_demand() -> Value {
    json!({"BillingMode": "PAY_PER_REQUEST"})
}

fn update(actions: Value, more: Value) -> Value {
    let mut request = json!({"TableName": "cart", "ReplicaUpdates": actions});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn one(kind: &str, region: &str) -> Value {
    json!({kind: {"RegionName": region}})
}

fn describe(wire: &Wire) -> Value {
    wire.ok("DescribeTable", json!({"TableName": "cart"}))["Table"].clone()
}

#[test]
fn a_replica_is_made_described_and_removed() {
    let (world, wires) = endpoints(Timing::Instant);
    create(&wires[0], on_demand());
    let members = ["GlobalTableVersion", "Replicas", "MultiRegionConsistency", "GlobalTableSettingsReplicationMode"];
    assert!(members.iter().all(|member| describe(&wires[0])[member].is_null()));
    let answer = wires[0].ok("UpdateTable", update(json!([one("Create", "eu-west-1")]), json!({})));
    let answer = &answer["TableDescription"];
    assert_eq!((&answer["TableStatus"], &answer["Replicas"]), (&json!("UPDATING"), &json!([])));
    let table = describe(&wires[0]);
    assert_eq!(table["Replicas"], json!([{"RegionName": "eu-west-1", "ReplicaStatus": "ACTIVE"}]));
    assert_eq!((&table["GlobalTableVersion"], &table["TableStatus"]), (&json!("2019.11.21"), &json!("ACTIVE")));
    assert_eq!(table["GlobalTableSettingsReplicationMode"], "ENABLED_WITH_OVERRIDES");
    assert_eq!(table["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    let other = describe(&wires[1]);
    assert_eq!(other["Replicas"][0]["RegionName"], "us-east-1");
    assert!(other["TableArn"].as_str().unwrap().contains(":eu-west-1:"));
    assert_ne!(other["LatestStreamArn"], table["LatestStreamArn"]);

    wires[0].ok("PutItem", json!({"TableName": "cart", "Item": {"pk": {"S": "x"}, "v": {"S": "us"}}}));
    world.advance(Duration::from_millis(1)).unwrap();
    wires[1].ok("PutItem", json!({"TableName": "cart", "Item": {"pk": {"S": "x"}, "v": {"S": "eu"}}}));
    world.settle().unwrap();
    for wire in &wires[..2] {
        let found = wire.ok("GetItem", json!({"TableName": "cart", "Key": {"pk": {"S": "x"}}}));
        assert_eq!(found["Item"]["v"]["S"], "eu");
    }
    let ends = json!({"AttributeName": "ends", "Enabled": true});
    wires[1].ok("UpdateTimeToLive", json!({"TableName": "cart", "TimeToLiveSpecification": ends}));
    let ttl = wires[0].ok("DescribeTimeToLive", json!({"TableName": "cart"}));
    assert_eq!(ttl["TimeToLiveDescription"]["AttributeName"], "ends");
    let class = json!([{"Update": {"RegionName": "eu-west-1", "TableClassOverride": "STANDARD_INFREQUENT_ACCESS"}}]);
    wires[0].ok("UpdateTable", update(class, json!({})));
    assert_eq!(describe(&wires[1])["TableClassSummary"]["TableClass"], "STANDARD_INFREQUENT_ACCESS");

    wires[0].ok("UpdateTable", update(json!([one("Create", "us-west-2")]), json!({})));
    wires[2].ok("DeleteTable", json!({"TableName": "cart"}));
    assert_eq!(
        describe(&wires[0])["Replicas"].as_array().unwrap().len(),
        1,
        "a replica that is deleted leaves the others"
    );
    wires[0].ok("UpdateTable", update(json!([one("Delete", "eu-west-1")]), json!({})));
    assert!(members.iter().all(|member| describe(&wires[0])[member].is_null()));
    assert!(wires[1].error("DescribeTable", json!({"TableName": "cart"})).0.contains("ResourceNotFound"));
}

#[test]
fn replicas_are_refused_in_the_words_of_the_service() {
    let (_, wires) = endpoints(Timing::Instant);
    create(&wires[0], json!({"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}));
    let invalid = |actions: Value, more: Value| wires[0].error("UpdateTable", update(actions, more)).1;
    let create_one = json!([one("Create", "eu-west-1")]);
    assert_eq!(
        invalid(create_one.clone(), json!({})),
        "Table write capacity should either be Pay-Per-Request or AutoScaled."
    );
    wires[0].ok("UpdateTable", json!({"TableName": "cart", "BillingMode": "PAY_PER_REQUEST"}));
    assert_eq!(
        invalid(json!([one("Create", "eu-west-1"), one("Create", "us-west-2")]), json!({})),
        "Update table operation with more than one create or delete replica actions not allowed"
    );
    assert_eq!(
        invalid(json!([one("Create", "eu-west-1"), one("Delete", "us-west-2")]), json!({})),
        "Update table operation with more than one type of replica actions not allowed."
    );
    assert_eq!(
        invalid(create_one.clone(), json!({"DeletionProtectionEnabled": true})),
        "One or more parameter values were invalid: Replica modification must be the only operation in the request"
    );
    assert_eq!(
        invalid(json!([{}]), json!({})),
        "There are no actions specified in the Replica Update Action of the request."
    );
    assert!(invalid(json!([one("Create", "EU-WEST-1")]), json!({})).starts_with("Region EU-WEST-1 is not supported."));
    assert!(
        invalid(json!([one("Create", "us-east-1")]), json!({})).starts_with("Cannot add or delete the local region")
    );
    assert!(invalid(json!([one("Delete", "eu-west-1")]), json!({})).contains("were not part of the global table"));
    assert!(invalid(json!([]), json!({})).starts_with("At least one of ProvisionedThroughput"));
    create(&wires[2], on_demand());
    assert!(invalid(json!([one("Create", "us-west-2")]), json!({})).starts_with("Failed to create a the new replica"));
    assert!(invalid(json!([one("Disassociate", "us-west-2")]), json!({})).contains("ot supported"));
    wires[0].ok("UpdateTable", update(create_one, json!({})));
    let stream = json!({"TableName": "cart", "StreamSpecification": {"StreamEnabled": false}});
    assert_eq!(
        wires[0].error("UpdateTable", stream).1,
        "One or more parameter values were invalid: Disabling Stream is not allowed for a Global Table replica."
    );
}

#[test]
fn a_replica_has_reads_a_key_and_a_class_of_its_own() {
    let (_, wires) = endpoints(Timing::Instant);
    let by_v = json!([{"IndexName": "by_v", "KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"}}]);
    let keys = ["pk", "v"].map(|name| json!({"AttributeName": name, "AttributeType": "S"}));
    let table = json!({"BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": keys, "GlobalSecondaryIndexes": by_v});
    create(&wires[0], table);
    let change = |kind: &str, overrides: Value| {
        let mut action = json!({"RegionName": "eu-west-1"});
        action.as_object_mut().unwrap().extend(overrides.as_object().unwrap().clone());
        update(json!([{kind: action}]), json!({}))
    };
    let limit = json!({"MaxReadRequestUnits": 40});
    let class = json!({"TableClassOverride": "STANDARD_INFREQUENT_ACCESS", "OnDemandThroughputOverride": limit});
    wires[0].ok("UpdateTable", change("Create", class));
    let index = json!([{"IndexName": "by_v", "OnDemandThroughputOverride": {"MaxReadRequestUnits": 30}}]);
    let key = json!({"KMSMasterKeyId": "alias/other", "GlobalSecondaryIndexes": index});
    wires[0].ok("UpdateTable", change("Update", key));
    let (own, there) = (describe(&wires[0]), describe(&wires[1]));
    let replica = &own["Replicas"][0];
    assert_eq!(replica["OnDemandThroughputOverride"], limit);
    assert_eq!(replica["GlobalSecondaryIndexes"], index);
    assert_eq!(replica["ReplicaTableClassSummary"]["TableClass"], "STANDARD_INFREQUENT_ACCESS");
    assert_eq!(replica["KMSMasterKeyId"], there["SSEDescription"]["KMSMasterKeyArn"]);
    assert!(replica["KMSMasterKeyId"].as_str().unwrap().starts_with("arn:aws:kms:eu-west-1:"), "{replica}");
    assert_eq!(there["OnDemandThroughput"]["MaxReadRequestUnits"], 40);
    assert!(own["OnDemandThroughput"].is_null() && own["SSEDescription"].is_null());
    assert_eq!(there["Replicas"], json!([{"RegionName": "us-east-1", "ReplicaStatus": "ACTIVE"}]));

    let units = |units: u64| json!({"ProvisionedThroughputOverride": {"ReadCapacityUnits": units}});
    assert!(wires[0].error("UpdateTable", change("Update", units(7))).1.contains("BillingMode is PAY_PER_REQUEST"));
    assert!(wires[0].error("UpdateTable", change("Update", units(0))).1.contains("greater than or equal to 1"));
    let unknown = json!({"GlobalSecondaryIndexes": [{"IndexName": "none", "OnDemandThroughputOverride": limit}]});
    assert!(wires[0].error("UpdateTable", change("Update", unknown)).0.contains("ResourceNotFound"));
    let unknown = json!({"TableClassOverride": "GLACIER"});
    assert!(wires[0].error("UpdateTable", change("Update", unknown)).1.starts_with("Invalid table-class parameter"));

    // Write units are the same in all regions, read units need not be.
    let five = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 5});
    let of_index = json!([{"Update": {"IndexName": "by_v", "ProvisionedThroughput": five}}]);
    let provisioned = json!({"TableName": "cart", "BillingMode": "PROVISIONED", "ProvisionedThroughput": five,
        "GlobalSecondaryIndexUpdates": of_index});
    wires[0].ok("UpdateTable", provisioned);
    wires[0].ok("UpdateTable", change("Update", units(7)));
    let six = json!({"TableName": "cart", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}});
    wires[0].ok("UpdateTable", six);
    let throughput = describe(&wires[1])["ProvisionedThroughput"].clone();
    assert_eq!((&throughput["ReadCapacityUnits"], &throughput["WriteCapacityUnits"]), (&json!(7), &json!(6)));
    assert_eq!(describe(&wires[0])["Replicas"][0]["ProvisionedThroughputOverride"], json!({"ReadCapacityUnits": 7}));
    assert_eq!(describe(&wires[1])["TableClassSummary"]["TableClass"], "STANDARD_INFREQUENT_ACCESS");
}

#[test]
fn a_replica_that_cannot_have_its_overrides_is_not_made() {
    let (_, wires) = endpoints(Timing::Instant);
    create(&wires[0], on_demand());
    let refused = |overrides: Value| {
        let mut action = json!({"RegionName": "eu-west-1"});
        action.as_object_mut().unwrap().extend(overrides.as_object().unwrap().clone());
        wires[0].error("UpdateTable", update(json!([{"Create": action}]), json!({})))
    };
    let units = json!({"ProvisionedThroughputOverride": {"ReadCapacityUnits": 7}});
    assert!(refused(units).1.contains("BillingMode is PAY_PER_REQUEST"));
    let limit = json!({"MaxReadRequestUnits": 30});
    let unknown = json!({"GlobalSecondaryIndexes": [{"IndexName": "none", "OnDemandThroughputOverride": limit}]});
    assert!(refused(unknown).0.contains("ResourceNotFound"));
    assert!(describe(&wires[0])["Replicas"].is_null(), "nothing is left of it");
    assert!(wires[1].error("DescribeTable", json!({"TableName": "cart"})).0.contains("ResourceNotFound"));
    wires[0].ok("UpdateTable", update(json!([one("Create", "eu-west-1")]), json!({})));
}

#[test]
fn the_class_of_one_replica_is_not_that_of_the_others() {
    let (_, wires) = endpoints(Timing::Instant);
    let (standard, infrequent) = ("STANDARD", "STANDARD_INFREQUENT_ACCESS");
    create(&wires[0], json!({"BillingMode": "PAY_PER_REQUEST", "TableClass": infrequent}));
    let class_of = |wire: &Wire| describe(wire)["TableClassSummary"]["TableClass"].clone();
    wires[0].ok("UpdateTable", update(json!([one("Create", "eu-west-1")]), json!({})));
    assert_eq!(class_of(&wires[1]), infrequent, "a new replica has the class that all share");
    let class = json!([{"Update": {"RegionName": "eu-west-1", "TableClassOverride": standard}}]);
    wires[0].ok("UpdateTable", update(class, json!({})));
    let classes = || [class_of(&wires[0]), class_of(&wires[1])];
    let ttl = |wire: &Wire, enabled: bool| {
        let ends = json!({"AttributeName": "ends", "Enabled": enabled});
        wire.ok("UpdateTimeToLive", json!({"TableName": "cart", "TimeToLiveSpecification": ends}));
    };
    ttl(&wires[0], true);
    assert_eq!(classes(), [infrequent, standard], "a change for all leaves what one has of its own");
    wires[1].ok("UpdateTable", json!({"TableName": "cart", "DeletionProtectionEnabled": false}));
    assert_eq!(classes(), [infrequent, standard], "and what one has of its own is not brought to the others");
    assert_eq!(describe(&wires[0])["Replicas"][0]["ReplicaTableClassSummary"]["TableClass"], standard);

    let change = |wire: &Wire, class: &str| wire.ok("UpdateTable", json!({"TableName": "cart", "TableClass": class}));
    change(&wires[0], standard);
    assert_eq!(classes(), [standard, standard]);
    change(&wires[1], infrequent);
    assert_eq!(classes(), [infrequent, infrequent], "the override gives way where the table itself is changed");
    change(&wires[0], standard);
    assert_eq!(classes(), [standard, standard]);
}

#[test]
fn strong_consistency_has_its_rules() {
    let (_, wires) = endpoints(Timing::Instant);
    create(&wires[0], on_demand());
    let strong = json!({"MultiRegionConsistency": "STRONG"});
    let invalid = |actions: Value, more: Value| wires[0].error("UpdateTable", update(actions, more)).1;
    let both = json!([one("Create", "eu-west-1"), one("Create", "us-west-2")]);
    assert_eq!(
        invalid(json!([one("Create", "eu-west-1")]), strong.clone()),
        "Unsupported replica count for global tables with MultiRegionConsistency set to STRONG."
    );
    assert_eq!(
        invalid(json!([one("Create", "eu-west-1"), one("Create", "us-west-1")]), strong.clone()),
        "Unsupported Region(s) specified for global tables with MultiRegionConsistency set to STRONG: [us-west-1]."
    );
    assert_eq!(
        invalid(json!([one("Create", "eu-west-1"), one("Create", "eu-west-1")]), strong.clone()),
        "Cannot target multiple regions with the same action"
    );
    let witness = json!({"GlobalTableWitnessUpdates": [one("Create", "us-west-2")]});
    assert_eq!(
        invalid(json!([one("Create", "eu-west-1")]), witness.clone()),
        "MultiRegionConsistency must be set as STRONG when GlobalTableWitnessUpdates parameter is present."
    );
    let alone = json!({"TableName": "cart", "MultiRegionConsistency": "STRONG"});
    assert!(wires[0].error("UpdateTable", alone).1.starts_with("At least one of ProvisionedThroughput"));
    let mut alone = witness.clone();
    alone["TableName"] = json!("cart");
    let no_change = "At least one of ProvisionedThroughput";
    assert!(wires[0].error("UpdateTable", alone.clone()).1.starts_with(no_change), "a witness alone is no change");
    alone["MultiRegionConsistency"] = json!("STRONG");
    alone["DeletionProtectionEnabled"] = json!(true);
    assert_eq!(
        wires[0].error("UpdateTable", alone).1,
        "Requests that modify replicas or witnesses must not also modify other fields"
    );
    let item = json!({"TableName": "cart", "Item": {"pk": {"S": "x"}}});
    wires[0].ok("PutItem", item.clone());
    assert!(invalid(both.clone(), strong.clone()).contains("must be empty"));
    wires[0].ok("DeleteItem", json!({"TableName": "cart", "Key": {"pk": {"S": "x"}}}));

    wires[0].ok("UpdateTable", update(both.clone(), strong.clone()));
    let table = describe(&wires[0]);
    assert_eq!((&table["MultiRegionConsistency"], &table["StreamSpecification"]), (&json!("STRONG"), &Value::Null));
    wires[0].ok("PutItem", item.clone());
    let (name, text) = wires[1].error("PutItem", item);
    assert!(name.ends_with("ReplicatedWriteConflictException"), "{name}");
    assert_eq!(text, "One or more items in this request are being modified by a request in another Region.");
    let key = json!({"TableName": "cart", "Key": {"pk": {"S": "x"}}, "ConsistentRead": true});
    assert!(wires[2].ok("GetItem", key)["Item"].is_object());
    assert_eq!(
        invalid(json!([one("Delete", "eu-west-1")]), json!({})),
        "Deletion of only one table replica is not supported for global tables with MultiRegionConsistency set to STRONG."
    );
    assert_eq!(invalid(both, strong), "MultiRegionConsistency parameter is unsupported on existing global table");
    wires[0].ok("UpdateTable", update(json!([one("Delete", "eu-west-1"), one("Delete", "us-west-2")]), json!({})));
    assert!(describe(&wires[0])["Replicas"].is_null());

    wires[0].ok("DeleteItem", json!({"TableName": "cart", "Key": {"pk": {"S": "x"}}}));
    let mut with_witness = witness;
    with_witness["MultiRegionConsistency"] = json!("STRONG");
    wires[0].ok("UpdateTable", update(json!([one("Create", "eu-west-1")]), with_witness));
    assert_eq!(
        describe(&wires[0])["GlobalTableWitnesses"],
        json!([{"RegionName": "us-west-2", "WitnessStatus": "ACTIVE"}])
    );
    assert_eq!(
        invalid(json!([one("Delete", "eu-west-1")]), json!({})),
        "Update table delete operation does not include all witnesses."
    );
}

#[test]
fn with_the_times_of_the_service_a_replica_is_creating_for_a_while() {
    let (world, wires) = endpoints(Timing::Service);
    create(&wires[0], on_demand());
    world.advance(Duration::from_secs(300)).unwrap();
    wires[0].ok("UpdateTable", update(json!([one("Create", "eu-west-1")]), json!({})));
    assert_eq!(
        (&describe(&wires[0])["TableStatus"], &describe(&wires[0])["Replicas"]),
        (&json!("UPDATING"), &json!([]))
    );
    world.advance(Duration::from_secs(6)).unwrap();
    assert_eq!(describe(&wires[0])["Replicas"][0]["ReplicaStatus"], "CREATING");
    let (name, text) = wires[1].error("DeleteTable", json!({"TableName": "cart"}));
    assert!(name.contains("ResourceInUseException"), "{name}");
    assert_eq!(text, "Attempt to change a resource which is still in use: Table: cart is being used.");
    let (name, text) = wires[0].error("UpdateTable", update(json!([one("Create", "us-west-2")]), json!({})));
    assert_eq!(
        (name.contains("ValidationException"), text.as_str()),
        (
            true,
            "Create/Update/Delete of replica is not allowed while the replica is being added to table with name: \
             \u{2018}cart\u{2019} in region: \u{2018}eu-west-1\u{2019}."
        )
    );
    let (name, text) = wires[0].error("UpdateTable", json!({"TableName": "cart", "DeletionProtectionEnabled": true}));
    assert!(name.contains("ResourceInUseException"), "{name}");
    assert_eq!(text, "The resource which you are attempting to change is in use.");
    world.advance(Duration::from_secs(15)).unwrap();
    let table = describe(&wires[0]);
    assert_eq!((&table["Replicas"][0]["ReplicaStatus"], &table["TableStatus"]), (&json!("ACTIVE"), &json!("ACTIVE")));

    // The region that the new one was made of stays for a day; the new one may go.
    let source = "Replica cannot be deleted because it has acted as a source region for new replica(s) being added to the \
                  table in the last 24 hours.";
    assert_eq!(wires[1].error("UpdateTable", update(json!([one("Delete", "us-east-1")]), json!({}))).1, source);
    assert_eq!(wires[0].error("DeleteTable", json!({"TableName": "cart"})).1, source);
    world.advance(Duration::from_secs(24 * 3600)).unwrap();
    wires[1].ok("UpdateTable", update(json!([one("Delete", "us-east-1")]), json!({})));
    assert!(describe(&wires[1])["Replicas"].is_null());
}

#[test]
fn policies_decide_on_the_region_where_a_replica_is_made() {
    let (_, wires) = endpoints(Timing::default());
    create(&wires[0], on_demand());
    let allowing = |statements: Value| {
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        Caller::new(Principal::user("alice").policy(Policy::parse(&policy).unwrap()))
    };
    let here = json!({"Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:us-east-1:*:table/*"});
    let there =
        json!({"Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:eu-west-1:*:table/cart"});
    let deny = json!({"Effect": "Deny", "Action": "dynamodb:DeleteTableReplica", "Resource": "*"});
    let send = |caller: &Caller, kind| {
        let body = update(json!([one(kind, "eu-west-1")]), json!({})).to_string();
        let response = wires[0].protocol.handle_as(caller, "DynamoDB_20120810.UpdateTable", body.as_bytes());
        (response.status, String::from_utf8(response.body).unwrap())
    };
    let (status, text) = send(&allowing(json!([here])), "Create");
    let action = "dynamodb:CreateTableReplica on resource: arn:aws:dynamodb:eu-west-1:000000000000:table/cart";
    assert!(status == 400 && text.contains(action), "{text}");
    let (status, text) = send(&allowing(json!([here, there])), "Create");
    assert_eq!(status, 200, "{text}");
    let (status, text) = send(&allowing(json!([here, there, deny])), "Delete");
    assert!(status == 400 && text.contains("dynamodb:DeleteTableReplica on resource"), "{text}");
}

#[test]
fn an_index_is_added_once_no_region_builds_another_one() {
    let (world, wires) = endpoints(Timing::Instant);
    create(&wires[0], on_demand());
    wires[0].ok("UpdateTable", update(json!([one("Create", "eu-west-1")]), json!({})));
    let add = |name: &str| {
        json!({"TableName": "cart", "AttributeDefinitions": [{"AttributeName": "v", "AttributeType": "S"}],
            "GlobalSecondaryIndexUpdates": [{"Create": {"IndexName": name,
                "KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}}]})
    };
    let fill = |region: &str| while world.database(region).unwrap().step().unwrap() != Work::Idle {};
    let indexes = |wire: &Wire| describe(wire)["GlobalSecondaryIndexes"].as_array().unwrap().len();
    wires[0].ok("UpdateTable", add("first"));
    fill("us-east-1");
    let (name, _) = wires[0].error("UpdateTable", add("second"));
    assert_eq!(
        (name.as_str(), indexes(&wires[0])),
        ("LimitExceededException", 1),
        "eu-west-1 still builds the first one"
    );
    let ends = json!({"AttributeName": "ends", "Enabled": true});
    wires[1].ok("UpdateTimeToLive", json!({"TableName": "cart", "TimeToLiveSpecification": ends}));
    fill("eu-west-1");
    wires[0].ok("UpdateTable", add("second"));
    assert_eq!((indexes(&wires[0]), indexes(&wires[1])), (2, 2));
}

#[test]
fn a_server_of_one_region_has_no_replicas() {
    let wire = Wire::new();
    create(&wire, on_demand());
    let (name, text) = wire.error("UpdateTable", update(json!([one("Create", "eu-west-1")]), json!({})));
    assert!(name.contains("UnsupportedOperation") && text.contains("--region"), "{name}: {text}");
}
