//! The interface as users meet it: one subject a module.

#[cfg(feature = "derive")]
mod entities;
mod errors;
mod reads;
mod shop;
mod values;
