//! TLS: whose certificates are trusted, and what is shown to those who ask.
//!
//! It is rustls with ring, the provider that builds with the least: no CMake, no assembler of its own.
//! A program that has installed another provider keeps it.

use redis::ConnectionAddr;

#[cfg(not(feature = "tls"))]
pub(crate) use self::absent::{Certificates, is_distrust};
#[cfg(feature = "tls")]
pub(crate) use self::present::{Certificates, is_distrust};

/// Returns an address that is secured as another one is.
pub(super) fn secured_as(seed: &ConnectionAddr, addr: ConnectionAddr) -> ConnectionAddr {
    match (seed, addr) {
        (ConnectionAddr::TcpTls { insecure, tls_params, .. }, ConnectionAddr::Tcp(host, port)) => {
            let (insecure, tls_params) = (*insecure, tls_params.clone());
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        (_, addr) => addr,
    }
}

#[cfg(feature = "tls")]
mod present {
    use std::error::Error as _;
    use std::sync::Arc;

    use redis::sentinel::SentinelClientBuilder;
    use redis::{
        Client, ClientTlsConfig, ConnectionInfo, IntoConnectionInfo as _, RedisError,
        TlsCertificates, TlsMode,
    };
    use rustls::crypto::{CryptoProvider, ring};

    use crate::address::TlsFiles;

    type Shared = Arc<dyn std::error::Error + Send + Sync>;

    /// Certificates, as they were read from their files.
    #[derive(Clone, Debug)]
    pub(crate) struct Certificates(TlsCertificates);

    impl Certificates {
        /// Reads them, and checks that they are some.
        pub(crate) async fn load(files: TlsFiles) -> Result<Self, String> {
            if CryptoProvider::get_default().is_none() {
                // Whoever was faster has installed one as well.
                let _installed = ring::default_provider().install_default();
            }
            let loaded = tokio::task::spawn_blocking(move || read(files)).await;
            let certificates = loaded.map_err(|error| error.to_string())??;
            let probe = "rediss://localhost".into_connection_info();
            let probe = probe.and_then(|info| certificates.secure(info));
            probe.map(|_| certificates).map_err(|error| error.to_string())
        }

        /// Returns how to connect, with these certificates.
        pub(crate) fn secure(&self, info: ConnectionInfo) -> Result<ConnectionInfo, RedisError> {
            if self.0.root_cert.is_none() && self.0.client_tls.is_none() {
                return Ok(info);
            }
            let client = Client::build_with_tls(info, self.0.clone())?;
            Ok(client.get_connection_info().clone())
        }

        /// Has the connections to what sentinels name secured.
        pub(crate) fn secure_primary(
            &self,
            builder: SentinelClientBuilder,
        ) -> SentinelClientBuilder {
            let builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            builder.set_client_to_redis_certificates(self.0.clone())
        }
    }

    /// Says whether one side does not trust the other's certificate, which time does not mend.
    pub(crate) fn is_distrust(error: &RedisError) -> bool {
        // What the crate returns as the source is its shared handle on it.
        let shared = error.source().and_then(|source| source.downcast_ref::<Shared>());
        let io = shared.and_then(|shared| shared.downcast_ref::<std::io::Error>());
        let inner = io.and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let is_distrust = |error: &rustls::Error| {
            matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_))
        };
        tls.is_some_and(is_distrust)
    }

    fn read(files: TlsFiles) -> Result<Certificates, String> {
        let read = |path: String| {
            std::fs::read(&path).map_err(|error| format!("the file `{path}`: {error}"))
        };
        let root_cert = files.authorities.map(read).transpose()?;
        let client_tls = match files.identity {
            None => None,
            Some((cert, key)) => {
                Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
            }
        };
        Ok(Certificates(TlsCertificates { client_tls, root_cert }))
    }
}

#[cfg(not(feature = "tls"))]
mod absent {
    use redis::sentinel::SentinelClientBuilder;
    use redis::{ConnectionInfo, RedisError};

    use crate::address::TlsFiles;

    /// There are no certificates that one side could distrust.
    pub(crate) fn is_distrust(_error: &RedisError) -> bool {
        false
    }

    /// Certificates, of which there are none without the feature.
    #[derive(Clone, Debug)]
    pub(crate) enum Certificates {}

    impl Certificates {
        pub(crate) async fn load(_files: TlsFiles) -> Result<Self, String> {
            Err("the feature `tls` is not compiled in".to_owned())
        }

        pub(crate) fn secure(&self, _info: ConnectionInfo) -> Result<ConnectionInfo, RedisError> {
            match *self {}
        }

        pub(crate) fn secure_primary(
            &self,
            _builder: SentinelClientBuilder,
        ) -> SentinelClientBuilder {
            match *self {}
        }
    }
}
