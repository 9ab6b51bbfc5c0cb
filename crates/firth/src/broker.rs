//! The handle from which everything begins.

use std::sync::Arc;

use crate::Error;
use crate::address::Address;
use crate::backend::{Backend, Features, HealthWatch};

/// A handle on a backend, from which all patterns are made. Cloning it is cheap, and all clones are
/// one broker.
///
/// It needs a Tokio runtime whose time is enabled.
#[derive(Clone, Debug)]
pub struct Broker {
    backend: Arc<dyn Backend>,
}

impl Broker {
    /// Connects to the broker at an address.
    ///
    /// | address | what it is |
    /// |---|---|
    /// | `memory:` | the engine of Firth in this process, empty, gone with the last handle |
    /// | `file:PATH[?durability=always]` | the engine with its state in a folder, which no other process may use meanwhile; what has been answered survives a crash of the process and, with the durability `always`, of the machine; `everysec` and `never` sync once per second or when the system likes |
    /// | `redis://[user:password@]host[:port][/db]` | a Firth server, Redis 7.0 or newer, Valkey |
    /// | `unix:///path/to/socket` | the same by a socket of this machine |
    /// | `redis+cluster://[user:password@]host[:port],...` | some nodes of a Cluster |
    /// | `redis+sentinel://[user:password@]host[:port],.../service[/db]` | the primary that these sentinels name |
    /// | `rediss://...`, `rediss+cluster://...`, `rediss+sentinel://...` `[?ca=FILE][&cert=FILE&key=FILE]` | the same by TLS, to sentinels too (feature `tls`) |
    ///
    /// By TLS, a server must show a certificate for the host of the address, a node of a Cluster for
    /// the address that it announces, which is mostly an IP address. It is trusted if it is signed by an
    /// authority in the file `ca`, else if by one that the system trusts. `cert` and `key` are what is
    /// shown to a server that asks for it. All are PEM files, read once, when the broker connects.
    ///
    /// Redis replicates after it has answered: when a replica takes over, by sentinels or in a Cluster,
    /// the last writes before that may be gone although they were answered.
    ///
    /// Once connected, lost connections are restored in the background; see [`Broker::health`].
    ///
    /// # Errors
    /// [`Error::Address`] if the address is wrong or its backend is not compiled in,
    /// [`Error::Unavailable`] if nobody answers there, [`Error::Server`] if the password is wrong,
    /// or the folder cannot be used.
    pub async fn connect(address: &str) -> Result<Broker, Error> {
        match Address::parse(address)? {
            Address::Memory => in_memory(address),
            Address::Folder { path, durability } => in_folder(address, path, &durability).await,
            // Boxed, so that the callers' futures stay small.
            remote => Box::pin(at(address, remote)).await,
        }
    }

    /// Returns a broker on a backend of one's own.
    pub fn on(backend: impl Backend) -> Self {
        Broker { backend: Arc::new(backend) }
    }

    /// Returns the backend, for what no pattern offers.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Returns what this broker can do beyond what every broker can.
    pub fn features(&self) -> Features {
        self.backend.features()
    }

    /// Returns how the connection is, now and from now on.
    pub fn health(&self) -> HealthWatch {
        self.backend.health()
    }

    /// Ends all that goes on: waiting reads and subscriptions end, connections are closed. Every
    /// clone of this broker answers [`Error::Closed`] from then on.
    pub async fn close(&self) {
        self.backend.close().await;
    }
}

#[cfg(feature = "embedded")]
fn in_memory(_address: &str) -> Result<Broker, Error> {
    crate::backend::embedded::Embedded::in_memory().map(Broker::on)
}

#[cfg(feature = "embedded")]
async fn in_folder(_address: &str, path: String, durability: &str) -> Result<Broker, Error> {
    use firth_engine::Durability;

    let durability = match durability {
        "everysec" => Durability::Everysec,
        "never" => Durability::Never,
        _ => Durability::Always,
    };
    let opened = crate::backend::embedded::Embedded::in_folder(path.into(), durability).await;
    opened.map(Broker::on)
}

#[cfg(not(feature = "embedded"))]
async fn in_folder(address: &str, _path: String, _durability: &str) -> Result<Broker, Error> {
    in_memory(address)
}

#[cfg(not(feature = "embedded"))]
fn in_memory(address: &str) -> Result<Broker, Error> {
    Err(crate::address::wrong(address, "the feature `embedded` is not compiled in"))
}

#[cfg(feature = "redis")]
async fn at(address: &str, remote: Address) -> Result<Broker, Error> {
    use redis::IntoConnectionInfo as _;

    use crate::address::Place;
    use crate::backend::redis::{Certificates, Remote};

    let Address::Remote { place, tls } = remote else {
        return Err(crate::address::wrong(address, "it is not that of a server"));
    };
    let certificates = match tls {
        None => None,
        Some(files) => {
            let certificates = Certificates::load(files).await;
            Some(certificates.map_err(|reason| crate::address::wrong(address, &reason))?)
        }
    };
    let info = |server: String| {
        let info = server.into_connection_info().and_then(|info| match &certificates {
            None => Ok(info),
            Some(certificates) => certificates.secure(info),
        });
        info.map_err(|error| crate::address::wrong(address, &error))
    };
    let infos = |servers: Vec<String>| servers.into_iter().map(info).collect::<Result<_, Error>>();
    let remote = match place {
        Place::Server(server) => Remote::connect(info(server)?).await?,
        Place::Cluster(nodes) => Remote::connect_cluster(infos(nodes)?).await?,
        Place::Sentinel { sentinels, service } => {
            let sentinels = infos(sentinels)?;
            Remote::connect_by_sentinels(sentinels, &service, certificates.as_ref()).await?
        }
    };
    Ok(Broker::on(remote))
}

#[cfg(not(feature = "redis"))]
async fn at(address: &str, _remote: Address) -> Result<Broker, Error> {
    Err(crate::address::wrong(address, "the feature `redis` is not compiled in"))
}
