//! Runs a target on one input after the other. One on which it panics or takes too long is kept as a file.

use crate::files::root;
use std::{
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

/// An input may take so many seconds, as with `fuzz/run`.
const SECONDS: u32 = 10;

/// A target, and the input that it runs on.
pub struct Runner {
    name: &'static str,
    target: fn(&[u8]),
    current: Arc<Mutex<Current>>,
    /// The watchdog ends when this is dropped.
    _watched: Sender<()>,
}

#[derive(Default)]
struct Current {
    number: u64,
    input: Vec<u8>,
}

impl Runner {
    pub fn new(name: &'static str, target: fn(&[u8])) -> Self {
        let (watched, ended) = channel();
        let current = Arc::new(Mutex::new(Current::default()));
        let its_current = current.clone();
        thread::spawn(move || {
            // Seconds of sleep are counted, so that a process that was stopped for a while is not slow.
            let (mut number, mut seconds) = (0, 0);
            while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                let current = its_current.lock().unwrap();
                seconds = if current.number == number { seconds + 1 } else { 0 };
                number = current.number;
                if seconds >= SECONDS {
                    let fault = keep(name, "timeout", &current.input);
                    // Not by a macro, whose text the tests would capture and lose.
                    let _ = writeln!(std::io::stderr(), "\n{name}: an input takes over {SECONDS} s. {fault}");
                    std::process::abort();
                }
            }
        });
        Self { name, target, current, _watched: watched }
    }

    /// Fails if the target panics.
    pub fn run(&self, input: &[u8]) {
        {
            let mut current = self.current.lock().unwrap();
            current.number += 1;
            current.input.clear();
            current.input.extend_from_slice(input);
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target)(input)));
        assert!(outcome.is_ok(), "{}: the target panics. {}", self.name, keep(self.name, "crash", input));
    }
}

/// Writes an input to `fuzz/artifacts`; says where, and how to run it again.
fn keep(target: &str, fault: &str, input: &[u8]) -> String {
    let path = format!("fuzz/artifacts/{target}/{fault}-{:08x}", crc32fast::hash(input));
    let file = root().join(&path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, input).unwrap();
    format!("Again: HASHRANGE_FUZZ_INPUT={path} cargo test --workspace --test inputs {target}")
}
