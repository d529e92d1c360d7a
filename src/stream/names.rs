//! The names that shards have outside: DynamoDB's form of shard ids. The label of a stream is a time, see [`crate::date`].

use crate::manifest::ShardMeta;

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
