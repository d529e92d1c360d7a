//! The database as it was at earlier moments.

mod against_model;
mod changes;
mod loading;
mod moments;
#[cfg(hashrange_canaries)]
mod planted;
mod retention;
mod versions;
