//! CBOR of CloudWatch's clients: the bodies of requests here were made by the AWS SDK for Python.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use crate::client::{Answer, connect, request, send, serve};
use ciborium::Value;
use hashrange::{Clock, Database, ledger::LedgerOptions};
use hashrange_wire::server::{Server, ServerOptions};
use std::io::Write;

/// `GetMetricStatistics` of `ConsumedWriteCapacityUnits` of the table `things`, for the first hour of 2026 by minutes.
const STATISTICS: &str = "a8694e616d6573706163656c4157532f44796e616d6f44426a4d65747269634e616d65781a436f6e73756d6564577269\
                          74654361706163697479556e6974736a44696d656e73696f6e7381a2644e616d65695461626c654e616d656556616c\
                          7565667468696e677369537461727454696d65c11a6955b90067456e6454696d65c11a6955c71066506572696f6418\
                          3c6a53746174697374696373816353756d72457874656e646564537461746973746963738163703939";
/// The same with a period of 59 seconds.
fn with_odd_period() -> String {
    STATISTICS.replace("66506572696f64183c", "66506572696f64183b")
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn ask(server: &Server, path: &str, body: &[u8]) -> Answer {
    let mut stream = connect(server);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nsmithy-protocol: rpc-v2-cbor\r\nContent-Type: application/cbor\r\n\
         Accept: application/cbor\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    send(&mut stream, body).unwrap()
}

fn member<'v>(value: &'v Value, name: &str) -> &'v Value {
    let members = value.as_map().unwrap();
    &members.iter().find(|(known, _)| known.as_text() == Some(name)).unwrap_or_else(|| panic!("no {name}: {value:?}")).1
}

const PATH: &str = "/service/GraniteServiceVersion20100801/operation/";

#[test]
fn metrics_are_read_in_cbor() {
    let clock = Clock::manual(1_767_225_600_000);
    let mut options = ServerOptions::default();
    options.address.set_port(0);
    let db = Database::options().clock(clock).ledger(LedgerOptions::new()).in_memory().unwrap();
    let server = Server::start(db, options).unwrap();
    let table = r#"{"TableName":"things","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}"#;
    let mut stream = connect(&server);
    assert_eq!(send(&mut stream, &request("CreateTable", table, &[])).unwrap().status, 200);
    let put = request("PutItem", r#"{"TableName":"things","Item":{"k":{"S":"a"}}}"#, &[]);
    assert_eq!(send(&mut stream, &put).unwrap().status, 200);

    let answer = ask(&server, &format!("{PATH}GetMetricStatistics"), &bytes(STATISTICS));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/cbor")));
    assert_eq!(answer.header("smithy-protocol"), Some("rpc-v2-cbor"));
    let value: Value = ciborium::from_reader(&*answer.body).unwrap();
    assert_eq!(member(&value, "Label").as_text(), Some("ConsumedWriteCapacityUnits"));
    let point = &member(&value, "Datapoints").as_array().unwrap()[0];
    assert_eq!(member(point, "Sum").as_float(), Some(1.0));
    let (tag, time) = member(point, "Timestamp").as_tag().unwrap();
    assert_eq!((tag, time.as_float()), (1, Some(1_767_225_600.0)), "a time has the tag of times");

    // No body at all is a request without members.
    let answer = ask(&server, &format!("{PATH}ListMetrics"), b"");
    let value: Value = ciborium::from_reader(&*answer.body).unwrap();
    assert!(!member(&value, "Metrics").as_array().unwrap().is_empty());
}

#[test]
fn refusals_come_in_cbor_and_say_what_they_were_called() {
    let server = serve(|_| {});
    let refused = |path: &str, body: &[u8]| {
        let answer = ask(&server, path, body);
        let value: Value = ciborium::from_reader(&*answer.body).unwrap();
        let name = member(&value, "__type").as_text().unwrap().rsplit('#').next().unwrap().to_owned();
        (answer.status, name, answer.header("x-amzn-query-error").map(str::to_owned))
    };
    let odd = refused(&format!("{PATH}GetMetricStatistics"), &bytes(&with_odd_period()));
    let code = Some("invalidparametervalue;sender".to_owned());
    assert_eq!(odd, (400, "InvalidParameterValueException".to_owned(), code));
    assert_eq!(refused(&format!("{PATH}Fly"), b"\xa0").1, "UnknownOperationException");
    assert_eq!(refused(&format!("{PATH}ListMetrics"), b"\xa1").1, "SerializationException", "cut off");
    assert_eq!(refused(&format!("{PATH}ListMetrics"), b"\xa1\x61n\x41x").1, "SerializationException", "bytes");
    assert_eq!(refused(&format!("{PATH}ListMetrics"), &[0x81; 100_000]).1, "SerializationException", "too deep");
    // A body of more bytes is not decoded: an array of 300,000 nulls would become 20 MB on the way.
    let large = [&[0x9a, 0, 4, 0x93, 0xe0][..], &[0xf6; 300_000]].concat();
    let answer = ask(&server, &format!("{PATH}ListMetrics"), &large);
    let value: Value = ciborium::from_reader(&*answer.body).unwrap();
    assert_eq!(answer.status, 400);
    let message =
        value.as_map().unwrap().iter().find_map(|(_, value)| value.as_text().filter(|text| text.contains("CBOR")));
    assert_eq!(message, Some("a body in CBOR has at most 262144 bytes; this one has 300005"), "{value:?}");
    // DynamoDB's operations are not spoken in CBOR.
    for service in ["DynamoDB_20120810", "", "GraniteServiceVersion20100801.x"] {
        assert_eq!(ask(&server, &format!("/service/{service}/operation/ListTables"), b"\xa0").status, 404, "{service}");
    }
    // Without the header of the protocol the path is nothing.
    let plain = format!("POST {PATH}ListMetrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(send(&mut connect(&server), plain.as_bytes()).unwrap().status, 404);
}
