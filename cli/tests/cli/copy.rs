//! Copies that are killed on their way: from a folder to an endpoint, from there to a folder, and changes followed.

use crate::place::{Place, Run, protect};
use hashrange::{
    AttributeValue, Database, Item, Number,
    admin::{TableUpdate, index},
    key::{N, S},
    schema::StreamView,
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

const ITEMS: u64 = 2_000;

/// A server of a folder; it stops when this is dropped.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_hashrange"));
        serve.args(["serve", "--port", "0"]).args(arguments).arg("--data-dir").arg(folder).stdout(Stdio::piped());
        let mut child = serve.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address }
    }

    /// The body of the answer to a request that has to succeed.
    fn call(&self, operation: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address.strip_prefix("http://").unwrap()).unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{operation} {body}: {answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A database with everything that a copy has to carry.
fn fill(folder: &Path) {
    let database = Database::open(folder).unwrap();
    let orders = database
        .create_table("orders")
        .hash::<S>("id")
        .range::<N>("n")
        .lsi(index("by_rank").range::<S>("rank").keys_only())
        .gsi(index("by_status").hash::<S>("status").range::<N>("n").include(["total"]))
        .ttl("ends")
        .stream(StreamView::NewAndOld)
        .deletion_protection()
        .create()
        .unwrap();
    for n in 0..ITEMS {
        let bytes = AttributeValue::B(n.to_be_bytes().to_vec().into());
        let nested = Item::new().with("bytes", bytes).with("none", AttributeValue::Null);
        let item = Item::new()
            .with("id", format!("order {}", n % 97))
            .with("n", n)
            .with("rank", format!("r{}", n % 7))
            .with("total", AttributeValue::N(Number::parse("12345678901234567890.5").unwrap()))
            .with("nested", nested)
            .with("list", AttributeValue::L(vec!["".into(), true.into()]));
        orders.put(&if n % 3 == 0 { item.with("status", "open") } else { item }).unwrap();
    }
    let counters = database.create_table("counters").hash::<N>("k").provisioned(3, 4).create().unwrap();
    let put_tags = vec![("team".to_owned(), "blue".to_owned())];
    database.update_table("counters", TableUpdate { put_tags, ..TableUpdate::default() }).unwrap();
    for n in 0..300u64 {
        counters.put(&Item::new().with("k", n).with("text", "x".repeat(2_000))).unwrap();
    }
    database.close().unwrap();
}

/// Everything about the tables of a folder that a copy has to carry, and their items.
fn content(folder: &Path) -> Vec<String> {
    let database = Database::open(folder).unwrap();
    let mut lines = Vec::new();
    for name in database.list_tables() {
        let table = database.describe_table(&name).unwrap().definition;
        lines.push(format!(
            "{name} {:?} {:?} {:?} {:?} {:?} {} {:?}",
            table.key,
            table.billing,
            table.throughput,
            table.stream.as_ref().map(|stream| stream.view),
            database.describe_ttl(&name).unwrap().attribute,
            table.deletion_protection,
            table.tags
        ));
        for index in &table.indexes {
            lines.push(format!(
                "{} {:?} {:?} {:?} {:?}",
                index.name, index.kind, index.hash, index.range, index.projection
            ));
        }
        let items = database.dynamic_table(&name).unwrap();
        let mut found: Vec<String> = items.scan().items().map(|item| item.unwrap().to_dynamodb_json()).collect();
        found.sort_unstable();
        lines.extend(found);
    }
    lines
}

/// Starts a copy, kills it after ever longer times, and lets it end.
fn copy_with_kills(place: &Place, arguments: &[&str]) -> Run {
    for millis in [150, 400, 800] {
        let mut child = place.command(&[&["copy"], arguments].concat()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().unwrap();
        let run = Run::of(&child.wait_with_output().unwrap());
        assert!(!run.err.contains("panicked") && !run.err.contains("hashrange: "), "{run:?}");
    }
    let run = place.run(&[&["copy"], arguments].concat());
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.err.contains("going on from"), "{run:?}");
    run
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_copy_arrives_whole_however_often_it_is_killed() {
    let place = Place::new();
    let [first, second, third] = ["first", "second", "third"].map(|name| place.file(name));
    let [out, back] = ["out", "back"].map(|name| place.file(name));
    fill(&first);
    {
        let served = Served::start(&second);
        let run = copy_with_kills(&place, &["--from", text(&first), "--to", &served.address, "--state", text(&out)]);
        assert!(run.err.contains("orders"), "{run:?}");
        let there = ["--from", &served.address, "--to", text(&third), "--state", text(&back), "--segments", "2"];
        copy_with_kills(&place, &there);
        let again = place.run(&[&["copy"], there.as_slice()].concat());
        assert!(again.code == 0 && again.err.contains("orders: copied before"), "{again:?}");
        let other = place.run(&["copy", "--from", text(&first), "--to", &served.address, "--state", text(&back)]);
        assert!(other.code == 2 && other.err.contains("the state is that of a copy from"), "{other:?}");
        let anew = place.file("anew");
        let full = place.run(&["copy", "--from", text(&first), "--to", &served.address, "--state", text(&anew)]);
        assert!(full.code == 1 && full.err.contains("holds items"), "{full:?}");
    }
    let expected = content(&first);
    assert!(expected.len() > 2_300);
    for folder in [&second, &third] {
        let found = content(folder);
        assert!(found == expected, "{} of {} lines", found.len(), expected.len());
    }
}

#[test]
fn a_copy_whose_tables_are_gone_does_not_go_on() {
    let place = Place::new();
    let [source, target, state] = ["source", "target", "state"].map(|name| place.file(name));
    fill(&source);
    let run = || {
        let places = ["copy", "--from", text(&source), "--to", text(&target), "--state", text(&state)];
        place.run(&[&places[..], &["--table", "counters"]].concat())
    };
    let create = |folder: &Path| {
        let database = Database::open(folder).unwrap();
        database.create_table("counters").hash::<N>("k").create().unwrap();
        database.close().unwrap();
    };
    let drop_at = |folder: &Path| {
        let database = Database::open(folder).unwrap();
        database.delete_table("counters").unwrap();
        database.close().unwrap();
    };
    assert_eq!(run().code, 0);
    let again = run();
    assert!(again.code == 0 && again.err.contains("counters: copied before"), "{again:?}");
    drop_at(&target);
    let gone = run();
    assert!(gone.code == 2 && gone.err.contains("is at the target no more"), "{gone:?}");
    create(&target);
    let other = run();
    assert!(other.code == 2 && other.err.contains("at the target is another table"), "{other:?}");
    // The same from the side of the source.
    let [target, state] = ["target 2", "state 2"].map(|name| place.file(name));
    let places = ["copy", "--from", text(&source), "--to", text(&target), "--state", text(&state)];
    let run = || place.run(&[&places[..], &["--table", "counters"]].concat());
    assert_eq!(run().code, 0);
    drop_at(&source);
    create(&source);
    let other = run();
    assert!(other.code == 2 && other.err.contains("at the source is another table"), "{other:?}");
}

#[test]
fn a_table_that_was_there_before_is_told_to_lack_indexes() {
    let place = Place::new();
    let [source, target, state] = ["source", "target", "state"].map(|name| place.file(name));
    fill(&source);
    let database = Database::open(&target).unwrap();
    database.create_table("orders").hash::<S>("id").range::<N>("n").create().unwrap();
    database.close().unwrap();
    let run = place.run(&["copy", "--from", text(&source), "--to", text(&target), "--state", text(&state)]);
    assert!(run.code == 0 && run.err.contains("has no index by_status"), "{run:?}");
}

/// The official Rust SDK over TLS, with an authority of the test's own in the place of the system's.
#[test]
#[cfg(all(unix, feature = "tls"))]
fn a_copy_goes_over_tls() {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let authority = |name: &str| {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        (place.write(name, &authority.pem()), authority)
    };
    let ((own, issuer), (other, _)) = (authority("own.pem"), authority("other.pem"));
    let key = KeyPair::generate().unwrap();
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let (chain, key) = (place.write("server.pem", &certificate.pem()), place.write("server.key", &key.serialize_pem()));
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();

    let [source, target] = ["source", "target"].map(|name| place.file(name));
    fill(&source);
    {
        let served = Served::start_with(&source, &["--tls-cert", &chain, "--tls-key", &key]);
        assert!(served.address.starts_with("https://"), "{}", served.address);
        let copy = |authority: &str, state: &str| {
            let state = place.file(state);
            let arguments = ["copy", "--from", &served.address, "--to", text(&target), "--state", text(&state)];
            let mut command = place.command(&arguments);
            command.env("SSL_CERT_FILE", authority).env("AWS_REGION", "us-east-1");
            command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
            Run::of(&command.output().unwrap())
        };
        let refused = copy(&other, "refused");
        assert!(refused.code == 1 && !refused.err.contains("panicked"), "{refused:?}");
        let run = copy(&own, "state");
        assert_eq!(run.code, 0, "{run:?}");
    }
    assert!(content(&target) == content(&source));
}

#[test]
fn changes_are_followed_through_kills() {
    let place = Place::new();
    let [source, target, state] = ["source", "target", "state"].map(|name| place.file(name));
    fill(&source);
    {
        let (from, to) = (Served::start(&source), Served::start(&target));
        let arguments = ["copy", "--from", &from.address, "--to", &to.address, "--state", text(&state)];
        let follow = [arguments.as_slice(), &["--table", "orders", "--follow"]].concat();
        for round in 0..3u64 {
            for n in 0..40u64 {
                let item = format!(
                    r#"{{"TableName":"orders","Item":{{"id":{{"S":"new {n}"}},"n":{{"N":"1"}},"v":{{"N":"{round}"}}}}}}"#
                );
                from.call("PutItem", &item);
                let gone = n + 40 * round;
                let key = format!(r#"{{"id":{{"S":"order {}"}},"n":{{"N":"{gone}"}}}}"#, gone % 97);
                from.call("DeleteItem", &format!(r#"{{"TableName":"orders","Key":{key}}}"#));
            }
            let mut child = place.command(&follow).spawn().unwrap();
            let all = r#"{"TableName":"orders","Select":"COUNT"}"#;
            let new = format!(
                r#"{{"TableName":"orders","Select":"COUNT","FilterExpression":"v = :v",
                    "ExpressionAttributeValues":{{":v":{{"N":"{round}"}}}}}}"#
            );
            let (every, changed) = (from.call("Scan", all), from.call("Scan", &new));
            let is_there = || {
                to.call("ListTables", "{}").contains("orders")
                    && to.call("Scan", all) == every
                    && to.call("Scan", &new) == changed
            };
            let mut looks = 0;
            while !is_there() {
                looks += 1;
                assert!(looks < 9_000, "the changes do not arrive");
                assert!(child.try_wait().unwrap().is_none(), "the copy ended");
                std::thread::sleep(Duration::from_millis(20));
            }
            // What was applied last may not have been noted: it is applied again.
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let orders = |folder| -> Vec<String> {
        content(folder).into_iter().filter(|line| line.starts_with('{') && line.contains(r#""id""#)).collect()
    };
    let (expected, found) = (orders(&source), orders(&target));
    assert!(found == expected, "{} of {} items", found.len(), expected.len());
}

/// A table that is written to without a pause lets the changes of the others through.
#[test]
fn a_busy_table_does_not_hold_up_the_others() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let place = Place::new();
    let [source, target, state] = ["source", "target", "state"].map(|name| place.file(name));
    let (from, to) = (Served::start(&source), Served::start(&target));
    for name in ["busy", "quiet"] {
        from.call("CreateTable", &USERS.replace("users", name));
    }
    let put = |table: &str, key: &str| {
        let item = |n: usize| format!(r#"{{"PutRequest":{{"Item":{{"pk":{{"S":"{key} {n}"}}}}}}}}"#);
        let items = (0..25).map(item).collect::<Vec<_>>().join(",");
        from.call("BatchWriteItem", &format!(r#"{{"RequestItems":{{"{table}":[{items}]}}}}"#));
    };
    put("busy", "first");
    let places = ["copy", "--from", &from.address, "--to", &to.address, "--state", text(&state), "--follow"];
    let mut child = place.command(&[&places[..], &["--table", "busy", "--table", "quiet"]].concat()).spawn().unwrap();
    let is_over = AtomicBool::new(false);
    let arrived = std::thread::scope(|scope| {
        for writer in 0..4 {
            let (put, is_over) = (&put, &is_over);
            scope.spawn(move || {
                for n in 0.. {
                    put("busy", &format!("{writer} {n}"));
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        let count = |table: &str| {
            let is_there = to.call("ListTables", "{}").contains(table);
            is_there && !to.call("Scan", &format!(r#"{{"TableName":"{table}","Limit":1}}"#)).contains("\"Count\":0")
        };
        let waits_for = |table: &str| {
            (0..1_500).any(|_| {
                count(table) || {
                    std::thread::sleep(Duration::from_millis(20));
                    false
                }
            })
        };
        let copied = waits_for("busy");
        std::thread::sleep(Duration::from_secs(2));
        put("quiet", "change");
        let arrived = copied && waits_for("quiet");
        is_over.store(true, Ordering::Relaxed);
        arrived
    });
    child.kill().unwrap();
    let run = Run::of(&child.wait_with_output().unwrap());
    assert!(arrived, "{run:?}");
}

#[test]
fn a_masked_copy_goes_on_with_the_same_rules_only() {
    let place = Place::new();
    let [source, target, plain] = ["source", "target", "plain"].map(|name| place.file(name));
    let [state, clear] = ["state", "clear"].map(|name| place.file(name));
    fill(&source);
    let rules = place.write("rules.json", r#"{"rules":[{"attribute":"text","do":"hash"}]}"#);
    let others = place.write("others.json", r#"{"rules":[{"attribute":"text","do":"drop"}]}"#);
    let [key, other_key] =
        ["mask.key", "other.key"].map(|name| place.write(name, format!("{name} of 16 bytes or more")));
    protect(&key);
    protect(&other_key);
    let copy = |to: &Path, state: &Path, mask: &[&str]| {
        let places = ["copy", "--from", text(&source), "--to", text(to), "--state", text(state), "--table", "counters"];
        place.run(&[&places[..], mask].concat())
    };
    let masked = ["--mask", &rules, "--mask-key-file", &key];
    // What was refused before a table was made does not bind the next attempt.
    let bad = place.write("bad.json", r#"{"rules":[{"attribute":"k","do":"drop"}]}"#);
    let refused = copy(&target, &state, &["--mask", &bad]);
    assert!(refused.code == 2 && refused.err.contains("k is in the key of counters"), "{refused:?}");
    let first = copy(&target, &state, &masked);
    assert_eq!(first.code, 0, "{first:?}");
    assert_eq!(copy(&target, &state, &masked).code, 0);
    for mask in [&[][..], &["--mask", &others], &["--mask", &rules, "--mask-key-file", &other_key]] {
        let run = copy(&target, &state, mask);
        assert!(run.code == 2 && run.err.contains("began with other rules or another key"), "{mask:?}: {run:?}");
    }
    assert_eq!(copy(&plain, &clear, &[]).code, 0);
    let run = copy(&plain, &clear, &masked);
    assert!(run.code == 2 && run.err.contains("began without a mask"), "{run:?}");
    assert!(content(&target).iter().all(|line| !line.contains("xxxx")));
}

const USERS: &str = r#"{"TableName":"users","BillingMode":"PAY_PER_REQUEST",
    "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
    "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}"#;

/// A request that puts a user, each value of whom has a part to be found by.
fn user(n: usize) -> String {
    format!(
        r##"{{"TableName":"users","Item":{{"pk":{{"S":"USER#clear{n}@x.org"}},"mail":{{"S":"clear{n}@x.org"}},
            "name":{{"S":"Clear Name{n}"}},"profile":{{"M":{{"phone":{{"S":"clear-0{n}"}},"level":{{"N":"{n}"}}}}}},
            "card":{{"S":"clear-4111"}},"city":{{"S":"London"}}}}}}"##
    )
}

/// Data of production as data for tests: from one server to another, first the items and then their changes.
#[test]
fn a_masked_copy_between_two_servers_leaves_no_clear_value() {
    let place = Place::new();
    let [source, target, state] = ["source", "target", "state"].map(|name| place.file(name));
    let rules = place.write(
        "rules.json",
        r##"{"rules": [
            {"attribute": "pk", "do": "hash", "templates": ["USER#{}"]}, {"attribute": "mail", "do": "hash"},
            {"attribute": "name", "do": "fake", "as": "name"}, {"attribute": "profile.phone", "do": "fake", "as": "phone"},
            {"attribute": "card", "do": "drop"}]}"##,
    );
    let key = place.write("mask.key", "0123456789abcdef0123456789abcdef");
    protect(&key);
    {
        let (from, to) = (Served::start(&source), Served::start(&target));
        from.call("CreateTable", USERS);
        (0..100).for_each(|n| drop(from.call("PutItem", &user(n))));
        let arguments = ["copy", "--from", &from.address, "--to", &to.address, "--state", text(&state)];
        let masked = [&arguments[..], &["--mask", &rules, "--mask-key-file", &key, "--follow"]].concat();
        let mut child = place.command(&masked).spawn().unwrap();
        let arrives = |count: usize| {
            let found = || {
                to.call("ListTables", "{}").contains("users")
                    && to
                        .call("Scan", r#"{"TableName":"users","Select":"COUNT"}"#)
                        .contains(&format!("\"Count\":{count},"))
            };
            (0..1_500).any(|_| {
                found() || {
                    std::thread::sleep(Duration::from_millis(20));
                    false
                }
            })
        };
        let copied = arrives(100);
        // New items, and some that go, of which the target knows the masked keys only.
        (100..102).for_each(|n| drop(from.call("PutItem", &user(n))));
        for n in 0..3 {
            let key = format!(r#"{{"TableName":"users","Key":{{"pk":{{"S":"USER#clear{n}@x.org"}}}}}}"#);
            from.call("DeleteItem", &key);
        }
        let followed = arrives(99);
        child.kill().unwrap();
        let run = Run::of(&child.wait_with_output().unwrap());
        assert!(copied && followed, "{run:?}");
        let items = to.call("Scan", r#"{"TableName":"users"}"#);
        let items: serde_json::Value = serde_json::from_str(&items).unwrap();
        for item in items["Items"].as_array().unwrap() {
            let of = |name: &str| item[name]["S"].as_str().unwrap_or_default();
            assert_eq!(of("pk"), format!("USER#{}", of("mail")), "joins go on working");
            assert!(of("city") == "London" && !of("name").is_empty() && item["card"].is_null(), "{item}");
        }
    }
    let database = Place::files_of(&target);
    assert!(!database.is_empty());
    for (name, bytes) in database {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!text.contains("clear") && !text.contains("4111"), "a clear value is in {name}");
    }
}

#[test]
fn what_cannot_be_copied_is_refused() {
    let place = Place::new();
    let [source, target, state] = ["source", "target", "state"].map(|name| place.file(name));
    fill(&source);
    let arguments = ["copy", "--from", text(&source), "--to", text(&target), "--state", text(&state)];
    let run = place.run(&[arguments.as_slice(), &["--table", "counters", "--follow"]].concat());
    assert!(run.code == 2 && run.err.contains("needs a stream"), "{run:?}");
    let run = place.run(&[arguments.as_slice(), &["--table", "nothing"]].concat());
    assert!(run.code == 1 && run.err.contains("no such table"), "{run:?}");
    let run = place.run(&["copy", "--from", text(&source), "--to", text(&source), "--state", text(&state)]);
    assert!(run.code == 2, "{run:?}");
    let elsewhere = place.file("elsewhere");
    let nobody =
        place.run(&["copy", "--from", "http://127.0.0.1:1", "--to", text(&target), "--state", text(&elsewhere)]);
    assert!(nobody.code == 1, "{nobody:?}");
}
