//! `firth gateway`: the gateway alone, in front of any server; and the one beside `firth serve`.
//!
//! Beside the server it runs in a thread of its own with a runtime of its own, and reaches the server by its port or its
//! Unix socket, as any client does: what a browser asks for is judged, ordered and made durable as what others ask for,
//! and nothing in the engine knows of it. It connects when it is first needed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};
use clap::Args;
use firth_gateway::{Config, Gateway, GatewayError, Keys};
use firth_server::config::{Config as ServerConfig, GatewaySettings, LogLevel};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::serve::log_to_stderr;

/// Runs the gateway for browsers alone, in front of a server
#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    /// The server: redis://host:port, unix:///path, redis+cluster://a,b, redis+sentinel://a,b/service
    #[arg(long, value_name = "URL", env = "FIRTH_BACKEND", hide_env_values = true)]
    backend: String,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = GatewaySettings::ADDRESS, env = "FIRTH_GATEWAY")]
    listen: SocketAddr,
    /// The secret of tokens (JWT, HS256), of 32 bytes at least
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        env = "FIRTH_GATEWAY_SECRET",
        hide_env_values = true
    )]
    secret: String,
    /// A file with public keys of tokens: PEM (RS256 or ES256), or a JWKS
    #[arg(long, value_name = "FILE", env = "FIRTH_GATEWAY_KEYS")]
    keys: Option<PathBuf>,
    /// Where public keys of tokens are kept, as a JWKS: https://, or http:// on this machine
    #[arg(
        long,
        value_name = "URL",
        default_value = "",
        hide_default_value = true,
        env = "FIRTH_GATEWAY_JWKS_URL"
    )]
    jwks_url: String,
    /// The key that lets a program do everything, of 16 bytes at least
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        env = "FIRTH_GATEWAY_API_KEY",
        hide_env_values = true
    )]
    api_key: String,
    /// The origins whose pages may connect besides its own, separated by spaces; * for all
    #[arg(
        long,
        value_name = "ORIGINS",
        default_value = "",
        hide_default_value = true,
        env = "FIRTH_GATEWAY_ORIGINS"
    )]
    origins: String,
    /// The most sockets at a time
    #[arg(long, default_value_t = firth_gateway::Limits::default().sockets)]
    max_sockets: usize,
    /// How many threads serve them
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// Runs the gateway until it is stopped.
pub(crate) fn run(args: GatewayArgs) -> Result<()> {
    log_to_stderr(LogLevel::Notice);
    let settings = GatewaySettings {
        address: args.listen.to_string(),
        secret: args.secret,
        keys: args.keys.unwrap_or_default(),
        keys_url: args.jwks_url,
        api_key: args.api_key,
        origins: args.origins.split_ascii_whitespace().map(str::to_owned).collect(),
    };
    let mut config = config_of(&settings)?;
    config.limits.sockets = args.max_sockets;
    let is_open = config.keys.is_empty();
    runtime(args.threads)?.block_on(async {
        let gateway = Gateway::bind(config).await?;
        introduce(gateway.address(), is_open);
        gateway.serve_at(&args.backend, signalled()).await
    })?;
    tracing::info!("stopped");
    Ok(())
}

/// The gateway beside the server, if there is one.
#[derive(Debug)]
pub(crate) struct Beside(Option<Running>);

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    is_open: bool,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Beside {
    /// Starts the gateway that the settings ask for. If its usual address is taken, the server does without.
    pub(crate) fn start(config: &ServerConfig, addresses: &[String]) -> Result<Self> {
        if config.gateway.address == "off" {
            return Ok(Beside(None));
        }
        let backend = backend_of(config, addresses);
        let settings = config_of(&config.gateway)?;
        let is_open = settings.keys.is_empty();
        let runtime = runtime(1)?;
        let gateway = match runtime.block_on(Gateway::bind(settings)) {
            Err(error @ GatewayError::Bind { .. })
                if config.gateway.address == GatewaySettings::ADDRESS =>
            {
                tracing::warn!("{error}: there is none; `--gateway ADDRESS` puts it elsewhere");
                return Ok(Beside(None));
            }
            bound => bound?,
        };
        let address = gateway.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("firth-gateway".to_owned()).spawn(move || {
            let stopped = async { _ = stopped.await };
            if let Err(error) = runtime.block_on(gateway.serve_when_needed(&backend, stopped)) {
                tracing::error!(%error, "the gateway has ended");
            }
        })?;
        Ok(Beside(Some(Running { address, is_open, stop, thread })))
    }

    /// Says where it is.
    pub(crate) fn introduce(&self) {
        if let Some(running) = &self.0 {
            introduce(running.address, running.is_open);
        }
    }

    /// Stops it, and waits for that.
    pub(crate) fn stop(self) {
        let Some(Running { stop, thread, .. }) = self.0 else { return };
        drop(stop);
        if thread.join().is_err() {
            tracing::error!("the gateway has panicked");
        }
    }
}

fn introduce(address: SocketAddr, is_open: bool) {
    tracing::info!("the gateway for browsers is at http://{address}");
    if is_open {
        tracing::info!("it has no key, so it serves this machine only, and everybody on it");
    }
    tracing::info!("the console is at http://{address}/console/");
    tracing::info!("try: curl -N http://{address}/notifications/anna");
}

fn config_of(settings: &GatewaySettings) -> Result<Config> {
    let listen = settings.address.parse().context("the gateway's address")?;
    let origins = settings.origins.clone();
    Ok(Config { listen, keys: keys_of(settings)?, origins, ..Config::default() })
}

fn keys_of(settings: &GatewaySettings) -> Result<Keys> {
    let mut keys = Keys::none();
    if !settings.secret.is_empty() {
        keys = keys.with_secret(&settings.secret).context("gateway-secret")?;
    }
    if settings.keys != Path::new("") {
        let name = || format!("gateway-keys {}", settings.keys.display());
        let text = std::fs::read_to_string(&settings.keys).with_context(name)?;
        keys = keys.with_public(&text).with_context(name)?;
    }
    if !settings.keys_url.is_empty() {
        keys = keys.with_url(&settings.keys_url).context("gateway-jwks-url")?;
    }
    if !settings.api_key.is_empty() {
        keys = keys.with_api_key(&settings.api_key).context("gateway-api-key")?;
    }
    Ok(keys)
}

/// Returns by which address the gateway reaches the server beside it.
fn backend_of(config: &ServerConfig, addresses: &[String]) -> String {
    let password = percent_encoded(&config.password);
    let tcp = addresses.iter().find_map(|address| address.parse::<SocketAddr>().ok());
    match (tcp, &config.unix_socket) {
        (Some(mut address), _) => {
            if address.ip().is_unspecified() {
                let is_v4 = address.is_ipv4();
                address.set_ip(if is_v4 {
                    [127, 0, 0, 1].into()
                } else {
                    std::net::Ipv6Addr::LOCALHOST.into()
                });
            }
            let user = if password.is_empty() { String::new() } else { format!(":{password}@") };
            format!("redis://{user}{address}")
        }
        (None, path) => {
            let path = path.as_deref().unwrap_or(Path::new("")).display();
            let query =
                if password.is_empty() { String::new() } else { format!("?pass={password}") };
            format!("unix://{path}{query}")
        }
    }
}

/// Writes a text so that it can stand anywhere in a URL.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder =
        if threads <= 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build().context("the gateway's runtime")
}

async fn signalled() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::warn!("signals cannot be waited for: only SIGKILL ends this program");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping, as a signal asks for");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(config: &ServerConfig, addresses: &[&str], expect: &str) {
        let addresses: Vec<String> = addresses.iter().map(|&address| address.into()).collect();
        assert_eq!(backend_of(config, &addresses), expect);
    }

    #[test]
    fn the_server_is_reached_where_it_listens() {
        let mut config = ServerConfig::default();
        check(&config, &["127.0.0.1:7000", "[::1]:7000"], "redis://127.0.0.1:7000");
        check(&config, &["0.0.0.0:7000"], "redis://127.0.0.1:7000");
        check(&config, &["[::]:7000"], "redis://[::1]:7000");
        check(&config, &["10.0.0.1:7000", "/a/b"], "redis://10.0.0.1:7000");
        check(&config, &["/a/b"], "unix://");
        config.unix_socket = Some("/a/b".into());
        config.password = "p@ss word".to_owned();
        check(&config, &["/a/b"], "unix:///a/b?pass=p%40ss%20word");
        check(&config, &["127.0.0.1:7000"], "redis://:p%40ss%20word@127.0.0.1:7000");
    }
}
