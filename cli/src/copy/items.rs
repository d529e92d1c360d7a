//! The items of a table: several scans side by side, page after page.

use super::{
    Mover,
    batch::{self, Change},
    masked, refused,
};
use crate::{failure::Failure, mask::Masks, progress::Progress, text::counted};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Copies the items of a table that has about `expected`; returns how many it has copied in all its runs.
pub(super) async fn copy(mover: &Mover, table: &str, expected: u64) -> Result<u64, Failure> {
    let progress = Arc::new(Progress::of_items(expected));
    progress.say(table.to_owned());
    let mut segments = JoinSet::new();
    for segment in 0..mover.state.segments {
        let one = Part {
            from: mover.from.items.clone(),
            to: mover.to.items.clone(),
            state: mover.state.clone(),
            masks: mover.masks.clone(),
            progress: Arc::clone(&progress),
            table: table.to_owned(),
            segment,
        };
        segments.spawn(one.copy());
    }
    let mut items = 0;
    while let Some(ended) = segments.join_next().await {
        let ended = ended.map_err(|error| Failure::Service { what: counted(items, "item"), why: error.to_string() })?;
        items += ended?;
    }
    progress.finish();
    Ok(items)
}

/// One segment of a table.
struct Part {
    from: aws_sdk_dynamodb::Client,
    to: aws_sdk_dynamodb::Client,
    state: super::CopyState,
    masks: Option<Masks>,
    progress: Arc<Progress>,
    table: String,
    segment: u32,
}

impl Part {
    async fn copy(self) -> Result<u64, Failure> {
        let table = self.table.as_str();
        let mut at = self.state.segment(table, self.segment)?;
        self.progress.advance(at.items);
        while !at.is_done {
            let scan = self.from.scan().table_name(table).consistent_read(true);
            let scan = scan.segment(self.segment.cast_signed()).total_segments(self.state.segments.cast_signed());
            let page = scan.set_exclusive_start_key(at.last.take()).send().await;
            let page = page.map_err(|error| refused(format!("cannot scan {table}"), error))?;
            let items = page.items.unwrap_or_default();
            let count = items.len() as u64;
            let puts = items.into_iter().map(|item| Ok(Change::Put(masked(self.masks.as_ref(), table, item)?)));
            batch::write(&self.to, table, puts.collect::<Result<_, Failure>>()?).await?;
            at.items += count;
            at.last = page.last_evaluated_key;
            at.is_done = at.last.is_none();
            self.state.note_segment(table, self.segment, &at)?;
            self.progress.advance(count);
        }
        Ok(at.items)
    }
}
