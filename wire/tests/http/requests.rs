//! What is answered where.

use crate::client::{connect, request, send, serve};
use hashrange::{
    Database,
    file::MemoryDisk,
    ledger::{Ledger, LedgerOptions},
    testing::{Fault, FaultPlan, Operation, SimulatedDisk},
};
use hashrange_wire::server::{Server, ServerOptions};
use std::sync::Arc;

#[test]
fn operations_are_answered_with_checksum_and_identifier() {
    let server = serve(|_| {});
    let mut stream = connect(&server);
    for _ in 0..3 {
        let answer = send(&mut stream, &request("ListTables", "{}", &[])).unwrap();
        assert_eq!((answer.status, answer.text()), (200, r#"{"TableNames":[]}"#));
        assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.0"));
        assert_eq!(answer.header("x-amz-crc32"), Some("1315925753"));
        assert_eq!(answer.header("x-amzn-requestid").unwrap().len(), 52);
    }
    let answer = send(&mut stream, &request("Fly", "{}", &[])).unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.text().starts_with(r#"{"__type":"com.amazon.coral.service#UnknownOperationException""#));
    assert!(answer.text().contains("DynamoDB_20120810.Fly"), "{}", answer.text());
}

#[test]
fn the_root_says_that_the_server_is_healthy() {
    let server = serve(|_| {});
    let answer = send(&mut connect(&server), b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n").unwrap();
    assert_eq!((answer.status, answer.text()), (200, "healthy: dynamodb.us-east-1.amazonaws.com "));
    assert_eq!(answer.header("x-amz-crc32"), Some("3128867991"));
}

#[test]
fn the_root_and_the_metrics_say_that_writing_has_ended() {
    let disk = SimulatedDisk::new(1);
    let db = Database::options().seed(1).open_on(Arc::new(disk.clone())).unwrap();
    let mut options = ServerOptions::default();
    options.address.set_port(0);
    options.metrics = true;
    let server = Server::start(db, options).unwrap();
    let mut stream = connect(&server);
    let table = r#"{"TableName":"things","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}"#;
    assert_eq!(send(&mut stream, &request("CreateTable", table, &[])).unwrap().status, 200);
    let put = request("PutItem", r#"{"TableName":"things","Item":{"k":{"S":"a"}}}"#, &[]);
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        send(&mut connect(&server), request.as_bytes()).unwrap()
    };
    assert_eq!(send(&mut stream, &put).unwrap().status, 200);
    assert_eq!(get("/").status, 200);
    assert!(get("/metrics").text().contains("\nhashrange_writable 1\n"));
    disk.fail(FaultPlan::new(Operation::Sync, 1, Fault::InputOutput).for_good());
    assert_eq!(send(&mut stream, &put).unwrap().status, 500);
    let health = get("/");
    assert!(health.status == 503 && health.text().starts_with("read-only: writing has ended"), "{health:?}");
    let metrics = get("/metrics");
    assert!(
        metrics.text().contains("\nhashrange_writable 0\n") && metrics.text().contains("\nhashrange_log_syncs_total ")
    );
    let read = request("GetItem", r#"{"TableName":"things","Key":{"k":{"S":"a"}}}"#, &[]);
    assert_eq!(send(&mut stream, &read).unwrap().status, 200, "reads go on");
}

#[test]
fn nothing_else_is_there() {
    let server = serve(|_| {});
    let mut stream = connect(&server);
    for line in ["GET /shell", "GET /metrics", "PUT /", "DELETE /", "POST /x", "GET //"] {
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        let answer = send(&mut stream, request.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.text()), (404, "<UnknownOperationException/>\n"), "{line}");
        assert_eq!(answer.header("x-amz-crc32"), Some("3552371480"));
    }
    let form = request("ListTables", "{}", &[]);
    let form = String::from_utf8(form).unwrap().replace("application/x-amz-json-1.0", "text/plain");
    assert_eq!(send(&mut stream, form.as_bytes()).unwrap().status, 404);
}

#[test]
fn plain_json_is_answered_as_plain_json() {
    let server = serve(|_| {});
    let request = String::from_utf8(request("ListTables", "{}", &[])).unwrap();
    let request = request.replace("application/x-amz-json-1.0", "application/json; charset=utf-8");
    let answer = send(&mut connect(&server), request.as_bytes()).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
}

#[test]
fn metrics_count_what_happened() {
    let server = serve(|options| options.metrics = true);
    let mut stream = connect(&server);
    send(&mut stream, &request("ListTables", "{}", &[])).unwrap();
    send(&mut stream, &request("DescribeTable", "{}", &[])).unwrap();
    let answer = send(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    for line in [
        "hashrange_connections_open 1",
        "hashrange_requests_total{operation=\"ListTables\",error=\"\"} 1",
        "hashrange_requests_total{operation=\"DescribeTable\",error=\"ValidationException\"} 1",
        "hashrange_request_seconds_count{operation=\"ListTables\"} 1",
    ] {
        assert!(answer.text().lines().any(|known| known == line), "{line}\n{}", answer.text());
    }
}

/// What a client calls itself is its tag, and metrics of the service are there for scraping and as a ledger.
#[test]
fn the_ledger_and_its_metrics_are_shown() {
    let db = Database::options().ledger(LedgerOptions::new()).in_memory().unwrap();
    let mut options = ServerOptions::default();
    options.address.set_port(0);
    options.metrics = true;
    let server = Server::start(db, options).unwrap();
    let mut stream = connect(&server);
    let table = r#"{"TableName":"things","ProvisionedThroughput":{"ReadCapacityUnits":7,"WriteCapacityUnits":3},
        "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}"#;
    send(&mut stream, &request("CreateTable", table, &[])).unwrap();
    let put = r#"{"TableName":"things","Item":{"k":{"S":"a"}}}"#;
    send(&mut stream, &request("PutItem", put, &["User-Agent: Boto3/1.40 app/checkout"])).unwrap();
    send(&mut stream, &request("PutItem", put, &["User-Agent: app/x", "x-hashrange-tag: night"])).unwrap();
    let get = r#"{"TableName":"things","Key":{"k":{"S":"a"}}}"#;
    send(&mut stream, &request("GetItem", get, &[])).unwrap();
    let metrics = send(&mut stream, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    for line in [
        "hashrange_consumed_write_capacity_units_total{table=\"things\"} 2.0",
        "hashrange_consumed_read_capacity_units_total{table=\"things\"} 0.5",
        "hashrange_successful_requests_total{table=\"things\",operation=\"PutItem\"} 2.0",
        "hashrange_provisioned_read_capacity_units{table=\"things\"} 7",
    ] {
        assert!(metrics.text().lines().any(|known| known == line), "{line}\n{}", metrics.text());
    }
    let ledger = send(&mut stream, b"GET /ledger HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let ledger = Ledger::from_json(ledger.text()).unwrap();
    for (tag, write) in [(Some("checkout"), 1_000), (Some("night"), 1_000), (None, 0)] {
        let noted = ledger.total(|row| row.tag.as_deref() == tag);
        assert_eq!(noted.write_milliunits, write, "{tag:?}");
    }
    let without = serve(|options| options.metrics = true);
    let answer = send(&mut connect(&without), b"GET /ledger HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(answer.status, 404);
}

#[test]
fn chunked_bodies_are_read() {
    let server = serve(|_| {});
    let head = String::from_utf8(request("ListTables", "{}", &["Transfer-Encoding: chunked"])).unwrap();
    let head = head.replace("Content-Length: 2\r\n", "");
    let chunked = head.trim_end_matches("{}").to_owned() + "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
    let answer = send(&mut connect(&server), chunked.as_bytes()).unwrap();
    assert_eq!((answer.status, answer.text()), (200, r#"{"TableNames":[]}"#));
}

#[test]
fn bodies_may_be_compressed_both_ways() {
    // The body `{}` in gzip and in zlib's format.
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 0xab, 0xae, 5, 0, 0x43, 0xbf, 0xa6, 0xa3, 2, 0, 0, 0];
    let zlib = [0x78, 0x9c, 0xab, 0xae, 5, 0, 1, 0x75, 0, 0xf9];
    let server = serve(|_| {});
    let mut stream = connect(&server);
    let packed = |coding: &str, body: &[u8]| {
        let head = request("ListTables", "", &[&format!("Content-Encoding: {coding}")]);
        let head = String::from_utf8(head).unwrap();
        let head = head.replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
        [head.as_bytes(), body].concat()
    };
    for (coding, body) in [("gzip", gzip.as_slice()), ("deflate", &zlib)] {
        let answer = send(&mut stream, &packed(coding, body)).unwrap();
        assert_eq!((answer.status, answer.text()), (200, r#"{"TableNames":[]}"#), "{coding}");
        for damaged in [&body[..body.len() - 1], b"{}"] {
            let answer = send(&mut stream, &packed(coding, damaged)).unwrap();
            assert_eq!(answer.status, 400, "{coding}");
            assert!(answer.text().contains("SerializationException"), "{coding}: {}", answer.text());
        }
    }

    let short = send(&mut stream, &request("ListTables", "{}", &["Accept-Encoding: gzip"])).unwrap();
    assert_eq!(short.header("content-encoding"), None);
    for n in 0..40 {
        let create = format!(
            r#"{{"TableName":"{}{n}","BillingMode":"PAY_PER_REQUEST",
            "AttributeDefinitions":[{{"AttributeName":"k","AttributeType":"S"}}],
            "KeySchema":[{{"AttributeName":"k","KeyType":"HASH"}}]}}"#,
            "long_name".repeat(20)
        );
        assert_eq!(send(&mut stream, &request("CreateTable", &create, &[])).unwrap().status, 200);
    }
    let plain = send(&mut stream, &request("ListTables", "{}", &[])).unwrap();
    let packed = send(&mut stream, &request("ListTables", "{}", &["Accept-Encoding: br, gzip"])).unwrap();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 4 < plain.body.len() && packed.body.starts_with(&[0x1f, 0x8b]));
    assert_ne!(packed.header("x-amz-crc32"), plain.header("x-amz-crc32"));
}

#[test]
fn a_stop_lets_the_port_go() {
    let server = serve(|_| {});
    let address = server.address();
    let mut idle = connect(&server);
    assert_eq!(send(&mut idle, &request("ListTables", "{}", &[])).unwrap().status, 200);
    server.stop();
    assert!(std::net::TcpStream::connect(address).is_err());
    assert!(send(&mut idle, &request("ListTables", "{}", &[])).is_none());
}

#[test]
fn a_stop_lets_the_database_go() {
    let disk = std::sync::Arc::new(MemoryDisk::new());
    for _ in 0..50 {
        let db = Database::options().open_on(disk.clone()).expect("the last server has let it go");
        let mut options = ServerOptions::default();
        options.address.set_port(0);
        let server = Server::start(db, options).unwrap();
        let mut open = [connect(&server), connect(&server)];
        for stream in &mut open {
            assert_eq!(send(stream, &request("ListTables", "{}", &[])).unwrap().status, 200);
        }
        server.stop();
    }
}
