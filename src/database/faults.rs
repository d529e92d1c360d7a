//! Faults of an open database.

use super::Database;
use crate::{
    error::{Error, Result},
    faults::{FaultCount, FaultModel, FaultSubject, OperationFault},
};

impl Database {
    /// Replaces the model of faults; what its rules counted begins anew. Errors: the database was opened without
    /// [`OpenOptions::faults`](super::OpenOptions::faults), kind [`Unsupported`](crate::ErrorKind::Unsupported); a rule that cannot be
    /// modelled, by the name of the field.
    pub fn set_faults(&self, model: FaultModel) -> Result<()> {
        model.check()?;
        let Some(faults) = self.engine().faults() else {
            let text = "the database was opened without a model of faults; open it with OpenOptions::faults";
            return Err(Error::unsupported(text));
        };
        faults.set(model);
        Ok(())
    }
    /// How often each rule of the model of faults was about a request, and how often it struck. Empty without a model.
    pub fn fault_counts(&self) -> Vec<FaultCount> {
        self.engine().faults().map(|faults| faults.counts()).unwrap_or_default()
    }
    /// Whether the database was opened with a model of faults.
    pub fn meets_faults(&self) -> bool {
        self.engine().faults().is_some()
    }
    /// For front ends: the fault that an operation meets which is no request for items, such as `DescribeTable` or
    /// `ExecuteStatement`. Its delay has passed when this returns. Requests for items meet their faults by themselves.
    pub fn operation_fault(&self, operation: &str, table: Option<&str>) -> OperationFault {
        let Some(faults) = self.engine().faults() else { return OperationFault::default() };
        let place = table.map(|table| FaultSubject { table: table.to_owned(), key: None, is_write: false });
        let plan = faults.plan(operation, place.as_slice(), false);
        faults.delay(&plan);
        OperationFault { failure: plan.failure, lost: plan.lost }
    }
    /// For front ends: milliseconds for which a model of faults wants a table to be `UPDATING` after a change.
    pub fn updating_millis(&self, table: &str) -> u64 {
        self.engine().faults().map_or(0, |faults| faults.state_millis(table).1)
    }
}
