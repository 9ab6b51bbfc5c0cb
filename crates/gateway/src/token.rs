//! Tokens: JWTs, and the keys that they are signed with.
//!
//! A key decides which algorithm is accepted, never the token: a secret HS256, an RSA key RS256, a key on P-256
//! ES256.

mod fetch;
mod remote;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::access::{Grants, KeysError};

pub(crate) use self::remote::RemoteKeys;

const SECRET_BYTES_MIN: usize = 32;

/// The keys that tokens are signed with.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenKeys(Vec<TokenKey>);

#[derive(Clone, Debug)]
struct TokenKey {
    /// Its name in a JWKS; a token that names another one is not tried with it.
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// What we read of a token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: Option<String>,
    pub(crate) exp: u64,
    #[serde(default)]
    pub(crate) firth: Grants,
}

/// A JWKS, each key of which is read by itself.
#[derive(Debug, Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error(
        "there is no token: put it behind `Authorization: Bearer`, or into the query as `token`"
    )]
    Missing,
    #[error("the token is not valid: {0}")]
    Invalid(String),
}

impl TokenKeys {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn add_secret(&mut self, secret: &str) -> Result<(), KeysError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeysError::ShortSecret);
        }
        let key = DecodingKey::from_secret(secret.as_bytes());
        self.0.push(TokenKey { id: None, algorithm: Algorithm::HS256, key });
        Ok(())
    }

    pub(crate) fn add_public(&mut self, text: &str) -> Result<(), KeysError> {
        if text.trim_start().starts_with('{') {
            return self.add_set(text);
        }
        let rsa = DecodingKey::from_rsa_pem(text.as_bytes()).map(|key| (Algorithm::RS256, key));
        let ec = || DecodingKey::from_ec_pem(text.as_bytes()).map(|key| (Algorithm::ES256, key));
        let (algorithm, key) =
            rsa.or_else(|_| ec()).map_err(|error| KeysError::Unreadable(error.to_string()))?;
        self.0.push(TokenKey { id: None, algorithm, key });
        Ok(())
    }

    /// Adds the keys of a JWKS. A set may have keys of any kind, and those of no use here are left out.
    fn add_set(&mut self, json: &str) -> Result<(), KeysError> {
        let unreadable = |error: &dyn ToString| KeysError::Unreadable(error.to_string());
        let set: Set = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        let before = self.0.len();
        for key in set.keys {
            let Ok(jwk) = serde_json::from_value::<Jwk>(key) else { continue };
            let Some(algorithm) = algorithm_of(&jwk) else { continue };
            let Ok(key) = DecodingKey::from_jwk(&jwk) else { continue };
            self.0.push(TokenKey { id: jwk.common.key_id, algorithm, key });
        }
        if self.0.len() == before { Err(unreadable(&"no key of use")) } else { Ok(()) }
    }

    /// Says whether there is a key of a name, or any if no name is asked for.
    fn names(&self, id: Option<&str>) -> bool {
        self.0.iter().any(|key| id.is_none() || key.id.as_deref() == id)
    }

    /// Returns the claims of a token that one of the keys has signed and that has not expired.
    pub(crate) fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let invalid = |error: &dyn ToString| TokenError::Invalid(error.to_string());
        let header = decode_header(token).map_err(|error| invalid(&error))?;
        let mut refused = invalid(&"it is signed with no key that is known here");
        for known in &self.0 {
            let is_named = header.kid.is_none() || known.id.is_none() || header.kid == known.id;
            if known.algorithm != header.alg || !is_named {
                continue;
            }
            let mut validation = Validation::new(known.algorithm);
            validation.validate_nbf = true;
            // What a token is for is said by its grants.
            validation.validate_aud = false;
            match decode::<Claims>(token, &known.key, &validation) {
                Ok(data) => return Ok(data.claims),
                Err(error) => refused = invalid(&error),
            }
        }
        Err(refused)
    }
}

/// Returns what a key of a set is used with; `None` if that is nothing that is accepted here.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        // A secret in a set that anybody can read is none.
        _ => return None,
    };
    let is_for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|kind| *kind == PublicKeyUse::Signature);
    let is_so_named = jwk.common.key_algorithm.is_none_or(|given| given == name);
    (is_for_signatures && is_so_named).then_some(algorithm)
}

#[cfg(test)]
mod tests;
