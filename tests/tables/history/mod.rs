//! The database as it was at earlier moments.

mod against_model;
mod changes;
mod loading;
pub(super) mod moments;
pub(super) mod retention;
mod versions;
