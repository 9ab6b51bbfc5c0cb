//! The table of settings.

use std::net::SocketAddr;
use std::path::PathBuf;

use firth_engine::Durability;

use super::{Change, Setting, text};
use crate::config::{LogLevel, ReadReply};

const READ_REPLIES: &[(&str, ReadReply)] = &[("map", ReadReply::Map), ("array", ReadReply::Array)];
const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("debug", LogLevel::Debug),
    ("verbose", LogLevel::Verbose),
    ("notice", LogLevel::Notice),
    ("warning", LogLevel::Warning),
    ("nothing", LogLevel::Nothing),
];
const DURABILITIES: &[(&str, Durability)] = &[
    ("always", Durability::Always),
    ("everysec", Durability::Everysec),
    ("never", Durability::Never),
];
const FSYNCS: &[(&str, Durability)] = &[
    ("always", Durability::Always),
    ("everysec", Durability::Everysec),
    ("no", Durability::Never),
];
const NO_SNAPSHOTS_YET: &str = "not available: there are no snapshots, everything is logged";

/// A whole number.
macro_rules! number {
    ($name:literal, $change:ident, $field:ident, $min:literal..=$max:expr, $doc:literal) => {
        Setting {
            name: $name,
            doc: $doc,
            change: Change::$change,
            get: |config| config.$field.to_string(),
            set: |config, value| {
                config.$field = text::integer(value, $min, $max)?;
                Ok(())
            },
        }
    };
}

/// A number of bytes.
macro_rules! memory {
    ($name:literal, $field:ident, $min:literal, $doc:literal) => {
        Setting {
            name: $name,
            doc: $doc,
            change: Change::AtRuntime,
            get: |config| config.$field.to_string(),
            set: |config, value| {
                let bytes = text::memory(value)?;
                if !($min..=usize::MAX).contains(&bytes) {
                    let max = i64::MAX;
                    return Err(format!("argument must be between {} and {max} inclusive", $min));
                }
                config.$field = bytes.try_into().map_err(|_| "argument is too large")?;
                Ok(())
            },
        }
    };
}

/// One of several words.
macro_rules! choice {
    ($name:literal, $change:ident, $field:ident, $choices:ident, $doc:literal) => {
        Setting {
            name: $name,
            doc: $doc,
            change: Change::$change,
            get: |config| text::show_choice(config.$field, $choices),
            set: |config, value| {
                config.$field = text::choice(value, $choices)?;
                Ok(())
            },
        }
    };
}

/// A setting with a single value, because clients ask for it.
macro_rules! only {
    ($name:literal, $value:literal, $reason:expr, $doc:literal) => {
        Setting {
            name: $name,
            doc: $doc,
            change: Change::Never,
            get: |_| $value.to_owned(),
            set: |_, value| text::only(value, $value, $reason),
        }
    };
}

const SECONDS_MAX: i64 = i32::MAX as i64;

pub(super) const ROWS: &[Setting] = &[
    number!("port", AtStart, port, 0..=65535, "The TCP port that is listened on; 0 for none."),
    Setting {
        name: "bind",
        doc: "The addresses that are listened on, separated by spaces; one behind a minus is left \
              out where the machine does not have it.",
        change: Change::AtStart,
        get: |config| config.bind.join(" "),
        set: |config, value| {
            config.bind = value.split_ascii_whitespace().map(str::to_owned).collect();
            Ok(())
        },
    },
    Setting {
        name: "unixsocket",
        doc: "The path of a Unix socket to listen on as well.",
        change: Change::AtStart,
        get: |config| {
            config.unix_socket.as_ref().map_or(String::new(), |path| path.display().to_string())
        },
        set: |config, value| {
            config.unix_socket = (!value.is_empty()).then(|| PathBuf::from(value));
            Ok(())
        },
    },
    Setting {
        name: "dir",
        doc: "The data folder, created if need be; one server at a time can use it.",
        change: Change::AtStart,
        get: |config| config.dir.display().to_string(),
        set: |config, value| {
            if value.is_empty() {
                return Err("argument must be a path".to_owned());
            }
            config.dir = PathBuf::from(value);
            Ok(())
        },
    },
    Setting {
        name: "backup-dir",
        doc: "Where FIRTH.BACKUP puts backups; without it, in `backups` in the data folder.",
        change: Change::AtStart,
        get: |config| config.backup_dir.display().to_string(),
        set: |config, value| {
            config.backup_dir = PathBuf::from(value);
            Ok(())
        },
    },
    choice!(
        "durability",
        AtRuntime,
        durability,
        DURABILITIES,
        "When a change is answered: always, when it is on the disk; everysec, at once, and it is on the disk within a second; never, at once, and the system writes when it likes."
    ),
    Setting {
        name: "appendonly",
        doc: "Whether anything is kept on the disk; without it state lives in memory alone, and is \
              gone when the server stops.",
        change: Change::AtStart,
        get: |config| text::show_flag(config.append_only),
        set: |config, value| {
            config.append_only = text::flag(value)?;
            Ok(())
        },
    },
    Setting {
        name: "requirepass",
        doc: "The password of the default user; empty for none.",
        change: Change::AtRuntime,
        get: |config| config.password.clone(),
        set: |config, value| {
            config.password = value.to_owned();
            Ok(())
        },
    },
    Setting {
        name: "gateway",
        doc: "Where the gateway for browsers listens (WebSocket, SSE, HTTP), or off.",
        change: Change::AtStart,
        get: |config| config.gateway.address.clone(),
        set: |config, value| {
            if value != "off" && value.parse::<SocketAddr>().is_err() {
                return Err("argument must be an address such as 127.0.0.1:7381, or off".to_owned());
            }
            config.gateway.address = value.to_owned();
            Ok(())
        },
    },
    Setting {
        name: "gateway-secret",
        doc: "The secret of the gateway's tokens (JWT, HS256), of 32 bytes at least; empty for none.",
        change: Change::AtStart,
        get: |config| config.gateway.secret.clone(),
        set: |config, value| {
            config.gateway.secret = value.to_owned();
            Ok(())
        },
    },
    Setting {
        name: "gateway-keys",
        doc: "A file with public keys of the gateway's tokens: PEM (RS256 or ES256), or a JWKS.",
        change: Change::AtStart,
        get: |config| config.gateway.keys.display().to_string(),
        set: |config, value| {
            config.gateway.keys = PathBuf::from(value);
            Ok(())
        },
    },
    Setting {
        name: "gateway-jwks-url",
        doc: "Where the public keys of the gateway's tokens are kept, as a JWKS that may change: https://, or \
              http:// on this machine; empty for nowhere.",
        change: Change::AtStart,
        get: |config| config.gateway.keys_url.clone(),
        set: |config, value| {
            config.gateway.keys_url = value.to_owned();
            Ok(())
        },
    },
    Setting {
        name: "gateway-api-key",
        doc: "The key that lets a program do everything at the gateway, of 16 bytes at least; empty for none.",
        change: Change::AtStart,
        get: |config| config.gateway.api_key.clone(),
        set: |config, value| {
            config.gateway.api_key = value.to_owned();
            Ok(())
        },
    },
    Setting {
        name: "gateway-origins",
        doc: "The origins whose pages may connect to the gateway besides its own, separated by spaces, \
              such as https://example.com; * for all.",
        change: Change::AtStart,
        get: |config| config.gateway.origins.join(" "),
        set: |config, value| {
            config.gateway.origins = value.split_ascii_whitespace().map(str::to_owned).collect();
            Ok(())
        },
    },
    Setting {
        name: "protected-mode",
        doc: "Whether a server without a password refuses to be reached from other machines.",
        change: Change::AtRuntime,
        get: |config| text::show_flag(config.protected_mode),
        set: |config, value| {
            config.protected_mode = text::flag(value)?;
            Ok(())
        },
    },
    number!("threads", AtStart, threads, 1..=256, "How many threads serve clients."),
    Setting {
        name: "io-threads",
        doc: "The number of threads under the name that Redis has for it; set `threads` instead.",
        change: Change::Never,
        get: |config| config.threads.to_string(),
        set: |config, value| {
            text::only(value, &config.threads.to_string(), "can't be set here: set threads")
        },
    },
    number!(
        "maxclients",
        AtRuntime,
        clients_max,
        1..=SECONDS_MAX,
        "How many clients may be connected at once; more are refused."
    ),
    number!(
        "timeout",
        AtRuntime,
        idle_timeout_s,
        0..=SECONDS_MAX,
        "After how many idle seconds a client is disconnected; 0 for never."
    ),
    number!(
        "tcp-keepalive",
        AtRuntime,
        tcp_keepalive_s,
        0..=SECONDS_MAX,
        "After how many idle seconds the kernel probes a connection; 0 for never."
    ),
    memory!(
        "proto-max-bulk-len",
        bulk_bytes_max,
        1_048_576,
        "How long one argument of a command may be, in bytes."
    ),
    memory!(
        "maxmemory",
        memory_bytes_max,
        0,
        "How much memory keys may take. Beyond it, full blocks of streams are kept on the disk \
         alone; when nothing is left to leave memory, what would take more is refused. 0 for three \
         quarters of the machine's memory."
    ),
    memory!(
        "client-query-buffer-limit",
        query_bytes_max,
        1_048_576,
        "How many bytes of requests may wait for one client, those queued in MULTI included."
    ),
    Setting {
        name: "client-output-buffer-limit",
        doc: "How much may wait to be sent to a client before it is disconnected: for each class \
              (normal, replica, pubsub) the limit in bytes, a softer limit, and for how many \
              seconds that one may be exceeded; 0 for no limit.",
        change: Change::AtRuntime,
        get: |config| text::show_output_limits(&config.output_limits),
        set: |config, value| {
            config.output_limits = text::output_limits(value, config.output_limits)?;
            Ok(())
        },
    },
    Setting {
        name: "notify-keyspace-events",
        doc: "The classes of keyspace events that are published, one letter each; empty for none.",
        change: Change::AtRuntime,
        get: |config| text::show_events(config.keyspace_events),
        set: |config, value| {
            config.keyspace_events = text::events(value)?;
            Ok(())
        },
    },
    number!(
        "stream-node-max-entries",
        AtRuntime,
        stream_node_entries_max,
        0..=SECONDS_MAX,
        "How many entries go into one block of a stream; 0 for no limit."
    ),
    memory!(
        "stream-node-max-bytes",
        stream_node_bytes_max,
        0,
        "How many bytes go into one block of a stream; 0 for no limit."
    ),
    number!(
        "stream-idmp-duration",
        AtRuntime,
        stream_idmp_duration_s,
        1..=86400,
        "For how many seconds new streams remember idempotent ids."
    ),
    number!(
        "stream-idmp-maxsize",
        AtRuntime,
        stream_idmp_entries_max,
        1..=10000,
        "How many idempotent ids of each producer new streams remember."
    ),
    choice!(
        "stream-read-reply",
        AtRuntime,
        stream_read_reply,
        READ_REPLIES,
        "How XREAD and XREADGROUP answer clients that speak RESP3: map, as Redis does, or array, as in RESP2."
    ),
    number!(
        "slowlog-log-slower-than",
        AtRuntime,
        slow_log_us,
        -1..=i64::MAX,
        "From how many microseconds on a command is kept in the slow log; -1 for never."
    ),
    number!(
        "slowlog-max-len",
        AtRuntime,
        slow_log_entries_max,
        0..=1_000_000,
        "How many commands the slow log keeps."
    ),
    number!(
        "latency-monitor-threshold",
        AtRuntime,
        latency_threshold_ms,
        0..=i64::MAX,
        "From how many milliseconds on a delay is kept by the latency monitor; 0 for never."
    ),
    number!(
        "tracking-table-max-keys",
        AtRuntime,
        tracking_keys_max,
        0..=i64::MAX,
        "How many keys that clients track are remembered; 0 for no limit."
    ),
    choice!(
        "loglevel",
        AtStart,
        log_level,
        LOG_LEVELS,
        "How much is logged: debug, verbose, notice, warning or nothing."
    ),
    only!(
        "tcp-backlog",
        "511",
        "can't be changed",
        "How many connections may wait to be accepted."
    ),
    only!(
        "databases",
        "16",
        "can't be changed: there are 16 databases",
        "How many databases there are."
    ),
    only!("save", "", NO_SNAPSHOTS_YET, "There are no snapshots: everything is logged."),
    Setting {
        name: "appendfsync",
        doc: "The durability, by the words that Redis has for it: always, everysec or no.",
        change: Change::Alias,
        get: |config| text::show_choice(config.durability, FSYNCS),
        set: |config, value| {
            config.durability = text::choice(value, FSYNCS)?;
            Ok(())
        },
    },
    only!(
        "maxmemory-policy",
        "noeviction",
        "can't be changed: keys are never evicted",
        "Keys are never evicted; blocks of streams may leave memory for the disk."
    ),
    only!(
        "replica-read-only",
        "yes",
        "can't be changed: there are no replicas",
        "There are no replicas."
    ),
    only!(
        "cluster-enabled",
        "no",
        "can't be changed: this server is not part of a cluster",
        "The server is not part of a cluster."
    ),
];
