//! `SSESpecification` and `SSEDescription`: which key a table was asked to be encrypted with.
//!
//! No key service is asked: any key of the account is taken and described. Nothing is encrypted here by what a request
//! says; the description is what tools compare with what they want.

use crate::{
    arn::{Owner, identity},
    error::Failure,
    json::{Reader, Writer},
    shape::{self, JsonContext},
    table::members::text,
    validate::Violations,
};
use hashrange::schema::Since;

/// The alias of the key that the service keeps for an account.
const SERVICE_KEY: &str = "alias/aws/dynamodb";

/// `SSESpecification`.
#[derive(Debug, Default)]
pub(crate) struct Encryption {
    enabled: Option<bool>,
    kind: Option<String>,
    key: Option<String>,
}

/// Decodes the member.
pub(crate) fn specification(reader: &mut Reader<'_>) -> Result<Option<Encryption>, Failure> {
    let mut found = Encryption::default();
    let present = shape::structure(reader, JsonContext::Field, "SSESpecification", |reader, name| {
        match name {
            "Enabled" => found.enabled = shape::boolean(reader)?,
            "SSEType" => found.kind = text(reader)?,
            "KMSMasterKeyId" => found.key = text(reader)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok(present.then_some(found))
}

impl Encryption {
    /// Constraints on the members by themselves.
    pub(crate) fn check(&self, violations: &mut Violations) {
        violations.one_of(self.kind.as_deref(), "sSESpecification.sSEType", &["AES256", "KMS"]);
    }

    /// ARN of the key that is asked for; `None` for the one that the service owns and does not show.
    pub(crate) fn key(&self, owner: &Owner) -> Result<Option<String>, Failure> {
        let refuse = |text: &str| Err(Failure::invalid_parameter(text));
        match (self.enabled, self.kind.as_deref(), &self.key) {
            (_, Some("AES256"), _) => refuse("SSEType AES256 is not supported"),
            (Some(false), Some(_), _) => refuse("SSEType can not be specified if Enabled is false"),
            (Some(false), None, Some(_)) => refuse("KMSMasterKeyId can not be specified if Enabled is false"),
            (_, None, Some(_)) => refuse("SSEType KMS is required if KMSMasterKeyId is specified"),
            (Some(true), _, key) | (None, Some(_), key) => {
                resolve(key.as_deref().unwrap_or(SERVICE_KEY), owner).map(Some)
            }
            (Some(false) | None, None, None) => Ok(None),
        }
    }

    /// The key after a change of a table that has `before`.
    pub(crate) fn other_key(&self, before: Option<&str>, owner: &Owner) -> Result<Option<String>, Failure> {
        let key = self.key(owner)?;
        if key.is_none() && before.is_none() {
            return Err(Failure::invalid_parameter("Table is already encrypted by default"));
        }
        if self.key.is_some() && self.key.as_deref() == before {
            return Err(Failure::invalid_parameter(
                "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change \
                 Master Key",
            ));
        }
        Ok(key)
    }
}

/// ARN of a key that is named by its ARN, its id, an alias or the ARN of an alias. An alias gives the same key always.
fn resolve(name: &str, owner: &Owner) -> Result<String, Failure> {
    let prefix = format!("arn:aws:kms:{}:{}:", owner.region, owner.account);
    let key = match name.strip_prefix(&prefix) {
        Some(rest) if rest.starts_with("key/") => return Ok(name.to_owned()),
        Some(alias) if alias.starts_with("alias/") => identity(&[alias.as_bytes()]),
        Some(_) => return Err(unknown(&format!("Invalid arn {name}"))),
        None if name.starts_with("arn:") => return Err(unknown(&format!("Invalid arn {}", region_of(name)))),
        None if name.starts_with("alias/") => identity(&[name.as_bytes()]),
        None => name.to_owned(),
    };
    Ok(format!("{prefix}key/{key}"))
}

fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

fn unknown(what: &str) -> Failure {
    Failure::validation(format!(
        "KMS validation error: com.amazonaws.services.kms.model.NotFoundException: {what} (Service: AWSKMS; Status Code: \
         400; Error Code: NotFoundException; Request ID: {}; Proxy: null)",
        identity(&[what.as_bytes()])
    ))
}

/// The member `SSEDescription`, if there is a key to be described.
pub(crate) fn write(out: &mut Writer, key: Option<&Since<String>>, is_changing: bool) {
    let Some(key) = key else { return };
    out.name("SSEDescription");
    out.begin_object();
    out.string_member("Status", if is_changing { "UPDATING" } else { "ENABLED" });
    out.string_member("SSEType", "KMS");
    out.string_member("KMSMasterKeyArn", &key.value);
    out.end_object();
}
