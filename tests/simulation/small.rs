//! small worlds
