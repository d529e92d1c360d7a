//! What a request of one region passes before and after it is carried out.

use super::{strong::Turn, world::Inner};
use crate::{
    error::{Error, ErrorKind, Result},
    request::{Call, Coordinated, Coordination},
};
use std::sync::{Arc, atomic::Ordering};

/// The requests of one region.
pub(super) struct Coordinator {
    pub world: Arc<Inner>,
    pub region: usize,
}

impl Coordination for Coordinator {
    fn begin<'a>(&'a self, call: &Call<'_>, is_in_transaction: bool) -> Result<Option<Box<dyn Coordinated + 'a>>> {
        let region = &self.world.regions[self.region];
        if region.is_down.load(Ordering::Acquire) {
            return Err(out_of_service(&format!("region {} is down", region.name)));
        }
        let turn = Turn::begin(&self.world, self.region, call, is_in_transaction)?;
        Ok(turn.map(|turn| Box::new(turn) as Box<dyn Coordinated + 'a>))
    }
}

/// A region cannot do what was asked for at the moment.
pub(super) fn out_of_service(why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, "ServiceUnavailable", format!("Service is not available. Please retry. ({why})"))
}
