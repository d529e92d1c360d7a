//! What a page asks of the model of throughput: admission to each virtual partition that it comes to, and units for what it
//! evaluated there.
//!
//! The first partition without throughput rejects the page. A later one ends it, so that the caller goes on from there. The
//! page pays when it is complete: what it costs itself does not end it.

use super::{
    page::{MAX_PAGE_BYTES, PageOptions},
    target::Target,
};
use crate::{
    capacity::{ReadStrength, read_units},
    engine::{Engine, ReadTicket, TableSlot, key_ref},
    error::{ErrorKind, Result},
    partition::KeyRef,
    schema::EncodedKey,
};
use std::mem::replace;

/// What a page asked for and paid so far.
pub(super) struct PageCharge<'a> {
    engine: &'a Engine,
    slot: &'a TableSlot,
    target: &'a Target,
    strength: ReadStrength,
    /// What a page is expected to cost: one that is full.
    expected_units: f64,
    /// The partition that it is in, and where it came to it.
    ticket: ReadTicket,
    place: EncodedKey,
    /// The partitions that it left, and what it evaluated there.
    left: Vec<(ReadTicket, EncodedKey, f64)>,
    left_units: f64,
}

impl<'a> PageCharge<'a> {
    /// A page begins at a place; `None` if nothing is asked of it. Errors: throttled.
    pub fn begin(
        engine: &'a Engine,
        slot: &'a TableSlot,
        target: &'a Target,
        options: &PageOptions<'_>,
        place: KeyRef<'_>,
    ) -> Result<Option<Self>> {
        let strength = ReadStrength::of(options.consistent_read);
        let expected_units = read_units(MAX_PAGE_BYTES, strength);
        let ticket = engine.admit_read(slot, &target.state, target.index, place, (strength, expected_units))?;
        let place = EncodedKey::at_token(place.token, place.collection, place.sort);
        let (left, left_units) = (Vec::new(), 0.0);
        Ok(ticket.map(|ticket| Self {
            engine,
            slot,
            target,
            strength,
            expected_units,
            ticket,
            place,
            left,
            left_units,
        }))
    }

    /// The page comes to an entry, after so many bytes. `false` if it ends before it. Errors: throttled, with nothing read.
    pub fn comes_to(&mut self, key: KeyRef<'_>, bytes: usize) -> Result<bool> {
        if self.ticket.covers(key) {
            return Ok(true);
        }
        let Self { engine, slot, target, strength, expected_units, .. } = *self;
        match engine.admit_read(slot, &target.state, target.index, key, (strength, expected_units)) {
            Ok(Some(ticket)) => {
                let place = EncodedKey::at_token(key.token, key.collection, key.sort);
                let (ticket, place) = (replace(&mut self.ticket, ticket), replace(&mut self.place, place));
                if bytes > 0 {
                    let units = read_units(bytes, strength) - self.left_units;
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

    /// The page is complete and cost so many units.
    pub fn pay(&self, units: f64) {
        self.ticket.debit(units - self.left_units, key_ref(&self.place));
        self.left.iter().for_each(|(ticket, place, units)| ticket.debit(*units, key_ref(place)));
    }
}
