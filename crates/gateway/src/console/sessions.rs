//! Who has logged in to the console.
//!
//! A session is a random name in a cookie that scripts cannot read and other sites cannot send, and what belongs to it
//! is kept here: it ends with the process. Whoever changes something must also show the session's second secret, which
//! only a page of this host can have read.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;

use super::problem::Problem;
use crate::access::{Role, is_same};
use crate::clock::unix_time_s;
use crate::rate::Rate;

/// The cookie's name.
const COOKIE_NAME: &str = "firth_console";

/// How long a session lasts, unless the token that it was begun with ends before.
const SESSION_S: u64 = 8 * 3600;

/// The most sessions at a time; then the one that would end first does.
const SESSIONS_MAX: usize = 1024;

/// One attempt to log in each so often, and so many at once, from one address.
const ATTEMPT_EVERY: Duration = Duration::from_secs(6);
const ATTEMPTS_AT_ONCE: u32 = 5;

/// The most addresses whose attempts are counted one by one; beyond them all are one.
const ADDRESSES_MAX: usize = 1024;

/// Who somebody is to the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) role: Role,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) expires_s: Option<u64>,
    pub(crate) via: Via,
}

/// How it is known who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// A header that no page from elsewhere can send.
    Bearer,
    /// What browsers send by themselves; whoever changes something shows this secret besides.
    Browser { csrf: Arc<str> },
}

/// Who has logged in, and how often it was tried.
#[derive(Debug)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<Arc<str>, Caller>>,
    attempts: Mutex<HashMap<Option<IpAddr>, Rate>>,
    /// The second secret where nobody has to log in.
    csrf: Arc<str>,
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions { open: Mutex::default(), attempts: Mutex::default(), csrf: secret() }
    }
}

impl Sessions {
    /// Returns who somebody is where nobody has to log in.
    pub(crate) fn anybody(&self) -> Caller {
        let via = Via::Browser { csrf: Arc::clone(&self.csrf) };
        Caller { role: Role::Admin, user: None, expires_s: None, via }
    }

    /// Begins a session; returns the value of its cookie.
    pub(crate) fn begin(
        &self,
        role: Role,
        user: Option<Arc<str>>,
        expires_s: Option<u64>,
    ) -> (Arc<str>, Caller) {
        let now_s = unix_time_s();
        let expires_s = expires_s.unwrap_or(u64::MAX).min(now_s + SESSION_S);
        let via = Via::Browser { csrf: secret() };
        let caller = Caller { role, user, expires_s: Some(expires_s), via };
        let mut open = self.open.lock();
        open.retain(|_, session| session.expires_s.is_some_and(|at_s| at_s > now_s));
        if open.len() >= SESSIONS_MAX
            && let Some(first) = open.iter().min_by_key(|(_, session)| session.expires_s)
        {
            let first = Arc::clone(first.0);
            open.remove(&first);
        }
        let name = secret();
        open.insert(Arc::clone(&name), caller.clone());
        (name, caller)
    }

    /// Returns whose session a request belongs to.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<Caller> {
        let session = self.open.lock().get(name_in(headers)?).cloned()?;
        session.expires_s.is_some_and(|at_s| at_s > unix_time_s()).then_some(session)
    }

    /// Ends the session that a request belongs to.
    pub(crate) fn end(&self, headers: &HeaderMap) {
        if let Some(name) = name_in(headers) {
            self.open.lock().remove(name);
        }
    }

    /// Counts an attempt to log in.
    pub(crate) fn attempt(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        let mut attempts = self.attempts.lock();
        if attempts.len() >= ADDRESSES_MAX && !attempts.contains_key(&address) {
            attempts.retain(|_, rate| !rate.is_rested());
        }
        let has_room = attempts.len() < ADDRESSES_MAX || attempts.contains_key(&address);
        let address = address.filter(|_| has_room);
        let fresh = || Rate::every(ATTEMPT_EVERY, ATTEMPTS_AT_ONCE);
        match attempts.entry(address).or_insert_with(fresh).allows() {
            true => Ok(()),
            false => Err(Problem::too_many("too many attempts to log in: wait a few seconds")),
        }
    }
}

impl Caller {
    /// Says whether a request shows the session's second secret, if it must.
    pub(crate) fn is_shown_by(&self, headers: &HeaderMap) -> bool {
        let Via::Browser { csrf } = &self.via else { return true };
        let shown = headers.get("x-firth-csrf").and_then(|shown| shown.to_str().ok());
        shown.is_some_and(|shown| is_same(csrf, shown))
    }

    /// Returns the session's second secret.
    pub(crate) fn csrf(&self) -> Option<&str> {
        match &self.via {
            Via::Browser { csrf } => Some(csrf),
            Via::Bearer => None,
        }
    }
}

/// Returns the header that gives a browser its cookie, or takes it away.
pub(crate) fn cookie(name: Option<&str>, headers: &HeaderMap) -> String {
    let origin = headers.get("origin").and_then(|origin| origin.to_str().ok());
    let is_secure = origin.is_some_and(|origin| origin.starts_with("https://"));
    let secure = if is_secure { "; Secure" } else { "" };
    let (value, age_s) = (name.unwrap_or_default(), if name.is_some() { SESSION_S } else { 0 });
    format!(
        "{COOKIE_NAME}={value}; Path=/console; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"
    )
}

fn name_in(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
    let mut cookies = cookies.flat_map(|cookies| cookies.split(';'));
    cookies.find_map(|cookie| match cookie.trim().split_once('=') {
        Some((COOKIE_NAME, name)) => Some(name),
        _ => None,
    })
}

/// Returns 256 random bits as a text.
fn secret() -> Arc<str> {
    let mut bytes = [0; 32];
    #[expect(clippy::expect_used, reason = "a system without chance cannot guard anything")]
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn with_cookie(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, value.parse().unwrap())])
    }

    #[tokio::test]
    async fn a_session_begins_and_ends() {
        let sessions = Sessions::default();
        let (name, caller) = sessions.begin(Role::Viewer, Some("7".into()), None);
        let headers = with_cookie(&format!("a=b; firth_console={name}; c=d"));
        assert_eq!(sessions.of(&headers), Some(caller));
        assert_eq!(sessions.of(&with_cookie("firth_console=")), None);
        sessions.end(&headers);
        assert_eq!(sessions.of(&headers), None);
    }

    #[tokio::test]
    async fn a_session_ends_with_its_token() {
        let sessions = Sessions::default();
        let (name, _) = sessions.begin(Role::Admin, None, Some(1));
        assert_eq!(sessions.of(&with_cookie(&format!("firth_console={name}"))), None);
    }

    #[tokio::test]
    async fn there_are_not_too_many() {
        let sessions = Sessions::default();
        for _ in 0..SESSIONS_MAX + 5 {
            sessions.begin(Role::Viewer, None, None);
        }
        assert_eq!(sessions.open.lock().len(), SESSIONS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_counted_for_each_address() {
        let sessions = Sessions::default();
        let tried = |n: u8| {
            let address = Some(IpAddr::from([127, 0, 0, n]));
            (0..20).filter(|_| sessions.attempt(address).is_ok()).count()
        };
        assert_eq!((tried(1), tried(1), tried(2)), (5, 0, 5));
        tokio::time::advance(ATTEMPT_EVERY).await;
        assert_eq!(tried(1), 1);
    }

    #[test]
    fn the_second_secret_must_be_shown() {
        let caller = Sessions::default().anybody();
        let csrf = caller.csrf().unwrap();
        let shown =
            HeaderMap::from_iter([("x-firth-csrf".parse().unwrap(), csrf.parse().unwrap())]);
        assert!(caller.is_shown_by(&shown));
        assert!(!caller.is_shown_by(&HeaderMap::new()));
    }
}
