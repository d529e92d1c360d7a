//! A failure as the body of an answer.

use crate::{arn::Owner, error::Failure, json::Writer, value};
use hashrange::error::{CancellationReason, ThrottlingReason};

impl Failure {
    /// The response body; `owner` is in the ARNs of what was throttled.
    pub(crate) fn to_body(&self, owner: &Owner) -> Vec<u8> {
        let mut out = Writer::with_capacity(256);
        out.begin_object();
        out.string_member("__type", &format!("{}#{}", self.0.namespace, self.0.name));
        if let Some(message) = &self.0.message {
            out.string_member(self.0.message_member, message);
        }
        if let Some(item) = &self.0.old_item {
            out.name("Item");
            value::write_item(&mut out, item);
        }
        if !self.0.reasons.is_empty() {
            out.name("CancellationReasons");
            out.begin_array();
            for reason in &self.0.reasons {
                write_reason(&mut out, reason);
            }
            out.end_array();
        }
        if !self.0.throttling.is_empty() {
            // The service's model spells the member of this one error with a small letter.
            out.name(if self.0.name == "ThrottlingException" { "throttlingReasons" } else { "ThrottlingReasons" });
            out.begin_array();
            self.0.throttling.iter().for_each(|reason| write_throttling(&mut out, owner, reason));
            out.end_array();
        }
        out.end_object();
        out.into_bytes()
    }
}

fn write_throttling(out: &mut Writer, owner: &Owner, reason: &ThrottlingReason) {
    let resource = match &reason.index {
        None => owner.table_arn(&reason.table),
        Some(index) => owner.index_arn(&reason.table, index),
    };
    out.begin_object();
    out.string_member("reason", reason.name());
    out.string_member("resource", &resource);
    out.end_object();
}

fn write_reason(out: &mut Writer, reason: &CancellationReason) {
    out.begin_object();
    out.string_member("Code", reason.code());
    if let Some(message) = reason.message() {
        out.string_member("Message", message);
    }
    if let Some(item) = reason.old_item() {
        out.name("Item");
        value::write_item(out, &item);
    }
    out.end_object();
}
