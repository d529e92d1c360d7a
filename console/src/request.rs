//! A request in parts: the segments of its path, its parameters, its body.

use crate::refusal::Refusal;
use http::{Method, header};
use percent_encoding::percent_decode_str;

/// Fields of the address and of the form together, at most.
const MAX_FIELDS: usize = 10_000;

/// A request of the console.
#[derive(Debug)]
pub(crate) struct Request {
    method: Method,
    segments: Vec<String>,
    query: String,
    parameters: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Whether requests of a method only read.
pub(crate) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

impl Request {
    /// Takes a request apart. Its path is under `prefix`. Errors: parts of the path that are no text; too many fields.
    pub(crate) fn new(request: http::Request<Vec<u8>>, prefix: &str) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().strip_prefix(prefix).unwrap_or_default();
        let decode = |part: &str| percent_decode_str(part).decode_utf8().map(|text| text.into_owned());
        let segments: Result<Vec<String>, _> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let segments = segments.map_err(|_| Refusal::not_found("the address is no text"))?;
        let query = head.uri.query().unwrap_or_default().to_owned();
        // One more than is allowed shows that there are too many.
        let pairs = |bytes: &[u8]| form_urlencoded::parse(bytes).into_owned().take(MAX_FIELDS + 1).collect::<Vec<_>>();
        let mut parameters = pairs(query.as_bytes());
        let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded")) {
            parameters.extend(pairs(&body));
        }
        if parameters.len() > MAX_FIELDS {
            return Err(Refusal::invalid(format!("a form has at most {MAX_FIELDS} fields")));
        }
        Ok(Self { method: head.method, segments, query, parameters, body })
    }

    /// Whether the request only reads.
    pub(crate) fn is_read(&self) -> bool {
        is_read(&self.method)
    }

    /// Its method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// Parts of its path behind the prefix, decoded.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The query of its address as it was sent, without `?`.
    pub(crate) fn query(&self) -> &str {
        &self.query
    }

    /// Its body as a text. Errors: it is none.
    pub(crate) fn text(&self) -> Result<&str, Refusal> {
        std::str::from_utf8(&self.body).map_err(|error| Refusal::invalid(format!("the body is not UTF-8: {error}")))
    }

    /// The first parameter of a name, of the address or of the form; one that is empty counts as absent.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters(name).into_iter().find(|value| !value.is_empty())
    }

    /// All parameters of a name, empty ones too, in their order.
    pub(crate) fn parameters(&self, name: &str) -> Vec<&str> {
        self.parameters.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// A parameter that must be there. Errors: it is absent or empty.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.parameter(name).ok_or_else(|| Refusal::invalid(format!("the parameter {name} is missing")))
    }

    /// A parameter that is a number, up to a limit. Errors: it is none, or larger.
    pub(crate) fn number(&self, name: &str, most: u64) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        match text.parse::<u64>() {
            Ok(number) if number <= most => Ok(Some(number)),
            _ => Err(Refusal::invalid(format!("{name}: {text} is not a whole number from 0 to {most}"))),
        }
    }

    /// Whether a parameter is set to anything but `false`, `no` or `0`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| !matches!(value, "false" | "no" | "0"))
    }
}
