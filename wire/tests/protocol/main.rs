//! The protocol as a function: requests in, responses out, no socket.

mod capacity;
mod items;
mod malformed;
mod members;
mod reads;
mod support;
mod tables;
mod transactions;
mod values;
