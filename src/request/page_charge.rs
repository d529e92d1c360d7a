//! What a page asks of the model of throughput, and what is noted of it: admission to each virtual partition that it comes to, and units for what it
//! evaluated there.
//!
//! The first partition without throughput rejects the page. A later one ends it, so that the caller goes on from there. The
//! page pays when it is complete: what it costs itself does not end it.

use super::{executor::Executor, page::MAX_PAGE_BYTES, target::Target};
use crate::{
    capacity::{ReadStrength, read_units},
    engine::{ReadAccess, ReadTicket, TableSlot, key_ref},
    error::{ErrorKind, Result},
    partition::KeyRef,
    schema::EncodedKey,
};
use std::mem::replace;

/// What a page asked for and paid so far.
pub(super) struct PageCharge<'a> {
    executor: &'a Executor<'a>,
    slot: &'a TableSlot,
    target: &'a Target,
    strength: ReadStrength,
    /// What a page is expected to cost: one that is full.
    expected_units: f64,
    /// The partition that it is in, if it had to ask, and where the page came to it.
    ticket: Option<ReadTicket>,
    place: EncodedKey,
    /// The partitions that it left, and what it evaluated there.
    left: Vec<(Option<ReadTicket>, EncodedKey, f64)>,
    left_units: f64,
    /// Bytes that count for the page, and that others paid.
    pub bytes_before: usize,
}

impl<'a> PageCharge<'a> {
    /// A page begins at a place; `None` if nothing is asked of it and nothing noted. Errors: throttled.
    pub fn begin(
        executor: &'a Executor<'a>,
        slot: &'a TableSlot,
        target: &'a Target,
        strength: ReadStrength,
        place: KeyRef<'_>,
    ) -> Result<Option<Self>> {
        if target.state.definition.is_internal() {
            return Ok(None);
        }
        let mut charge = Self {
            executor,
            slot,
            target,
            strength,
            expected_units: read_units(MAX_PAGE_BYTES, strength),
            ticket: None,
            place: EncodedKey::at_token(place.token, place.collection, place.sort),
            left: Vec::new(),
            left_units: 0.0,
            bytes_before: 0,
        };
        charge.ticket = executor.engine.admit_read(&charge.access(place), charge.expected_units)?;
        Ok(Some(charge))
    }

    fn access<'k>(&'k self, key: KeyRef<'k>) -> ReadAccess<'k> {
        let Self { slot, target, strength, executor, .. } = *self;
        let (state, index, label) = (&**target.state, target.index, executor.label);
        ReadAccess { slot, state, index, key, is_whole_key: false, strength, label }
    }

    /// Whether the page may end where it comes to another partition.
    pub fn is_bounded(&self) -> bool {
        self.ticket.is_some()
    }

    /// The page comes to an entry, after so many bytes. `false` if it ends before it. Errors: throttled, with nothing read.
    pub fn comes_to(&mut self, key: KeyRef<'_>, bytes: usize) -> Result<bool> {
        if self.ticket.as_ref().is_none_or(|ticket| ticket.covers(key)) {
            return Ok(true);
        }
        let bytes = bytes.saturating_sub(self.bytes_before);
        match self.executor.engine.admit_read(&self.access(key), self.expected_units) {
            Ok(Some(ticket)) => {
                let place = EncodedKey::at_token(key.token, key.collection, key.sort);
                let (ticket, place) = (self.ticket.replace(ticket), replace(&mut self.place, place));
                if bytes > 0 {
                    let units = read_units(bytes, self.strength) - self.left_units;
                    self.left.push((ticket, place, units));
                    self.left_units += units;
                }
                Ok(true)
            }
            Ok(None) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Throttled && bytes > 0 => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The page is complete and cost so many units, and so many more of the table for whole items of a local index.
    pub fn pay(&self, units: f64, fetched_units: f64) {
        let engine = self.executor.engine;
        for (ticket, place, units) in &self.left {
            engine.pay_read(&self.access(key_ref(place)), ticket.as_ref(), *units);
        }
        let last = self.access(key_ref(&self.place));
        engine.pay_read(&last, self.ticket.as_ref(), units - self.left_units);
        if fetched_units > 0.0 {
            engine.pay_read(&ReadAccess { index: None, ..last }, self.ticket.as_ref(), fetched_units);
        }
    }
}
