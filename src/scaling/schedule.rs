//! When a scheduled action is due, in UTC: `at(2027-01-15T06:00:00)` once, `rate(5 minutes)` again and again, or
//! `cron(0 6 ? * MON-FRI *)` by minute, hour, day of the month, month, day of the week and year.

use crate::date::{date_of, days_of, parse_label};

const SEC_MILLIS: u64 = 1_000;
const MINUTE_MILLIS: u64 = 60 * SEC_MILLIS;
const DAY_MILLIS: u64 = 24 * 60 * MINUTE_MILLIS;
/// Days that are looked at for the next date of a cron expression: 29 February on a given day of the week comes back within
/// 40 years.
const MOST_DAYS: u64 = 41 * 366;
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const YEARS: (u64, u64) = (1970, 2199);
/// The last moment of those years, in milliseconds since 1970.
pub(super) const LAST_MILLIS: u64 = 7_258_118_400_000 - 1;

/// When something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Once, at a time in milliseconds since 1970.
    At(u64),
    /// Every so many milliseconds.
    Rate(u64),
    /// By the calendar.
    Cron(Box<Cron>),
}

/// A cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Vec<u64>,
    hours: Vec<u64>,
    months: Vec<u64>,
    years: Vec<u64>,
    days: Days,
}

/// Days of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    All,
    OfMonth(Vec<u64>),
    /// So many days before the last one.
    Last,
    /// The day from Monday to Friday that is nearest to a day.
    NearestWorkday(u64),
    /// From 1 for Sunday.
    OfWeek(Vec<u64>),
    /// The last such day of the week.
    LastOfWeek(u64),
    /// The day of the week, and which one of the month it is.
    NthOfWeek(u64, u64),
}

impl Schedule {
    /// Reads an expression. Errors: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(time) = inner("at") {
            return parse_time(time)
                .map(Self::At)
                .ok_or_else(|| format!("{time} is no time such as 2027-01-15T06:00:00"));
        }
        if let Some(rate) = inner("rate") {
            return parse_rate(rate).map(Self::Rate).ok_or_else(|| format!("{rate} is no rate such as 5 minutes"));
        }
        if let Some(cron) = inner("cron") {
            return Cron::parse(cron).map(|cron| Self::Cron(Box::new(cron)));
        }
        Err(format!("{text} is none of at(...), rate(...) and cron(...)"))
    }
    /// Whether it is due more than once.
    pub fn repeats(&self) -> bool {
        !matches!(self, Self::At(_))
    }
    /// The first time after a moment; rates count from `anchor_millis`.
    pub fn next_after(&self, after_millis: u64, anchor_millis: u64) -> Option<u64> {
        match self {
            Self::At(at) => Some(*at).filter(|at| *at > after_millis),
            Self::Rate(rate) => {
                let passed = after_millis.saturating_sub(anchor_millis) / rate;
                anchor_millis.checked_add((passed + 1).checked_mul(*rate)?)
            }
            Self::Cron(cron) => cron.next_after(after_millis),
        }
    }
}

/// Digits only, within bounds.
fn number(text: &str, (least, most): (u64, u64)) -> Option<u64> {
    let is_digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_digits && (least..=most).contains(number))
}

/// A time without a fraction, within the years that schedules know.
fn parse_time(text: &str) -> Option<u64> {
    parse_label(text).filter(|millis| !text.contains('.') && date_of(millis / DAY_MILLIS).0 >= YEARS.0)
}

fn parse_rate(text: &str) -> Option<u64> {
    let (count, unit) = text.split_once(' ')?;
    let count = number(count, (1, 1_000_000))?;
    let unit_millis = match unit.trim() {
        "minute" | "minutes" => MINUTE_MILLIS,
        "hour" | "hours" => 60 * MINUTE_MILLIS,
        "day" | "days" => DAY_MILLIS,
        _ => return None,
    };
    Some(count * unit_millis)
}

/// The numbers that a field of a cron expression names; `names` stand for numbers from the least on.
fn field(text: &str, bounds: (u64, u64), names: &[&str]) -> Result<Vec<u64>, String> {
    let refused = || format!("{text} is no list of numbers from {} to {}", bounds.0, bounds.1);
    let value = |text: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text)).map(|at| at as u64 + bounds.0);
        named.or_else(|| number(text, bounds))
    };
    let mut found = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => (range, Some(number(step, (1, bounds.1)).ok_or_else(refused)?)),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" || range == "?" => bounds,
            Some((first, last)) => (value(first).ok_or_else(refused)?, value(last).ok_or_else(refused)?),
            None => {
                let first = value(range).ok_or_else(refused)?;
                (first, if step.is_some() { bounds.1 } else { first })
            }
        };
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(1);
        if first <= last {
            found.extend((first..=last).step_by(step));
        } else {
            found.extend((first..=bounds.1).chain(bounds.0..=last).step_by(step));
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

impl Days {
    fn parse(of_month: &str, of_week: &str) -> Result<Self, String> {
        const DAYS: (u64, u64) = (1, 31);
        const WEEK: (u64, u64) = (1, 7);
        let weekday = |text: &str| {
            let named = WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(text)).map(|at| at as u64 + 1);
            named.or_else(|| number(text, WEEK)).ok_or_else(|| format!("{text} is no day of the week"))
        };
        match (of_month, of_week) {
            ("?", "?") | ("*", "*") => Err("one of day of the month and day of the week has to be ?".to_owned()),
            ("*", "?") | ("?", "*") => Ok(Self::All),
            ("L", "?") => Ok(Self::Last),
            ("?", "L") => Ok(Self::OfWeek(vec![7])),
            (day, "?") => match day.strip_suffix('W') {
                None => field(day, DAYS, &[]).map(Self::OfMonth),
                Some(day) => {
                    number(day, DAYS).map(Self::NearestWorkday).ok_or_else(|| format!("{day}W is no day of a month"))
                }
            },
            ("?", day) => match (day.strip_suffix('L'), day.split_once('#')) {
                (Some(day), _) => weekday(day).map(Self::LastOfWeek),
                (None, Some((day, nth))) => {
                    let nth = number(nth, (1, 5)).ok_or_else(|| format!("{nth} is not from 1 to 5"))?;
                    weekday(day).map(|day| Self::NthOfWeek(day, nth))
                }
                (None, None) => field(day, WEEK, &WEEKDAYS).map(Self::OfWeek),
            },
            _ => Err("one of day of the month and day of the week has to be ?".to_owned()),
        }
    }

    /// Whether it names a day, given in days since 1970, of a month that has so many.
    fn has(&self, days: u64, day: u64, length: u64) -> bool {
        let weekday = |days: u64| (days + 4) % 7 + 1; // 1 January 1970 was a Thursday
        match self {
            Self::All => true,
            Self::OfMonth(wanted) => wanted.contains(&day),
            Self::Last => day == length,
            Self::OfWeek(wanted) => wanted.contains(&weekday(days)),
            Self::LastOfWeek(wanted) => weekday(days) == *wanted && day + 7 > length,
            Self::NthOfWeek(wanted, nth) => weekday(days) == *wanted && day.div_ceil(7) == *nth,
            Self::NearestWorkday(wanted) => {
                if *wanted > length {
                    return false;
                }
                let exact = days + wanted - day;
                day == match weekday(exact) {
                    7 if *wanted > 1 => wanted - 1,
                    7 => wanted + 2,
                    1 if *wanted < length => wanted + 1,
                    1 => wanted - 2,
                    _ => *wanted,
                }
            }
        }
    }
}

impl Cron {
    fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let &[minute, hour, day, month, weekday, year] = fields.as_slice() else {
            return Err(format!("{text} has not the six fields minute, hour, day, month, day of the week, year"));
        };
        let place = |name: &str, found: Result<Vec<u64>, String>| found.map_err(|why| format!("{name}: {why}"));
        Ok(Self {
            minutes: place("minute", field(minute, (0, 59), &[]))?,
            hours: place("hour", field(hour, (0, 23), &[]))?,
            months: place("month", field(month, (1, 12), &MONTHS))?,
            years: place("year", field(year, YEARS, &[]))?,
            days: Days::parse(day, weekday)?,
        })
    }

    fn next_after(&self, after_millis: u64) -> Option<u64> {
        let first_minute = after_millis / MINUTE_MILLIS + 1;
        let first_day = first_minute * MINUTE_MILLIS / DAY_MILLIS;
        for days in first_day..first_day + MOST_DAYS {
            let (year, rest) = year_and_rest(days);
            if year > YEARS.1 {
                return None;
            }
            if !self.years.contains(&year) || !self.months.contains(&rest.month) {
                continue;
            }
            if !self.days.has(days, rest.day, rest.length) {
                continue;
            }
            for hour in &self.hours {
                for minute in &self.minutes {
                    let at = days * DAY_MILLIS / MINUTE_MILLIS + hour * 60 + minute;
                    if at >= first_minute {
                        return Some(at * MINUTE_MILLIS);
                    }
                }
            }
        }
        None
    }
}

/// A day of a year.
struct DayOfYear {
    month: u64,
    day: u64,
    /// Days of the month.
    length: u64,
}

fn year_and_rest(days: u64) -> (u64, DayOfYear) {
    let (year, month, day) = date_of(days);
    let next = if month == 12 { days_of(year + 1, 1, 1) } else { days_of(year, month + 1, 1) };
    let length = next.map_or(31, |next| next + day - 1 - days);
    (year, DayOfYear { month, day, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time, in milliseconds since 1970.
    fn time(text: &str) -> u64 {
        parse_time(text).unwrap()
    }
    fn next(schedule: &str, after: &str) -> Option<u64> {
        Schedule::parse(schedule).unwrap().next_after(time(after), time("2027-01-01T00:00:30"))
    }

    #[test]
    fn times_and_rates() {
        assert_eq!(next("at(2027-01-15T06:00:00)", "2027-01-15T05:59:59"), Some(time("2027-01-15T06:00:00")));
        assert_eq!(next("at(2027-01-15T06:00:00)", "2027-01-15T06:00:00"), None, "once");
        assert_eq!(next("rate(5 minutes)", "2027-01-01T00:00:30"), Some(time("2027-01-01T00:05:30")));
        assert_eq!(next("rate(1 day)", "2027-01-03T12:00:00"), Some(time("2027-01-04T00:00:30")));
    }

    #[test]
    fn cron_expressions_of_the_service() {
        for (cron, after, expected) in [
            ("0 6 ? * MON-FRI *", "2027-01-01T06:00:00", "2027-01-04T06:00:00"), // a Friday
            ("0/15 * * * ? *", "2027-01-01T10:31:00", "2027-01-01T10:45:00"),
            ("30 9 1 1,JUL ? *", "2027-01-01T09:30:00", "2027-07-01T09:30:00"),
            ("0 0 L * ? *", "2027-02-01T00:00:00", "2027-02-28T00:00:00"),
            ("0 0 29 2 ? *", "2027-01-01T00:00:00", "2028-02-29T00:00:00"),
            ("0 0 ? * 2#1 *", "2027-01-05T00:00:00", "2027-02-01T00:00:00"),
            ("0 0 ? * FRIL *", "2027-01-01T00:00:00", "2027-01-29T00:00:00"),
            ("0 0 2W * ? *", "2027-01-01T00:00:00", "2027-02-02T00:00:00"), // 2 January is a Saturday, 1 January was now
            ("0 0 31W * ? 2027", "2027-01-01T00:00:00", "2027-01-29T00:00:00"), // 31 January is a Sunday
            ("0 22-1/3 ? * * *", "2027-01-01T22:00:00", "2027-01-02T01:00:00"),
        ] {
            assert_eq!(next(&format!("cron({cron})"), after), Some(time(expected)), "{cron}");
        }
        assert_eq!(next("cron(0 0 1 1 ? 2026)", "2027-01-01T00:00:00"), None, "no such year comes");
        assert_eq!(next("cron(0 0 31 2 ? *)", "2027-01-01T00:00:00"), None, "no such day");
    }

    #[test]
    fn what_is_none_is_refused() {
        for (text, why) in [
            ("at(2027-02-29T06:00:00)", "is no time"),
            ("at(2027-01-15)", "is no time"),
            ("rate(0 minutes)", "is no rate"),
            ("rate(5 seconds)", "is no rate"),
            ("cron(0 6 * * *)", "has not the six fields"),
            ("cron(0 6 * * * *)", "has to be ?"),
            ("cron(60 6 * * ? *)", "minute: 60 is no list"),
            ("cron(0 6 ? * MOO *)", "is no list"),
            ("cron(0 6 ? * 2#6 *)", "is not from 1 to 5"),
            ("every day", "is none of"),
        ] {
            let error = Schedule::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
