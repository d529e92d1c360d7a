//! Pages of a browser, and hosts that are not ours.

use crate::client::{connect, request, send, serve};
use hashrange::Database;
use hashrange_wire::server::{Server, ServerOptions};

#[test]
fn other_hosts_are_refused() {
    let server = serve(|options| options.allowed_hosts = vec!["db.local".to_owned()]);
    let mut stream = connect(&server);
    for (host, status) in [("evil.example", 403), ("db.local:8000", 200), ("[::1]:8000", 200), ("localhost", 200)] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(send(&mut stream, request.as_bytes()).unwrap().status, status, "{host}");
    }
    let answer = send(&mut connect(&server), b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(matches!(answer.status, 400 | 403), "{}", answer.status);
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
fn other_machines_are_let_in_only_with_credentials() {
    let mut options = ServerOptions::default();
    options.address = "0.0.0.0:0".parse().unwrap();
    let refused = Server::start(Database::in_memory().unwrap(), options);
    assert_eq!(refused.err().map(|error| error.kind()), Some(std::io::ErrorKind::PermissionDenied));
}
