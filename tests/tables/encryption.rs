//! Encrypted databases as a program and its operator see them: keys that fit and keys that do not, what can be found in the
//! files, rotation, and where root keys come from.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "what lies in the folder is looked at from outside")]

use hashrange::{
    Database, Durability, ErrorKind, Item, OpenOptions, ReadMode, Result,
    admin::index,
    encryption::{Encryption, KeyCommand, KeyContext, KeyProvider, Passphrase, RootKey, Secret, WrappedKey},
    key::{N, S},
    schema::StreamView,
};
use std::{collections::BTreeMap, fs, path::Path};

/// Words that lie in a database somewhere: names of a table, an index and attributes, a key, values, old and new.
const WORDS: [&str; 8] = [
    "customers_of_ours",
    "by_secret_town",
    "secret_town_name",
    "attribute_of_note",
    "partition-key-of-anna",
    "the value that was overwritten",
    "the value that is there now",
    "Königsberg-in-secret",
];

fn key(n: u8) -> RootKey {
    RootKey::from_bytes([n; 32])
}

fn with(root: RootKey) -> OpenOptions {
    Database::options().background(false).initial_partitions(1).encryption(root)
}

/// Puts the words everywhere: in runs, log, manifest, change stream and client request tokens.
fn fill(db: &Database) {
    let table = db.create_table("customers_of_ours").hash::<S>("id").range::<N>("n").stream(StreamView::NewAndOld);
    let table = table.gsi(index("by_secret_town").hash::<S>("secret_town_name")).create().unwrap();
    let put = |n: i64, text: &str| {
        let item = Item::new().with("id", "partition-key-of-anna").with("n", n).with("attribute_of_note", text);
        table.put(&item.with("secret_town_name", "Königsberg-in-secret")).unwrap();
    };
    (0..300).for_each(|n| put(n, "the value that was overwritten"));
    db.flush().unwrap();
    (0..200).for_each(|n| put(n, "the value that is there now"));
    db.sync().unwrap();
}

fn count(db: &Database) -> usize {
    db.table::<(S, N)>("customers_of_ours").unwrap().query("partition-key-of-anna").items().map(Result::unwrap).count()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    fs::read_dir(folder).unwrap().map(Result::unwrap).map(read).collect()
}

/// Whether a word, which is ASCII, is anywhere among bytes. The search of strings is fast where this program is not optimised.
fn holds(bytes: &[u8], word: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(word)
}

#[test]
fn no_word_of_the_data_is_in_any_file() {
    for encrypted in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let options = || match encrypted {
            true => with(key(1)),
            false => Database::options().background(false).initial_partitions(1),
        };
        let db = options().open(folder.path()).unwrap();
        fill(&db);
        let while_open = files(folder.path());
        db.close().unwrap();
        let db = options().open(folder.path()).unwrap();
        assert_eq!(count(&db), 300);
        db.verify().unwrap();
        let _copy = db.fork_into(folder.path().join("copy")).unwrap();
        drop(db);
        let copied = files(&folder.path().join("copy"));
        fs::remove_dir_all(folder.path().join("copy")).unwrap();
        let closed = files(folder.path());
        for word in WORDS {
            let found: Vec<&String> = [&while_open, &closed, &copied]
                .into_iter()
                .flatten()
                .filter(|(_, bytes)| holds(bytes, word))
                .map(|(name, _)| name)
                .collect();
            assert_eq!(found.is_empty(), encrypted, "{word} in {found:?}");
        }
        let kinds = [".log", ".manifest", ".run", ".stream"];
        assert!(kinds.iter().all(|kind| while_open.keys().chain(closed.keys()).any(|name| name.ends_with(kind))));
    }
}

#[test]
fn a_key_that_does_not_fit_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (own, plain) = (folder.path().join("own"), folder.path().join("plain"));
    let db = with(key(1)).open(&own).unwrap();
    fill(&db);
    db.close().unwrap();
    let db = Database::options().background(false).open(&plain).unwrap();
    fill(&db);
    db.close().unwrap();
    let before = [files(&own), files(&plain)];
    let cases: [(&str, OpenOptions, &Path); 4] = [
        ("EncryptionKeyMissing", Database::options(), &own),
        ("EncryptionKeyWrong", with(key(2)), &own),
        ("EncryptionKeyWrong", Database::options().encryption(Encryption::new(Passphrase::new("1").unwrap())), &own),
        ("NotEncrypted", with(key(1)), &plain),
    ];
    for (code, options, path) in cases {
        let openings: [fn(OpenOptions, &Path) -> Result<Database>; 4] = [
            |options, path| options.open(path),
            |options, path| options.open_existing(path),
            |options, path| options.open_read_only(path),
            |options, path| options.open_untrusted(path),
        ];
        for open in openings {
            let error = open(options.clone(), path).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Key, code), "{error}");
        }
        assert_eq!([files(&own), files(&plain)], before, "{code}");
    }
    let readers: [fn(OpenOptions, &Path) -> Result<Database>; 3] = [
        |options, path| options.open_read_only(path),
        |options, path| options.open_untrusted(path),
        |options, path| options.open(path),
    ];
    for open in readers {
        assert_eq!(count(&open(with(key(1)), &own).unwrap()), 300);
    }
    let db = with(key(1)).open(&own).unwrap();
    fs::remove_file(own.join("KEYS")).unwrap();
    drop(db);
    let error = with(key(1)).open(&own).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(Database::open(&own).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_folder_that_was_put_back_is_noticed_by_who_knows_the_last_commit() {
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to).unwrap();
        files(from).into_iter().for_each(|(name, bytes)| fs::write(to.join(name), bytes).unwrap());
    };
    for encrypted in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (own, older, cut) = (folder.path().join("own"), folder.path().join("older"), folder.path().join("cut"));
        let options = |commit: u64| {
            let options = if encrypted { with(key(1)) } else { Database::options().background(false) };
            options.least_commit(commit)
        };
        let db = options(0).open(&own).unwrap();
        fill(&db);
        db.close().unwrap();
        copy(&own, &older);
        let db = options(0).open(&own).unwrap();
        let before = db.statistics().last_commit;
        let table = db.table::<(S, N)>("customers_of_ours").unwrap();
        let item = Item::new().with("id", "partition-key-of-anna").with("n", 300);
        table.put_with(&item).durability(Durability::Buffered).send().unwrap();
        let last = db.statistics().last_commit;
        assert!(last > before);
        // As a power failure leaves it, before the sync: the segment of this opening has a header and no record.
        copy(&own, &cut);
        let log = files(&cut).into_keys().rfind(|name| name.ends_with(".log")).unwrap();
        let bytes = fs::read(cut.join(&log)).unwrap();
        fs::write(cut.join(&log), &bytes[..if encrypted { 128 } else { 64 }]).unwrap();
        db.sync().unwrap();
        assert_eq!(count(&db.fork().unwrap()), 301, "a copy of a database need not reach what it reaches");
        drop((table, db));

        let openings: [fn(OpenOptions, &Path) -> Result<Database>; 2] =
            [|options, path| options.open_read_only(path), |options, path| options.open(path)];
        for open in openings {
            assert_eq!(count(&open(options(last), &own).unwrap()), 301);
            for changed in [&older, &cut] {
                let found = files(changed);
                let refused = open(options(last), changed).unwrap_err();
                assert_eq!((refused.kind(), refused.code()), (ErrorKind::Corrupt, "DatabaseRolledBack"), "{refused}");
                assert_eq!(files(changed), found, "nothing is changed");
                assert_eq!(count(&options(before).open_read_only(changed).unwrap()), 300);
            }
        }
        let none = folder.path().join("none");
        assert_eq!(options(1).open(&none).unwrap_err().code(), "DatabaseRolledBack");
        assert!(files(&none).keys().all(|name| name == "LOCK"), "{:?}", files(&none).keys());
    }
}

#[test]
fn an_encrypted_database_is_not_read_mapped() {
    let refused = with(key(1)).read_mode(ReadMode::Mapped).in_memory().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let db = with(key(1)).in_memory().unwrap();
    assert_eq!((db.opened_with().read_mode, db.opened_with().block_cache_bytes), (ReadMode::Buffered, 256 << 20));
    let db = with(key(1)).block_cache_bytes(1 << 20).in_memory().unwrap();
    assert_eq!(db.opened_with().block_cache_bytes, 1 << 20);
}

#[test]
fn a_copy_has_the_same_key_and_goes_its_own_way() {
    let folder = tempfile::tempdir().unwrap();
    let db = with(key(1)).open(folder.path().join("one")).unwrap();
    fill(&db);
    let copies = [db.fork().unwrap(), db.fork_into(folder.path().join("two")).unwrap()];
    for (n, db) in copies.iter().chain([&db]).enumerate() {
        let table = db.table::<(S, N)>("customers_of_ours").unwrap();
        let item = |text: String| Item::new().with("id", "partition-key-of-anna").with("n", 1000).with("of", text);
        table.put(&item(format!("copy {n}"))).unwrap();
        db.flush().unwrap();
        db.verify().unwrap();
        assert_eq!(count(db), 301);
    }
    drop((copies, db));
    for (n, name) in [(2, "one"), (1, "two")] {
        let db = with(key(1)).open(folder.path().join(name)).unwrap();
        let item =
            db.table::<(S, N)>("customers_of_ours").unwrap().get(("partition-key-of-anna", 1000)).unwrap().unwrap();
        assert_eq!(item.get("of").unwrap().as_str(), Some(format!("copy {n}").as_str()));
    }
    let logs = ["one", "two"].map(|name| files(&folder.path().join(name)));
    let same = logs[0].iter().filter(|(name, bytes)| name.ends_with(".log") && logs[1].get(*name) == Some(bytes));
    assert_eq!(same.count(), 0, "logs of both copies were written anew, under salts of their own");
}

#[test]
fn keys_are_rotated_and_leave_when_no_file_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    let db = with(key(1)).open(folder.path()).unwrap();
    fill(&db);
    let generations =
        |db: &Database| -> Vec<u32> { db.keys().unwrap().unwrap().iter().map(|key| key.generation).collect() };
    assert_eq!(db.rotate_key().unwrap(), 2);
    assert_eq!(generations(&db), [1, 2]);
    assert!(db.keys().unwrap().unwrap().iter().all(|key| key.files > 0));
    drop(db);
    let db = with(key(1)).open(folder.path()).unwrap();
    assert_eq!((generations(&db), count(&db)), (vec![1, 2], 300));
    let copy = db.fork().unwrap();

    db.rotate_root_key(key(2)).unwrap();
    assert_eq!(count(&db.fork().unwrap()), 300, "a copy goes by the key that its origin goes by now");
    let report = db.rewrite().unwrap();
    assert!(report.partitions > 0 && report.stream_segments > 0, "{report:?}");
    assert_eq!((report.files_left, db.rewrite().unwrap().partitions), (0, 0));
    db.verify().unwrap();
    let id = key(2).id().to_owned();
    assert!(db.keys().unwrap().unwrap().iter().all(|key| key.root_key == id));
    db.close().unwrap();

    assert_eq!(with(key(1)).open(folder.path()).unwrap_err().code(), "EncryptionKeyWrong");
    let db = with(key(2)).open(folder.path()).unwrap();
    assert_eq!((generations(&db), count(&db), count(&copy)), (vec![2], 300, 300));
    let streams = db.list_streams(None);
    assert_eq!(streams.len(), 1);
    db.verify().unwrap();

    let plain = Database::in_memory().unwrap();
    assert_eq!(plain.keys().unwrap(), None);
    assert_eq!(plain.rotate_key().unwrap_err().kind(), ErrorKind::Key);
    assert_eq!(plain.rewrite().unwrap_err().kind(), ErrorKind::Key);
    assert_eq!(plain.rotate_root_key(key(1)).unwrap_err().kind(), ErrorKind::Key);
}

#[test]
fn a_stream_is_read_while_its_segments_are_rewritten() {
    let db = with(key(1)).in_memory().unwrap();
    fill(&db);
    let table = db.table::<(S, N)>("customers_of_ours").unwrap();
    let deliveries = table.stream().unwrap().checkpoint("reader").follow(std::time::Duration::ZERO);
    let mut records = 0;
    for delivery in deliveries {
        delivery.unwrap().ack().unwrap();
        records += 1;
        if records % 100 == 50 {
            db.rotate_key().unwrap();
            assert!(db.rewrite().unwrap().stream_segments > 0);
        }
    }
    assert_eq!(records, 500);
}

#[test]
fn a_database_that_is_not_encrypted_becomes_so() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::options().background(false).initial_partitions(1).open(folder.path()).unwrap();
    fill(&db);
    db.close().unwrap();
    let encrypting = || Encryption::from(key(1)).encrypt_existing();
    let open =
        |encryption: Encryption| Database::options().background(false).encryption(encryption).open(folder.path());
    let db = open(encrypting()).unwrap();
    assert_eq!(count(&db), 300);
    db.close().unwrap();
    // From here on it is a database with a key, in which some files are from the time before.
    let db = with(key(1)).open(folder.path()).unwrap();
    assert_eq!((count(&db), db.verify().unwrap().items), (300, 300));
    assert!(files(folder.path()).values().any(|bytes| holds(bytes, "the value that was overwritten")));
    assert_eq!(db.rewrite().unwrap().files_left, 0);
    db.close().unwrap();
    let db = open(encrypting()).unwrap();
    assert_eq!(count(&db), 300);
    db.close().unwrap();
    let left = files(folder.path());
    for word in WORDS {
        assert!(!left.values().any(|bytes| holds(bytes, word)), "{word}");
    }
    assert_eq!(Database::open(folder.path()).unwrap_err().code(), "EncryptionKeyMissing");
}

#[test]
fn root_keys_come_from_files_that_only_their_owner_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let root = RootKey::generate().unwrap();
    root.create_file(&path).unwrap();
    assert_eq!(RootKey::from_file(&path).unwrap().id(), root.id());
    assert_eq!(root.create_file(&path).unwrap_err().kind(), ErrorKind::Io, "no key is overwritten");
    assert_eq!(RootKey::from_file(&path).unwrap().id(), root.id());
    assert_eq!(RootKey::from_file(folder.path()).unwrap_err().kind(), ErrorKind::Key);
    assert_eq!(RootKey::from_file(folder.path().join("none")).unwrap_err().kind(), ErrorKind::Key);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = RootKey::from_file(&path).unwrap_err();
        assert!(refused.kind() == ErrorKind::Key && refused.message().contains("640"), "{refused}");
    }
    let text = fs::read_to_string(&path).unwrap();
    let digits = text.trim().strip_prefix("hashrange-key-1 ").unwrap();
    for same in [text.as_str(), digits, &format!("  {}\n", digits.to_uppercase())] {
        assert_eq!(RootKey::from_text(same).unwrap().id(), root.id());
    }
    for other in ["", "0", &digits[1..], &format!("{digits}0"), &digits.replace(&digits[..1], "x")] {
        assert_eq!(RootKey::from_text(other).unwrap_err().kind(), ErrorKind::Key, "{other}");
    }
    assert_eq!(RootKey::from_environment("HASHRANGE_NO_SUCH_KEY").unwrap_err().kind(), ErrorKind::Key);
    assert!(!format!("{root:?} {:?}", Encryption::from(root.clone())).contains(&digits[..16]));
}

#[test]
fn a_passphrase_is_a_root_key() {
    let folder = tempfile::tempdir().unwrap();
    let open = |text: &str| {
        let encryption = Encryption::new(Passphrase::new(text).unwrap());
        Database::options().background(false).encryption(encryption).open(folder.path())
    };
    open("correct horse").unwrap().create_table("things").hash::<S>("id").create().unwrap();
    assert_eq!(open("battery staple").unwrap_err().code(), "EncryptionKeyWrong");
    assert_eq!(open("correct horse").unwrap().list_tables(), ["things"]);
    assert_eq!(Passphrase::new("").unwrap_err().kind(), ErrorKind::Key);
}

#[cfg(unix)]
#[test]
fn a_program_holds_the_root_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("vault");
    let write = |script: &str| {
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    };
    // A vault that turns digits around and notes what it was asked for.
    write(&format!(
        "#!/bin/sh\nread line\necho \"$1 $2 $HASHRANGE_KEY_GENERATION\" >> {}/asked\necho \"$line\" | rev\n",
        folder.path().display()
    ));
    let open = || {
        let command = Encryption::new(KeyCommand::new(&program).argument("mine"));
        Database::options().background(false).encryption(command).open(folder.path().join("data"))
    };
    open().unwrap().create_table("things").hash::<S>("id").create().unwrap();
    assert_eq!(open().unwrap().list_tables(), ["things"]);
    let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
    assert_eq!(asked, "mine wrap 1\nmine unwrap 1\n");
    write("#!/bin/sh\necho 'the vault is locked' >&2\nexit 3\n");
    let refused = open().unwrap_err();
    assert!(refused.kind() == ErrorKind::Key && refused.message().contains("the vault is locked"), "{refused}");
    write("#!/bin/sh\necho 00ff\n");
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Key);
    write("#!/bin/sh\necho no digits\n");
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Key);
    fs::remove_file(&program).unwrap();
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Key);
}

/// The script of the documentation, with a service in the place of Amazon's that checks what it is asked.
#[cfg(unix)]
#[test]
fn a_key_service_is_used_as_the_documentation_says() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, script: &str| {
        fs::write(folder.path().join(name), script).unwrap();
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o700)).unwrap();
        folder.path().join(name)
    };
    let page = include_str!("../../docs/encryption.md");
    let begin = page.find("#!/bin/sh\n# kms-key").unwrap();
    let script = &page[begin..begin + page[begin..].find("```").unwrap()];
    let service = write("aws", AWS);
    let program = write("kms-key", &script.replace("aws kms", &format!("{} kms", service.display())));
    let open = |folder: &Path| {
        Database::options().background(false).encryption(Encryption::new(KeyCommand::new(&program))).open(folder)
    };
    let (own, other) = (folder.path().join("own"), folder.path().join("other"));
    for path in [&own, &other] {
        let db = open(path).unwrap();
        fill(&db);
        assert_eq!(db.rotate_key().unwrap(), 2);
        db.close().unwrap();
        assert_eq!(count(&open(path).unwrap()), 300);
    }
    // The service is told for which database a key was wrapped.
    let keys = |path: &Path| files(path).remove("KEYS").unwrap();
    let context = String::from_utf8_lossy(&keys(&own)).into_owned();
    assert!(context.contains(&format!("database={}", open(&own).unwrap().identity())), "{context}");
    write("aws", "#!/bin/sh\necho 'An error occurred (AccessDeniedException)' >&2\nexit 254\n");
    let refused = open(&own).unwrap_err();
    assert!(refused.kind() == ErrorKind::Key && refused.message().contains("AccessDeniedException"), "{refused}");
}

/// `aws kms encrypt` and `decrypt`: what is encrypted is the context and the key, which is shown here and is not by the service.
const AWS: &str = r#"#!/bin/sh
[ "$1" = kms ] || exit 2
action=$2
shift 2
while [ $# -gt 0 ]; do
    case "$1" in
        --key-id) [ "$2" = alias/orders ] || exit 3; shift 2 ;;
        --encryption-context) context=$2; shift 2 ;;
        --plaintext | --ciphertext-blob) file=${2#fileb://}; shift 2 ;;
        --query | --output) shift 2 ;;
        *) echo "unknown: $1" >&2; exit 4 ;;
    esac
done
case "$action" in
    encrypt) { echo "$context"; cat "$file"; } | base64 ;;
    decrypt) cat "$file" | { read -r wrapped; [ "$wrapped" = "$context" ] || exit 5; cat; } | base64 ;;
esac
"#;

/// A provider that fails, as a service on a network does.
#[derive(Debug)]
struct Unreachable;

impl KeyProvider for Unreachable {
    fn wrap(&self, _context: &KeyContext, _key: &Secret) -> Result<WrappedKey> {
        Err(hashrange::Error::new(ErrorKind::Io, "Unreachable", "the key service does not answer"))
    }
    fn unwrap(&self, _context: &KeyContext, _wrapped: &WrappedKey) -> Result<Secret> {
        Err(hashrange::Error::new(ErrorKind::Io, "Unreachable", "the key service does not answer"))
    }
}

#[test]
fn a_provider_that_fails_leaves_everything_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let unreachable = || Database::options().encryption(Encryption::new(Unreachable));
    assert_eq!(unreachable().open(folder.path()).unwrap_err().code(), "Unreachable");
    let left: Vec<String> = files(folder.path()).into_keys().collect();
    assert!(left.iter().all(|name| name == "LOCK"), "{left:?}");
    let db = with(key(1)).durability(Durability::Sync).open(folder.path()).unwrap();
    fill(&db);
    assert_eq!(db.rotate_root_key(Encryption::new(Unreachable)).unwrap_err().code(), "Unreachable");
    assert_eq!(db.keys().unwrap().unwrap().len(), 1);
    db.close().unwrap();
    assert_eq!(unreachable().open(folder.path()).unwrap_err().code(), "Unreachable");
    assert_eq!(count(&with(key(1)).open(folder.path()).unwrap()), 300);
}
