//! `SSESpecification` and `SSEDescription`: which key a table was asked to be encrypted with.
//!
//! Without a modelled key service any key of the account is taken and described. Nothing is encrypted here by what a request
//! says; the description is what tools compare with what they want.

use crate::{
    arn::identity,
    context::Context,
    error::Failure,
    json::{Reader, Writer},
    kms::{self, Archival, Availability, SERVICE_ALIAS},
    shape::{self, JsonContext},
    table::members::text,
    timing::takes,
    validate::Violations,
};
use hashrange::{
    date,
    schema::{Since, TableDefinition, TableSettings},
};

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
    /// By a key of KMS.
    pub(crate) fn by(key: &str) -> Self {
        Self { enabled: Some(true), kind: Some("KMS".to_owned()), key: Some(key.to_owned()) }
    }
    /// Constraints on the members by themselves.
    pub(crate) fn check(&self, violations: &mut Violations) {
        violations.one_of(self.kind.as_deref(), "sSESpecification.sSEType", &["AES256", "KMS"]);
    }

    /// Which key is asked for; `None` for the one that the service owns and does not show.
    fn wanted(&self) -> Result<Option<&str>, Failure> {
        let refuse = |text: &str| Err(Failure::invalid_parameter(text));
        match (self.enabled, self.kind.as_deref(), &self.key) {
            (_, Some("AES256"), _) => refuse("SSEType AES256 is not supported"),
            (Some(false), Some(_), _) => refuse("SSEType can not be specified if Enabled is false"),
            (Some(false), None, Some(_)) => refuse("KMSMasterKeyId can not be specified if Enabled is false"),
            (_, None, Some(_)) => refuse("SSEType KMS is required if KMSMasterKeyId is specified"),
            (Some(true), _, key) | (None, Some(_), key) => Ok(Some(key.as_deref().unwrap_or(SERVICE_ALIAS))),
            (Some(false) | None, None, None) => Ok(None),
        }
    }

    /// ARN of the key that is asked for; `None` for the one that the service owns and does not show.
    pub(crate) fn key(&self, context: &Context<'_>) -> Result<Option<String>, Failure> {
        self.wanted()?.map(|name| resolve(name, context)).transpose()
    }

    /// Changes the key that a table has. Errors: it has that key already, was changed too often, or cannot have it.
    pub(crate) fn change(&self, context: &Context<'_>, settings: &mut TableSettings) -> Result<(), Failure> {
        let before = settings.encryption_key.as_ref().map(|key| key.value.clone());
        let wanted = self.wanted()?;
        if wanted.is_none() && before.is_none() {
            return Err(Failure::invalid_parameter("Table is already encrypted by default"));
        }
        if self.key.is_some() && self.key == before {
            return Err(Failure::invalid_parameter(
                "Table is already encrypted with given KMSMasterKeyId. Use KMSMasterKeyId parameter if you want to change \
                 Master Key",
            ));
        }
        let at_millis = context.now_millis();
        let changes = changes_of_window(&settings.encryption_changes_millis, at_millis);
        check_pause(changes, at_millis)?;
        let key = wanted.map(|name| resolve(name, context)).transpose()?;
        settings.encryption_changes_millis = changes.iter().copied().chain([at_millis]).collect();
        settings.encryption_key = key.map(|value| Since { value, at_millis });
        settings.previous_encryption_key = before;
        Ok(())
    }
}

/// Changes of a table's key in 24 hours that may follow each other at once.
const CHANGES_AT_ONCE: usize = 4;
/// The pause between further ones.
const PAUSE_MILLIS: u64 = 6 * 60 * 60 * 1000;
/// The window that the first change begins.
const WINDOW_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// The changes of the window that goes on at a moment.
fn changes_of_window(changes: &[u64], now_millis: u64) -> &[u64] {
    match changes.first() {
        Some(first) if now_millis < first.saturating_add(WINDOW_MILLIS) => changes,
        _ => &[],
    }
}

/// Errors: there were too many changes in the window.
fn check_pause(changes: &[u64], now_millis: u64) -> Result<(), Failure> {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return Ok(()) };
    if changes.len() < CHANGES_AT_ONCE || now_millis >= last.saturating_add(PAUSE_MILLIS) {
        return Ok(());
    }
    let time = |millis: u64| format!("{}Z", date::label(millis));
    Err(Failure::limit_exceeded(format!(
        "Subscriber limit exceeded: Encryption mode changes are limited in the 24h window ending at {}. After the first \
         {CHANGES_AT_ONCE} change, each subsequent change in the same window can be performed at most once every {} seconds. \
         Number of updates today: {}. Last change at {}",
        time(first.saturating_add(WINDOW_MILLIS)),
        PAUSE_MILLIS / 1000,
        changes.len(),
        time(*last)
    )))
}

/// ARN of a key that is named by its ARN, its id, an alias or the ARN of an alias. An alias is looked up once, now; where keys are
/// not modelled it gives the same key always.
fn resolve(name: &str, context: &Context<'_>) -> Result<String, Failure> {
    if let Some(keys) = context.keys {
        return keys.resolve(name, context.owner);
    }
    let prefix = context.owner.keys_prefix();
    let key = match name.strip_prefix(&prefix) {
        Some(rest) if rest.starts_with("key/") => return Ok(name.to_owned()),
        Some(alias) if alias.starts_with("alias/") => identity(&[alias.as_bytes()]),
        Some(_) => return Err(kms::not_found(&format!("Invalid arn {name}"))),
        None if name.starts_with("arn:") => return Err(kms::not_found(&kms::invalid_arn(name))),
        None if name.starts_with("alias/") => identity(&[name.as_bytes()]),
        None => name.to_owned(),
    };
    Ok(format!("{prefix}key/{key}"))
}

/// When the key of a table was last changed, in milliseconds since 1970; `None` if it has the one that it was created with.
fn changed_millis(table: &TableDefinition) -> Option<u64> {
    let settings = &table.settings;
    let of_key = settings.encryption_key.as_ref().map(|key| key.at_millis).filter(|at| *at > table.created_millis);
    settings.encryption_changes_millis.last().copied().or(of_key)
}

/// Whether a change of the key goes on.
pub(crate) fn is_changing(context: &Context<'_>, table: &TableDefinition) -> bool {
    context.is_changing(&table.name, changed_millis(table), takes::ENCRYPTION)
}

/// The member `SSEDescription`, if there is a key to be described; `answers_change` says that this is the answer to a change.
pub(crate) fn write(out: &mut Writer, context: &Context<'_>, table: &TableDefinition, answers_change: bool) {
    let settings = &table.settings;
    let is_changing = answers_change || is_changing(context, table);
    let is_hidden = answers_change || context.is_under_way(changed_millis(table), takes::ENCRYPTION_KEY_SHOWN);
    let key = settings.encryption_key.as_ref().map(|key| &key.value);
    let previous = settings.previous_encryption_key.as_ref().filter(|_| is_hidden || (is_changing && key.is_none()));
    let Some(shown) = previous.or(key) else { return };
    out.name("SSEDescription");
    out.begin_object();
    out.string_member("Status", if is_changing { "UPDATING" } else { "ENABLED" });
    out.string_member("SSEType", "KMS");
    out.string_member("KMSMasterKeyArn", shown);
    if let Some(millis) = context.availability(table).inaccessible_millis {
        out.name("InaccessibleEncryptionDateTime");
        out.epoch_seconds(millis);
    }
    out.end_object();
}

/// The status of a table whose key is lost.
pub(crate) fn lost_status(availability: &Availability) -> Option<&'static str> {
    match availability.archival {
        Some(Archival { is_done: true, .. }) => Some("ARCHIVED"),
        Some(_) => Some("ARCHIVING"),
        None => availability.inaccessible_millis.map(|_| "INACCESSIBLE_ENCRYPTION_CREDENTIALS"),
    }
}

/// The member `ArchivalSummary` of a table whose key was lost for long.
pub(crate) fn write_archival(out: &mut Writer, context: &Context<'_>, table: &TableDefinition) {
    let Some(Archival { at_millis, is_done: true }) = context.availability(table).archival else { return };
    let identity = identity(&[table.name.as_bytes(), &at_millis.to_be_bytes()]);
    let backup = format!("{}/backup/{at_millis:014}-{}", context.owner.table_arn(&table.name), &identity[..8]);
    out.name("ArchivalSummary");
    out.begin_object();
    out.name("ArchivalDateTime");
    out.epoch_seconds(at_millis);
    out.string_member("ArchivalReason", "INACCESSIBLE_ENCRYPTION_CREDENTIALS");
    out.string_member("ArchivalBackupArn", &backup);
    out.end_object();
}
