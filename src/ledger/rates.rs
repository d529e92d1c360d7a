//! What a table or index was provisioned with, hour by hour: each clock hour counts at the highest rate that it had.

/// Milliseconds of an hour.
pub const HOUR_MILLIS: u64 = 60 * 60 * 1000;

/// Provisioned units a second; zero on demand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    pub read_units: u64,
    pub write_units: u64,
}

impl Rate {
    fn max(self, other: Self) -> Self {
        Self { read_units: self.read_units.max(other.read_units), write_units: self.write_units.max(other.write_units) }
    }
}

/// Units and hours, multiplied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitHours {
    pub read: u64,
    pub write: u64,
}

/// Provisioned throughput over time, in constant memory: hours that are over are added up.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    current: Rate,
    /// The hour that is going on, since 1970.
    hour: u64,
    /// The highest rate of that hour.
    highest: Rate,
    /// Hours before it.
    past: UnitHours,
    /// When it was deleted.
    ended: bool,
}

impl Rates {
    /// A resource that begins with a rate.
    pub fn new(rate: Rate, now_millis: u64) -> Self {
        let past = UnitHours::default();
        Self { current: rate, hour: now_millis / HOUR_MILLIS, highest: rate, past, ended: false }
    }
    /// From now on it has another rate.
    pub fn change(&mut self, rate: Rate, now_millis: u64) {
        self.pass(now_millis);
        self.current = rate;
        self.highest = self.highest.max(rate);
        self.ended = false;
    }
    /// From now on there is no such resource.
    pub fn end(&mut self, now_millis: u64) {
        self.change(Rate::default(), now_millis);
        self.ended = true;
    }
    /// Whether the resource is gone.
    pub fn has_ended(&self) -> bool {
        self.ended
    }
    /// The rate of this moment.
    pub fn current(&self) -> Rate {
        self.current
    }
    /// Unit-hours until now; the hour that is going on counts as a whole, as it is billed.
    pub fn unit_hours(&self, now_millis: u64) -> UnitHours {
        let mut at_the_end = *self;
        at_the_end.pass(now_millis);
        at_the_end.add(at_the_end.highest, 1);
        at_the_end.past
    }
    fn pass(&mut self, now_millis: u64) {
        let hour = now_millis / HOUR_MILLIS;
        if hour <= self.hour {
            return; // a clock that was set back ends no hour
        }
        self.add(self.highest, 1);
        self.add(self.current, hour - self.hour - 1);
        (self.hour, self.highest) = (hour, self.current);
    }
    fn add(&mut self, rate: Rate, hours: u64) {
        self.past.read = self.past.read.saturating_add(rate.read_units.saturating_mul(hours));
        self.past.write = self.past.write.saturating_add(rate.write_units.saturating_mul(hours));
    }
}
