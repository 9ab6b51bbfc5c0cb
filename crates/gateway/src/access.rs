//! Who may do what.
//!
//! A token (JWT) names a user in `sub` and says in `firth` what it grants, by names in which `*` stands for any text and
//! `?` for any character:
//!
//! ```json
//! {"sub": "7", "exp": 1795427413,
//!  "firth": {"subscribe": ["news", "chat:*"], "publish": ["chat:*"], "read": ["orders"], "append": []}}
//! ```
//!
//! `subscribe` and `publish` are about channels, `read` and `append` about streams. Besides, a user has `/notifications`
//! and the inbox of that name. `role` is what the bearer may do in the console: `viewer`, `operator` or `admin`. An API key
//! grants everything.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::token::{RemoteKeys, TokenError, TokenKeys};

/// What tokens and API keys are judged by.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    tokens: TokenKeys,
    remote: Option<Arc<RemoteKeys>>,
    api: Vec<Arc<str>>,
}

/// Keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The secret can be guessed.
    #[error("the secret has fewer than 32 bytes")]
    ShortSecret,
    /// An API key can be guessed.
    #[error("an API key has fewer than 16 bytes")]
    ShortApiKey,
    /// Keys cannot be fetched there.
    #[error("`{0}` is no address of a JWKS: it is https://, or http:// on this machine")]
    Url(String),
    /// There is no key in it.
    #[error("neither a public key (RSA, or EC on P-256) as PEM, nor a JWKS: {0}")]
    Unreadable(String),
}

impl Keys {
    /// Returns no keys: everybody may do everything.
    pub fn none() -> Self {
        Keys::default()
    }

    /// Adds the secret of HS256 tokens.
    ///
    /// # Errors
    /// It has fewer than 32 bytes.
    pub fn with_secret(mut self, secret: &str) -> Result<Self, KeysError> {
        self.tokens.add_secret(secret)?;
        Ok(self)
    }

    /// Adds public keys: one as PEM (of RS256 or ES256 tokens), or some as a JWKS.
    ///
    /// # Errors
    /// There is no such key in the text.
    pub fn with_public(mut self, text: &str) -> Result<Self, KeysError> {
        self.tokens.add_public(text)?;
        Ok(self)
    }

    /// Adds the public keys of the JWKS at a URL, as they are there at any time: `https://`, or `http://` on this machine.
    /// The gateway fetches them while it serves. Certificates are judged by what the system trusts, or by the file that
    /// the environment variable `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn with_url(mut self, url: &str) -> Result<Self, KeysError> {
        self.remote = Some(RemoteKeys::at(url)?);
        Ok(self)
    }

    /// Adds an API key.
    ///
    /// # Errors
    /// It has fewer than 16 bytes.
    pub fn with_api_key(mut self, key: &str) -> Result<Self, KeysError> {
        if key.len() < 16 {
            return Err(KeysError::ShortApiKey);
        }
        self.api.push(key.into());
        Ok(self)
    }

    /// Says whether there are none, so that everybody may do everything.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.remote.is_none() && self.api.is_empty()
    }

    /// Says whether some are at a URL, to be [fetched](Self::prepare) before judging.
    pub(crate) fn are_fetched(&self) -> bool {
        self.remote.is_some()
    }

    /// Keeps the keys that are at a URL up to date, without end.
    pub(crate) async fn keep(&self) {
        match &self.remote {
            Some(remote) => Arc::clone(remote).keep().await,
            None => std::future::pending().await,
        }
    }

    /// Fetches the key that a token names, if it may be at a URL and is not known. To be called before judging.
    pub(crate) async fn prepare(&self, bearer: &str) {
        if let Some(remote) = &self.remote
            && self.tokens.verify(bearer).is_err()
        {
            remote.prepare(bearer).await;
        }
    }

    /// Returns what the bearer of a token or an API key may do.
    pub(crate) fn judge(&self, bearer: Option<&str>) -> Result<Access, TokenError> {
        if self.is_empty() {
            return Ok(Access::everything());
        }
        let bearer = bearer.ok_or(TokenError::Missing)?;
        if self.api.iter().any(|key| is_same(key, bearer)) {
            return Ok(Access::everything());
        }
        let claims = match (self.tokens.verify(bearer), &self.remote) {
            (Err(_), Some(remote)) => remote.verify(bearer)?,
            (verified, _) => verified?,
        };
        let user = claims.sub.filter(|sub| !sub.is_empty()).map(Arc::from);
        Ok(Access { user, expires_s: Some(claims.exp), rights: Rights::Granted(claims.firth) })
    }
}

/// Compares in a time that does not tell how much is right.
pub(crate) fn is_same(key: &str, given: &str) -> bool {
    let difference = key.bytes().zip(given.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    key.len() == given.len() && difference == 0
}

/// What somebody may do.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) user: Option<Arc<str>>,
    pub(crate) expires_s: Option<u64>,
    rights: Rights,
}

#[derive(Clone, Debug)]
enum Rights {
    Everything,
    Granted(Grants),
}

/// The claim `firth` of a token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Grants {
    subscribe: Vec<String>,
    publish: Vec<String>,
    read: Vec<String>,
    append: Vec<String>,
    role: Option<Role>,
}

/// What somebody may do in the console; each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Looks at what there is.
    Viewer,
    /// Also works on messages: appends, publishes, acknowledges, brings dead letters back.
    Operator,
    /// Also removes what cannot be brought back, and sees how the server is set up.
    Admin,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed<'a> {
    Subscribe(&'a str),
    Publish(&'a str),
    Read(&'a str),
    Append(&'a str),
    /// The notifications and the inbox of a user.
    Notifications(&'a str),
    /// What concerns no name, such as to see how the gateway does.
    Operate,
}

impl Access {
    fn everything() -> Self {
        Access { user: None, expires_s: None, rights: Rights::Everything }
    }

    /// Returns what its bearer may do in the console; `None` for nothing.
    pub(crate) fn role(&self) -> Option<Role> {
        match &self.rights {
            Rights::Everything => Some(Role::Admin),
            Rights::Granted(grants) => grants.role,
        }
    }

    pub(crate) fn allows(&self, deed: Deed<'_>) -> bool {
        let Rights::Granted(grants) = &self.rights else { return true };
        let (patterns, name) = match deed {
            Deed::Subscribe(name) => (&grants.subscribe, name),
            Deed::Publish(name) => (&grants.publish, name),
            Deed::Read(name) => (&grants.read, name),
            Deed::Append(name) => (&grants.append, name),
            Deed::Notifications(user) => return self.user.as_deref() == Some(user),
            Deed::Operate => return false,
        };
        patterns.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
    }
}

/// Says whether a name matches a pattern in which `*` stands for any text and `?` for any byte.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and how far the name had come there.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(letter) if *letter == b'?' || Some(letter) == name.get(n) => {
                (p, n) = (p + 1, n + 1);
            }
            _ => {
                let Some((at, begun)) = star else { return false };
                star = Some((at, begun + 1));
                (p, n) = (at + 1, begun + 1);
            }
        }
    }
    pattern.iter().skip(p).all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn patterns() {
        let check = |pattern: &str, name: &str, expect: bool| {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expect, "{pattern} {name}");
        };
        check("news", "news", true);
        check("news", "newsy", false);
        check("*", "", true);
        check("chat:*", "chat:1:2", true);
        check("chat:*", "chat", false);
        check("*:in", "a:in:in", true);
        check("*a*b*", "xaxbx", true);
        check("*a*b", "abab", true);
        check("*a*b", "aba", false);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("", "a", false);
    }

    #[test]
    fn without_keys_everybody_may_do_everything() {
        let access = Keys::none().judge(None).unwrap();
        assert!(access.allows(Deed::Notifications("7")) && access.allows(Deed::Publish("x")));
    }

    #[test]
    fn an_api_key_grants_everything_and_nothing_else_does() {
        let keys = Keys::none().with_api_key("0123456789abcdef").unwrap();
        assert!(keys.judge(Some("0123456789abcdef")).unwrap().allows(Deed::Append("s")));
        for wrong in [None, Some(""), Some("0123456789abcde"), Some("0123456789abcdefg")] {
            assert!(keys.judge(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn grants_are_for_what_they_say() {
        let grants = r#"{"subscribe": ["news"], "append": ["orders*"], "role": "operator"}"#;
        let rights = Rights::Granted(serde_json::from_str(grants).unwrap());
        let access = Access { user: Some("7".into()), expires_s: None, rights };
        assert!(access.allows(Deed::Subscribe("news")) && access.allows(Deed::Append("orders:1")));
        assert!(access.allows(Deed::Notifications("7")));
        assert_eq!(access.role(), Some(Role::Operator));
        for deed in
            [Deed::Publish("news"), Deed::Read("orders:1"), Deed::Notifications("8"), Deed::Operate]
        {
            assert!(!access.allows(deed), "{deed:?}");
        }
    }
}
