//! Dates of the Gregorian calendar, in UTC: the labels of streams, the times in rejections, and what signatures of requests count with.
//!
//! Days are counted in eras of 400 years that begin on a first of March, so that the leap day is the last of its year.
//!
//! Imports: nothing.

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;
/// Days from the first of March of the year 0 to 1970-01-01.
const DAYS_BEFORE_1970: u64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;

/// A time, in milliseconds since 1970, as the label of a stream: `2026-11-20T12:34:56.789`.
pub fn label(millis: u64) -> String {
    let (days, rest) = (millis / DAY_MILLIS, millis % DAY_MILLIS);
    let (year, month, day) = date_of(days);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, fraction) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{fraction:03}")
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

/// A time, in milliseconds since 1970, as limits of throughput name it: `Friday, October 9, 2026 at 12:21:34 AM Coordinated Universal Time`.
pub fn long_text(epoch_millis: u64) -> String {
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

/// A time, in milliseconds since 1970, as limits of billing name it: `Sat Feb 23 03:07:45 UTC 2019`.
pub fn short_text(epoch_millis: u64) -> String {
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

/// A time as [`label`] writes it, `2026-11-20T12:34:56.789`, whose fraction may have any length or be missing; in milliseconds
/// since 1970. `None` if it is none, or of before 1970.
pub fn parse_label(text: &str) -> Option<u64> {
    let number = |text: &str| -> Option<u64> {
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_digits)
    };
    let parts = |text: &str, mark: char| text.split(mark).map(number).collect::<Option<Vec<_>>>();
    let (date, time) = text.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let (date, time) = (parts(date, '-')?, parts(time, ':')?);
    let (&[year, month, day], &[hour, minute, second]) = (date.as_slice(), time.as_slice()) else { return None };
    let days = days_of(year, month, day).filter(|_| hour < 24 && minute < 60 && second < 60)?;
    number(fraction)?;
    let millis = number(format!("{fraction:0<3}").get(..3)?)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millis)
}

/// Year, month and day of a day, which is counted from 1970-01-01.
pub fn date_of(days: u64) -> (u64, u64, u64) {
    let since_year_zero = days.saturating_add(DAYS_BEFORE_1970);
    let (era, of_era) = (since_year_zero / ERA_DAYS, since_year_zero % ERA_DAYS);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The day of a date, counted from 1970-01-01; `None` before it, from the year 10000 on, and for a day that no month has.
pub fn days_of(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, of_era) = (shifted / 400, shifted % 400);
    let days = (era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(DAYS_BEFORE_1970)?;
    (date_of(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_the_service_writes_them() {
        assert_eq!(long_text(1_791_505_294_000), "Friday, October 9, 2026 at 12:21:34 AM Coordinated Universal Time");
        assert_eq!(long_text(1_791_548_494_999), "Friday, October 9, 2026 at 12:21:34 PM Coordinated Universal Time");
        assert_eq!(short_text(1_550_891_265_000), "Sat Feb 23 03:07:45 UTC 2019");
    }

    #[test]
    fn labels_are_times() {
        assert_eq!(label(0), "1970-01-01T00:00:00.000");
        assert_eq!(label(951_782_400_123), "2000-02-29T00:00:00.123");
        assert_eq!(label(1_795_178_096_789), "2026-11-20T12:34:56.789");
        assert_eq!(label(4_107_542_399_999), "2100-02-28T23:59:59.999");
        assert_eq!(label(4_107_542_400_000), "2100-03-01T00:00:00.000");
        for millis in [0, 951_782_400_123, 1_795_178_096_789, 4_107_542_399_999] {
            assert_eq!(parse_label(&label(millis)), Some(millis));
        }
        assert_eq!(parse_label("1970-01-01T00:00:01"), Some(1_000));
        assert_eq!(parse_label("1970-01-01T00:00:01.5678"), Some(1_567));
        for bad in [
            "",
            "1970-01-01",
            "1970-01-01T",
            "1970-01-01T00:00",
            "1970-01-01T24:00:00",
            "1970-01-01T00:60:00",
            "1970-02-30T00:00:00",
            "1970-01-01T00:00:00.",
            "1970-01-01T00:00:00.1x",
            "1970-01-01T00:00:+1",
            "1970-01-01T00:00:00Z",
            "1969-12-31T00:00:00",
        ] {
            assert_eq!(parse_label(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for days in (0..2_932_896).step_by(11).chain([58, 59, 60, 789, 790, 11_015, 11_016, 47_540, 47_541]) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), Some(days), "{year}-{month}-{day}");
        }
        for (year, month, day) in
            [(1969, 12, 31), (2026, 2, 29), (2100, 2, 29), (2026, 4, 31), (2026, 13, 1), (2026, 1, 0)]
        {
            assert_eq!(days_of(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!((days_of(2000, 2, 29), days_of(9999, 12, 31)), (Some(11_016), Some(2_932_896)));
    }
}
