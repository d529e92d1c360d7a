//! Keys of tables as the service shows them: what is asked for and described, how often it changes, keys that are lost.

use crate::support::{Wire, merged};
use hashrange::{Clock, Database};
use hashrange_wire::{
    Protocol, Timing,
    kms::{KeyKind, KeyService, KeyState},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const INVALID: &str = "One or more parameter values were invalid: ";
const KEYS: &str = "arn:aws:kms:us-east-1:000000000000:key/";
const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

fn sse(table: &str, specification: Value) -> Value {
    json!({"TableName": table, "SSESpecification": specification})
}

fn with_key(table: &str, key: &str) -> Value {
    sse(table, json!({"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": key}))
}

fn create(wire: &Wire, table: &str, specification: Value) -> (u16, Value) {
    let request = json!({"TableName": table, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]});
    let request = merged(request, sse(table, specification));
    wire.raw("CreateTable", request.to_string().as_bytes())
}

fn described(wire: &Wire, table: &str) -> Value {
    wire.ok("DescribeTable", json!({"TableName": table}))["Table"].clone()
}

/// With keys `one` and `two`, alias `alias/one`, and some that cannot be used.
fn modelled() -> (Wire, KeyService) {
    let clock = Clock::manual(1_767_225_600_000);
    let keys = KeyService::new(clock.clone());
    let options = Database::options().clock(clock.clone()).hook(Arc::new(keys.clone()));
    let protocol = Protocol::new(options.in_memory().unwrap()).keys(keys.clone());
    for id in ["one", "two", "off", "going"] {
        keys.add(id);
    }
    keys.add_alias("alias/one", "one");
    keys.add_of_kind("pair", KeyKind::Asymmetric);
    keys.add_of_kind("codes", KeyKind::Hmac);
    keys.add_of_kind("foreign", KeyKind::Denied);
    keys.set_state("off", KeyState::Disabled);
    keys.set_state("going", KeyState::PendingDeletion);
    (Wire { protocol, clock }, keys)
}

/// T47
#[test]
fn specifications_that_contradict_themselves() {
    let wire = Wire::new();
    for (specification, text) in [
        (json!({"Enabled": false, "SSEType": "KMS"}), "SSEType can not be specified if Enabled is false"),
        (json!({"SSEType": "AES256", "Enabled": true}), "SSEType AES256 is not supported"),
        (json!({"Enabled": false, "KMSMasterKeyId": "k"}), "KMSMasterKeyId can not be specified if Enabled is false"),
        (json!({"KMSMasterKeyId": "k"}), "SSEType KMS is required if KMSMasterKeyId is specified"),
    ] {
        let (status, body) = create(&wire, "table", specification);
        assert_eq!((status, body["message"].as_str()), (400, Some(format!("{INVALID}{text}").as_str())));
    }
    assert_eq!(create(&wire, "plain", json!({})).1["TableDescription"]["SSEDescription"], Value::Null);
    // A type alone enables it.
    let (_, body) = create(&wire, "typed", json!({"SSEType": "KMS"}));
    assert_eq!(body["TableDescription"]["SSEDescription"]["SSEType"], "KMS");
    let default = format!("{INVALID}Table is already encrypted by default");
    for specification in [json!({}), json!({"Enabled": false})] {
        assert_eq!(wire.invalid("UpdateTable", sse("plain", specification)), default);
    }
    let both = merged(sse("typed", json!({"Enabled": false})), json!({"DeletionProtectionEnabled": true}));
    let alone = "Server-Side Encryption modification must be the only operation in the request";
    assert_eq!(wire.invalid("UpdateTable", both), format!("{INVALID}{alone}"));
}

/// T48, and how a change is shown
///
/// The service: `SSESpecification` encrypts.
/// Here: it is described; the folder is encrypted by a key of its own.
#[test]
fn a_change_shows_the_old_key_first() {
    let (wire, _) = modelled();
    let wire = Wire { protocol: wire.protocol.timing(Timing::Service), clock: wire.clock };
    create(&wire, "secret", json!({"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": "alias/one"}));
    assert_eq!(described(&wire, "secret")["SSEDescription"]["KMSMasterKeyArn"], format!("{KEYS}one"));
    let current = wire.invalid("UpdateTable", with_key("secret", &format!("{KEYS}one")));
    assert!(
        current.starts_with(&format!("{INVALID}Table is already encrypted with given KMSMasterKeyId.")),
        "{current}"
    );
    wire.clock.advance(MINUTE);
    // The same key by its alias is a change, and so is another key.
    let answer = wire.ok("UpdateTable", with_key("secret", "alias/one"))["TableDescription"].clone();
    assert_eq!((&answer["TableStatus"], &answer["SSEDescription"]["Status"]), (&json!("ACTIVE"), &json!("UPDATING")));
    wire.clock.advance(MINUTE);
    let answer = wire.ok("UpdateTable", with_key("secret", "two"))["TableDescription"].clone();
    let shown = |status: &str, key: &str| json!({"Status": status, "SSEType": "KMS", "KMSMasterKeyArn": format!("{KEYS}{key}")});
    assert_eq!(answer["SSEDescription"], shown("UPDATING", "one"));
    assert_eq!(described(&wire, "secret")["SSEDescription"], shown("UPDATING", "one"));
    wire.clock.advance(Duration::from_secs(9));
    assert_eq!(described(&wire, "secret")["SSEDescription"], shown("UPDATING", "two"));
    assert_eq!(wire.error("DeleteTable", json!({"TableName": "secret"})).0, "ResourceInUseException");
    wire.ok("UpdateTable", json!({"TableName": "secret", "DeletionProtectionEnabled": false}));
    wire.clock.advance(Duration::from_secs(13));
    assert_eq!(described(&wire, "secret")["SSEDescription"], shown("ENABLED", "two"));
    wire.ok("UpdateTable", sse("secret", json!({"Enabled": false})));
    wire.clock.advance(Duration::from_secs(9));
    assert_eq!(described(&wire, "secret")["SSEDescription"], shown("UPDATING", "two"));
    wire.clock.advance(Duration::from_secs(13));
    assert_eq!(described(&wire, "secret")["SSEDescription"], Value::Null);
    wire.ok("DeleteTable", json!({"TableName": "secret"}));
}

/// T49
#[test]
fn four_changes_in_a_day_and_then_one_in_six_hours() {
    let (wire, _) = modelled();
    create(&wire, "secret", json!({}));
    let change = |key: &str| with_key("secret", key);
    for key in ["one", "two", "one", "two"] {
        wire.ok("UpdateTable", change(key));
        wire.clock.advance(MINUTE);
    }
    for key in ["one", "nowhere"] {
        assert_eq!(
            wire.error("UpdateTable", change(key)),
            (
                "LimitExceededException".to_owned(),
                "Subscriber limit exceeded: Encryption mode changes are limited in the 24h window ending at \
                 2026-01-02T00:00:00.000Z. After the first 4 change, each subsequent change in the same window can be \
                 performed at most once every 21600 seconds. Number of updates today: 4. Last change at \
                 2026-01-01T00:03:00.000Z"
                    .to_owned()
            )
        );
    }
    wire.clock.advance(HOUR * 6);
    wire.ok("UpdateTable", change("one"));
    assert_eq!(wire.error("UpdateTable", change("two")).0, "LimitExceededException");
    wire.clock.advance(HOUR * 18);
    for key in ["two", "one", "two", "one"] {
        wire.ok("UpdateTable", change(key));
    }
    assert_eq!(wire.error("UpdateTable", change("two")).0, "LimitExceededException");
    create(&wire, "other", json!({}));
    wire.ok("UpdateTable", with_key("other", "one"));
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_once() {
    let (wire, _) = modelled();
    let fails = |key: &str| {
        let (status, body) = create(&wire, "secret", with_key("", key)["SSESpecification"].clone());
        let text = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default().to_owned();
        let name = body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default().to_owned();
        (status, name, text)
    };
    let model = "com.amazonaws.services.kms.model.";
    for (key, name, text) in [
        (
            "alias/nowhere",
            "ValidationException",
            format!(
                "KMS validation error: {model}NotFoundException: Alias arn:aws:kms:us-east-1:000000000000:alias/nowhere is not found. (Service: AWSKMS; Status Code: 400; Error Code: NotFoundException; Request ID: "
            ),
        ),
        (
            "nowhere",
            "ValidationException",
            format!(
                "KMS validation error: {model}NotFoundException: Key '{KEYS}nowhere' does not exist (Service: AWSKMS; "
            ),
        ),
        (
            "arn:aws:kms:eu-west-1:000000000000:key/one",
            "ValidationException",
            format!("KMS validation error: {model}NotFoundException: Invalid arn eu-west-1 ("),
        ),
        (
            "off",
            "ValidationException",
            format!("KMS key disabled error: {model}DisabledException: {KEYS}off is disabled. (Service: AWSKMS; "),
        ),
        (
            "going",
            "ValidationException",
            format!("KMS validation error: {model}KMSInvalidStateException: {KEYS}going is pending deletion. ("),
        ),
        (
            "foreign",
            "AccessDeniedException",
            format!(
                "KMS key access denied error: {model}AWSKMSException: User: arn:aws:iam::000000000000:root is not authorized to perform: kms:CreateGrant on resource: {KEYS}foreign ("
            ),
        ),
    ] {
        let found = fails(key);
        assert_eq!((found.0, found.1.as_str()), (400, name), "{key}: {}", found.2);
        assert!(found.2.starts_with(&text) && found.2.ends_with("; Proxy: null)"), "{}", found.2);
    }
    for key in ["pair", "codes"] {
        let (status, name, text) = fails(key);
        assert!(status == 500 && name == "InternalServerError" && text.starts_with("KMS internal error: "), "{text}");
    }
    assert_eq!(wire.ok("ListTables", json!({}))["TableNames"], json!([]), "nothing is left behind");
    for key in [
        "one",
        "alias/one",
        &format!("{KEYS}two"),
        "arn:aws:kms:us-east-1:000000000000:alias/one",
        "alias/aws/dynamodb",
    ] {
        let (status, body) = create(&wire, "secret", with_key("", key)["SSESpecification"].clone());
        assert_eq!(status, 200, "{key}: {body}");
        wire.ok("DeleteTable", json!({"TableName": "secret"}));
    }
}

fn item() -> Value {
    json!({"pk": {"S": "a"}})
}

/// What needs the key fails, with the text of the disabled key.
fn needs_key(wire: &Wire) {
    let of_item = |operation: &str| match operation {
        "GetItem" | "DeleteItem" => json!({"TableName": "secret", "Key": item()}),
        _ => json!({"TableName": "secret", "Item": item()}),
    };
    for operation in ["GetItem", "PutItem", "DeleteItem"] {
        let text = wire.invalid(operation, of_item(operation));
        assert!(text.starts_with("KMS key disabled error: "), "{operation}: {text}");
    }
    for (operation, request) in [
        ("Scan", json!({"TableName": "secret"})),
        ("BatchGetItem", json!({"RequestItems": {"secret": {"Keys": [item()]}}})),
        ("TransactWriteItems", json!({"TransactItems": [{"Put": {"TableName": "secret", "Item": item()}}]})),
        ("ExecuteStatement", json!({"Statement": "SELECT * FROM secret WHERE pk = 'a'"})),
        (
            "UpdateTimeToLive",
            json!({"TableName": "secret", "TimeToLiveSpecification": {"Enabled": true, "AttributeName": "t"}}),
        ),
        ("UpdateContributorInsights", json!({"TableName": "secret", "ContributorInsightsAction": "ENABLE"})),
        ("CreateBackup", json!({"TableName": "secret", "BackupName": "backup"})),
        ("UpdateTable", with_key("secret", "two")),
    ] {
        let text = wire.invalid(operation, request);
        assert!(text.starts_with("KMS key disabled error: "), "{operation}: {text}");
    }
}

/// T50
#[test]
fn a_key_that_is_disabled_is_lost_in_steps_and_comes_back() {
    let (wire, keys) = modelled();
    create(&wire, "secret", with_key("", "one")["SSESpecification"].clone());
    create(&wire, "other", with_key("", "two")["SSESpecification"].clone());
    let get = json!({"TableName": "secret", "Key": item()});
    wire.ok("PutItem", json!({"TableName": "secret", "Item": item()}));
    let lost = wire.clock.now_millis();
    keys.set_state("one", KeyState::Disabled);
    wire.clock.advance(MINUTE * 4);
    wire.ok("GetItem", get.clone());
    wire.clock.advance(MINUTE * 2);
    needs_key(&wire);
    assert_eq!(described(&wire, "secret")["TableStatus"], "ACTIVE");
    wire.clock.advance(MINUTE * 74);
    let table = described(&wire, "secret");
    assert_eq!(table["TableStatus"], "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    assert_eq!(table["SSEDescription"]["Status"], "ENABLED");
    let detected = table["SSEDescription"]["InaccessibleEncryptionDateTime"].as_f64().unwrap();
    let minutes = (detected - (lost / 1000) as f64) / 60.0;
    assert!((13.0..=75.0).contains(&minutes), "{minutes}");
    needs_key(&wire);
    // What does not need the key goes on.
    wire.ok("ListTagsOfResource", json!({"ResourceArn": table["TableArn"]}));
    wire.ok("UpdateTable", json!({"TableName": "secret", "DeletionProtectionEnabled": false}));
    wire.ok("DescribeTimeToLive", json!({"TableName": "secret"}));
    wire.ok("Scan", json!({"TableName": "other"}));
    keys.set_state("one", KeyState::Enabled);
    wire.clock.advance(MINUTE * 7);
    assert_eq!(wire.ok("GetItem", get)["Item"], item(), "the item was there all the time");
    assert_eq!(described(&wire, "secret")["TableStatus"], "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    wire.clock.advance(MINUTE * 50);
    let table = described(&wire, "secret");
    assert_eq!(table["TableStatus"], "ACTIVE");
    assert_eq!(table["SSEDescription"]["InaccessibleEncryptionDateTime"], Value::Null);
}

/// T51
#[test]
fn a_table_whose_key_is_lost_for_long_is_archived() {
    let (wire, keys) = modelled();
    create(&wire, "secret", with_key("", "one")["SSESpecification"].clone());
    keys.set_state("one", KeyState::Disabled);
    wire.clock.advance(HOUR * 24 * 7 + MINUTE * 45);
    assert_eq!(described(&wire, "secret")["TableStatus"], "ARCHIVING");
    wire.clock.advance(HOUR * 24);
    let table = described(&wire, "secret");
    assert_eq!(table["TableStatus"], "ARCHIVED");
    let summary = &table["ArchivalSummary"];
    assert_eq!(summary["ArchivalReason"], "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    let backup = summary["ArchivalBackupArn"].as_str().unwrap();
    assert!(backup.starts_with("arn:aws:dynamodb:us-east-1:000000000000:table/secret/backup/"), "{backup}");
    assert!(summary["ArchivalDateTime"].is_number());
    keys.set_state("one", KeyState::Enabled);
    wire.clock.advance(HOUR * 24);
    assert_eq!(described(&wire, "secret")["TableStatus"], "ARCHIVED", "for good");
    wire.ok("DeleteTable", json!({"TableName": "secret"}));
}

/// What a table was given without a model stays, and a protocol without one refuses nothing.
#[test]
fn without_a_model_nothing_is_refused() {
    let (wire, keys) = modelled();
    create(&wire, "secret", with_key("", "one")["SSESpecification"].clone());
    keys.set_state("one", KeyState::Deleted);
    wire.clock.advance(HOUR);
    assert_eq!(described(&wire, "secret")["TableStatus"], "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    let plain = Wire { protocol: Protocol::new(wire.protocol.database().clone()), clock: wire.clock.clone() };
    assert_eq!(described(&plain, "secret")["TableStatus"], "ACTIVE");
    plain.ok("UpdateTable", with_key("secret", "anything"));
}
