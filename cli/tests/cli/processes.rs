//! Other processes: readers that go away, a second opener, a disk that is full, files that were tampered with.

use crate::place::{Place, Run};
use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

#[test]
fn a_pipe_that_is_closed_early_is_no_error() {
    let place = Place::new();
    place.ok(&["demo"]);
    for args in
        [&["scan", "cities"][..], &["export", "cities", "--format", "csv"], &["query", "cities", "--hash", "US"]]
    {
        let mut child = place.command(args).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let run = Run::of(&child.wait_with_output().unwrap());
        assert!(!line.is_empty() && run.code == 0 && run.err.is_empty(), "{args:?}: {run:?}");
    }
    // An import has work to do whether or not somebody listens.
    place.ok(&["create", "things", "--hash", "id:N"]);
    let mut child = place.command(&["import", "things", "-", "--progress-lines", "--batch", "1"]);
    let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    for id in 0..100 {
        writeln!(input, "{{\"id\":{id}}}").unwrap();
    }
    drop(input);
    assert_eq!(Run::of(&child.wait_with_output().unwrap()).code, 0);
    assert_eq!(place.ok(&["scan", "things", "--count"]), "100\n");
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_an_error() {
    let place = Place::new();
    place.ok(&["create", "things", "--hash", "id:N"]);
    #[expect(clippy::disallowed_methods, reason = "a device that is always full")]
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = place.command(&["list"]).stdout(full).spawn().unwrap();
    let run = Run::of(&child.wait_with_output().unwrap());
    assert!(run.code == 1 && run.err.contains("cannot write to standard output"), "{run:?}");
}

/// The service: many processes read and write.
/// Here: one process writes to a folder at a time.
#[test]
fn two_processes_cannot_open_one_folder() {
    let place = Place::new();
    place.ok(&["create", "things", "--hash", "id:N"]);
    let mut command = place.command(&["import", "things", "-", "--progress-lines", "--batch", "1"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{{\"id\":1}}").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "acknowledged 1\n");
    let second = place.fails(1, &["scan", "things"]);
    assert!(second.contains("is open already") && second.contains("for reading only everywhere"), "{second}");
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(place.ok(&["scan", "things", "--count"]), "1\n");
}

#[test]
fn damage_is_found_and_has_its_status() {
    let place = Place::new();
    place.ok(&["demo"]);
    let run = largest(&place, "run");
    #[expect(clippy::disallowed_methods, reason = "the test damages a file")]
    let mut bytes = std::fs::read(place.database().join(&run)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    place.write(&format!("data/{run}"), &bytes);
    let complaint = place.fails(4, &["verify"]);
    assert!(complaint.contains(&run) && complaint.contains("offset"), "{complaint}");
    bytes[middle] ^= 0x10;
    place.write(&format!("data/{run}"), &bytes);
    place.ok(&["verify"]);
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let place = Place::new();
    #[expect(clippy::disallowed_methods, reason = "a folder of the test")]
    std::fs::create_dir_all(place.database()).unwrap();
    place.write("data/letter.txt", "not yours");
    let refused = place.fails(1, &["create", "things", "--hash", "id:N"]);
    assert!(!refused.is_empty());
    assert!(!place.database().join("CURRENT").exists());
}

/// The largest file of a kind in the database.
fn largest(place: &Place, extension: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the test looks for a file to damage")]
    let files = std::fs::read_dir(place.database()).unwrap();
    let files = files.map(|file| file.unwrap());
    let files = files.filter(|file| file.path().extension().is_some_and(|found| found == extension));
    let file = files.max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    file.file_name().into_string().unwrap()
}
