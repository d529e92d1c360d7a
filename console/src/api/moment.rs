//! Moments of the history, as people and programs write them.

use crate::refusal::Refusal;
use hashrange::{
    date::{label, parse_label},
    history::Moment,
};

/// A moment: `now`, a commit as `#123`, a time as milliseconds since 1970, or a time of UTC such as `2026-11-20T12:34:56.789`,
/// whose seconds and `Z` may be missing. Errors: it is none of them.
pub(crate) fn parse(text: &str) -> Result<Moment, Refusal> {
    let text = text.trim();
    if text == "now" {
        return Ok(Moment::Now);
    }
    let parsed = match text.strip_prefix('#') {
        Some(commit) => commit.parse().ok().map(Moment::Commit),
        None => text.parse().ok().or_else(|| millis(text)).map(Moment::Instant),
    };
    let advice = "a moment is now, #COMMIT, milliseconds since 1970, or a time of UTC such as 2026-11-20T12:34:56";
    parsed.ok_or_else(|| Refusal::invalid(format!("{text:?}: {advice}")))
}

fn millis(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z').unwrap_or(text).split_once(['T', ' '])?;
    let seconds = if time.split(':').count() == 2 { ":00" } else { "" };
    parse_label(&format!("{date}T{time}{seconds}"))
}

/// A time, in milliseconds since 1970, that [`parse`] reads back.
pub(crate) fn text(millis: u64) -> String {
    label(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_back() {
        for time in [0, 1_800_000_000_123, 951_826_554_003] {
            assert_eq!(parse(&text(time)).unwrap(), Moment::Instant(time), "{}", text(time));
        }
        assert_eq!(parse("1970-01-02T00:00").unwrap(), Moment::Instant(86_400_000));
        assert_eq!(parse("1970-01-01 00:00:01Z").unwrap(), Moment::Instant(1_000));
        assert_eq!(parse("12").unwrap(), Moment::Instant(12));
        assert_eq!(parse("#12").unwrap(), Moment::Commit(12));
        for bad in ["", "#", "yesterday", "2026-13-01T00:00", "2026-02-30T00:00", "2026-01-01T24:00", "2026-01-01"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
