//! `serve --archive`, `archive` and `restore`, by what scripts see of them.

use crate::place::Place;
use hashrange::history::{ArchiveOptions, ArchivePlace};

#[test]
fn an_archive_is_looked_at_pruned_and_restored() {
    let place = Place::new();
    place.ok(&["create", "stock", "--hash", "sku:S"]);
    place.ok(&["put", "stock", r#"{"sku":"bolt","left":7}"#]);
    let (objects, target) = (place.file("objects"), place.file("target"));
    let archive = objects.join("bucket/shop");
    let (archive, target) = (archive.to_str().unwrap(), target.to_str().unwrap());
    let db = hashrange::Database::open(place.database()).unwrap();
    drop(db.archive_to(ArchivePlace::new_folder(archive).unwrap(), ArchiveOptions::default()).unwrap());
    db.close().unwrap();

    let status: serde_json::Value = serde_json::from_str(&place.ok(&["archive", "status", archive, "--json"])).unwrap();
    let commit = status["timelines"][0]["latest"]["commit"].as_u64().unwrap();
    assert!(place.ok(&["archive", "status", archive]).contains("1 base"));
    let named = ["s3://bucket/shop", "--object-dir", objects.to_str().unwrap()];
    assert!(place.ok(&[&["archive", "verify"], &named[..]].concat()).starts_with("no damage: "));
    let said = place.ok(&["restore", archive, target, "--verify"]);
    assert!(said.starts_with(&format!("restored to commit {commit} ")), "{said}");
    assert_eq!(place.ok_in(target, &["digest"]), place.ok(&["digest"]));
    assert!(place.fails(1, &["restore", archive, target]).contains("is not empty"));
    let other = place.file("other");
    let missing = place.fails(1, &["restore", archive, other.to_str().unwrap(), "--at", "commit:99999"]);
    assert!(missing.contains("is not in the archive"), "{missing}");
    assert!(place.ok(&["archive", "prune", archive, "--keep", "1d"]).contains("0 bytes removed"));
    assert!(place.fails(1, &["archive", "status", place.database().to_str().unwrap()]).contains("no archive"));
    place.fails(1, &["archive", "verify", "/nowhere/at/all"]);
    assert_eq!(
        place.ok(&["archive", "status", &format!("file://{archive}")]),
        place.ok(&["archive", "status", archive])
    );
    assert!(place.fails(2, &["archive", "status", "file://host/x"]).contains("name the folder itself"));
    if cfg!(feature = "object-store") {
        let remote = place.fails(2, &["archive", "status", "memory:///x"]);
        assert!(remote.contains("s3://, gs:// or az://"), "{remote}");
    } else {
        let remote = place.fails(2, &["archive", "status", "gs://bucket/x"]);
        assert!(remote.contains("--object-dir") && remote.contains("--features object-store"), "{remote}");
        let served = place.fails(2, &["serve", "--port", "0", "--object-store", "s3"]);
        assert!(served.contains("--features object-store"), "{served}");
    }
}
