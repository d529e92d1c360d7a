//! A link: what one region commits and another one has to learn.

use super::{
    clocks::RegionClock,
    link_positions::LinkPositions,
    options::LinkModel,
    region::Region,
    report::{Counts, LinkReport},
    transit::{CutOff, OnItsWay, Transit},
};
use crate::{
    canary::canary,
    engine::{ChangeCursor, Charge, StampedChange, StampedWalk, TableSlot},
    error::{ErrorKind, Result},
    schema::Consistency,
};
use bytes::Bytes;
use std::{collections::HashMap, sync::Arc};

/// Commits of which nothing is sent after which the receiver notes all the same how far the link has come.
const COMMITS_PER_NOTE: u64 = 1_024;
/// When a change comes again for which the receiver had no capacity, in milliseconds.
const THROTTLED_MILLIS: u64 = 100;
/// How long a link rests after a failure, in milliseconds.
const RETRY_MILLIS: u64 = 1_000;

/// A link from one region to another.
#[derive(Debug)]
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
    cursor: ChangeCursor,
    transit: Transit,
    /// Tables for which the receiver has no capacity, by number, as far as their changes wait in the log while others pass them.
    cut_off: HashMap<u32, CutOffTable>,
    counts: Counts,
    /// The last commit that the receiver has noted.
    noted: u64,
    /// The log does not reach back to the place of the link, or the place is not known.
    has_to_compare: bool,
    /// It did not read to the end of the log, for lack of room.
    is_behind: bool,
    /// It failed, and rests until then; 0 if it does not.
    rests_until: u64,
    /// Something arrived that is not known to be durable.
    has_applied: bool,
    /// The receiver has a note.
    is_noted: bool,
    /// Something arrived since the receiver last noted its place.
    has_arrived: bool,
}

/// A table whose later changes wait in the log.
#[derive(Debug)]
struct CutOffTable {
    name: String,
    /// Before its next change.
    cursor: ChangeCursor,
}

/// Both ends of a link.
pub(super) struct Ends<'a> {
    pub from: &'a Region,
    pub to: &'a Region,
    /// The clock of the sender.
    pub clock: &'a RegionClock,
    /// The positions that the receiver keeps.
    pub positions: &'a LinkPositions,
}

impl Link {
    /// Goes on where the receiver was left; says whether the receiver has more of the sender than the sender itself, which was
    /// put back from a copy. Errors: log, disk.
    pub fn open(at: (usize, usize), ends: &Ends<'_>, transit: Transit) -> Result<(Self, bool)> {
        let engine = ends.from.engine();
        let last = engine.last_commit();
        let place = ends.positions.get(&ends.from.name, engine.database_id())?;
        let known = place.filter(|known| *known <= last);
        let noted = known.unwrap_or(last);
        let link = Self {
            from: at.0,
            to: at.1,
            cursor: engine.cursor_before(noted + 1),
            transit,
            cut_off: HashMap::new(),
            counts: Counts::default(),
            noted,
            has_to_compare: known.is_none() && shared_tables(ends).next().is_some(),
            is_behind: false,
            is_noted: known.is_some(),
            rests_until: 0,
            has_applied: false,
            has_arrived: false,
        };
        Ok((link, place > Some(last)))
    }
    pub fn model(&self) -> LinkModel {
        self.transit.model()
    }
    pub fn set_model(&mut self, model: LinkModel) {
        self.transit.set_model(model);
    }
    /// When the next change arrives.
    pub fn next_arrival(&self) -> Option<u64> {
        self.transit.next_arrival()
    }
    /// When the link has something to do next: a change arrives, or a rest ends.
    pub fn wakes_at(&self) -> Option<u64> {
        if self.rests_until > 0 { Some(self.rests_until) } else { self.transit.next_arrival() }
    }
    /// Whether it has nothing to do: all that the sender committed has arrived.
    pub fn is_idle(&self, ends: &Ends<'_>) -> bool {
        !self.has_to_compare
            && self.transit.len() == 0
            && self.cut_off.is_empty()
            && ends.from.engine().last_commit() < self.cursor.next()
    }

    pub fn has_to_compare(&self) -> bool {
        self.has_to_compare
    }
    /// Whether it stopped reading because there was too much on its way, and has room now.
    pub fn is_behind(&self, now_millis: u64) -> bool {
        if self.rests_until > now_millis || self.transit.is_full() {
            return false;
        }
        let next = self.cursor.next();
        let mut cut_off = self.cut_off.iter().filter(|(_, table)| table.cursor.next() < next);
        self.is_behind || cut_off.any(|(number, _)| self.transit.needs_more(*number))
    }

    /// Reads what the sender committed since the last time. Errors: log, disk.
    pub fn read_log(&mut self, ends: &Ends<'_>, now_millis: u64) -> Result<()> {
        if self.rests_until > now_millis {
            return Ok(());
        }
        let read = self.try_read_log(ends, now_millis);
        match &read {
            Ok(()) => self.rests_until = 0,
            Err(error) => self.fail(error, now_millis),
        }
        read
    }

    fn try_read_log(&mut self, ends: &Ends<'_>, now_millis: u64) -> Result<()> {
        if self.has_to_compare {
            self.compare(ends)?;
        }
        let read = self.read_tables(ends, now_millis);
        self.is_behind = self.transit.is_full();
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.has_to_compare = true;
                Ok(())
            }
            read => read,
        }
    }

    fn read_tables(&mut self, ends: &Ends<'_>, now_millis: u64) -> Result<()> {
        let mut sender = Sender { ends, now_millis, tables: HashMap::new() };
        while !self.transit.is_full() {
            let Self { cursor, transit, cut_off, .. } = self;
            let begin = cursor.next();
            ends.from.engine().read_changes(cursor, &mut |change| {
                // A table that was cut off is read from its own place, unless that has come as far as this one.
                let own = cut_off.get(&change.table).map(|table| table.cursor.next());
                if own.is_none_or(|own| own >= begin && change.commit >= own) {
                    sender.send(transit, change);
                }
                !transit.is_full()
            })?;
            let end = cursor.next();
            cut_off.retain(|_, table| !(begin..=end).contains(&table.cursor.next()));
            if !self.transit.is_full() || !self.make_room(ends, now_millis) {
                break;
            }
        }
        let Self { cursor, transit, cut_off, .. } = self;
        for (number, table) in cut_off.iter_mut() {
            if !transit.is_full() && table.cursor.next() < cursor.next() && transit.needs_more(*number) {
                ends.from.engine().read_changes(&mut table.cursor, &mut |change| {
                    if change.table == *number {
                        sender.send(transit, change);
                    }
                    !transit.is_full() && transit.has_blocked_room(*number)
                })?;
            }
        }
        cut_off.retain(|_, table| table.cursor.next() != cursor.next());
        Ok(())
    }

    /// Lets later changes of tables for which the receiver has no capacity wait in the log, so that there is room for others;
    /// whether there were any.
    fn make_room(&mut self, ends: &Ends<'_>, now_millis: u64) -> bool {
        let cut = self.transit.cut_blocked(now_millis);
        let is_any = !cut.is_empty();
        for CutOff { number, table, commit } in cut {
            let cursor = ends.from.engine().cursor_before(commit);
            self.cut_off.insert(number, CutOffTable { name: table, cursor });
        }
        is_any
    }

    /// Applies the next change that arrived; whether it was. Where the receiver has no capacity for it, it comes again a little
    /// later, and the others of its table behind it. Errors: log, disk.
    pub fn deliver_next(&mut self, ends: &Ends<'_>, now_millis: u64) -> Result<bool> {
        let Some(next) = self.transit.take_next() else { return Ok(false) };
        let charge = if next.is_again { Charge::Again } else { Charge::Single };
        match self.deliver(ends, &next, charge, now_millis) {
            Err(error) if error.kind() == ErrorKind::Throttled => {
                self.counts.throttled += u64::from(!next.is_again);
                self.transit.put_back(next, now_millis.saturating_add(THROTTLED_MILLIS));
                if self.transit.is_full() {
                    self.make_room(ends, now_millis);
                }
                Ok(false)
            }
            delivered => delivered.inspect_err(|error| self.fail(error, now_millis)).map(|()| true),
        }
    }

    /// Brings everything of some tables over that the sender has, before its time. Where too much of other tables is on its way, that
    /// arrives early too. Errors: log, disk.
    pub fn bring_over(&mut self, ends: &Ends<'_>, tables: &[String], now_millis: u64) -> Result<()> {
        loop {
            self.try_read_log(ends, now_millis).inspect_err(|error| self.fail(error, now_millis))?;
            // Otherwise it read to the end of the log.
            let is_wanted = |table: &str| tables.iter().any(|wanted| wanted == table);
            let goes_on = self.has_to_compare
                || self.transit.is_full()
                || self.cut_off.values().any(|table| is_wanted(&table.name));
            for change in self.transit.take_tables(is_wanted) {
                self.deliver(ends, &change, Charge::Unasked, now_millis)
                    .inspect_err(|error| self.fail(error, now_millis))?;
            }
            if !goes_on {
                return self.settle(ends);
            }
            if self.transit.is_full() {
                for _ in 0..self.transit.len().div_ceil(2) {
                    let Some(next) = self.transit.take_next() else { break };
                    self.deliver(ends, &next, Charge::Unasked, now_millis)
                        .inspect_err(|error| self.fail(error, now_millis))?;
                }
            }
        }
    }

    /// What is on its way of a table arrives no more.
    pub fn forget(&mut self, table: &str) {
        self.transit.take_tables(|name| name == table && !canary!(TransitOutlivesReplica));
        self.cut_off.retain(|_, cut_off| cut_off.name != table);
    }

    /// Waits until what arrived is durable. Errors: log, disk.
    fn settle(&mut self, ends: &Ends<'_>) -> Result<()> {
        if std::mem::take(&mut self.has_applied) {
            ends.to.engine().wait_all_durable(None)?;
        }
        Ok(())
    }

    fn deliver(&mut self, ends: &Ends<'_>, arrived: &OnItsWay, charge: Charge, now_millis: u64) -> Result<()> {
        let applied = apply(ends, &arrived.table, arrived.to_table, &arrived.change, charge)?;
        self.has_arrived = true;
        let Some((is_applied, consistency)) = applied else { return Ok(()) };
        self.has_applied |= is_applied;
        if is_applied {
            self.counts.applied += 1;
        } else {
            self.counts.superseded += 1;
        }
        if consistency == Consistency::Eventual {
            self.counts.note_latency(&arrived.table, now_millis, now_millis.saturating_sub(arrived.sent_millis));
        }
        self.counts.failure = None;
        Ok(())
    }

    fn fail(&mut self, error: &crate::error::Error, now_millis: u64) {
        self.begin_again();
        self.counts.failure = Some(error.to_string());
        self.rests_until = now_millis.saturating_add(RETRY_MILLIS);
    }

    /// What was on its way is read from the log again.
    pub fn begin_again(&mut self) {
        self.rests_until = 0;
        self.transit = self.transit.emptied();
        self.cut_off.clear();
        self.is_behind = false;
        self.cursor.rewind(self.noted + 1);
    }

    /// Sends every item of every table that both ends have.
    fn compare(&mut self, ends: &Ends<'_>) -> Result<()> {
        // What the walks do not see is behind the cursor.
        self.transit = self.transit.emptied();
        self.cut_off.clear();
        self.cursor = ends.from.engine().cursor_behind_visible()?;
        let mut compared = false;
        for (table, slot) in shared_tables(ends) {
            compared = true;
            copy(ends, &table, &slot)?;
        }
        self.has_to_compare = false;
        self.counts.comparisons += u64::from(compared);
        Ok(())
    }

    /// Everything has to be compared before the link goes on, also if the world is closed before. Errors: log, disk.
    pub fn compare_later(&mut self, ends: &Ends<'_>) -> Result<()> {
        if !canary!(CompareForgottenAtRestart) {
            ends.positions.forget(&ends.from.name)?;
        }
        (self.has_to_compare, self.is_noted) = (true, false);
        Ok(())
    }

    /// Waits until what arrived is durable, and lets the receiver note how far it has come. Errors: log, disk.
    pub fn note_place(&mut self, ends: &Ends<'_>) -> Result<()> {
        self.settle(ends)?;
        let next = self.transit.first_commit().unwrap_or(u64::MAX).min(self.next_unread());
        let reached = next.saturating_sub(1);
        // Each note is a commit of the receiver, which its own links read: where nothing arrives there must be hardly any.
        let is_due = self.has_arrived
            || !self.is_noted
            || reached >= self.noted + COMMITS_PER_NOTE
            || self.cursor.keeps_before(reached + 1);
        if self.has_to_compare || (reached == self.noted && self.is_noted) || !is_due {
            return Ok(());
        }
        ends.positions.put(&ends.from.name, ends.from.engine().database_id(), reached)?;
        (self.noted, self.is_noted, self.has_arrived) = (reached, true, false);
        self.cursor.release_before(reached + 1);
        self.cut_off.values_mut().for_each(|table| table.cursor.release_before(reached + 1));
        Ok(())
    }

    /// The first commit that was not read for every table.
    fn next_unread(&self) -> u64 {
        self.cut_off.values().map(|table| table.cursor.next()).fold(self.cursor.next(), u64::min)
    }

    /// What it counts.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What it did.
    pub fn report(&self, ends: &Ends<'_>, is_connected: bool, now_millis: u64) -> LinkReport {
        let oldest = self.transit.oldest_sent();
        LinkReport {
            from: ends.from.name.clone(),
            to: ends.to.name.clone(),
            is_connected,
            pending: self.transit.len() as u64,
            oldest_pending_millis: oldest.map_or(0, |sent| now_millis.saturating_sub(sent)),
            unread_commits: (ends.from.engine().last_commit() + 1).saturating_sub(self.next_unread()),
            applied: self.counts.applied,
            superseded: self.counts.superseded,
            throttled: self.counts.throttled,
            comparisons: self.counts.comparisons,
            latency: self.counts.latency,
            failure: self.counts.failure.clone(),
        }
    }
}

/// What sends the changes of a log.
struct Sender<'a> {
    ends: &'a Ends<'a>,
    now_millis: u64,
    /// Tables of the sender by number.
    tables: HashMap<u32, Option<SharedTable>>,
}

impl Sender<'_> {
    fn send(&mut self, transit: &mut Transit, mut change: StampedChange) {
        let Self { ends, now_millis, tables } = self;
        let table = tables.entry(change.table).or_insert_with(|| shared_table(ends, change.table));
        // Each region sends what was written in it. Where a second region has to have everything, it also sends what it
        // was sent.
        if let Some(table) = table
            && (table.consistency == Consistency::Strong || change.stamp.region() == ends.from.name)
        {
            let sent_millis = ends.clock.to_world(change.at_millis).min(*now_millis);
            // Of its own, so that it does not keep the whole commit in memory.
            change.new = change.new.map(|new| Bytes::copy_from_slice(&new));
            transit.send(OnItsWay::new(table.name.clone(), table.to_number, change, sent_millis));
        }
    }
}

/// The tables that both ends have as replicas of each other.
fn shared_tables<'a>(ends: &'a Ends<'_>) -> impl Iterator<Item = (String, Arc<TableSlot>)> + use<'a> {
    ends.from.replicated_tables().into_iter().filter_map(|table| {
        let (slot, replication) = ends.from.replicated(&table)?;
        let is_shared = replication.regions().any(|region| region == ends.to.name);
        (is_shared && ends.to.replicated(&table).is_some()).then_some((table, slot))
    })
}

/// A table of the sender that the receiver has a replica of.
struct SharedTable {
    name: String,
    /// Its number at the receiver.
    to_number: u32,
    consistency: Consistency,
}

/// The table of the sender with a number, if it is shared.
fn shared_table(ends: &Ends<'_>, number: u32) -> Option<SharedTable> {
    let slot = ends.from.engine().table_of_number(number)?;
    let state = slot.state();
    let replication = state.definition.replication.as_ref()?;
    let (to, _) = ends.to.replicated(&state.definition.name)?;
    let (name, to_number) = (state.definition.name.clone(), to.state().definition.id);
    let is_shared = replication.regions().any(|region| region == ends.to.name);
    is_shared.then_some(SharedTable { name, to_number, consistency: replication.consistency })
}

/// Applies a change at the receiver, and says whether it was newer; `None` if one of the tables is not there any more, or they are not
/// replicas of each other.
fn apply(
    ends: &Ends<'_>,
    table: &str,
    to_table: u32,
    change: &StampedChange,
    charge: Charge,
) -> Result<Option<(bool, Consistency)>> {
    let Some((slot, replication)) = ends.to.replicated(table) else { return Ok(None) };
    let sender = ends.from.engine().table(table);
    // Another table may have the name by now.
    let is_same = sender.is_some_and(|sender| sender.state().definition.id == change.table)
        && slot.state().definition.id == to_table;
    if !(is_same || canary!(TransitOutlivesReplica)) || !replication.regions().any(|region| region == ends.from.name) {
        return Ok(None);
    }
    match ends.to.engine().apply_replicated(&slot, change, charge) {
        Ok(is_applied) => Ok(Some((is_applied, replication.consistency))),
        Err(_) if slot.is_dropped() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Applies all items of a table of the sender at the receiver, and waits until they are durable there.
pub(super) fn copy(ends: &Ends<'_>, table: &str, slot: &TableSlot) -> Result<()> {
    let Some((to, _)) = ends.to.replicated(table) else { return Ok(()) };
    let (to_table, mut walk) = (to.state().definition.id, StampedWalk::new(&slot.state()));
    loop {
        let items = walk.next_items(ends.from.engine())?;
        if items.is_empty() {
            return ends.to.engine().wait_all_durable(None);
        }
        for item in items {
            apply(ends, table, to_table, &item, Charge::Free)?;
        }
    }
}
