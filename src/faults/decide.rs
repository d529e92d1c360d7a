//! Which rules strike a request.

use super::{
    delay::share,
    injector::FaultSubject,
    model::{FaultModel, FaultRule, MOST_DELAY_MILLIS, ServiceFault},
};
use crate::{random::mix, sync::Mutex};

/// A model that is in force, and how far its rules have come.
#[derive(Debug)]
pub struct Active {
    pub model: FaultModel,
    progress: Vec<Mutex<Progress>>,
}

/// How far a rule has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Requests, or items of them, that it was about.
    pub matched: u64,
    /// Those of them that it struck.
    pub struck: u64,
}

/// What becomes of a request.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How much longer it takes.
    pub delay_millis: u64,
    /// Number of the rule that fails it, and how.
    pub failure: Option<(usize, ServiceFault)>,
    /// Positions of the items of a batch or transaction that are throttled, with the rule and its fault.
    pub throttled: Vec<(usize, usize, ServiceFault)>,
}

impl Verdict {
    /// A rule delays the request too, by an hour at most, whatever chance draws.
    fn add_delay(&mut self, rule: &FaultRule, random: u64) {
        let millis = rule.delay.map_or(0, |delay| delay.draw(random).min(MOST_DELAY_MILLIS));
        self.delay_millis = self.delay_millis.saturating_add(millis);
    }
}

impl Active {
    pub fn new(model: FaultModel) -> Self {
        let progress = model.rules.iter().map(|_| Mutex::default()).collect();
        Self { model, progress }
    }

    pub fn progress(&self) -> impl Iterator<Item = (&FaultRule, Progress)> {
        self.model.rules.iter().zip(self.progress.iter().map(|progress| *progress.lock()))
    }

    /// Decides on a request that is at these places; `by_item` if it consists of items that can fail one by one.
    pub fn decide(&self, operation: &str, places: &[FaultSubject], by_item: bool) -> Verdict {
        let mut verdict = Verdict::default();
        for (number, rule) in self.model.rules.iter().enumerate() {
            if !rule.operations.is_empty() && !rule.operations.iter().any(|known| known == operation) {
                continue;
            }
            let fault = rule.fault;
            if by_item && fault.is_some_and(ServiceFault::is_throttle) {
                self.throttle_items(number, places, &mut verdict);
                continue;
            }
            let is_about_all = rule.tables.is_empty() && rule.key_prefix.is_none();
            if !is_about_all && !places.iter().any(|place| rule.is_about(place)) {
                continue;
            }
            let Some(random) = self.strike(number) else { continue };
            verdict.add_delay(rule, random);
            verdict.failure = verdict.failure.or(fault.map(|fault| (number, fault)));
        }
        verdict
    }

    fn throttle_items(&self, number: usize, places: &[FaultSubject], verdict: &mut Verdict) {
        let rule = &self.model.rules[number];
        let Some(fault) = rule.fault else { return };
        let mut delayed_by = None;
        for (at, _) in places.iter().enumerate().filter(|(_, place)| rule.is_about(place)) {
            if verdict.throttled.iter().any(|(known, ..)| *known == at) {
                continue;
            }
            if let Some(random) = self.strike(number) {
                delayed_by = Some(random);
                verdict.throttled.push((at, number, fault));
            }
        }
        if let Some(random) = delayed_by {
            verdict.add_delay(rule, random);
        }
    }

    /// Whether a rule strikes what it is about this time; a random number if it does.
    fn strike(&self, number: usize) -> Option<u64> {
        let rule = self.model.rules.get(number)?;
        let mut progress = self.progress.get(number)?.lock();
        let matched = progress.matched;
        progress.matched += 1;
        let random = mix(self.model.seed ^ mix(number as u64 + 1).rotate_left(17) ^ mix(matched));
        let is_struck = matched >= rule.skip
            && rule.times.is_none_or(|times| progress.struck < times)
            && rule.rate > 0.0
            && share(random) <= rule.rate;
        progress.struck += u64::from(is_struck);
        is_struck.then(|| mix(random))
    }
}

impl FaultRule {
    fn is_about(&self, place: &FaultSubject) -> bool {
        (self.tables.is_empty() || self.tables.contains(&place.table))
            && self
                .key_prefix
                .as_ref()
                .is_none_or(|prefix| place.key.as_ref().is_some_and(|key| key.starts_with(prefix.as_str())))
    }
}
