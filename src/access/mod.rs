//! Who may do what: policy documents in IAM's language, and the decision on one request.
//!
//! A [`Principal`] has policies. A request asks for one or more authorisations: an action, a resource, and what conditions can
//! test. [`decide`] answers an [`Ask`] as IAM does, with a [`Decision`] that says which statement decided. [`explain`] goes
//! through all statements and says why each of them applies or does not. Nothing here reads data, files or the time.
//!
//! A document is compiled once by [`Policy::parse`]: actions become a set of bits, patterns become pieces, conditions become
//! values of their type. What cannot be understood is rejected then, with the place in the document: a condition that was
//! ignored would be a hole in a `Deny`.
//!
//! ```
//! use hashrange::access::{Action, ArnScope, Ask, Environment, Policy, Principal, decide};
//!
//! # fn main() -> Result<(), hashrange::access::PolicyError> {
//! let policy = Policy::parse(
//!     r#"{"Version": "2012-10-17", "Statement": {
//!         "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "arn:aws:dynamodb:*:*:table/orders",
//!         "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "${aws:PrincipalTag/tenant}#*"},
//!                       "Null": {"dynamodb:LeadingKeys": "false"}}}}"#,
//! )?;
//! let alice = Principal::user("alice").tag("tenant", "t1").policy(policy);
//! let orders = ArnScope::default().table("orders");
//! let ask = |key: &'static str| Ask::new(Action::GetItem, orders.clone()).partition_keys([key]);
//! assert!(decide(&alice, &Environment::default(), &ask("t1#7"), None).is_allowed());
//! let refused = decide(&alice, &Environment::default(), &ask("t2#7"), None);
//! assert_eq!(
//!     refused.refusal(&alice, &ask("t2#7")).unwrap(),
//!     "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: dynamodb:GetItem on resource: \
//!      arn:aws:dynamodb:us-east-1:000000000000:table/orders because no identity-based policy allows the \
//!      dynamodb:GetItem action"
//! );
//! # Ok(())
//! # }
//! ```
//!
//! Imports: error, date, schema.

mod action;
mod arn;
mod ask;
mod condition;
mod date;
mod decision;
mod document;
mod explanation;
mod json;
mod key;
mod known;
mod lint;
mod operator;
mod policy;
mod policy_error;
mod principal;
mod principals;
mod template;
mod tenant;
mod tested;

pub use action::Action;
pub use arn::{ArnScope, ResourceArn};
pub use ask::{Ask, Environment};
pub use decision::{Decision, Ground, PolicyKind, decide};
pub use explanation::{Explanation, Mismatch, StatementReport, explain};
pub use lint::Remark;
pub use policy::{Effect, Policy};
pub use policy_error::PolicyError;
pub use principal::{Principal, PrincipalKind};
pub(crate) use {decision::decide_at, explanation::explain_at, known::KnownTable, tested::Tested};

/// Compiles and runs what the guide shows.
#[cfg(doctest)]
#[doc = include_str!("../../docs/access.md")]
struct Guide;
