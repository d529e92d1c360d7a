//! The interface as users meet it: one subject a module.

mod errors;
mod shop;
mod values;
