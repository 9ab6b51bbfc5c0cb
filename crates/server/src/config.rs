//! The configuration.

use std::path::PathBuf;
use std::sync::Arc;

pub use firth_engine::Durability;

/// How much may wait for a client before its connection is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// At once, in bytes; 0 for no limit.
    pub hard_bytes: usize,
    /// For longer than `soft_seconds`, in bytes; 0 for no limit.
    pub soft_bytes: usize,
    /// For how long `soft_bytes` may be exceeded, in seconds.
    pub soft_seconds: u64,
}

/// The output limits of the classes of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimits {
    /// Ordinary clients.
    pub normal: OutputLimit,
    /// Replicas, of which there are none yet.
    pub replica: OutputLimit,
    /// Clients that are subscribed.
    pub pubsub: OutputLimit,
}

/// How XREAD and XREADGROUP answer clients that speak RESP3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadReply {
    /// With a map from streams to entries, as Redis does.
    #[default]
    Map,
    /// With an array of pairs, as in RESP2.
    Array,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// What only developers want to know.
    Debug,
    /// What is rarely of interest, such as connections that come and go.
    Verbose,
    /// What somebody who runs a server wants to know.
    #[default]
    Notice,
    /// What is wrong.
    Warning,
    /// Nothing.
    Nothing,
}

/// A configuration file.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// The configuration that it stands for by itself.
    pub says: Config,
}

/// The gateway that runs beside the server, in the words of its settings. The server only carries them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySettings {
    /// Where it listens, or `off`.
    pub address: String,
    /// The secret of its tokens; empty for none.
    pub secret: String,
    /// A file with public keys of its tokens; empty for none.
    pub keys: PathBuf,
    /// Where the public keys of its tokens are kept; empty for nowhere.
    pub keys_url: String,
    /// What its API is used with; empty for none.
    pub api_key: String,
    /// The pages from elsewhere that may connect.
    pub origins: Vec<String>,
}

impl GatewaySettings {
    /// Where the gateway listens if nothing is said.
    pub const ADDRESS: &str = "127.0.0.1:7381";
}

impl Default for GatewaySettings {
    fn default() -> Self {
        GatewaySettings {
            address: Self::ADDRESS.to_owned(),
            secret: String::new(),
            keys: PathBuf::new(),
            keys_url: String::new(),
            api_key: String::new(),
            origins: Vec::new(),
        }
    }
}

/// Everything that can be configured.
///
/// A worker keeps a copy and takes a new one when the version has changed.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses that are listened on; one behind a minus may be missing on this machine.
    pub bind: Vec<String>,
    /// The TCP port; 0 for none.
    pub port: u16,
    /// The Unix socket, if any.
    pub unix_socket: Option<PathBuf>,
    /// The data folder.
    pub dir: PathBuf,
    /// Where backups go; empty for `backups` in the data folder.
    pub backup_dir: PathBuf,
    /// Whether there is a data folder at all.
    pub append_only: bool,
    /// When a change is on the disk.
    pub durability: Durability,
    /// The file that the configuration was read from, if any.
    pub file: Option<Arc<ConfigFile>>,
    /// How much is logged.
    pub log_level: LogLevel,
    /// How many workers there are.
    pub threads: usize,
    /// The password of the default user; empty for none.
    pub password: String,
    /// Whether connections from elsewhere are refused as long as there is no password.
    pub protected_mode: bool,
    /// How many clients may be connected.
    pub clients_max: usize,
    /// After how many idle seconds a client is disconnected; 0 for never.
    pub idle_timeout_s: u64,
    /// After how many idle seconds the kernel probes a connection; 0 for never.
    pub tcp_keepalive_s: u64,
    /// How long one argument may be, in bytes.
    pub bulk_bytes_max: usize,
    /// How many bytes of requests may wait for one client.
    pub query_bytes_max: usize,
    /// How much memory keys may take, in bytes; 0 for three quarters of what the machine has.
    pub memory_bytes_max: usize,
    /// How much may wait to be sent.
    pub output_limits: OutputLimits,
    /// The classes of keyspace events that are published.
    pub keyspace_events: firth_engine::EventMask,
    /// How many entries go into one block of a stream.
    pub stream_node_entries_max: u32,
    /// How many bytes go into one block of a stream.
    pub stream_node_bytes_max: u32,
    /// For how many seconds idempotent ids are remembered.
    pub stream_idmp_duration_s: u32,
    /// How many idempotent ids of one producer are remembered.
    pub stream_idmp_entries_max: u32,
    /// How XREAD and XREADGROUP answer in RESP3.
    pub stream_read_reply: ReadReply,
    /// From how many microseconds on a command is kept in the slow log; negative for never.
    pub slow_log_us: i64,
    /// How many commands the slow log keeps.
    pub slow_log_entries_max: usize,
    /// From how many milliseconds on an event is kept by the latency monitor; 0 for never.
    pub latency_threshold_ms: u64,
    /// How many keys tracking clients may have read before some are invalidated to make room.
    pub tracking_keys_max: u64,
    /// The gateway for browsers.
    pub gateway: GatewaySettings,
}

impl Default for Config {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        let unlimited = OutputLimit::default();
        Config {
            bind: vec!["127.0.0.1".into(), "-::1".into()],
            port: 6379,
            unix_socket: None,
            dir: PathBuf::from("./data"),
            backup_dir: PathBuf::new(),
            append_only: true,
            durability: Durability::Always,
            file: None,
            log_level: LogLevel::default(),
            threads: 1,
            password: String::new(),
            protected_mode: true,
            clients_max: 10_000,
            idle_timeout_s: 0,
            tcp_keepalive_s: 300,
            bulk_bytes_max: 512 * MIB,
            query_bytes_max: 1024 * MIB,
            memory_bytes_max: 0,
            output_limits: OutputLimits {
                normal: unlimited,
                replica: OutputLimit {
                    hard_bytes: 256 * MIB,
                    soft_bytes: 64 * MIB,
                    soft_seconds: 60,
                },
                pubsub: OutputLimit { hard_bytes: 32 * MIB, soft_bytes: 8 * MIB, soft_seconds: 60 },
            },
            keyspace_events: firth_engine::EventMask::default(),
            stream_node_entries_max: 100,
            stream_node_bytes_max: 4096,
            stream_idmp_duration_s: 100,
            stream_idmp_entries_max: 100,
            stream_read_reply: ReadReply::Map,
            slow_log_us: 10_000,
            slow_log_entries_max: 128,
            latency_threshold_ms: 0,
            tracking_keys_max: 1_000_000,
            gateway: GatewaySettings::default(),
        }
    }
}

impl Config {
    /// Returns an address that other machines can reach although there is no password, if that is
    /// not meant to be.
    pub fn exposed_address(&self) -> Option<&str> {
        if !self.protected_mode || !self.password.is_empty() || self.port == 0 {
            return None;
        }
        let mut addresses = self.bind.iter().map(|bind| bind.trim_start_matches('-'));
        addresses.find(|address| !is_loopback(address))
    }
}

fn is_loopback(address: &str) -> bool {
    let ip = address.parse::<std::net::IpAddr>();
    ip.map_or(address.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_machine_itself_need_no_password() {
        let check = |bind: &str, password: &str, expect: Option<&str>| {
            let bind = bind.split(' ').map(str::to_owned).collect();
            let config = Config { bind, password: password.to_owned(), ..Config::default() };
            assert_eq!(config.exposed_address(), expect);
        };
        check("127.0.0.1 -::1 localhost 127.9.9.9", "", None);
        check("127.0.0.1 -::", "", Some("::"));
        check("0.0.0.0", "", Some("0.0.0.0"));
        check("example.com", "", Some("example.com"));
        check("0.0.0.0", "secret", None);
    }
}
