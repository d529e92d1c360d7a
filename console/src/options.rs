//! What a console is made with.

use crate::lessons::Lesson;
use crate::tap::TraceTap;
use hashrange::ledger::Prices;
use std::sync::Arc;

/// Options of a console; the defaults only read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConsoleOptions {
    /// Whether items and settings of the database can be changed. Default false: whatever would change them is rejected with
    /// status 403.
    pub write: bool,
    /// Prices that consumption is shown in. Default: none, and units are shown without money.
    pub prices: Option<Prices>,
    /// Lessons that are shown. Default: none; [`built_in`](crate::lessons::built_in) has those of the program.
    pub lessons: Vec<Arc<Lesson>>,
    /// What records requests when a page asks for it; the database was opened with it as a hook. Default: none, and nothing can be
    /// recorded.
    pub tap: Option<TraceTap>,
}
