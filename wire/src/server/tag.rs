//! What a request is noted under in the ledger: what its client calls itself.
//!
//! The header `x-hashrange-tag` says it. Without one it is the name of the application that the AWS SDKs put into
//! `User-Agent` (`app/NAME`, from `AWS_SDK_UA_APP_ID` or the SDK's configuration), and without that the principal's name.

use crate::access::Caller;
use hyper::{HeaderMap, header};

const TAG: &str = "x-hashrange-tag";
/// Longest tag; what is longer is cut.
const MAX_TAG_BYTES: usize = 64;

/// The tag of a request, if it has one.
pub(super) fn of(headers: &HeaderMap, caller: Option<&Caller>) -> Option<String> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let application = || {
        let agent = text(header::USER_AGENT.as_str())?;
        agent.split_ascii_whitespace().find_map(|part| part.strip_prefix("app/"))
    };
    let principal = || caller.and_then(|caller| caller.principal.arn().rsplit('/').next());
    let tag = text(TAG).or_else(application).or_else(principal)?.trim();
    let end = tag.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX_TAG_BYTES).last();
    end.map(|end| tag[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(headers: &[(&'static str, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        of(&map, None)
    }

    #[test]
    fn a_header_or_the_name_of_the_application_is_the_tag() {
        let agent = ("user-agent", "Boto3/1.40 md/Botocore#1.40 ua/2.1 os/linux app/checkout cfg/retry-mode#legacy");
        assert_eq!(tag(&[agent]).as_deref(), Some("checkout"));
        assert_eq!(tag(&[agent, (TAG, "nightly report")]).as_deref(), Some("nightly report"));
        assert_eq!(tag(&[(TAG, &"x".repeat(100))]).map(|tag| tag.len()), Some(64));
        assert_eq!(tag(&[("user-agent", "curl/8")]), None);
        assert_eq!(tag(&[(TAG, "")]), None);
    }
}
