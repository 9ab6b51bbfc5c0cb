//! Tokens: JWTs, and the keys that they are signed with.
//!
//! A key decides which algorithm is accepted, never the token: a secret HS256, an RSA key RS256, a key on P-256
//! ES256.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use crate::access::{Grants, KeysError};

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

    fn add_set(&mut self, json: &str) -> Result<(), KeysError> {
        let unreadable = |error: &dyn ToString| KeysError::Unreadable(error.to_string());
        let set: JwkSet = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        let before = self.0.len();
        for jwk in &set.keys {
            let Some(algorithm) = algorithm_of(jwk) else { continue };
            let key = DecodingKey::from_jwk(jwk).map_err(|error| unreadable(&error))?;
            self.0.push(TokenKey { id: jwk.common.key_id.clone(), algorithm, key });
        }
        if self.0.len() == before { Err(unreadable(&"no key of use")) } else { Ok(()) }
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
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            Some(Algorithm::ES256)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
