//! Tokens that are taken, and tokens that are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

#[path = "keys.rs"]
mod keys;

const SECRET: &str = "a secret that nobody could ever guess";

fn token(secret: &str, algorithm: Algorithm, claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn with_secret() -> TokenKeys {
    let mut keys = TokenKeys::default();
    keys.add_secret(SECRET).unwrap();
    keys
}

#[test]
fn a_set_may_have_keys_of_no_use() {
    let check = |more: &str, count: usize| {
        let set = keys::SET.replacen("{\"keys\":[", &format!("{{\"keys\":[{more}"), 1);
        let mut found = TokenKeys::default();
        found.add_set(&set).unwrap();
        assert_eq!(found.0.len(), count, "{more}");
        assert!(found.0.iter().all(|key| key.algorithm != Algorithm::HS256), "{more}");
    };
    check("", 2);
    check(r#"{"kty":"oct","k":"YWJj","alg":"HS256"},"#, 2);
    check(r#"{"kty":"OKP","crv":"X25519","x":"AA"},"#, 2);
    check(r#"{"kty":"new","alg":"XX"},7,"#, 2);
    check(r#"{"kty":"RSA","n":"AQAB","e":"AQAB","use":"enc"},"#, 2);
    check(r#"{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"RS512"},"#, 2);
    check(r#"{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"RS256"},"#, 3);
    for nothing in ["", "[]", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"YWJj"}]}"#] {
        assert!(TokenKeys::default().add_set(nothing).is_err(), "{nothing}");
    }
}

#[test]
fn a_token_with_the_secret_is_read() {
    let exp = crate::clock::unix_time_s() + 60;
    let claims = json!({"sub": "7", "exp": exp, "aud": "anybody", "other": 1});
    let read = with_secret().verify(&token(SECRET, Algorithm::HS256, &claims)).unwrap();
    assert_eq!((read.sub.as_deref(), read.exp), (Some("7"), exp));
}

#[test]
fn other_tokens_are_refused() {
    let now = crate::clock::unix_time_s();
    let good = json!({"sub": "7", "exp": now + 60});
    let check = |what: &str, token: &str| {
        assert!(with_secret().verify(token).is_err(), "{what}: {token}");
    };
    check("nothing", "");
    check("another secret", &token("another secret", Algorithm::HS256, &good));
    check("another algorithm", &token(SECRET, Algorithm::HS512, &good));
    check("expired", &token(SECRET, Algorithm::HS256, &json!({"exp": now - 600})));
    check("never expires", &token(SECRET, Algorithm::HS256, &json!({"sub": "7"})));
    let early = json!({"exp": now + 900, "nbf": now + 600});
    check("not valid yet", &token(SECRET, Algorithm::HS256, &early));
    let misspelt = json!({"exp": now + 60, "firth": {"subscibe": ["x"]}});
    check("a grant that is not known", &token(SECRET, Algorithm::HS256, &misspelt));
    // {"alg":"none"} and the claims, without a signature.
    check("no algorithm", "eyJhbGciOiJub25lIn0.eyJzdWIiOiI3IiwiZXhwIjo5OTk5OTk5OTk5fQ.");
    let mut forged = token(SECRET, Algorithm::HS256, &good);
    forged.replace_range(30..31, if &forged[30..31] == "A" { "B" } else { "A" });
    check("changed", &forged);
}

#[test]
fn keys_that_can_be_guessed_are_refused() {
    let short = TokenKeys::default().add_secret("short");
    assert!(matches!(short, Err(KeysError::ShortSecret)));
    let none = TokenKeys::default().add_public("no key");
    assert!(matches!(none, Err(KeysError::Unreadable(_))));
    let none = TokenKeys::default().add_public(r#"{"keys": []}"#);
    assert!(matches!(none, Err(KeysError::Unreadable(_))));
}

/// Verifies a token with public keys; the user, or nothing if it is refused.
fn user_by(public: &str, token: &str) -> Option<String> {
    let mut known = TokenKeys::default();
    known.add_public(public).unwrap();
    known.verify(token).ok().and_then(|claims| claims.sub)
}

#[test]
fn public_keys_verify_what_their_private_halves_signed() {
    let user = Some("7".to_owned());
    assert_eq!(user_by(keys::RSA, keys::RS256), user);
    assert_eq!(user_by(keys::EC, keys::ES256), user);
    assert_eq!(user_by(keys::RSA, keys::ES256), None);
    assert_eq!(user_by(keys::EC, keys::RS256), None);
    for token in [keys::RS256, keys::RS256_NAMED, keys::ES256, keys::ES256_NAMED] {
        assert_eq!(user_by(keys::SET, token), user);
    }
    assert_eq!(user_by(keys::SET, keys::RS256_MISNAMED), None);
}

#[test]
fn a_public_key_is_no_secret() {
    // Whoever knows the public key could sign such a token.
    let exp = crate::clock::unix_time_s() + 60;
    let forged = token(keys::RSA, Algorithm::HS256, &json!({"sub": "7", "exp": exp}));
    assert_eq!(user_by(keys::RSA, &forged), None);
    assert_eq!(user_by(keys::SET, &forged), None);
}
