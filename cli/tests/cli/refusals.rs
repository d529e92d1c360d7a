//! What is refused, and that it leaves nothing behind.

#![expect(clippy::disallowed_methods, reason = "a test that waits for a process ends some time")]

use crate::place::{Place, Run};
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Child,
    time::{Duration, Instant},
};

/// Runs `serve`, which has to end by itself.
fn serve_fails(place: &Place, args: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = place.command(&[&["serve"], args].concat());
    command.envs(environment.iter().copied());
    Run::of(&command.output().unwrap())
}

#[test]
fn a_refusal_leaves_nothing_behind() {
    let place = Place::new();
    for args in [
        &["create", "t!", "--hash", "id:S"][..],
        &["create", "things", "--hash", "id:S", "--lsi", "by_n=n:N"],
        &["create", "things", "--hash", "id:S", "--gsi", "by_id=id:N"],
        &["put", "things", "{}"],
        &["update-table", "things", "--ttl", "ends"],
        &["import", "things", "-"],
        &["export", "things", "-"],
        &["drop", "things", "--yes"],
        &["verify"],
        &["verify", "--untrusted"],
        &["changes", "things"],
    ] {
        place.fails(1, args);
        assert!(!place.database().exists(), "{args:?}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = serve_fails(&place, &["--port", &port], &[]);
    assert!(run.code == 1 && run.err.contains("cannot serve on 127.0.0.1"), "{run:?}");
    assert_eq!(serve_fails(&place, &["--host", "0.0.0.0", "--port", "0"], &[]).code, 1);
    assert_eq!(serve_fails(&place, &["--port", "0", "--log", "hashrange=loudly"], &[]).code, 2);
    for (id, secret) in [("", ""), ("id", ""), ("", "secret"), ("id", " ")] {
        let environment = [("HASHRANGE_ACCESS_KEY_ID", id), ("HASHRANGE_SECRET_ACCESS_KEY", secret)];
        let run = serve_fails(&place, &["--port", "0"], &environment);
        assert!(run.code != 0 && run.out.is_empty(), "{id:?} {secret:?}: {run:?}");
    }
    assert!(!place.database().exists());
}

#[test]
#[cfg(unix)]
fn arguments_that_are_no_text_are_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let broken = OsStr::from_bytes(b"caf\xE9");
    for args in [&["get", "things", "--hash"][..], &["list"], &[], &["serve", "--log"], &["create"]] {
        let run = Run::of(&place.command(args).arg(broken).output().unwrap());
        assert!(run.code == 2 && !run.err.contains("panicked"), "{args:?}: {run:?}");
    }
    // A path may be any bytes.
    let mut command = place.command(&["create", "things", "--hash", "id:S", "--data-dir"]);
    let folder = place.file("data").join(broken);
    let run = Run::of(&command.arg(&folder).output().unwrap());
    assert!(run.code == 2 || run.code == 0, "{run:?}");
    assert!(!run.err.contains("panicked"), "{run:?}");
}

/// Every kind of file, of a database that has all of them.
#[test]
fn a_lost_file_of_any_kind_is_damage() {
    let place = Place::new();
    place.ok(&["create", "things", "--hash", "id:N"]);
    place.ok(&["update-table", "things", "--stream", "both"]);
    let small = ["--memtable-bytes", "200000", "--log-segment-bytes", "200000", "--log-bytes", "800000"];
    let input: String = (0..120).map(|id| format!("{{\"id\":{id},\"text\":\"{}\"}}\n", "x".repeat(10_000))).collect();
    let run = place.feed(input.as_bytes(), &[&["import", "things", "-"], &small[..]].concat());
    assert_eq!(run.code, 0, "{run:?}");
    place.ok(&["verify"]);
    let mut kinds: Vec<String> = Vec::new();
    let files = place.files();
    for (name, _) in &files {
        let kind = name.rsplit('.').next().unwrap().to_owned();
        // Lock and reserve hold nothing that could be lost.
        if ["LOCK", "RESERVE"].contains(&name.as_str()) || kinds.contains(&kind) {
            continue;
        }
        for args in [&["verify"][..], &["list"], &["create", "others", "--hash", "id:S"]] {
            place.restore(&files);
            place.remove(name);
            let run = place.run(args);
            // Only what a command needs does it miss.
            assert!(run.code == 4 || (run.code == 0 && args[0] != "verify"), "{args:?} without {name}: {run:?}");
        }
        kinds.push(kind);
    }
    for kind in ["CURRENT", "log", "run", "stream"] {
        assert!(kinds.iter().any(|known| known == kind), "{kinds:?}");
    }
}

/// A server whose standard error is a pipe that nothing reads.
fn deaf(place: &Place) -> (Child, String) {
    let mut command = place.command(&["serve", "--port", "0", "--in-memory", "--log", "trace", "--log-requests"]);
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
    (child, address)
}

fn list_tables(stream: &mut TcpStream) -> String {
    let request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
                   X-Amz-Target: DynamoDB_20120810.ListTables\r\nContent-Length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"{\"TableNames\":[]}") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

#[test]
#[cfg(unix)]
fn a_log_that_nothing_reads_stops_neither_requests_nor_the_end() {
    let place = Place::new();
    let (mut child, address) = deaf(&place);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    for _ in 0..3_000 {
        assert!(list_tables(&mut stream).starts_with("HTTP/1.1 200"));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("the server does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn requests_are_logged_if_asked_for() {
    let place = Place::new();
    for (options, expected) in [(&["--log-requests"][..], true), (&[], false)] {
        let mut command = place.command(&[&["serve", "--port", "0", "--in-memory"], options].concat());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut stream = TcpStream::connect(line.trim().strip_prefix("listening on http://").unwrap()).unwrap();
        list_tables(&mut stream);
        std::thread::sleep(Duration::from_millis(300));
        child.kill().unwrap();
        let run = Run::of(&child.wait_with_output().unwrap());
        let logged = run.err.contains("operation=\"ListTables\"") && run.err.contains("status=200");
        assert_eq!(logged, expected, "{run:?}");
    }
}

#[test]
#[cfg(all(unix, feature = "tls"))]
fn certificates_that_cannot_be_used_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let (certificate, key) = (place.write("server.pem", "no certificate"), place.write("server.key", "no key"));
    let run = |key: &str| serve_fails(&place, &["--port", "0", "--tls-cert", &certificate, "--tls-key", key], &[]);
    let mode = |mode| std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
    for (bits, text) in
        [(0o644, "others may read it"), (0o660, "others may write it"), (0o640, "there is no certificate")]
    {
        mode(bits);
        let refused = run(&key);
        assert!(refused.code == 1 && refused.err.contains(text), "{bits:o}: {refused:?}");
    }
    let missing = run("nowhere.key");
    assert!(missing.code == 1 && missing.err.contains("nowhere.key"), "{missing:?}");
    assert_eq!(serve_fails(&place, &["--port", "0", "--tls-cert", &certificate], &[]).code, 2);
    assert!(!place.database().exists());
}

/// A policy file that cannot be understood is refused with the line, and so is a mode without a file.
#[test]
#[cfg(unix)]
fn policy_files_that_cannot_be_used_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let file = r#"{"policies": {"all": {"Statement":
        {"Effect": "Allow", "Action": "dynamodb:*", "Resources": "*"}}},
        "principals": [{"name": "a", "access_key_id": "A", "secret": "s", "policies": ["all"]}]}"#;
    let path = place.write("policies.json", file);
    let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    let serve = || serve_fails(&place, &["--port", "0", "--in-memory", "--policies", &path], &[]);
    for (bits, text) in [
        (0o644, "it holds secrets and others may read it"),
        (0o620, "others may write it"),
        (0o600, "policies.json: line 2: policies.all.Statement[0].Resources: a statement has no such member"),
    ] {
        mode(bits);
        let refused = serve();
        assert!(refused.code == 1 && refused.err.contains(text), "{bits:o}: {refused:?}");
    }
    let checked = place.fails(1, &["policy", "check", &path]);
    assert!(checked.contains("line 2: policies.all"), "{checked}");
    assert_eq!(serve_fails(&place, &["--in-memory", "--access", "soft"], &[]).code, 2);
    for account in ["1", "111122223333"] {
        let run = serve_fails(&place, &["--in-memory", "--account", account, "--policies", &path], &[]);
        assert!(run.code != 0 && run.out.is_empty(), "{run:?}");
    }
}
