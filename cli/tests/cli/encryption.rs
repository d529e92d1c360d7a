//! Encrypted folders, as people and scripts have them.

use crate::place::{Place, Run};
use std::io::{BufRead, BufReader};

/// Words that are in the database, and in no file of it.
const WORDS: [&str; 5] = ["ledger_of_debts", "by_debtor", "name_of_debtor", "Ferdinand-the-third", "owes 90 ducats"];

/// Runs a command with a key.
fn with(place: &Place, key: &str, args: &[&str]) -> Run {
    Run::of(&place.command(&[&["--key-file", key], args].concat()).output().unwrap())
}

fn ok(place: &Place, key: &str, args: &[&str]) -> String {
    let run = with(place, key, args);
    assert_eq!(run.code, 0, "{args:?}: {run:?}");
    run.out
}

fn new_key(place: &Place, name: &str) -> String {
    let path = place.file(name).to_str().unwrap().to_owned();
    place.ok(&["key", "new", &path]);
    path
}

/// A database with the words in it, part of them in runs.
fn fill(place: &Place, key: &str) {
    let index = "by_debtor=name_of_debtor:S";
    ok(place, key, &["create", "ledger_of_debts", "--hash", "id:S", "--gsi", index]);
    let line =
        |n| format!("{{\"id\":\"d{n}\",\"name_of_debtor\":\"Ferdinand-the-third\",\"note\":\"owes 90 ducats\"}}\n");
    let input = place.write("debts.jsonl", (0..200).map(line).collect::<String>());
    ok(place, key, &["import", "ledger_of_debts", &input]);
    ok(place, key, &["update-table", "ledger_of_debts", "--stream", "both"]);
    ok(place, key, &["put", "ledger_of_debts", &line(7).replace("90", "91")]);
}

fn assert_silent(place: &Place) {
    for (name, bytes) in place.files() {
        for word in WORDS {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word} is in {name}");
        }
    }
}

#[test]
fn a_key_file_is_made_once_and_for_its_owner() {
    let place = Place::new();
    let key = new_key(&place, "key");
    #[cfg(unix)]
    #[expect(clippy::disallowed_methods, reason = "the test looks at the file and gives it away")]
    {
        use std::{fs, os::unix::fs::PermissionsExt};
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let before = fs::read(&key).unwrap();
        assert!(place.fails(1, &["key", "new", &key]).contains("create"));
        assert_eq!(fs::read(&key).unwrap(), before);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let run = with(&place, &key, &["create", "things", "--hash", "id:S"]);
        assert!(run.code == 1 && run.err.contains("chmod 600"), "{run:?}");
    }
    assert_eq!(with(&place, &place.write("no key", "0123"), &["create", "things", "--hash", "id:S"]).code, 1);
    assert_eq!(with(&place, "/does/not/exist", &["create", "things", "--hash", "id:S"]).code, 1);
    assert!(!place.database().exists(), "what is refused leaves nothing behind");
}

#[test]
fn every_command_works_with_the_key_and_none_without() {
    let place = Place::new();
    let (key, other) = (new_key(&place, "key"), new_key(&place, "other"));
    fill(&place, &key);
    assert_silent(&place);
    let out = place.file("out.jsonl");
    let out = out.to_str().unwrap();
    let statement = "SELECT id FROM ledger_of_debts WHERE id = 'd7'";
    let reading: [&[&str]; 12] = [
        &["list"],
        &["describe", "ledger_of_debts"],
        &["get", "ledger_of_debts", "--hash", "d7"],
        &["query", "ledger_of_debts", "--hash", "Ferdinand-the-third", "--index", "by_debtor"],
        &["scan", "ledger_of_debts"],
        &["export", "ledger_of_debts", out],
        &["changes", "ledger_of_debts"],
        &["sql", statement],
        &["verify"],
        &["verify", "--untrusted"],
        &["check"],
        &["inspect"],
    ];
    let writing: [&[&str]; 5] = [
        &["put", "ledger_of_debts", "{\"id\":\"d1\"}"],
        &["import", "ledger_of_debts", out],
        &["serve", "--port", "0"],
        &["keys", "rotate"],
        &["keys", "list"],
    ];
    for args in reading {
        ok(&place, &key, args);
    }
    assert!(ok(&place, &key, &["get", "ledger_of_debts", "--hash", "d7"]).contains("owes 91 ducats"));
    assert!(ok(&place, &key, &["keys", "list"]).starts_with("generation 1: "));
    let before = place.files();
    for args in reading.iter().chain(&writing) {
        let missing = place.fails(1, args);
        assert!(missing.contains("encrypted") && missing.contains("key"), "{args:?}: {missing}");
        let wrong = with(&place, &other, args);
        assert!(wrong.code == 1 && wrong.err.contains("another key"), "{args:?}: {wrong:?}");
        assert_eq!(place.files(), before, "{args:?}");
    }
    let from_environment = place.command(&["list"]).env("HASHRANGE_KEY_FILE", &key).output().unwrap();
    assert_eq!(Run::of(&from_environment).out, "ledger_of_debts\n");
}

#[test]
fn a_server_keeps_an_encrypted_folder() {
    let place = Place::new();
    let key = new_key(&place, "key");
    let mut child = place.command(&["--key-file", &key, "serve", "--port", "0"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(place.files().iter().any(|(name, _)| name == "KEYS"));
    assert_eq!(ok(&place, &key, &["list"]), "");
    place.fails(1, &["list"]);
}

#[test]
fn keys_are_rotated() {
    let place = Place::new();
    let (key, next) = (new_key(&place, "key"), new_key(&place, "next"));
    fill(&place, &key);
    let before = place.files();
    ok(&place, &key, &["keys", "rotate", "--rewrite"]);
    assert!(place.files().iter().all(|file| !before.contains(file) || file.1.is_empty() || file.0 == "RESERVE"));
    ok(&place, &key, &["sql", "DELETE FROM ledger_of_debts WHERE id = 'd0'"]);
    let generations = ok(&place, &key, &["keys", "list", "--json"]);
    assert!(generations.lines().count() == 1 && generations.contains("\"generation\":2"), "{generations}");

    ok(&place, &key, &["keys", "rotate", "--to", &next]);
    assert_eq!(with(&place, &key, &["list"]).code, 1);
    assert_eq!(ok(&place, &next, &["list"]), "ledger_of_debts\n");
    assert_eq!(ok(&place, &next, &["scan", "ledger_of_debts"]).lines().count(), 199);
    ok(&place, &next, &["verify"]);
    assert_silent(&place);
}

#[test]
fn a_folder_becomes_encrypted_on_request_only() {
    let place = Place::new();
    let key = new_key(&place, "key");
    place.ok(&["create", "things", "--hash", "id:S"]);
    place.ok(&["put", "things", "{\"id\":\"owes 90 ducats\"}"]);
    let before = place.files();
    for args in [&["list"][..], &["put", "things", "{\"id\":\"2\"}"], &["keys", "list"]] {
        let run = with(&place, &key, args);
        assert!(run.code == 1 && run.err.contains("not encrypted"), "{args:?}: {run:?}");
    }
    assert!(place.fails(1, &["keys", "rotate"]).contains("not encrypted"));
    assert!(place.fails(2, &["keys", "encrypt"]).contains("--key-file"));
    assert_eq!(place.files(), before);
    ok(&place, &key, &["keys", "encrypt"]);
    assert_eq!(ok(&place, &key, &["get", "things", "--hash", "owes 90 ducats"]), "{\"id\":\"owes 90 ducats\"}\n");
    assert_silent(&place);
    place.fails(1, &["list"]);
}
