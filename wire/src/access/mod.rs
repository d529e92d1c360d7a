//! Who sends requests, and what they may do: principals from a policy file, and the actions of operations on tables.
//!
//! Requests for items and statements are decided on by the engine, which knows what they will read and write. What is left is
//! here: the module `control` says which actions and resources an operation on tables, streams and settings asks for.

pub(crate) mod control;
mod mode;
mod policy_file;
mod policy_file_error;
mod principals;

pub use mode::AccessMode;
pub use policy_file_error::PolicyFileError;
pub(crate) use principals::FileOptions;
pub use principals::{Caller, Principals, SharedPrincipals};
