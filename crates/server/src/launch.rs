//! From a configuration to a server that is ready to be driven.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use firth_engine::Opened;
use firth_engine::{Engine, FileDisk, OpenError, Options, SystemClock};

use crate::config::Config;
use crate::machine;
use crate::net::{BindError, Listener};
use crate::server::Server;

/// A server that is ready, and the sockets that it listens on.
#[derive(Debug)]
pub struct Launched {
    /// The server.
    pub server: Arc<Server>,
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// What was found in the data folder.
    pub opened: Opened,
}

/// A server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Anybody could use it.
    #[error(
        "the address {0} can be reached from other machines, and there is no password: set \
         requirepass, or bind to 127.0.0.1, or set protected-mode to no if everybody may use this \
         server"
    )]
    Exposed(String),
    /// There is nothing to listen on.
    #[error("there is nothing to listen on: set port and bind, or unixsocket")]
    NoAddress,
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Open(OpenError),
    /// The data folder is damaged.
    #[error(
        "{what}; what is sound and what is not is told by: firth check {path}",
        path = path.display()
    )]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What was found first.
        what: OpenError,
    },
}

/// Opens the data folder and the sockets.
///
/// # Errors
/// See [`LaunchError`].
pub fn launch(config: Config) -> Result<Launched, LaunchError> {
    if let Some(address) = config.exposed_address() {
        return Err(LaunchError::Exposed(address.to_owned()));
    }
    let listeners = listen(&config)?;
    let mut options = Options::new();
    options.folder = config.append_only.then(|| config.dir.clone());
    options.seed = random();
    options.durability = config.durability;
    let opened = Engine::open(&options, Arc::new(SystemClock), Arc::new(FileDisk));
    let (engine, opened) = opened.map_err(|error| match &options.folder {
        Some(path) if error.is_damage() => LaunchError::Damaged { path: path.clone(), what: error },
        _ => LaunchError::Open(error),
    })?;
    let server = Arc::new(Server::new(engine, config, run_id()));
    server.set_memory_bytes_default(machine::memory_bytes(&FileDisk) / 4 * 3);
    Ok(Launched { server, listeners, opened })
}

fn listen(config: &Config) -> Result<Vec<Listener>, LaunchError> {
    let mut listeners = Vec::new();
    for bind in config.bind.iter().filter(|_| config.port != 0) {
        let host = bind.trim_start_matches('-');
        match Listener::tcp(host, config.port) {
            Ok(found) => listeners.extend(found),
            Err(error) if bind.starts_with('-') && is_missing(&error.source) => {
                tracing::debug!(%error, cause = %error.source, "left out");
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(path) = &config.unix_socket {
        listeners.push(Listener::unix(path)?);
    }
    if listeners.is_empty() { Err(LaunchError::NoAddress) } else { Ok(listeners) }
}

/// Says whether the machine lacks the address, rather than that something else is wrong with it.
fn is_missing(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

/// Returns a number that nobody can guess: the standard library seeds its maps with such ones.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn run_id() -> String {
    let digits: String = (0..3).map(|_| format!("{:016x}", random())).collect();
    digits.get(..40).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_has_an_id_of_its_own() {
        let (one, other) = (run_id(), run_id());
        assert_ne!(one, other);
        assert!(one.len() == 40 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn a_server_without_password_is_not_exposed() {
        let bind = vec!["127.0.0.1".to_owned(), "192.0.2.7".to_owned()];
        let error = launch(Config { bind, ..Config::default() }).map(|_| ());
        let text = error.map_err(|error| error.to_string());
        assert!(text.is_err_and(|text| text.contains("192.0.2.7") && text.contains("requirepass")));
    }
}
