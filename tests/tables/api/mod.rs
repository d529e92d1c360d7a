//! The interface as users meet it: one subject a module.

mod entities;
mod errors;
mod reads;
mod shop;
mod values;
