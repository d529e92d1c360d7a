//! Who may talk to the server: checks on `Host` and `Origin`.
//!
//! A server on a developer's machine can be reached by every web page that the developer opens. Browsers say in
//! `Origin` which page sends a request, and in `Host` which name the page thinks it talks to; a page that has its own
//! name resolve to 127.0.0.1 is known by that name.

use super::ServerOptions;
use hyper::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};

/// Names and origins that are allowed.
pub(super) struct Guard {
    address: IpAddr,
    any_host: bool,
    hosts: Vec<String>,
    any_origin: bool,
    origins: Vec<String>,
}

/// What the guard says about a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Serve it; a browser has to be told that this origin was allowed.
    Allowed(Option<String>),
    /// Refuse it, for this reason.
    Refused(&'static str),
}

impl Guard {
    /// The guard of a server that listens on `address`.
    pub(super) fn new(options: &ServerOptions, address: SocketAddr) -> Self {
        let is_any = |list: &[String]| list.iter().any(|entry| entry == "*");
        let hosts = &options.allowed_hosts;
        Self {
            address: address.ip(),
            any_host: is_any(hosts) || (hosts.is_empty() && options.credentials.is_some()),
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            any_origin: is_any(&options.allowed_origins),
            origins: options.allowed_origins.clone(),
        }
    }

    /// Checks the head of a request.
    pub(super) fn check(&self, headers: &HeaderMap) -> Verdict {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        if hosts.next().is_some() || !host.is_some_and(|host| self.allows_host(host)) {
            return Verdict::Refused("the Host header names a host that is not allowed");
        }
        match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
            None => Verdict::Allowed(None),
            Some(Ok(origin)) if self.any_origin || self.origins.iter().any(|allowed| allowed == origin) => {
                Verdict::Allowed(Some(origin.to_owned()))
            }
            Some(_) => Verdict::Refused("requests from this origin are not allowed"),
        }
    }

    fn allows_host(&self, host: &str) -> bool {
        if self.any_host {
            return true;
        }
        let name = without_port(host).to_ascii_lowercase();
        if name == "localhost" || self.hosts.contains(&name) {
            return true;
        }
        let literal = name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(&name);
        literal.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip == self.address)
    }
}

/// `localhost:8000` and `[::1]:8000` without the port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !ends_inside_brackets(name) => name,
        _ => host,
    }
}

fn ends_inside_brackets(name: &str) -> bool {
    name.starts_with('[') && !name.ends_with(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(options: &ServerOptions, host: &str, origin: Option<&str>) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        Guard::new(options, "127.0.0.1:8000".parse().unwrap()).check(&headers)
    }

    #[test]
    fn only_local_names_are_hosts() {
        let options = ServerOptions::default();
        for host in ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.0.0.2", "[::1]:8000", "[::1]"] {
            assert_eq!(verdict(&options, host, None), Verdict::Allowed(None), "{host}");
        }
        for host in ["", "evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", "[::2]", "::"] {
            assert!(matches!(verdict(&options, host, None), Verdict::Refused(_)), "{host}");
        }
        let options = ServerOptions { allowed_hosts: vec!["Db".to_owned()], ..ServerOptions::default() };
        assert_eq!(verdict(&options, "db:8000", None), Verdict::Allowed(None));
    }

    #[test]
    fn origins_have_to_be_named() {
        let page = Some("http://localhost:3000");
        assert!(matches!(verdict(&ServerOptions::default(), "localhost", page), Verdict::Refused(_)));
        let allowed_origins = vec!["http://localhost:3000".to_owned()];
        let options = ServerOptions { allowed_origins, ..ServerOptions::default() };
        assert_eq!(verdict(&options, "localhost", page), Verdict::Allowed(page.map(str::to_owned)));
        assert!(matches!(verdict(&options, "localhost", Some("null")), Verdict::Refused(_)));
    }
}
