//! Moments and lengths of time as text on the command line.

use hashrange::{date, history::Moment};

/// How a moment is written, for help texts and errors.
pub(crate) const MOMENTS: &str =
    "now, commit:NUMBER, a time such as 2026-11-30T12:00:00Z, or how long ago as 30s, 15m, 2h or 7d";

/// When something is meant, before it is known what time it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// A moment by itself.
    At(Moment),
    /// So many milliseconds ago.
    Ago(u64),
}

impl When {
    /// The moment, if it is so late now, in milliseconds since 1970.
    pub(crate) fn moment(self, now_millis: u64) -> Moment {
        match self {
            Self::At(moment) => moment,
            Self::Ago(millis) => Moment::Instant(now_millis.saturating_sub(millis)),
        }
    }
}

/// Reads a moment.
pub(crate) fn parse_when(text: &str) -> Result<When, String> {
    if text == "now" {
        return Ok(When::At(Moment::Now));
    }
    let wrong = || format!("it must be {MOMENTS}");
    if let Some(number) = text.strip_prefix("commit:") {
        return number.parse().map(|number| When::At(Moment::Commit(number))).map_err(|_| wrong());
    }
    if let Ok(seconds) = parse_seconds(text) {
        return Ok(When::Ago(seconds.saturating_mul(1000)));
    }
    text.strip_suffix('Z').and_then(date::parse_label).map(|millis| When::At(Moment::Instant(millis))).ok_or_else(wrong)
}

/// Reads a length of time; its seconds.
pub(crate) fn parse_seconds(text: &str) -> Result<u64, String> {
    let parsed = parse_length(text, &[("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]);
    parsed.ok_or_else(|| "it must be a number with s, m, h or d behind it, such as 7d".to_owned())
}

/// Reads a length of time; its milliseconds.
pub(crate) fn parse_millis(text: &str) -> Result<u64, String> {
    let parsed = parse_length(text, &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)]);
    parsed.ok_or_else(|| "it must be a number with ms, s, m or h behind it, such as 800ms".to_owned())
}

/// Reads a number with a unit behind it; how many of the smallest unit that is. A unit is before those that it ends with.
fn parse_length(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read() {
        let read = ["800ms", "2s", "0ms", "1h"].map(parse_millis);
        assert_eq!(read, [Ok(800), Ok(2_000), Ok(0), Ok(3_600_000)]);
        assert!(parse_millis("800").is_err() && parse_millis("ms").is_err());
    }

    #[test]
    fn moments_are_read() {
        let at = |moment| Ok(When::At(moment));
        assert_eq!(parse_when("now"), at(Moment::Now));
        assert_eq!(parse_when("commit:12"), at(Moment::Commit(12)));
        assert_eq!(parse_when("2026-11-20T12:34:56.7Z"), at(Moment::Instant(1_795_178_096_700)));
        assert_eq!(parse_when("1970-01-01T00:00:00Z"), at(Moment::Instant(0)));
        assert_eq!(parse_when("15m"), Ok(When::Ago(900_000)));
        assert_eq!(parse_when("2d").unwrap().moment(200_000_000), Moment::Instant(27_200_000));
        for wrong in ["", "commit:", "commit:x", "2026-11-31T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20", "5", "m"]
        {
            assert!(parse_when(wrong).unwrap_err().contains("such as"), "{wrong}");
        }
    }
}
