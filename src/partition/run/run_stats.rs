//! How large the parts of a run are, and where it falls into halves: for splits of partitions and for `inspect`.

use super::reader::Run;
use crate::error::Result;

/// What `inspect` tells about a run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RunContentStats {
    /// Collections, one per key space and partition key.
    pub collections: u64,
    /// Leaves: parts of collections that are searched and read as one.
    pub leaves: u64,
    /// Nodes above the leaves of large collections.
    pub nodes: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// DynamoDB size of the items in bytes.
    pub logical_bytes: u64,
    /// Bytes of leaves and nodes.
    pub record_bytes: u64,
    /// Bytes of the attribute names.
    pub dictionary_bytes: u64,
    /// Bytes of the directory.
    pub directory_bytes: u64,
    /// Bytes of the hash index, or of the filter of a run of format version 1; 0 where the directory suffices.
    pub hash_index_bytes: u64,
    /// Bytes of the page checksums.
    pub checksum_bytes: u64,
    /// Attribute names that have an id.
    pub attribute_names: usize,
    /// Whether the file is mapped rather than read through the cache.
    pub mapped: bool,
}

impl Run {
    /// A token at which the run falls into two halves of about the same size: lower tokens left of it, the token itself
    /// and higher ones right. `None` if it holds fewer than two tokens, or cannot be read.
    #[cfg(test)]
    pub fn split_token(&self) -> Option<u64> {
        self.split_token_within(0, u64::MAX).ok().flatten()
    }
    /// As [`Run::split_token`], for the part of the run that is between two tokens, both inclusive.
    pub fn split_token_within(&self, first_token: u64, last_token: u64) -> Result<Option<u64>> {
        let opened = self.opened()?;
        let (start, end) = (opened.position(first_token)?, opened.position_behind(last_token)?);
        if end.saturating_sub(start) < 2 {
            return Ok(None);
        }
        let offset = |index| opened.directory.offset(&opened.source, index);
        let from = if start == 0 { opened.footer.plan.records_at } else { offset(start - 1)? };
        let half = from + offset(end - 1)?.saturating_sub(from) / 2;
        let (mut low, mut high) = (start, end - 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if offset(middle)? < half { low = middle + 1 } else { high = middle }
        }
        let lowest = opened.root(offset(start)?)?.token();
        let token = opened.root(offset(low)?)?.token();
        if token > lowest {
            return Ok(Some(token));
        }
        // The first token alone takes more than half: the next one begins the right side, if there is one.
        let next = match lowest.checked_add(1) {
            Some(next) => opened.position(next)?,
            None => end,
        };
        if next < end { Ok(Some(opened.root(offset(next)?)?.token())) } else { Ok(None) }
    }
    /// About how many bytes of the run belong to tokens from `first_token` to `last_token`, both inclusive.
    pub fn bytes_within(&self, first_token: u64, last_token: u64) -> Result<u64> {
        if first_token <= self.facts().min_token && last_token >= self.facts().max_token {
            return Ok(self.facts().bytes);
        }
        let opened = self.opened()?;
        let (start, end) = (opened.position(first_token)?, opened.position_behind(last_token)?);
        let place = |index: u64| match index {
            index if index >= opened.directory.len() => Ok(opened.footer.records_end),
            0 => Ok(opened.footer.plan.records_at),
            index => opened.directory.offset(&opened.source, index),
        };
        Ok(if start < end { place(end)?.saturating_sub(place(start)?) } else { 0 })
    }
    /// What the run is made of.
    pub fn describe(&self) -> Result<RunContentStats> {
        let opened = self.opened()?;
        let footer = &opened.footer;
        Ok(RunContentStats {
            collections: footer.collections,
            leaves: footer.leaves,
            nodes: footer.nodes,
            entries: footer.entries,
            tombstones: footer.tombstones,
            logical_bytes: footer.logical_bytes,
            record_bytes: footer.records_end - footer.plan.records_at,
            dictionary_bytes: footer.dictionary_end - footer.records_end,
            directory_bytes: footer.directory_end - footer.dictionary_end,
            hash_index_bytes: footer.hash_blocks * footer.hash_block_bytes(),
            checksum_bytes: self.facts().footer - footer.sums_at(),
            attribute_names: opened.names.len(),
            mapped: opened.source.is_mapped(),
        })
    }
}
