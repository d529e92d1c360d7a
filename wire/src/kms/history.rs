//! When a key could be used and when not, and what that means for a table at a moment.

use super::KeyState;

const MINUTE_MILLIS: u64 = 60 * 1_000;
/// From the loss of a key until requests for items fail: the service keeps keys of tables in memory for so long.
const REQUESTS_FAIL_MILLIS: u64 = 330 * 1_000;
/// From the return of a key until requests for items succeed.
const REQUESTS_RETURN_MILLIS: u64 = 5 * MINUTE_MILLIS;
/// From the loss of a key until the table is found to be inaccessible; 13 to 75 minutes were seen.
const DETECTED_MILLIS: u64 = 30 * MINUTE_MILLIS;
/// From the return of a key until the table is active again; 18 to 57 minutes were seen.
const ACTIVE_MILLIS: u64 = 30 * MINUTE_MILLIS;
/// How long a table is inaccessible before it is archived.
const ARCHIVED_AFTER_MILLIS: u64 = 7 * 24 * 60 * MINUTE_MILLIS;
/// How long that takes.
const ARCHIVING_MILLIS: u64 = 60 * MINUTE_MILLIS;

/// A time in which a key cannot be used.
#[derive(Clone, Copy, Debug)]
struct Loss {
    state: KeyState,
    since_millis: u64,
    until_millis: Option<u64>,
}

/// The times in which a key cannot be used, oldest first.
#[derive(Debug, Default)]
pub(super) struct History(Vec<Loss>);

/// What the state of its key means for a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Availability {
    /// Why what needs the key fails, if it does.
    pub(crate) lost: Option<KeyState>,
    /// Since when the table is said to be inaccessible, in milliseconds since 1970.
    pub(crate) inaccessible_millis: Option<u64>,
    pub(crate) archival: Option<Archival>,
}

/// The archival of a table whose key was lost for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Archival {
    /// When it is done, in milliseconds since 1970.
    pub(crate) at_millis: u64,
    pub(crate) is_done: bool,
}

impl Loss {
    /// Whether a moment that follows the loss comes before the key does.
    fn lasts_until(&self, millis: u64) -> bool {
        self.until_millis.is_none_or(|until| until > millis)
    }
    fn at(&self, now_millis: u64) -> Availability {
        let after = |millis: u64| self.since_millis.saturating_add(millis);
        let returned = |millis: u64| self.until_millis.is_some_and(|until| now_millis >= until.saturating_add(millis));
        // What begins after a while does not begin if the key is back by then.
        let has_begun = |at: u64| now_millis >= at && self.lasts_until(at);
        let fails = has_begun(after(REQUESTS_FAIL_MILLIS)) && !returned(REQUESTS_RETURN_MILLIS);
        let detected_millis = after(DETECTED_MILLIS);
        let is_inaccessible = has_begun(detected_millis) && !returned(ACTIVE_MILLIS);
        let archiving_millis = detected_millis.saturating_add(ARCHIVED_AFTER_MILLIS);
        let archival = has_begun(archiving_millis).then(|| {
            let at_millis = archiving_millis.saturating_add(ARCHIVING_MILLIS);
            Archival { at_millis, is_done: now_millis >= at_millis }
        });
        Availability {
            lost: (fails || archival.is_some()).then_some(self.state),
            inaccessible_millis: (is_inaccessible || archival.is_some()).then_some(detected_millis),
            archival,
        }
    }
}

impl History {
    /// The present state.
    pub(super) fn state(&self) -> KeyState {
        let last = self.0.last().filter(|loss| loss.until_millis.is_none());
        last.map_or(KeyState::Enabled, |loss| loss.state)
    }
    /// Another state from a moment on.
    pub(super) fn change(&mut self, state: KeyState, now_millis: u64) {
        match (self.state(), state, self.0.last_mut()) {
            (KeyState::Enabled, KeyState::Enabled, _) => {}
            (KeyState::Enabled, lost, _) => {
                self.0.push(Loss { state: lost, since_millis: now_millis, until_millis: None });
            }
            (_, KeyState::Enabled, Some(last)) => last.until_millis = Some(now_millis),
            (_, other, Some(last)) => last.state = other,
            (_, _, None) => {}
        }
    }
    /// What it means for a table at a moment. An archival stays; otherwise the last loss counts that still has an effect.
    pub(super) fn at(&self, now_millis: u64) -> Availability {
        let mut losses = self.0.iter().map(|loss| loss.at(now_millis));
        let archived = losses.clone().find(|found| found.archival.is_some());
        archived.or_else(|| losses.rfind(|found| *found != Availability::default())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether requests fail, since when the table is inaccessible, whether it is archived, so many minutes after.
    fn at(history: &History, minutes: u64) -> (bool, Option<u64>, bool) {
        let found = history.at(minutes * MINUTE_MILLIS);
        let since = found.inaccessible_millis.map(|millis| millis / MINUTE_MILLIS);
        (found.lost.is_some(), since, found.archival.is_some_and(|archival| archival.is_done))
    }

    #[test]
    fn a_lost_key_is_noticed_in_steps() {
        let mut history = History::default();
        assert_eq!(at(&history, 100), (false, None, false));
        history.change(KeyState::Disabled, 0);
        assert_eq!(at(&history, 4), (false, None, false));
        assert_eq!(at(&history, 6), (true, None, false));
        assert_eq!(at(&history, 80), (true, Some(30), false));
        assert_eq!(at(&history, 8 * 24 * 60), (true, Some(30), true));
        history.change(KeyState::Enabled, 90 * MINUTE_MILLIS);
        assert_eq!(at(&history, 94), (true, Some(30), false));
        assert_eq!(at(&history, 96), (false, Some(30), false));
        assert_eq!(at(&history, 121), (false, None, false));
        assert_eq!(at(&history, 9 * 24 * 60), (false, None, false));
    }

    #[test]
    fn a_key_that_is_back_in_time_was_never_lost() {
        let mut history = History::default();
        history.change(KeyState::Disabled, 0);
        history.change(KeyState::PendingDeletion, MINUTE_MILLIS);
        assert_eq!(history.state(), KeyState::PendingDeletion);
        history.change(KeyState::Enabled, 5 * MINUTE_MILLIS);
        for minutes in [6, 40, 20_000] {
            assert_eq!(at(&history, minutes), (false, None, false));
        }
        // Archival is for good.
        history.change(KeyState::Deleted, 20_000 * MINUTE_MILLIS);
        history.change(KeyState::Enabled, 40_000 * MINUTE_MILLIS);
        assert_eq!(at(&history, 50_000), (true, Some(20_030), true));
    }
}
