//! Fetching a JWKS from its URL.
//!
//! Plain HTTP is for this machine alone: on any other way somebody could put keys of their own into the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT, HOST, USER_AGENT};
use axum::http::uri::Scheme;
use axum::http::{Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::access::KeysError;
use crate::origin::is_local;

/// How long an answer may take, connecting included.
pub(crate) const FETCH_TIME_MAX: Duration = Duration::from_secs(5);

/// How many bytes an answer may have.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Where a JWKS is.
#[derive(Clone, Debug)]
pub(crate) struct KeyUrl {
    uri: Uri,
    host: String,
    port: u16,
    is_secure: bool,
}

impl KeyUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, KeysError> {
        let unusable = || KeysError::Url(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| unusable())?;
        let is_secure = uri.scheme() == Some(&Scheme::HTTPS);
        let authority = uri.authority().ok_or_else(unusable)?;
        let is_plain = uri.scheme() == Some(&Scheme::HTTP) && is_local(authority.host());
        if !is_secure && !is_plain || authority.as_str().contains('@') {
            return Err(unusable());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        Ok(KeyUrl { uri, host, port, is_secure })
    }

    /// Returns what is there.
    pub(crate) async fn fetch(&self) -> Result<Bytes, Failure> {
        tokio::time::timeout(FETCH_TIME_MAX, self.ask()).await?
    }

    async fn ask(&self) -> Result<Bytes, Failure> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        if !self.is_secure {
            return self.ask_on(stream).await;
        }
        let name = ServerName::try_from(self.host.clone())?;
        let config = tokio::task::spawn_blocking(config).await??;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        self.ask_on(stream).await
    }

    async fn ask_on(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Bytes, Failure> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::get(path)
            .header(HOST, host)
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("firth/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())?;
        let answering = async move {
            let response = sender.send_request(request).await?;
            if response.status() != StatusCode::OK {
                // A redirect would lead away from the address that was configured.
                return Err(format!("the answer is {}", response.status()).into());
            }
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            match body {
                Err(error) if error.is::<LengthLimitError>() => {
                    Err(format!("the answer has more than {ANSWER_BYTES_MAX} bytes").into())
                }
                body => Ok(body?.to_bytes()),
            }
        };
        // The connection ends when its sender is gone.
        let (answer, _ended) = tokio::join!(answering, connection);
        answer
    }
}

/// Trusts whom the system trusts; read anew each time, since that may change.
fn config() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expect: Option<(&str, u16)>) {
        let found = KeyUrl::parse(url).ok();
        assert_eq!(found.as_ref().map(|url| (&*url.host, url.port)), expect, "{url}");
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        check("https://id.example.com/keys?x=1", Some(("id.example.com", 443)));
        check("https://id.example.com:8443/", Some(("id.example.com", 8443)));
        check("http://localhost:8080/keys", Some(("localhost", 8080)));
        check("http://127.0.0.1/keys", Some(("127.0.0.1", 80)));
        check("http://[::1]:81/keys", Some(("::1", 81)));
        check("http://id.example.com/keys", None);
        check("http://localhost.example.com/keys", None);
        check("https://user:password@id.example.com/", None);
        check("ftp://localhost/keys", None);
        check("/keys", None);
        check("", None);
    }
}
