//! What the fuzz targets share: values, items and expressions made from the bytes of an input.
//!
//! Names and small values repeat often, so that expressions find something and comparisons come out equal at times.

#[path = "../../tests/support/src/access/mod.rs"]
pub mod access; // of the crate that is compiled for tests, the one part that a target needs
pub mod disk;
pub mod open;
pub mod schema;
pub mod text;
pub mod value;
