//! Which pages may connect.
//!
//! A browser says in `Origin` which page asks. Programs say nothing, and are judged by their token alone. Without keys,
//! where everybody on this machine may do everything, pages from elsewhere are refused, and so is a host name that is
//! not one of the machine itself: a page could have made its own name point here.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// The pages that may connect.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    allowed: Vec<String>,
    is_open: bool,
}

impl Origins {
    /// `is_open` tells that there are no keys.
    pub(crate) fn new(allowed: &[String], is_open: bool) -> Self {
        let allowed = allowed.iter().map(|origin| origin.trim_end_matches('/').to_lowercase());
        Origins { allowed: allowed.collect(), is_open }
    }

    /// Says whether a request may come from where it comes from.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let host = text(HOST).unwrap_or_default();
        if !self.is_host(headers) {
            return false;
        }
        let Some(origin) = text(ORIGIN) else { return true };
        let origin = origin.to_lowercase();
        let from = origin.split_once("://").map_or("", |(_, from)| from);
        self.allowed.iter().any(|allowed| allowed == "*" || *allowed == origin)
            || from.eq_ignore_ascii_case(host)
            || self.is_open && is_local(from)
    }

    /// Says whether the host that a request names may be ours.
    pub(crate) fn is_host(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        !self.is_open || is_local(host.unwrap_or_default())
    }

    /// Returns the origin of a request if its page may read what is answered.
    pub(crate) fn reader<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let origin = headers.get(ORIGIN)?.to_str().ok()?;
        self.allow(headers).then_some(origin)
    }
}

/// Says whether a browser tells that a page of this very host asks. A request that tells nothing is none of a page.
pub(crate) fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let (site, origin) = (text("sec-fetch-site"), text(ORIGIN.as_str()));
    let from = origin.map(|origin| origin.split_once("://").map_or("", |(_, from)| from));
    let host = text(HOST.as_str()).unwrap_or_default();
    let is_same = from.map(|from| !from.is_empty() && from.eq_ignore_ascii_case(host));
    match (site, is_same) {
        (_, Some(false)) => false,
        (Some(site), _) => site == "same-origin",
        (None, is_same) => is_same.unwrap_or(false),
    }
}

/// Says whether a browser tells that a page of another site, or of another host of this one, asks.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    site.is_some_and(|site| site != b"same-origin" && site != b"none")
}

/// Says whether a host, with or without a port, is this machine.
pub(crate) fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn check(allowed: &[&str], is_open: bool, host: &str, origin: Option<&str>, expect: bool) {
        let allowed: Vec<String> = allowed.iter().map(|&origin| origin.to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
        let origins = Origins::new(&allowed, is_open);
        assert_eq!(origins.allow(&headers), expect, "{host} {origin:?}");
    }

    #[test]
    fn pages_of_the_same_host_and_programs() {
        check(&[], false, "a.com", None, true);
        check(&[], false, "a.com", Some("https://a.com"), true);
        check(&[], false, "a.com:81", Some("http://a.com:81"), true);
        check(&[], false, "a.com", Some("https://b.com"), false);
        check(&[], false, "a.com", Some("null"), false);
    }

    #[test]
    fn own_pages_are_those_that_a_browser_says_are() {
        let check = |site: Option<&str>, origin: Option<&str>, expect: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "a.com:81".parse().unwrap());
            site.map(|site| headers.insert("sec-fetch-site", site.parse().unwrap()));
            origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
            assert_eq!(is_own_page(&headers), expect, "{site:?} {origin:?}");
        };
        check(Some("same-origin"), None, true);
        check(Some("same-origin"), Some("https://a.com:81"), true);
        check(None, Some("http://a.com:81"), true);
        check(None, None, false);
        check(None, Some("null"), false);
        check(None, Some("http://a.com"), false);
        check(Some("same-site"), None, false);
        check(Some("cross-site"), Some("https://a.com:81"), false);
        check(Some("same-origin"), Some("https://b.com"), false);
        check(Some("none"), None, false);
    }

    #[test]
    fn pages_that_are_allowed() {
        check(&["https://b.com/"], false, "a.com", Some("https://b.com"), true);
        check(&["https://b.com"], false, "a.com", Some("http://b.com"), false);
        check(&["https://b.com"], false, "a.com", Some("https://b.com.evil.com"), false);
        check(&["*"], false, "a.com", Some("https://c.com"), true);
    }

    #[test]
    fn without_keys_only_pages_of_this_machine() {
        check(&[], true, "localhost:7381", None, true);
        check(&[], true, "127.0.0.1:7381", Some("http://localhost:5173"), true);
        check(&[], true, "[::1]:7381", Some("http://[::1]:7381"), true);
        check(&[], true, "localhost:7381", Some("https://evil.com"), false);
        // A name that was made to point here.
        check(&[], true, "evil.com:7381", Some("http://evil.com:7381"), false);
        check(&[], true, "evil.com:7381", None, false);
    }
}
