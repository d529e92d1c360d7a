//! The database as it was at earlier moments.

mod against_model;
mod changes;
mod loading;
mod moments;
mod retention;
mod versions;
