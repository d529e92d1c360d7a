//! Pages of a browser, and hosts that are not ours.

use crate::client::{connect, request, send, serve};
use hashrange::Database;
use hashrange_wire::server::{Credentials, Server, ServerOptions};
use std::io::{ErrorKind, Read, Write};

#[test]
fn other_hosts_are_refused() {
    let server = serve(|options| options.allowed_hosts = vec!["db.local".to_owned()]);
    let mut stream = connect(&server);
    for (host, status) in [("evil.example", 403), ("db.local:8000", 200), ("[::1]:8000", 200), ("localhost", 200)] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(send(&mut stream, request.as_bytes()).unwrap().status, status, "{host}");
    }
    let nameless = request("ListTables", "{}", &[]);
    let nameless = String::from_utf8(nameless).unwrap().replace("Host: localhost\r\n", "");
    assert_eq!(send(&mut connect(&server), nameless.as_bytes()).unwrap().status, 403);
    let twice = b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n";
    assert_eq!(send(&mut connect(&server), twice).unwrap().status, 403);
}

#[test]
fn pages_have_to_be_allowed() {
    let page = "Origin: http://localhost:3000";
    let server = serve(|_| {});
    let answer = send(&mut connect(&server), &request("ListTables", "{}", &[page])).unwrap();
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("access-control-allow-origin"), None);

    let server = serve(|options| options.allowed_origins = vec!["http://localhost:3000".to_owned()]);
    let mut stream = connect(&server);
    let answer = send(&mut stream, &request("ListTables", "{}", &[page])).unwrap();
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("http://localhost:3000")));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("x-amzn-requestid"));
    let preflight = format!(
        "OPTIONS / HTTP/1.1\r\nHost: localhost\r\n{page}\r\nAccess-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: x-amz-target\r\n\r\n"
    );
    let answer = send(&mut stream, preflight.as_bytes()).unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("access-control-allow-headers"), Some("x-amz-target"));
    let other = request("ListTables", "{}", &["Origin: http://evil.example"]);
    assert_eq!(send(&mut stream, &other).unwrap().status, 403);
}

#[test]
fn a_load_balancer_sees_the_health_without_a_name() {
    let server = serve(|_| {});
    for request in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 10.1.2.3:8000\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    ] {
        let answer = send(&mut connect(&server), request.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.text()), (200, "healthy: dynamodb.us-east-1.amazonaws.com "), "{request}");
    }
    let head = b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = connect(&server);
    stream.write_all(head).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn other_machines_are_let_in_only_with_credentials() {
    let start = |address: &str, credentials: Option<(&str, &str)>| {
        let mut options = ServerOptions::default();
        options.address = address.parse().unwrap();
        options.credentials = credentials
            .map(|(id, secret)| Credentials { access_key_id: id.to_owned(), secret_access_key: secret.to_owned() });
        Server::start(Database::in_memory().unwrap(), options).map(drop).map_err(|error| error.kind())
    };
    assert_eq!(start("0.0.0.0:0", None), Err(ErrorKind::PermissionDenied));
    assert_eq!(start("127.0.0.1:0", Some(("id", "secret"))), Ok(()));
    for empty in [("", ""), ("id", ""), ("", "secret"), ("id", " "), ("\t", "secret")] {
        assert_eq!(start("0.0.0.0:0", Some(empty)), Err(ErrorKind::InvalidInput), "{empty:?}");
        assert_eq!(start("127.0.0.1:0", Some(empty)), Err(ErrorKind::InvalidInput), "{empty:?}");
    }
}
