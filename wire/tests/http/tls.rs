//! TLS: who is served, who is refused, and clients that are slow with a handshake.

#![expect(clippy::disallowed_methods, reason = "deadlines of sockets are real time")]

use crate::client::{connect, read, request, send, serve};
use hashrange::Clock;
use hashrange_wire::{
    access::{Principals, SharedPrincipals},
    server::{Server, ServerOptions, TlsIdentity, TlsIdentityError},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// An authority of its own for each test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }
    /// A certificate for a name, and its key, as PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
    fn identity(&self) -> TlsIdentity {
        let (chain, key) = self.issue("localhost");
        TlsIdentity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
    }
    fn config(&self, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }
    fn session(&self, version: &'static SupportedProtocolVersion) -> ClientConnection {
        ClientConnection::new(self.config(version), ServerName::try_from("localhost").unwrap()).unwrap()
    }
    fn connect(&self, server: &Server) -> TlsStream {
        StreamOwned::new(self.session(&TLS13), connect(server))
    }
}

fn serve_tls(authority: &Authority, change: impl FnOnce(&mut ServerOptions)) -> Server {
    serve(|options| {
        options.tls = Some(authority.identity());
        change(options);
    })
}

/// Whether the connection ends within a time, whatever is sent before.
fn ends(stream: &mut TcpStream) -> bool {
    let (begun, mut buffer) = (Instant::now(), [0; 4096]);
    stream.set_read_timeout(Some(SHORT)).unwrap();
    while begun.elapsed() < LONG {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return true,
            _ => {}
        }
    }
    false
}

/// The records of a client's first message.
fn hello(authority: &Authority) -> Vec<u8> {
    let mut bytes = Vec::new();
    authority.session(&TLS13).write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn both_versions_are_spoken() {
    let authority = Authority::new();
    let server = serve_tls(&authority, |_| {});
    for (offered, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let mut stream = StreamOwned::new(authority.session(offered), connect(&server));
        for _ in 0..3 {
            let answer = send(&mut stream, &request("ListTables", "{}", &[])).unwrap();
            assert_eq!((answer.status, answer.text()), (200, r#"{"TableNames":[]}"#));
        }
        assert_eq!(stream.conn.protocol_version(), Some(spoken));
        assert_eq!(send(&mut stream, b"GET / HTTP/1.1\r\n\r\n").unwrap().status, 200);
    }
}

#[test]
fn large_requests_and_answers_arrive_whole() {
    let authority = Authority::new();
    let server = serve_tls(&authority, |_| {});
    let mut stream = authority.connect(&server);
    let create = r#"{"TableName":"large","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}"#;
    assert_eq!(send(&mut stream, &request("CreateTable", create, &[])).unwrap().status, 200);
    let item = |key: usize, fill: &str| format!(r#"{{"k":{{"S":"{key}"}},"v":{{"S":"{fill}"}}}}"#);
    let fill = |key: usize| (0..380_000).map(|at| char::from(b'a' + ((at * 7 + key) % 26) as u8)).collect::<String>();
    let puts: Vec<String> =
        (0..20).map(|key| format!(r#"{{"PutRequest":{{"Item":{}}}}}"#, item(key, &fill(key)))).collect();
    let body = format!(r#"{{"RequestItems":{{"large":[{}]}}}}"#, puts.join(","));
    assert_eq!(send(&mut stream, &request("BatchWriteItem", &body, &[])).unwrap().status, 200);
    // Sent together, and answered one after the other.
    let get =
        |key: usize| request("GetItem", &format!(r#"{{"TableName":"large","Key":{{"k":{{"S":"{key}"}}}}}}"#), &[]);
    stream.write_all(&(0..20).flat_map(get).collect::<Vec<u8>>()).unwrap();
    for key in 0..20 {
        let answer = read(&mut stream).unwrap();
        assert!(answer.status == 200 && answer.text().contains(&fill(key)), "item {key}");
    }
    // A client may say that it sends no more, and still wants its answers.
    let mut last = authority.connect(&server);
    last.write_all(&get(7)).unwrap();
    last.conn.send_close_notify();
    last.flush().unwrap();
    last.sock.shutdown(Shutdown::Write).unwrap();
    assert!(read(&mut last).unwrap().text().contains(&fill(7)));
}

#[test]
fn a_request_in_clear_is_told_so() {
    let authority = Authority::new();
    let server = serve_tls(&authority, |_| {});
    let large = "x".repeat(3 << 20);
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        request("ListTables", "{}", &[]),
        request("PutItem", &large, &[]),
    ] {
        let mut stream = connect(&server);
        let answer = send(&mut stream, &bytes).unwrap();
        assert_eq!((answer.status, answer.text()), (400, "this port takes HTTPS requests only\n"));
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(ends(&mut stream));
    }
    for garbage in
        [&b"\x80\x2e\x01\x00\x02"[..], b"\0\0\0\0", b"\x16\x03\x01\x00\x05hello", b"\x16\x16\x16\x16\x16\x16"]
    {
        let mut stream = connect(&server);
        stream.write_all(garbage).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(ends(&mut stream));
    }
    assert_eq!(send(&mut authority.connect(&server), &request("ListTables", "{}", &[])).unwrap().status, 200);
}

#[test]
fn a_handshake_has_the_time_of_a_head() {
    let authority = Authority::new();
    let server = serve_tls(&authority, |options| {
        options.head_timeout = SHORT;
        options.idle_timeout = SHORT * 4;
    });
    let hello = hello(&authority);
    let mut half = connect(&server);
    half.write_all(&hello[..hello.len() / 2]).unwrap();
    assert!(ends(&mut half), "half of the first message");
    let mut silent = connect(&server);
    silent.write_all(&hello).unwrap();
    assert!(ends(&mut silent), "no answer to the server's message");
    // A byte now and then does not keep a handshake alive.
    let mut dribbling = connect(&server);
    let begun = Instant::now();
    let sent = hello.iter().take_while(|byte| {
        thread::sleep(SHORT / 8);
        dribbling.write_all(&[**byte]).is_ok()
    });
    assert!(sent.count() < hello.len() && begun.elapsed() < SHORT * 30, "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert!(ends(&mut connect(&server)) && begun.elapsed() >= SHORT * 4, "one that says nothing is idle");
    // After the handshake a client may be idle for longer than a head may take.
    let mut patient = authority.connect(&server);
    patient.conn.complete_io(&mut patient.sock).unwrap();
    thread::sleep(SHORT * 2);
    assert_eq!(send(&mut patient, &request("ListTables", "{}", &[])).unwrap().status, 200);
    // A part of a record begins a head.
    let mut records = Vec::new();
    patient.conn.writer().write_all(&request("ListTables", "{}", &[])).unwrap();
    patient.conn.write_tls(&mut records).unwrap();
    let begun = Instant::now();
    patient.sock.write_all(&records[..20]).unwrap();
    assert!(ends(&mut patient.sock) && begun.elapsed() < SHORT * 4, "{:?}", begun.elapsed());
}

#[test]
fn one_that_takes_no_answer_is_cut_off() {
    let authority = Authority::new();
    let server = serve_tls(&authority, |options| {
        options.stall_timeout = SHORT;
        options.min_bytes_per_sec = u32::MAX;
        options.metrics = true;
    });
    let mut stream = authority.connect(&server);
    stream.sock.set_write_timeout(Some(SHORT)).unwrap();
    // The metrics are some kilobytes for a few bytes of a request.
    let wants = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    while stream.write_all(&wants).is_ok() {}
    let is_over = || {
        let metrics = send(&mut authority.connect(&server), &wants[..wants.len() / 100]).unwrap();
        metrics.text().lines().any(|line| line == "hashrange_connections_open 1")
    };
    let begun = Instant::now();
    while !is_over() {
        assert!(begun.elapsed() < LONG, "an answer is kept for a client that does not take it");
        thread::sleep(SHORT);
    }
}

#[test]
fn a_stop_does_not_wait_for_idle_clients() {
    let authority = Authority::new();
    let server = serve_tls(&authority, |_| {});
    let mut idle = authority.connect(&server);
    assert_eq!(send(&mut idle, &request("ListTables", "{}", &[])).unwrap().status, 200);
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // The end is said, not only done.
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_certificate_is_replaced_while_the_server_runs() {
    let (old, new) = (Authority::new(), Authority::new());
    let identity = old.identity();
    let server = serve(|options| options.tls = Some(identity.clone()));
    let list = request("ListTables", "{}", &[]);
    let mut begun = old.connect(&server);
    assert_eq!(send(&mut begun, &list).unwrap().status, 200);
    assert!(new.connect(&server).write_all(&list).is_err(), "of an authority that the client does not know");

    let (chain, key) = new.issue("localhost");
    let (_, other_key) = new.issue("localhost");
    let refused = identity.replace_pem(chain.as_bytes(), other_key.as_bytes()).unwrap_err();
    assert!(matches!(refused, TlsIdentityError::OtherKey), "{refused:?}");
    assert_eq!(send(&mut old.connect(&server), &list).unwrap().status, 200);

    identity.replace_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    assert_eq!(send(&mut new.connect(&server), &list).unwrap().status, 200);
    assert_eq!(send(&mut begun, &list).unwrap().status, 200, "a connection goes on as it began");
    assert!(old.connect(&server).write_all(&list).is_err());
}

#[test]
fn what_is_no_certificate_or_key_is_refused() {
    let (chain, key) = Authority::new().issue("localhost");
    let refused =
        |chain: &str, key: &str| TlsIdentity::from_pem(chain.as_bytes(), key.as_bytes()).map(drop).unwrap_err();
    let protected =
        key.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE").replace("END PRIVATE", "END ENCRYPTED PRIVATE");
    assert!(matches!(refused("", &key), TlsIdentityError::NoCertificate));
    assert!(matches!(refused(&key, &key), TlsIdentityError::NoCertificate));
    assert!(matches!(refused(&chain, ""), TlsIdentityError::NoKey));
    assert!(matches!(refused(&chain, &chain), TlsIdentityError::NoKey));
    assert!(matches!(refused(&chain, &protected), TlsIdentityError::NoKey));
    let cut = &chain[..chain.len() / 2];
    assert!(matches!(refused(cut, &key), TlsIdentityError::CertificatePem(_)));
    assert!(matches!(refused(&chain, &key[..key.len() / 2]), TlsIdentityError::KeyPem(_)));
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(refused(empty, &key), TlsIdentityError::Unusable(_)));
}

/// `aws:SecureTransport` is what conditions see of it.
#[test]
fn policies_can_ask_for_encryption() {
    let document = r#"{"Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"},
        {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;
    let file = format!(
        r#"{{"principals":[{{"name":"one","access_key_id":"AKIDEXAMPLE",
        "secret":"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY","policies":[{document}]}}]}}"#
    );
    let principals = SharedPrincipals::new(Principals::parse(&file, |_| None).unwrap());
    let authority = Authority::new();
    let start = |tls: Option<TlsIdentity>| {
        let mut options = ServerOptions::default();
        options.address = ([127, 0, 0, 1], 0).into();
        options.principals = Some(principals.clone());
        options.tls = tls;
        let clock = Clock::manual(crate::signatures::NOW_MILLIS);
        Server::start(hashrange::Database::options().clock(clock).in_memory().unwrap(), options).unwrap()
    };
    let signed = crate::signatures::list_tables();
    let refused = send(&mut connect(&start(None)), signed.as_bytes()).unwrap();
    assert!(refused.status == 400 && refused.text().contains("with an explicit deny"), "{}", refused.text());
    let allowed = send(&mut authority.connect(&start(Some(authority.identity()))), signed.as_bytes()).unwrap();
    assert_eq!((allowed.status, allowed.text()), (200, r#"{"TableNames":[]}"#));
}
