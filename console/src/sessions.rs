//! Things that belong to one reader of the console and live on the server: scratch databases, lessons under way.

use crate::{
    lessons::{Answered, Run},
    refusal::Refusal,
};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};

/// Things that are kept at once; the oldest one goes when another begins.
const MOST_SESSIONS: usize = 8;

/// A lesson under way, with what its steps have answered.
pub(crate) struct LessonRun {
    /// The lesson on its scratch database.
    pub(crate) run: Run,
    /// Answers of the steps so far, each with the text that was carried out.
    pub(crate) answered: Vec<(String, Answered)>,
}

/// Things by number.
pub(crate) struct Sessions<T>(Mutex<Numbered<T>>);

struct Numbered<T> {
    next: u64,
    kept: VecDeque<(u64, Arc<Mutex<T>>)>,
}

impl<T> Default for Sessions<T> {
    fn default() -> Self {
        Self(Mutex::new(Numbered { next: 1, kept: VecDeque::new() }))
    }
}

impl<T> Sessions<T> {
    /// Keeps a thing; its number.
    pub(crate) fn begin(&self, thing: T) -> u64 {
        let mut numbered = self.0.lock();
        let number = numbered.next;
        numbered.next += 1;
        if numbered.kept.len() >= MOST_SESSIONS {
            numbered.kept.pop_front();
        }
        numbered.kept.push_back((number, Arc::new(Mutex::new(thing))));
        number
    }

    /// The thing with a number. Errors: it is gone.
    pub(crate) fn find(&self, number: &str) -> Result<Arc<Mutex<T>>, Refusal> {
        let numbered = self.0.lock();
        let wanted = number.parse::<u64>().ok();
        let found = numbered.kept.iter().find(|(known, _)| Some(*known) == wanted).map(|(_, thing)| thing.clone());
        found.ok_or_else(|| {
            Refusal::not_found(format!(
                "this scratch database is gone: the console keeps the newest {MOST_SESSIONS}; begin again"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_and_numbers_are_never_given_twice() {
        let sessions = Sessions::default();
        let numbers: Vec<u64> = (0..10).map(|thing| sessions.begin(thing)).collect();
        assert_eq!(numbers, (1..11).collect::<Vec<_>>());
        assert!(sessions.find("2").is_err() && sessions.find("x").is_err());
        assert_eq!(sessions.find("3").map(|thing| *thing.lock()).ok(), Some(2));
    }
}
