//! How often provisioned throughput may be lowered: four times on a UTC day at once, then once more whenever an hour has
//! passed since the last time.

use crate::error::Failure;
use hashrange::{
    date::date_of,
    schema::{ProvisionedThroughput, ThroughputChanges},
};

/// Decreases of a UTC day that may follow each other at once.
const DECREASES_AT_ONCE: u32 = 4;
const HOUR_MILLIS: u64 = 60 * 60 * 1000;
const DAY_MILLIS: u64 = 24 * HOUR_MILLIS;

/// Refuses a decrease that comes too early. What raises both numbers, or one while the other stays, is none.
pub(crate) fn check(
    from: ProvisionedThroughput,
    to: ProvisionedThroughput,
    changes: &ThroughputChanges,
    now_millis: u64,
) -> Result<(), Failure> {
    let is_lower = to.read_units_per_sec < from.read_units_per_sec || to.write_units_per_sec < from.write_units_per_sec;
    let today = changes.decreases_on_day_of(now_millis);
    let Some(last_millis) = changes.last_decrease_millis.filter(|_| is_lower && today >= DECREASES_AT_ONCE) else {
        return Ok(());
    };
    let midnight_millis = (now_millis / DAY_MILLIS + 1) * DAY_MILLIS;
    let next_millis = (last_millis + HOUR_MILLIS).min(midnight_millis);
    if now_millis >= next_millis {
        return Ok(());
    }
    Err(Failure::limit_exceeded(format!(
        "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the first \
         {DECREASES_AT_ONCE} decreases, each subsequent decrease in the same UTC day can be performed at most once every \
         3600 seconds. Number of decreases today: {today}. Last decrease at {}. Next decrease can be made at {}",
        long_time(last_millis),
        long_time(next_millis)
    )))
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

fn name<'n>(names: &[&'n str], at: u64) -> &'n str {
    usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or_default()
}

/// `Friday, October 9, 2026 at 12:21:34 AM Coordinated Universal Time`.
fn long_time(epoch_millis: u64) -> String {
    let (days, secs) = (epoch_millis / DAY_MILLIS, epoch_millis % DAY_MILLIS / 1_000);
    let (year, month, day) = date_of(days);
    let (hour, half) = (secs / 3_600, if secs < 43_200 { "AM" } else { "PM" });
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!(
        "{}, {} {day}, {year} at {hour}:{:02}:{:02} {half} Coordinated Universal Time",
        name(&WEEKDAYS, days % 7),
        name(&MONTHS, month - 1),
        secs / 60 % 60,
        secs % 60
    )
}

/// `Sat Feb 23 03:07:45 UTC 2019`.
pub(crate) fn short_time(epoch_millis: u64) -> String {
    let (days, secs) = (epoch_millis / DAY_MILLIS, epoch_millis % DAY_MILLIS / 1_000);
    let (year, month, day) = date_of(days);
    let short = |name: &str| name.get(..3).unwrap_or(name).to_owned();
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year}",
        short(name(&WEEKDAYS, days % 7)),
        short(name(&MONTHS, month - 1)),
        secs / 3_600,
        secs / 60 % 60,
        secs % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_the_service_writes_them() {
        assert_eq!(long_time(1_791_505_294_000), "Friday, October 9, 2026 at 12:21:34 AM Coordinated Universal Time");
        assert_eq!(long_time(1_791_548_494_999), "Friday, October 9, 2026 at 12:21:34 PM Coordinated Universal Time");
        assert_eq!(short_time(1_550_891_265_000), "Sat Feb 23 03:07:45 UTC 2019");
    }
}
