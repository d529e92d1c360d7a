//! Who may talk to the server: checks on `Host` and `Origin`.
//!
//! A server on a developer's machine can be reached by every web page that the developer opens. Browsers say in
//! `Origin` which page sends a request, and in `Host` which name the page thinks it talks to; a page that has its own
//! name resolve to 127.0.0.1 is known by that name.

use hyper::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};

/// Names and origins that are allowed.
pub(crate) struct Guard {
    address: IpAddr,
    any_host: bool,
    hosts: Vec<String>,
    any_origin: bool,
    origins: Vec<String>,
}

/// What the guard says about a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Serve it; a browser has to be told that this origin was allowed.
    Allowed(Option<String>),
    /// Reject it, for this reason.
    Refused(&'static str),
}

impl Guard {
    /// The guard of a server that listens on `address`: the names that `Host` may have besides the local ones, and the
    /// pages that may send requests. An entry `*` allows all; so does an empty list of names with `any_host`.
    pub(crate) fn new(address: SocketAddr, hosts: &[String], origins: &[String], any_host: bool) -> Self {
        let is_any = |list: &[String]| list.iter().any(|entry| entry == "*");
        Self {
            address: address.ip(),
            any_host: is_any(hosts) || (hosts.is_empty() && any_host),
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            any_origin: is_any(origins),
            origins: origins.to_vec(),
        }
    }

    /// Checks the head of a request. A request for the server's health may come without a name, or with an address: a
    /// load balancer knows the server by its address, and no page of another name gets an answer by it.
    pub(crate) fn check(&self, headers: &HeaderMap, is_health_check: bool) -> Verdict {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().map(|host| host.to_str().unwrap_or_default());
        let allowed = match host {
            None => is_health_check || self.any_host,
            Some(host) => self.allows_host(host) || (is_health_check && (host.is_empty() || address(host).is_some())),
        };
        if hosts.next().is_some() || !allowed {
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

    /// Checks the head of a request for a page of this server itself, which came by `http` or `https`. A page shows everything,
    /// so its name must be one that only this machine has, or that was allowed by itself: behind an entry `*` any name that
    /// leads here would do. What the page sends has its own origin.
    pub(crate) fn check_page(&self, headers: &HeaderMap, scheme: &str) -> Result<(), &'static str> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
        if hosts.next().is_some() || !self.allows_name(host) {
            return Err("the Host header names a host that is not allowed");
        }
        let fetch = |name| headers.get(name).map(|value| value.as_bytes());
        let is_of_page = fetch("sec-fetch-site").is_none_or(|site| site == b"same-origin" || site == b"none");
        // A page of another site may link to this page. It cannot read other answers, but its requests would cost a place in a stream or a
        // walk through a table; a frame would ask without a click of its reader.
        let is_link = fetch("sec-fetch-mode") == Some(b"navigate")
            && fetch("sec-fetch-dest").is_none_or(|destination| destination == b"document");
        if !is_of_page && !is_link {
            return Err("requests of pages of other sites are not allowed");
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(()) };
        let is_own = origin.to_str().is_ok_and(|origin| origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")));
        if is_own && origins.next().is_none() { Ok(()) } else { Err("requests from this origin are not allowed") }
    }

    fn allows_host(&self, host: &str) -> bool {
        self.any_host || self.allows_name(host)
    }

    fn allows_name(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        if name == "localhost" || self.hosts.contains(&name) {
            return true;
        }
        address(&name).is_some_and(|ip| ip.is_loopback() || ip == self.address)
    }
}

/// The address that a host is given by, if it is no name.
fn address(host: &str) -> Option<IpAddr> {
    let name = without_port(host);
    let literal = name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(name);
    literal.parse().ok()
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
    use hyper::header::HeaderValue;

    const PAGE: &str = "http://localhost:3000";

    fn guard(hosts: &[&str], origins: &[&str]) -> Guard {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Guard::new("127.0.0.1:8000".parse().unwrap(), &owned(hosts), &owned(origins), false)
    }

    fn headers(host: Option<&str>, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut insert = |name, value: Option<&str>| value.map(|value| headers.insert(name, value.parse().unwrap()));
        insert(header::HOST, host);
        insert(header::ORIGIN, origin);
        headers
    }

    #[test]
    fn only_local_names_are_hosts() {
        let verdict = |guard: &Guard, host| guard.check(&headers(Some(host), None), false);
        let plain = guard(&[], &[]);
        for host in ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.0.0.2", "[::1]:8000", "[::1]"] {
            assert_eq!(verdict(&plain, host), Verdict::Allowed(None), "{host}");
        }
        for host in ["", "evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", "[::2]", "::"] {
            assert!(matches!(verdict(&plain, host), Verdict::Refused(_)), "{host}");
        }
        assert_eq!(verdict(&guard(&["Db"], &[]), "db:8000"), Verdict::Allowed(None));
    }

    #[test]
    fn a_health_check_needs_no_name() {
        let verdict = |host, is_health_check| guard(&[], &[]).check(&headers(host, None), is_health_check);
        for host in [None, Some(""), Some("10.0.0.1:8000"), Some("[2001:db8::1]:8000")] {
            assert_eq!(verdict(host, true), Verdict::Allowed(None), "{host:?}");
            assert!(matches!(verdict(host, false), Verdict::Refused(_)), "{host:?}");
        }
        assert!(matches!(verdict(Some("evil.example"), true), Verdict::Refused(_)));
    }

    #[test]
    fn a_page_is_asked_for_by_a_local_name_and_from_itself() {
        let own = "http://localhost:8000";
        let check = |guard: &Guard, host, origin| guard.check_page(&headers(host, origin), "http");
        for guard in [guard(&[], &[]), guard(&["*"], &["*"])] {
            assert_eq!(check(&guard, Some("localhost:8000"), None), Ok(()));
            assert_eq!(check(&guard, Some("localhost:8000"), Some(own)), Ok(()));
            assert!(check(&guard, Some("localhost:8000"), Some(PAGE)).is_err());
            assert!(check(&guard, Some("localhost:8000"), Some("null")).is_err());
            assert!(check(&guard, Some("localhost:8000"), Some("https://localhost:8000")).is_err());
            assert!(check(&guard, Some("evil.example"), Some("http://evil.example")).is_err());
            assert!(check(&guard, None, None).is_err());
        }
        assert_eq!(check(&guard(&["db"], &[]), Some("db:8000"), Some("http://db:8000")), Ok(()));
        let fetched_for = |site, mode, destination| {
            let mut headers = headers(Some("localhost:8000"), None);
            headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            headers.insert("sec-fetch-mode", HeaderValue::from_static(mode));
            headers.insert("sec-fetch-dest", HeaderValue::from_static(destination));
            guard(&[], &[]).check_page(&headers, "http")
        };
        let fetched = |site, mode| fetched_for(site, mode, "document");
        assert_eq!(fetched("same-origin", "cors"), Ok(()));
        assert_eq!(fetched("none", "navigate"), Ok(()));
        assert_eq!(fetched("cross-site", "navigate"), Ok(()), "a link");
        assert!(fetched_for("cross-site", "navigate", "iframe").is_err(), "a frame");
        assert_eq!(fetched_for("same-origin", "cors", "empty"), Ok(()), "a script of the page");
        assert!(fetched("cross-site", "no-cors").is_err(), "a picture");
        assert!(fetched("same-site", "cors").is_err(), "a page of another port");
    }

    #[test]
    fn origins_have_to_be_named() {
        let verdict = |guard: &Guard, origin| guard.check(&headers(Some("localhost"), Some(origin)), false);
        assert!(matches!(verdict(&guard(&[], &[]), PAGE), Verdict::Refused(_)));
        let allowing = guard(&[], &[PAGE]);
        assert_eq!(verdict(&allowing, PAGE), Verdict::Allowed(Some(PAGE.to_owned())));
        assert!(matches!(verdict(&allowing, "null"), Verdict::Refused(_)));
    }
}
