//! What-if: requests are recorded, and replayed on the model of capacity against other designs.
//!
//! A [`Recorder`] is a hook that writes what each request accessed to a trace: when, which table and key, and how many units. A
//! [`Design`] says what is to be different: other keys, other indexes, other billing. [`replay`] lets the recorded accesses
//! ask the [model of capacity](crate::capacity) under each design, at the times of the trace and with the retries of a client, and
//! answers with units, throttles, hot keys and latencies. It needs no database.
//!
//! Imports: error, clock, random, capacity, faults, format, item, schema, request.

mod design;
mod format;
mod latency;
mod reader;
mod recorder;
mod replay;
mod report;
mod resources;
mod template;

pub use design::{Design, Designs, Retries};
pub use format::{Access, RecordedIndex, RecordedTable};
pub use reader::TraceReader;
pub use recorder::{RecordOptions, Recorder};
pub use replay::replay;
pub use report::{DesignReport, HotKey, ReplayReport, ResourceTotals};
