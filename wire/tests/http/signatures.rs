//! Signatures: the requests here were signed by the AWS SDK for Python.

use crate::client::{connect, send};
use hashrange::{Clock, Database};
use hashrange_wire::server::{Credentials, Server, ServerOptions};
use std::net::SocketAddr;

/// `20261120T123456Z`
pub(crate) const NOW_MILLIS: u64 = 1_795_178_096_000;

fn server(clock: Clock) -> Server {
    let mut options = ServerOptions::default();
    options.address = SocketAddr::from(([127, 0, 0, 1], 0));
    options.metrics = true;
    options.credentials = Some(Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
    });
    Server::start(Database::options().clock(clock).in_memory().unwrap(), options).unwrap()
}

/// Of `GET /metrics`.
const METRICS_SIGNATURE: &str = "0aa7a823c25e84f617b17c0f48c401ea7c2248f7222810c4d32b3eafe0109ae3";
/// Of a request that announces the hash of its body, and that hash.
const HASH_SIGNATURE: &str = "62314d1993924289977955bc542094fff1028ac9cb6dbf500a07497a8b41435d";
const BODY_HASH: &str = "27261e95e84c95770ce9744c8eed1c616d328daf7f839696d078583648979046";
const SIGNATURE: &str = "613054fa9f254e4d1b91ed008cf3281ca1a647f64b8f0505faefe9c869233991";

fn signed(body: &str, target: &str, date: &str, credential: &str, signature: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: db.example:8000\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: DynamoDB_20120810.{target}\r\nX-Amz-Date: {date}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={credential}, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={signature}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const SCOPE: &str = "AKIDEXAMPLE/20261120/us-east-1/dynamodb/aws4_request";
const DATE: &str = "20261120T123456Z";

/// A request that was signed at that time.
pub(crate) fn list_tables() -> String {
    signed(r#"{"Limit": 10}"#, "ListTables", DATE, SCOPE, SIGNATURE)
}

fn error(server: &Server, request: &str) -> (u16, String) {
    let answer = send(&mut connect(server), request.as_bytes()).unwrap();
    (answer.status, answer.text().to_owned())
}

#[test]
fn a_request_signed_by_an_sdk_is_served() {
    let server = server(Clock::manual(NOW_MILLIS));
    assert_eq!(error(&server, &list_tables()), (200, r#"{"TableNames":[]}"#.to_owned()));
}

#[test]
fn whatever_is_changed_is_noticed() {
    let server = server(Clock::manual(NOW_MILLIS));
    let other_scope = SCOPE.replace("us-east-1", "us-east-2");
    for request in [
        signed(r#"{"Limit": 11}"#, "ListTables", DATE, SCOPE, SIGNATURE),
        signed(r#"{"Limit": 10}"#, "DeleteTable", DATE, SCOPE, SIGNATURE),
        signed(r#"{"Limit": 10}"#, "ListTables", "20261120T123457Z", SCOPE, SIGNATURE),
        signed(r#"{"Limit": 10}"#, "ListTables", DATE, &other_scope, SIGNATURE),
        signed(r#"{"Limit": 10}"#, "ListTables", DATE, SCOPE, &SIGNATURE.replace('1', "2")),
        signed(r#"{"Limit": 10}"#, "ListTables", DATE, SCOPE, "zz"),
        signed(r#"{"Limit": 10}"#, "ListTables", DATE, SCOPE, SIGNATURE).replace("db.example", "db.exemple"),
        signed(r#"{"Limit": 10}"#, "ListTables", DATE, SCOPE, SIGNATURE).replace("POST / ", "POST /?x=y "),
    ] {
        let (status, body) = error(&server, &request);
        assert_eq!(status, 400, "{request}");
        assert!(body.contains("#InvalidSignatureException"), "{body}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let server = server(Clock::manual(NOW_MILLIS));
    let whole = signed("{}", "ListTables", DATE, SCOPE, SIGNATURE);
    for (request, name) in [
        (whole.replace("Authorization", "X-Other"), "MissingAuthenticationTokenException"),
        (whole.replace("AWS4-HMAC-SHA256 ", "Basic "), "MissingAuthenticationTokenException"),
        (whole.replace("Signature=", "Seal="), "IncompleteSignatureException"),
        (whole.replace("X-Amz-Date", "X-Other"), "IncompleteSignatureException"),
        (whole.replace("/dynamodb/", "/"), "IncompleteSignatureException"),
        (whole.replace("/dynamodb/", "/s3/"), "InvalidSignatureException"),
        (whole.replace("x-amz-date;x-amz-target", "x-amz-date"), "InvalidSignatureException"),
        (whole.replace("AKIDEXAMPLE", "AKIDOTHER"), "UnrecognizedClientException"),
        (whole.replace(DATE, "yesterday"), "IncompleteSignatureException"),
    ] {
        let (status, body) = error(&server, &request);
        assert_eq!(status, 400);
        assert!(body.contains(&format!("\"com.amazon.coral.service#{name}\"")), "{name}: {body}");
    }
}

#[test]
fn metrics_need_the_credentials_too() {
    let server = server(Clock::manual(NOW_MILLIS));
    let get =
        |more: &str| send(&mut connect(&server), format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{more}\r\n").as_bytes());
    let status = |more: &str| get(more).unwrap().status;
    assert_eq!(status(""), 401);
    assert!(get("").unwrap().header("www-authenticate").is_some());
    // The id and secret, and the id with a wrong secret.
    assert_eq!(
        status("Authorization: Basic QUtJREVYQU1QTEU6d0phbHJYVXRuRkVNSS9LN01ERU5HK2JQeFJmaUNZRVhBTVBMRUtFWQ==\r\n"),
        200
    );
    assert_eq!(status("Authorization: Basic QUtJREVYQU1QTEU6c2VjcmV0\r\n"), 401);
    assert_eq!(status("Authorization: Basic Og==\r\n"), 401);
    let signed = |signature: &str| {
        format!(
            "X-Amz-Date: {DATE}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={SCOPE}, \
             SignedHeaders=host;x-amz-date, Signature={signature}\r\n"
        )
    };
    assert_eq!(status(&signed(METRICS_SIGNATURE)), 200);
    assert_eq!(status(&signed(SIGNATURE)), 401);
    let health = send(&mut connect(&server), b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(health.status, 200, "health needs none");
}

#[test]
fn a_body_is_not_awaited_from_a_client_that_cannot_sign() {
    let server = server(Clock::manual(NOW_MILLIS));
    let announce = |request: String| {
        let head = request.split("Content-Length").next().unwrap().to_owned();
        send(&mut connect(&server), (head + "Content-Length: 16000000\r\n\r\n").as_bytes()).unwrap()
    };
    let whole = signed("{}", "ListTables", DATE, SCOPE, SIGNATURE);
    for (request, name) in [
        (whole.replace("Authorization", "X-Other"), "MissingAuthenticationTokenException"),
        (whole.replace("AKIDEXAMPLE", "AKIDOTHER"), "UnrecognizedClientException"),
        (whole.replace("20261120", "20251120"), "InvalidSignatureException"),
        // The hash of the body is announced, and nothing but the body is missing: the signature is not good for it.
        (hash_announced(&"0".repeat(64)), "InvalidSignatureException"),
    ] {
        let answer = announce(request);
        assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
        assert!(answer.text().contains(name), "{name}: {}", answer.text());
    }
}

fn hash_announced(hash: &str) -> String {
    let request = signed(r#"{"Limit": 10}"#, "ListTables", DATE, SCOPE, HASH_SIGNATURE);
    let signed_headers = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target";
    let request = request.replace("content-type;host;x-amz-date;x-amz-target", signed_headers);
    request.replace("X-Amz-Date:", &format!("X-Amz-Content-Sha256: {hash}\r\nX-Amz-Date:"))
}

#[test]
fn an_announced_hash_has_to_be_that_of_the_body() {
    let server = server(Clock::manual(NOW_MILLIS));
    let request = hash_announced(BODY_HASH);
    assert_eq!(error(&server, &request), (200, r#"{"TableNames":[]}"#.to_owned()));
    let (status, body) = error(&server, &request.replace("10}", "11}"));
    assert!(status == 400 && body.contains("#InvalidSignatureException"), "{body}");
}

#[test]
fn a_signature_grows_old() {
    let request = signed(r#"{"Limit": 10}"#, "ListTables", DATE, SCOPE, SIGNATURE);
    let clock = Clock::manual(NOW_MILLIS + 15 * 60_000);
    let server = server(clock.clone());
    assert_eq!(error(&server, &request).0, 200);
    clock.set_millis(NOW_MILLIS + 15 * 60_000 + 1);
    let (_, body) = error(&server, &request);
    assert!(body.contains("Signature expired: 20261120T123456Z is now earlier than 20261120T123456Z"), "{body}");
    clock.set_millis(NOW_MILLIS - 16 * 60_000);
    assert!(error(&server, &request).1.contains("Signature not yet current"));
}
