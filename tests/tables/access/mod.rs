//! Access: policies, decisions, explanations, and handles of principals.

mod decisions;
mod documents;
mod handles;
mod lint;
mod random;
