//! Signals of a server: some stop it, one makes it read its policies, faults and certificate again.

#[cfg(unix)]
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

/// Calls `stop` for SIGINT, SIGTERM and SIGHUP on a thread of its own, but for those that the process was started to ignore; for SIGHUP
/// `reload`, if there is one. Without handlers the signals would
/// end the process at once: what was acknowledged is durable all the same.
#[cfg(unix)]
pub(crate) fn handle(stop: impl Fn() + Send + 'static, reload: Option<impl Fn() + Send + 'static>) {
    let ignored = ignored();
    // A handler would undo what `nohup`, or a shell that begins a job in the background, has asked for.
    let handled = |signal: &i32| (ignored >> (signal - 1)) & 1 == 0 || (*signal == SIGHUP && reload.is_some());
    let signals = match Signals::new([SIGINT, SIGTERM, SIGHUP].iter().filter(|signal| handled(signal))) {
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

/// Signals that the process was started to ignore, a bit each: SIGHUP is the lowest. None where the operating system does not tell.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

/// Calls `stop` when the user interrupts the program. There is no signal that would call `reload`.
#[cfg(not(unix))]
pub(crate) fn handle(stop: impl Fn() + Send + 'static, _reload: Option<impl Fn() + Send + 'static>) {
    let _ = ctrlc::set_handler(stop);
}
