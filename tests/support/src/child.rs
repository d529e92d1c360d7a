//! A process that a test kills: the test starts itself as a child, which works in a folder until then.
//!
//! The child is an ignored test of the same program and module, by the name of `child`. It tells on its output of what it got
//! acknowledged, so that the parent can look for it.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

const FOLDER: &str = "HASHRANGE_CHILD_FOLDER";

/// How often to kill: `HASHRANGE_KILLS`, or as usual.
pub fn kills(usual: u64) -> u64 {
    std::env::var("HASHRANGE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(usual)
}

/// The folder to work in, if this process is a child.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// A worker of the child has got this piece of its work acknowledged.
pub fn tell(worker: i64, number: i64) {
    let line = format!("done {worker} {number}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// Starts the child of the test module `module` (its `module_path!()`), kills it after so long, and returns the last number that each of its workers told of, or 0.
pub fn run_and_kill(module: &str, folder: &Path, workers: i64, after: Duration) -> Vec<i64> {
    let name = module.split_once("::").map_or_else(|| "child".to_owned(), |(_, inner)| format!("{inner}::child"));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--ignored", "--nocapture", "--test-threads", "1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let mut told = vec![0; workers as usize];
        for line in output.lines() {
            let line = line.unwrap_or_default();
            // The harness of the test writes lines of its own, and the last one may be cut.
            let Some((_, told_of)) = line.rsplit_once("done ") else { continue };
            if let Some((worker, number)) = told_of.split_once(' ')
                && let (Ok(worker), Ok(number)) = (worker.parse::<usize>(), number.parse::<i64>())
            {
                told[worker] = number.max(told[worker]);
            }
        }
        told
    });
    thread::sleep(after);
    assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}
