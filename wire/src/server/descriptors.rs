//! How many connections the system's limit on descriptors allows.
//!
//! A connection has one descriptor. The database needs some when it begins a log segment or writes a run, and a database
//! that does not get them cannot go on writing; so a part of the limit is never given to connections.

/// Descriptors that are left to the database and the rest of the program, at least.
const MIN_RESERVED: usize = 48;

/// Connections that may be open at once, of `wanted`.
pub(super) fn most_connections(wanted: usize) -> usize {
    most_of(wanted.max(1), limit())
}

fn most_of(wanted: usize, limit: Option<usize>) -> usize {
    let Some(limit) = limit else { return wanted };
    let reserved = MIN_RESERVED.max(limit / 4);
    wanted.min(limit.saturating_sub(reserved).max(1))
}

#[cfg(unix)]
fn limit() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok())
}

#[cfg(not(unix))]
fn limit() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_keeps_its_part() {
        assert_eq!(most_of(1_024, None), 1_024);
        assert_eq!(most_of(1_024, Some(1 << 20)), 1_024);
        assert_eq!(most_of(1_024, Some(1_024)), 768);
        assert_eq!(most_of(1_024, Some(256)), 192);
        assert_eq!(most_of(1_024, Some(100)), 52);
        assert_eq!(most_of(1_024, Some(20)), 1);
        assert_eq!(most_of(3, Some(1_024)), 3);
    }
}
