//! The thread that carries changes over as time passes.

use super::world::Inner;
use parking_lot::{Condvar, Mutex};
use std::{
    sync::{Arc, Weak},
    thread::{Builder, JoinHandle},
    time::Duration,
};

/// The longest time between two looks at the logs.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Tells the thread to end.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_wanted: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub fn ask(&self) {
        *self.is_wanted.lock() = true;
        self.changed.notify_all();
    }
    /// Waits a moment; whether to go on.
    fn wait(&self) -> bool {
        let mut is_wanted = self.is_wanted.lock();
        if !*is_wanted {
            self.changed.wait_for(&mut is_wanted, LOOK_AGAIN);
        }
        !*is_wanted
    }
}

/// Starts the thread, which ends by itself when the world is gone. Errors: the system has no thread.
pub(super) fn start(world: Weak<Inner>, stop: Arc<Stop>) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name("hashrange-regions".to_owned()).spawn(move || {
        while stop.wait() {
            let Some(world) = world.upgrade() else { return };
            // A failure is part of the link's report, and the link tries again.
            let _ = world.step();
        }
    })
}
