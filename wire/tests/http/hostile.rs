//! Requests made to break the server: each gets an error, while other connections are served as if nothing were.

use crate::client::{connect, request, send, serve};
use hashrange_wire::server::Server;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

const TABLE: &str = r#"{"TableName":"things","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},
        {"AttributeName":"rank","AttributeType":"N"},{"AttributeName":"kind","AttributeType":"S"}],
    "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
    "LocalSecondaryIndexes":[{"IndexName":"by_rank","Projection":{"ProjectionType":"KEYS_ONLY"},
        "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"rank","KeyType":"RANGE"}]}],
    "GlobalSecondaryIndexes":[{"IndexName":"by_kind","Projection":{"ProjectionType":"ALL"},
        "KeySchema":[{"AttributeName":"kind","KeyType":"HASH"}]}]}"#;

/// Sends each request on a connection of its own and expects an error, while another connection puts and gets.
fn others_are_served_beside(server: &Server, hostile: impl IntoIterator<Item = (&'static str, String)>) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let served = scope.spawn(|| {
            let mut other = connect(server);
            let mut count = 0;
            while !over.load(Ordering::Relaxed) || count == 0 {
                let item = format!(r#"{{"TableName":"things","Item":{{"pk":{{"S":"a"}},"sk":{{"N":"{count}"}}}}}}"#);
                assert_eq!(send(&mut other, &request("PutItem", &item, &[])).unwrap().status, 200);
                let key = r#"{"TableName":"things","Key":{"pk":{"S":"a"},"sk":{"N":"0"}}}"#;
                assert!(send(&mut other, &request("GetItem", key, &[])).unwrap().text().contains("Item"));
                count += 1;
            }
        });
        for (operation, body) in hostile {
            let shown: String = body.chars().take(200).collect();
            let answer = send(&mut connect(server), &request(operation, &body, &[]));
            assert!(answer.is_some(), "no answer to {operation} {shown}");
            let answer = answer.unwrap();
            assert_eq!(answer.status, 400, "{operation} {shown}: {}", answer.text());
            let names = ["ValidationException", "SerializationException"];
            assert!(names.iter().any(|name| answer.text().contains(name)), "{operation} {shown}: {}", answer.text());
        }
        over.store(true, Ordering::Relaxed);
        served.join().unwrap();
    });
}

fn ready() -> Server {
    let server = serve(|_| {});
    let mut stream = connect(&server);
    assert_eq!(send(&mut stream, &request("CreateTable", TABLE, &[])).unwrap().status, 200);
    for n in 0..20 {
        let item = format!(
            r#"{{"TableName":"things","Item":{{"pk":{{"S":"a"}},"sk":{{"N":"{n}"}},"rank":{{"N":"{n}"}},"kind":{{"S":"x"}}}}}}"#
        );
        assert_eq!(send(&mut stream, &request("PutItem", &item, &[])).unwrap().status, 200);
    }
    server
}

/// Keys that are no key of any place of the table.
fn broken_keys() -> Vec<String> {
    let deep = format!(r#"{{"pk":{}{{"S":"a"}}{},"sk":{{"N":"1"}}}}"#, r#"{"L":["#.repeat(900), "]}".repeat(900));
    let wide = format!(r#"{{"pk":{{"S":"a"}},"sk":{{"N":"1"}}{}}}"#, r#","x":{"S":"y"}"#.repeat(10_000));
    let long = format!(r#"{{"pk":{{"S":"{}"}},"sk":{{"N":"1"}}}}"#, "a".repeat(1 << 20));
    let short = [
        "{}",
        "[]",
        "7",
        r#""a""#,
        r#"{"pk":null}"#,
        r#"{"pk":{}}"#,
        r#"{"pk":{"S":"a"}}"#,
        r#"{"sk":{"N":"1"}}"#,
        r#"{"pk":{"N":"1"},"sk":{"N":"1"}}"#,
        r#"{"pk":{"S":"a"},"sk":{"S":"1"}}"#,
        r#"{"pk":{"S":""},"sk":{"N":"1"}}"#,
        r#"{"pk":{"S":"a"},"sk":{"N":"x"}}"#,
        r#"{"pk":{"S":"a"},"sk":{"N":"1e999"}}"#,
        r#"{"pk":{"S":"a"},"sk":{"N":1}}"#,
        r#"{"pk":{"S":"a"},"sk":{"N":"1"},"other":{"S":"b"}}"#,
        r#"{"pk":{"S":"a","N":"1"},"sk":{"N":"1"}}"#,
        r#"{"pk":{"SS":["a"]},"sk":{"N":"1"}}"#,
        r#"{"pk":{"M":{"S":{"S":"a"}}},"sk":{"N":"1"}}"#,
        r#"{"pk":{"S":"a"},"sk":{"NULL":true}}"#,
        r#"{"pk":{"B":"YQ=="},"sk":{"N":"1"}}"#,
    ];
    short.into_iter().map(str::to_owned).chain([deep, wide, long]).collect()
}

#[test]
fn hostile_paging_keys() {
    let server = ready();
    let keys = broken_keys();
    let query = r#""KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"a"}}"#;
    let by_kind =
        r#""IndexName":"by_kind","KeyConditionExpression":"kind = :p","ExpressionAttributeValues":{":p":{"S":"x"}}"#;
    let mut hostile = Vec::new();
    for key in keys {
        for (operation, members) in [
            ("Query", query),
            ("Query", by_kind),
            ("Query", &format!(r#""IndexName":"by_rank",{query}"#)),
            ("Query", &format!(r#""ScanIndexForward":false,{query}"#)),
            ("Scan", r#""Limit":3"#),
            ("Scan", r#""Segment":1,"TotalSegments":3"#),
            ("Scan", r#""IndexName":"by_rank""#),
            ("Scan", r#""IndexName":"by_kind""#),
        ] {
            hostile.push((operation, format!(r#"{{"TableName":"things","ExclusiveStartKey":{key},{members}}}"#)));
        }
    }
    // Whole keys of another index, of other collections, and outside of what is asked for.
    let table = r#"{"pk":{"S":"a"},"sk":{"N":"1"}}"#;
    let ranked = r#"{"pk":{"S":"a"},"sk":{"N":"1"},"rank":{"N":"1"}}"#;
    let kind = r#"{"pk":{"S":"a"},"sk":{"N":"1"},"kind":{"S":"x"}}"#;
    let elsewhere = r#"{"pk":{"S":"b"},"sk":{"N":"1"}}"#;
    let above =
        r#""KeyConditionExpression":"pk = :p AND sk > :n","ExpressionAttributeValues":{":p":{"S":"a"},":n":{"N":"5"}}"#;
    for (operation, key, members) in [
        ("Query", ranked, query),
        ("Query", kind, query),
        ("Query", elsewhere, query),
        ("Query", table, above),
        ("Query", table, by_kind),
        ("Query", ranked, by_kind),
        ("Query", r#"{"pk":{"S":"a"},"sk":{"N":"1"},"kind":{"S":"y"}}"#, by_kind),
        ("Scan", ranked, r#""Limit":1"#),
        ("Scan", table, r#""IndexName":"by_kind""#),
        ("Scan", kind, r#""IndexName":"by_rank""#),
    ] {
        hostile.push((operation, format!(r#"{{"TableName":"things","ExclusiveStartKey":{key},{members}}}"#)));
    }
    others_are_served_beside(&server, hostile);
}

#[test]
fn hostile_expressions() {
    let server = ready();
    let whole = (16 << 20) - 200;
    let scan = |filter: &str| format!(r#"{{"TableName":"things","FilterExpression":"{filter}"}}"#);
    let path = "a.".repeat(2_000) + "a";
    let key = r#""Key":{"pk":{"S":"a"},"sk":{"N":"1"}}"#;
    let update = |text: &str| format!(r#"{{"TableName":"things",{key},"UpdateExpression":"{text}"}}"#);
    let value = format!("{}{}{}", r#"{"L":["#.repeat(990), r#"{"S":"a"}"#, "]}".repeat(990));
    others_are_served_beside(
        &server,
        [
            ("Scan", scan(&"(".repeat(4_096))),
            ("Scan", scan(&"(".repeat(whole))),
            ("Scan", scan(&"NOT ".repeat(1_024))),
            ("Scan", scan(&"NOT ".repeat(whole / 4))),
            ("Scan", scan(&format!("{}a = a{}", "NOT (".repeat(600), ")".repeat(600)))),
            ("Scan", scan(&"size(".repeat(800))),
            ("Scan", scan(&format!("{path} = {path}"))),
            ("Scan", scan(&"a[".repeat(2_000))),
            ("Scan", scan(&"\\u0000".repeat(600))),
            ("UpdateItem", update(&format!("SET {path} = a"))),
            ("UpdateItem", update(&format!("SET a = {}", "if_not_exists(b,".repeat(250)))),
            ("UpdateItem", update(&format!("SET a = {}", "list_append(".repeat(300)))),
            ("UpdateItem", update(&"SET a = b,".repeat(whole / 10))),
            ("GetItem", format!(r#"{{"TableName":"things",{key},"ProjectionExpression":"{path}"}}"#)),
            (
                "Scan",
                format!(
                    r#"{{"TableName":"things","FilterExpression":"a = :v","ExpressionAttributeValues":{{":v":{value}}}}}"#
                ),
            ),
        ],
    );
}

#[test]
fn hostile_bodies() {
    let server = ready();
    let body = |text: &str| text.to_owned();
    others_are_served_beside(
        &server,
        [
            ("Scan", format!(r#"{{"TableName":"things","Key":{}"#, r#"{"a":{"M":"#.repeat(200_000))),
            ("PutItem", "[".repeat((16 << 20) - 1)),
            ("PutItem", r#"{"a":"#.repeat(3 << 20)),
            ("PutItem", format!("\"{}", "\\".repeat(1 << 20))),
            ("Scan", body("\u{0}")),
            ("Scan", body("{\"TableName\":\"\\ud800\"}")),
            ("Scan", body("{\"TableName\":\"things\"")),
            ("Scan", body("{\"TableName\":\"things\",}")),
            ("Scan", body("{'TableName':'things'}")),
            ("Scan", body("{\"TableName\":\"things\"}{}")),
            ("Scan", body("nul")),
            ("Scan", body("1e999999999")),
            ("Query", body(r#"{"TableName":{"TableName":{"TableName":"things"}}}"#)),
            ("BatchWriteItem", format!(r#"{{"RequestItems":{{{}"x":[]}}}}"#, r#""things":[{}],"#.repeat(100_000))),
            ("BatchGetItem", format!(r#"{{"RequestItems":{{"things":{{"Keys":[{}{{}}]}}}}}}"#, "{},".repeat(1 << 20))),
            ("TransactWriteItems", format!(r#"{{"TransactItems":[{}{{}}]}}"#, "{},".repeat(1 << 20))),
            ("CreateTable", format!(r#"{{"TableName":"wide","KeySchema":[{}{{}}]}}"#, "{},".repeat(1 << 20))),
        ],
    );
}
