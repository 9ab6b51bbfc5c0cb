//! Tokens for the tests.

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "a secret that nobody could ever guess";

/// Returns a token of a user, with what it grants.
pub(crate) fn token(user: &str, grants: &Value) -> String {
    token_until(user, 9_999_999_999, grants)
}

pub(crate) fn token_until(user: &str, exp: u64, grants: &Value) -> String {
    let claims = json!({"sub": user, "exp": exp, "firth": grants});
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}
