//! Signals of a server: some stop it, one makes it read its policies, faults and certificate again.

#[cfg(unix)]
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// Calls `stop` for SIGINT, SIGTERM and SIGHUP on a thread of its own; for SIGHUP `reload`, if there is one. Without handlers the signals would
/// end the process at once: what was acknowledged is durable all the same.
#[cfg(unix)]
pub(crate) fn handle(stop: impl Fn() + Send + 'static, reload: Option<impl Fn() + Send + 'static>) {
    let signals = match Signals::new([SIGINT, SIGTERM, SIGHUP]) {
        Ok(signals) => signals,
        Err(error) => return tracing::warn!(%error, "signals end the process at once"),
    };
    let run = move || {
        let mut signals = signals;
        for signal in signals.forever() {
            match &reload {
                Some(reload) if signal == SIGHUP => reload(),
                _ => stop(),
            }
        }
    };
    if let Err(error) = std::thread::Builder::new().name("hashrange-signals".to_owned()).spawn(run) {
        tracing::warn!(%error, "signals are not handled");
    }
}

/// Calls `stop` when the user interrupts the program. There is no signal that would call `reload`.
#[cfg(not(unix))]
pub(crate) fn handle(stop: impl Fn() + Send + 'static, _reload: Option<impl Fn() + Send + 'static>) {
    let _ = ctrlc::set_handler(stop);
}
