//! Tests of the parts of the ledger by themselves.

mod books;
mod prices;
mod sketches;
