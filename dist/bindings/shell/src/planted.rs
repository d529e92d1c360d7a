//! What the tests of the two languages cannot bring about otherwise: a panic inside, and a close that takes long. Only in builds
//! of `dist/bindings/check --debug`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread::sleep,
    time::Duration,
};

#[derive(Default)]
pub(crate) struct Planted {
    close_millis: AtomicU64,
}

impl Planted {
    /// Looks whether a request asks for one of these: `Planted.Panic`, or `Planted.SlowClose` with milliseconds as its body.
    #[expect(clippy::panic, reason = "that is what the test asks for")]
    pub(crate) fn meet(&self, target: &str, body: &[u8]) {
        match target {
            "Planted.Panic" => panic!("planted"),
            "Planted.SlowClose" => {
                let millis = std::str::from_utf8(body).ok().and_then(|text| text.parse().ok());
                self.close_millis.store(millis.unwrap_or_default(), Ordering::Relaxed);
            }
            _ => {}
        }
    }

    pub(crate) fn delay_close(&self) {
        sleep(Duration::from_millis(self.close_millis.load(Ordering::Relaxed)));
    }
}
