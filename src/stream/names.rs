//! The names that streams and shards have outside: a label that is a time, and DynamoDB's form of shard ids.

use crate::manifest::ShardMeta;

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// A stream's label: its time in UTC, `2026-11-20T12:34:56.789`.
pub fn label(millis: u64) -> String {
    let (days, rest) = (millis / DAY_MILLIS, millis % DAY_MILLIS);
    let (year, month, day) = civil_date(days);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, fraction) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{fraction:03}")
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar. Counts in years that begin in March, so
/// that the leap day is a year's last one.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let since_year_zero = days + 719_468;
    let (era, day_of_era) = (since_year_zero / 146_097, since_year_zero % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// A shard's id: `shardId-`, when it was opened in 20 digits, `-`, its number in hexadecimal.
pub fn shard_id(record: &ShardMeta) -> String {
    format!("shardId-{:020}-{:08x}", record.opened_millis, record.id)
}

/// The number in a shard's id, if it is one.
pub fn shard_number(id: &str) -> Option<u64> {
    let (_, number) = id.strip_prefix("shardId-")?.split_once('-')?;
    u64::from_str_radix(number, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_times() {
        assert_eq!(label(0), "1970-01-01T00:00:00.000");
        assert_eq!(label(951_782_400_123), "2000-02-29T00:00:00.123");
        assert_eq!(label(1_795_178_096_789), "2026-11-20T12:34:56.789");
        assert_eq!(label(4_107_542_399_999), "2100-02-28T23:59:59.999");
        assert_eq!(label(4_107_542_400_000), "2100-03-01T00:00:00.000");
    }

    #[test]
    fn shard_ids_come_back() {
        let record = ShardMeta { id: 0x1f, opened_millis: 1_795_178_096_789, ..ShardMeta::default() };
        let id = shard_id(&record);
        assert_eq!(id, "shardId-00000001795178096789-0000001f");
        assert!((28..=65).contains(&id.len()));
        assert_eq!(shard_number(&id), Some(0x1f));
        for id in ["", "shardId-", "shardId-1", "shardId-1-", "shardId-1-xyz"] {
            assert_eq!(shard_number(id), None);
        }
    }
}
