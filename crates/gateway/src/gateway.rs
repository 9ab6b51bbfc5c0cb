//! The gateway: from a configuration to sockets that are served.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use firth::Broker;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::access::Keys;
use crate::admission::with_key;
use crate::backend::BackendCell;
use crate::config::{Config, Limits};
use crate::console::{self, Console};
use crate::counts::Counts;
use crate::feeds::Feeds;
use crate::hub::Hub;
use crate::listener::{Listener, Peer};
use crate::origin::Origins;
use crate::presence::Presence;
use crate::routes;
use crate::sockets::Sockets;

/// How long sockets have to take leave when the gateway stops.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(5);

/// A gateway that listens.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    config: Config,
}

/// A gateway cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// Everybody could use it.
    #[error(
        "the gateway's address {0} can be reached from other machines, and there is no key: set \
         gateway-secret, gateway-keys, gateway-jwks-url or gateway-api-key, or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// The address cannot be listened on.
    #[error("the gateway cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The backend's address is wrong, or it cannot be a backend.
    #[error("the gateway cannot use its backend")]
    Backend(#[from] firth::Error),
    /// Connections cannot be taken any more.
    #[error("the gateway cannot go on")]
    Serve(#[source] std::io::Error),
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) keys: Keys,
    pub(crate) origins: Origins,
    pub(crate) limits: Limits,
    pub(crate) backend: BackendCell,
    pub(crate) hub: Arc<Hub>,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) console: Console,
}

impl Gateway {
    /// Listens. Nobody is served yet.
    ///
    /// # Errors
    /// The address cannot be listened on, or everybody could use the gateway there.
    pub async fn bind(config: Config) -> Result<Self, GatewayError> {
        let address = config.listen;
        if config.keys.is_empty() && !address.ip().is_loopback() {
            return Err(GatewayError::Exposed(address));
        }
        let failed = |source| GatewayError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        Ok(Gateway { listener, config })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap_or(self.config.listen)
    }

    /// Serves until `stopped` is done; then all sockets are told that the gateway goes, and get five seconds.
    ///
    /// # Errors
    /// No connections can be taken any more.
    pub async fn serve(
        self,
        broker: Broker,
        stopped: impl Future<Output = ()>,
    ) -> Result<(), GatewayError> {
        self.serve_on(BackendCell::of(broker), stopped).await
    }

    /// Serves like [`serve`](Self::serve) on a broker of its own, at any address that [`Broker::connect`] takes. It need
    /// not answer yet, and may go away and come back.
    ///
    /// # Errors
    /// The backend's address is wrong, or no connections can be taken any more.
    pub async fn serve_at(
        self,
        backend: &str,
        stopped: impl Future<Output = ()>,
    ) -> Result<(), GatewayError> {
        self.serve_on_own(BackendCell::connect(backend).await?, stopped).await
    }

    /// Serves like [`serve_at`](Self::serve_at), but connects to the backend only when somebody needs it.
    ///
    /// # Errors
    /// No connections can be taken any more.
    pub async fn serve_when_needed(
        self,
        backend: &str,
        stopped: impl Future<Output = ()>,
    ) -> Result<(), GatewayError> {
        self.serve_on_own(BackendCell::connect_when_needed(backend), stopped).await
    }

    /// Serves, and closes the broker then, which nobody else has.
    async fn serve_on_own(
        self,
        backend: BackendCell,
        stopped: impl Future<Output = ()>,
    ) -> Result<(), GatewayError> {
        let served = self.serve_on(backend.clone(), stopped).await;
        if let Some(broker) = backend.now() {
            broker.close().await;
        }
        served
    }

    async fn serve_on(
        self,
        backend: BackendCell,
        stopped: impl Future<Output = ()>,
    ) -> Result<(), GatewayError> {
        let shared = Shared::new(&self.config, backend);
        let sockets = Arc::clone(&shared.sockets);
        let (stop, stopping) = oneshot::channel::<()>();
        let counts = Arc::clone(&shared.counts);
        let listener = Listener::new(self.listener, &shared.limits, counts);
        let keys = shared.keys.clone();
        let with_key = from_fn_with_state(Arc::clone(&shared), with_key);
        let router = routes::router(Arc::clone(&shared)).merge(console::router(shared));
        let router = if keys.are_fetched() { router.layer(with_key) } else { router };
        let router = router.into_make_service_with_connect_info::<Peer>();
        let serving =
            axum::serve(listener, router).with_graceful_shutdown(async { _ = stopping.await });
        let mut serving = pin!(serving.into_future());
        tokio::select! {
            ended = &mut serving => return ended.map_err(GatewayError::Serve),
            () = keys.keep() => {}
            () = stopped => {}
        }
        sockets.stop();
        drop(stop);
        // The server waits for event streams, but not for connections that have become WebSockets.
        let leaving = async { tokio::join!(sockets.emptied(), serving) };
        _ = timeout(LEAVE_TIME_MAX, leaving).await;
        Ok(())
    }
}

impl Shared {
    fn new(config: &Config, backend: BackendCell) -> Arc<Self> {
        let counts = Arc::new(Counts::default());
        Arc::new(Shared {
            keys: config.keys.clone(),
            origins: Origins::new(&config.origins, config.keys.is_empty()),
            limits: config.limits,
            hub: Hub::new(backend.clone(), Arc::clone(&counts)),
            feeds: Feeds::new(backend.clone(), Arc::clone(&counts)),
            presence: Arc::default(),
            sockets: Sockets::new(config.limits),
            backend,
            counts,
            console: Console::default(),
        })
    }
}
