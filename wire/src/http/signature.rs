//! Verification of signatures: AWS Signature Version 4 in the `Authorization` header.
//!
//! The client derives a key from its secret, the date, the region and the service, and signs with it a digest of the
//! request: method, path, the headers that it names, and the hash of the body. The server builds the same digest from
//! what arrived and compares in constant time. Method, host, date, operation and body are thereby bound together;
//! a request is good for 15 minutes before and after the time that it names.
//!
//! A client that cannot sign must not make the server read bodies. So everything but the hash of the body is checked before
//! the body is read, and the whole signature too if `X-Amz-Content-Sha256` says which hash the body will have.

use crate::error::Failure;
use hashrange::{date, item::base64};
use hmac::{Hmac, KeyInit, Mac};
use hyper::http::request::Parts;
use sha2::{Digest, Sha256};
use std::fmt;

/// Services that signatures may be made for.
const SERVICES: [&str; 3] = ["dynamodb", "application-autoscaling", "monitoring"];
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How far the time of a request may be from the server's.
const MAX_SKEW_MILLIS: u64 = 15 * 60 * 1000;
/// Headers that a signature has to cover: without them a captured signature would fit other requests.
const REQUIRED_HEADERS: [&str; 2] = ["host", "x-amz-date"];
/// Says which hash the body has.
const CONTENT_HASH: &str = "x-amz-content-sha256";

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
     Secret Access Key and signing method. Consult the service documentation for details.";

/// The key that requests are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Access key id; not empty.
    pub access_key_id: String,
    /// Secret access key; not empty.
    pub secret_access_key: String,
}

impl Credentials {
    /// Whether there is both an id and a secret. Without them any client could sign.
    pub(crate) fn are_complete(&self) -> bool {
        !self.access_key_id.trim().is_empty() && !self.secret_access_key.trim().is_empty()
    }

    /// Whether the value of an `Authorization` header is these by HTTP's basic authentication.
    pub(crate) fn match_basic(&self, header: &[u8]) -> bool {
        let plain = format!("{}:{}", self.access_key_id, self.secret_access_key);
        let expected = format!("Basic {}", base64::encode(plain.as_bytes()));
        // Digests are compared, so that the time it takes says nothing of the secret.
        Sha256::digest(header) == Sha256::digest(expected.as_bytes())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret must not reach a log.
        write!(f, "Credentials({})", self.access_key_id)
    }
}

/// A signature whose request has arrived up to its body.
pub(crate) struct Claim<'r> {
    credentials: &'r Credentials,
    head: &'r Parts,
    fields: Fields<'r>,
    scope: Scope<'r>,
    /// The hash that the body is said to have; the signature over it is right.
    verified_hash: Option<&'r str>,
}

impl<'r> Claim<'r> {
    /// Checks what can be checked of the signature of a request before its body is there, at the time `now_millis`;
    /// `find` knows the keys by their ids, and `required` names the headers, besides `host` and `x-amz-date`, that it has to
    /// cover.
    pub(crate) fn of(
        find: impl FnOnce(&str) -> Option<&'r Credentials>,
        head: &'r Parts,
        required: &[&str],
        now_millis: u64,
    ) -> Result<Self, Failure> {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let authorization = match header("authorization") {
            Some(text) if text.starts_with("AWS4-") => text,
            _ => {
                let text = "Request is missing Authentication Token";
                return Err(Failure::authentication("MissingAuthenticationTokenException", text));
            }
        };
        let fields = Fields::parse(authorization, header("x-amz-date"))?;
        check_time(fields.time, now_millis)?;
        let scope = fields.scope()?;
        let Some(credentials) = find(scope.key_id) else {
            let text = "The security token included in the request is invalid.";
            return Err(Failure::authentication("UnrecognizedClientException", text));
        };
        for required in REQUIRED_HEADERS.iter().chain(required) {
            if !fields.signs(required) {
                let text = format!("'{required}' must be a 'SignedHeader' in the AWS Authorization.");
                return Err(Failure::authentication("InvalidSignatureException", text));
            }
        }
        let announced = header(CONTENT_HASH).filter(|hash| fields.signs(CONTENT_HASH) && is_hash(hash));
        let mut claim = Self { credentials, head, fields, scope, verified_hash: None };
        if let Some(hash) = announced {
            claim.check_hash(hash)?;
            claim.verified_hash = Some(hash);
        }
        Ok(claim)
    }

    /// The id of the key that the request is signed with.
    pub(crate) fn key_id(&self) -> &str {
        &self.credentials.access_key_id
    }

    /// Checks the rest, now that the body is there.
    pub(crate) fn check_body(&self, body: &[u8]) -> Result<(), Failure> {
        let hash = to_hex(&Sha256::digest(body));
        match self.verified_hash {
            Some(verified) if verified.eq_ignore_ascii_case(&hash) => Ok(()),
            Some(_) => Err(mismatch()),
            None => self.check_hash(&hash),
        }
    }

    fn check_hash(&self, hash: &str) -> Result<(), Failure> {
        let digest = canonical_digest(self.head, &self.fields, hash);
        let to_sign = format!("{ALGORITHM}\n{}\n{}\n{digest}", self.fields.time, self.scope.text);
        let key = signing_key(&self.credentials.secret_access_key, &self.scope);
        let expected = key.and_then(|key| keyed(&key, &to_sign));
        let given = from_hex(self.fields.signature);
        let matches = expected.zip(given).is_some_and(|(mac, given)| mac.verify_slice(&given).is_ok());
        if matches { Ok(()) } else { Err(mismatch()) }
    }
}

fn mismatch() -> Failure {
    Failure::authentication("InvalidSignatureException", MISMATCH)
}

/// Whether a text is a SHA-256 hash in hexadecimal; other values of its header say how a body is streamed.
fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The parts of an `Authorization` header, and the time of the request.
struct Fields<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    time: &'a str,
}

impl<'a> Fields<'a> {
    fn parse(authorization: &'a str, time: Option<&'a str>) -> Result<Self, Failure> {
        let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if algorithm != ALGORITHM {
            return Err(incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now). ")));
        }
        let field = |name: &str| {
            let mut pairs = rest.split(',').filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let (credential, signature) = (field("Credential"), field("Signature"));
        let signed_headers = field("SignedHeaders");
        let mut missing = String::new();
        for (name, value) in [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)] {
            if value.is_none_or(str::is_empty) {
                missing += &format!("Authorization header requires '{name}' parameter. ");
            }
        }
        if time.is_none() {
            missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
        }
        match (credential, signed_headers, signature, time) {
            (Some(credential), Some(signed_headers), Some(signature), Some(time)) if missing.is_empty() => {
                Ok(Self { credential, signed_headers, signature, time })
            }
            _ => Err(incomplete(missing)),
        }
    }

    fn signs(&self, header: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == header)
    }

    fn scope(&self) -> Result<Scope<'a>, Failure> {
        let parts: Vec<&str> = self.credential.split('/').collect();
        let [key_id, date, region, service, terminator] = parts[..] else {
            let text = format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                self.credential
            );
            return Err(incomplete(text));
        };
        let mut faults = String::new();
        if !SERVICES.contains(&service) {
            faults += "Credential should be scoped to correct service: 'dynamodb'. ";
        }
        if terminator != "aws4_request" {
            faults +=
                &format!("Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'. ");
        }
        let day = self.time.get(..8).unwrap_or_default();
        if date != day {
            faults += &format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{date}' != '{day}', from '{}'.",
                self.time
            );
        }
        if !faults.is_empty() {
            return Err(Failure::authentication("InvalidSignatureException", faults.trim_end()));
        }
        let text = self.credential.split_once('/').map_or("", |(_, scope)| scope);
        Ok(Scope { key_id, date, region, service, text })
    }
}

/// What a signing key is derived for.
struct Scope<'a> {
    key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    text: &'a str,
}

fn incomplete(text: String) -> Failure {
    Failure::authentication("IncompleteSignatureException", text)
}

fn keyed(key: &[u8], text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

fn signing_key(secret: &str, scope: &Scope<'_>) -> Option<Vec<u8>> {
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [scope.date, scope.region, scope.service, "aws4_request"] {
        key = keyed(&key, part)?.finalize().into_bytes().to_vec();
    }
    Some(key)
}

/// The hash, in hexadecimal, of the request in the form that both sides agree on.
fn canonical_digest(head: &Parts, fields: &Fields<'_>, body_hash: &str) -> String {
    let mut text = format!("{}\n{}\n", head.method, head.uri.path());
    let mut query: Vec<&str> = head.uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    text += &query.join("&");
    text.push('\n');
    for name in fields.signed_headers.split(';') {
        text += name;
        text.push(':');
        let values = head.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let values: Vec<String> = values.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        text += &values.join(",");
        text.push('\n');
    }
    text.push('\n');
    text += fields.signed_headers;
    text.push('\n');
    text += body_hash;
    to_hex(&Sha256::digest(text.as_bytes()))
}

/// The time of a request is near the server's.
fn check_time(time: &str, now_millis: u64) -> Result<(), Failure> {
    let Some(millis) = parse_time(time) else {
        return Err(incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{time}'.")));
    };
    if now_millis.abs_diff(millis) <= MAX_SKEW_MILLIS {
        return Ok(());
    }
    let now = basic_time(now_millis);
    let text = if millis < now_millis {
        let bound = basic_time(now_millis.saturating_sub(MAX_SKEW_MILLIS));
        format!("Signature expired: {time} is now earlier than {bound} ({now} - 15 min.)")
    } else {
        let bound = basic_time(now_millis.saturating_add(MAX_SKEW_MILLIS));
        format!("Signature not yet current: {time} is still later than {bound} ({now} + 15 min.)")
    };
    Err(Failure::authentication("InvalidSignatureException", text))
}

/// `20261120T123456Z` in milliseconds since 1970.
fn parse_time(time: &str) -> Option<u64> {
    let digits = time.strip_suffix('Z')?;
    let (date, clock) = digits.split_once('T')?;
    if date.len() != 8 || clock.len() != 6 || !(date.bytes().chain(clock.bytes())).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |text: &str| text.parse::<u64>().ok();
    let (year, month, day) = (number(&date[..4])?, number(&date[4..6])?, number(&date[6..])?);
    let (hour, minute, second) = (number(&clock[..2])?, number(&clock[2..4])?, number(&clock[4..])?);
    let days = date::days_of(year, month, day)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

fn basic_time(millis: u64) -> String {
    let (year, month, day) = date::date_of(millis / 86_400_000);
    let seconds = millis / 1000 % 86_400;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}
