//! Operations say that they begin, where conflicts are reported; see [`conflict_model`](crate::service::conflict_model).

use super::{catalog::TableSlot, engine::Engine};
use crate::{
    error::{CancellationReason, Error, ErrorKind, Result},
    schema::EncodedKey,
    service::{Access, ConflictGuard, in_progress},
};

impl Engine {
    /// A put, update or delete begins. Internal tables skip conflict checks.
    pub fn enter_write(&self, slot: &TableSlot, key: &EncodedKey) -> Result<Option<ConflictGuard>> {
        if !self.admission.in_flight.is_watched() || slot.state().definition.is_internal() {
            return Ok(None);
        }
        let place = (slot.state().definition.id, key.clone());
        self.admission.in_flight.begin(Access::Write, vec![place]).map(Some).map_err(|_| {
            let text = "Transaction is ongoing for the item";
            Error::new(ErrorKind::Conflict, "TransactionConflictException", text)
        })
    }

    /// A transaction begins; rejected, it is cancelled with the reason at the items that others are at.
    pub fn enter_transaction<'a>(
        &self,
        access: Access,
        items: impl Iterator<Item = (&'a TableSlot, &'a EncodedKey)>,
    ) -> Result<Option<ConflictGuard>> {
        if !self.admission.in_flight.is_watched() {
            return Ok(None);
        }
        let places = items.map(|(slot, key)| (slot.state().definition.id, key.clone())).collect();
        self.admission.in_flight.begin(access, places).map(Some).map_err(|refused| {
            let reason = |refused: bool| match refused {
                true => CancellationReason::new("TransactionConflict", "Transaction is ongoing for the item."),
                false => CancellationReason::none(),
            };
            Error::transaction_canceled(refused.into_iter().map(reason).collect())
        })
    }

    /// A transaction with a client request token begins; rejected if its twin is not finished.
    pub fn enter_token(&self, token: &str) -> Result<Option<ConflictGuard>> {
        if !self.admission.in_flight.is_watched() {
            return Ok(None);
        }
        self.admission.in_flight.begin_token(token).map(Some).ok_or_else(in_progress)
    }

    /// Holds an item as a transaction that writes and does not end.
    pub fn simulate_conflict(&self, slot: &TableSlot, key: EncodedKey) -> ConflictGuard {
        self.admission.in_flight.hold(Some((slot.state().definition.id, key)), None)
    }

    /// Holds a client request token as a transaction that does not end.
    pub fn simulate_token_conflict(&self, token: String) -> ConflictGuard {
        self.admission.in_flight.hold(None, Some(token))
    }
}
