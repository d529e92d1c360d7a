//! Moments as policies write them: `2026-11-29T12:00:00Z`, or seconds since 1970.

use crate::date::{date_of, days_of};
use std::str::FromStr;

/// Milliseconds since 1970 of a text; `None` if it is no moment, or a date before 1970.
pub(super) fn parse(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000);
    }
    let (date, clock) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let days = i64::try_from(days_of(year, month, day)?).ok()?;
    let (clock, offset_minutes) = zone(clock)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.splitn(3, ':');
    let (hour, minute): (i64, i64) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let digits: String = fraction.chars().chain("00".chars()).take(3).collect();
    let millis: i64 = number(&digits, 3)?;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some((seconds - offset_minutes * 60) * 1000 + millis)
}

/// A time of day without its zone, and the zone in minutes east of Greenwich.
fn zone(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some((clock, 0)) };
    let (clock, zone) = clock.split_at(at);
    let (hours, minutes) = zone[1..].split_once(':')?;
    let minutes = number::<i64>(hours, 2)? * 60 + number::<i64>(minutes, 2)?;
    Some((clock, if zone.starts_with('-') { -minutes } else { minutes }))
}

fn number<N: FromStr>(text: &str, digits: usize) -> Option<N> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// A moment as text.
pub(super) fn to_text(millis: u64) -> String {
    let seconds = millis / 1000;
    let (year, month, day) = date_of(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2026-11-20T12:34:56Z", 1_795_178_096_000),
        ] {
            assert_eq!(parse(text), Some(millis), "{text}");
            assert_eq!(to_text(millis.unsigned_abs()), text);
        }
        for (text, millis) in [
            ("2026-11-20T12:34:56.789Z", 1_795_178_096_789),
            ("2026-11-20T13:34:56+01:00", 1_795_178_096_000),
            ("2026-11-20T11:34:56-01:00", 1_795_178_096_000),
            ("1795178096", 1_795_178_096_000),
            ("1970-01-02", 86_400_000),
            ("-1", -1000),
        ] {
            assert_eq!(parse(text), Some(millis), "{text}");
        }
        for bad in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-1-1",
            "2026-11-20T25:00:00Z",
            "2026-11-20T12:00:00+1",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
