//! The sections of INFO that tell what there is now.

use std::sync::atomic::Ordering;

use firth_engine::DATABASES;

use super::Lines;
use super::process::{Process, system};
use crate::client::ClientState;
use crate::context::Context;
use crate::server::REDIS_VERSION;

pub(super) fn server(cx: &Context<'_, '_>, lines: &mut Lines) {
    let config = cx.server.config();
    let uptime_s = cx.local.monotonic_ms.saturating_sub(cx.server.started_ms) / 1000;
    lines.add("redis_version", REDIS_VERSION);
    lines.add("firth_version", env!("CARGO_PKG_VERSION"));
    lines.add("redis_mode", "standalone");
    lines.add("os", system());
    lines.add("arch_bits", usize::BITS);
    lines.add("monotonic_clock", "POSIX clock_gettime");
    lines.add("multiplexing_api", "mio");
    lines.add("process_id", std::process::id());
    lines.add("run_id", &cx.server.run_id);
    lines.add("tcp_port", config.port);
    lines.add("server_time_usec", cx.server.engine.clock().now_us());
    lines.add("uptime_in_seconds", uptime_s);
    lines.add("uptime_in_days", uptime_s / 86_400);
    lines.add("hz", 10);
    let program = std::env::current_exe().unwrap_or_default();
    lines.add("executable", program.display());
    let file = config.file.as_ref().map(|file| file.path.display().to_string());
    lines.add("config_file", file.unwrap_or_default());
    lines.add("io_threads_active", u8::from(config.threads > 1));
    for (number, address) in config.bind.iter().enumerate() {
        let address = address.trim_start_matches('-');
        let listens = format!("name=tcp,bind={address},port={}", config.port);
        lines.add(&format!("listener{number}"), listens);
    }
}

pub(super) fn clients(cx: &Context<'_, '_>, lines: &mut Lines) {
    let config = cx.server.config();
    let clients = cx.server.clients.all();
    let count = |state| clients.iter().filter(|client| client.is(state)).count();
    let load = |number: &std::sync::atomic::AtomicU32| number.load(Ordering::Relaxed);
    let watching = clients.iter().filter(|client| load(&client.watched) > 0);
    let watched: u64 = clients.iter().map(|client| u64::from(load(&client.watched))).sum();
    let stats = cx.keys.stats();
    let largest = |of: fn(&crate::client::Client) -> u64| {
        clients.iter().map(|client| of(client)).max().unwrap_or_default()
    };
    lines.add("connected_clients", clients.len());
    lines.add("cluster_connections", 0);
    lines.add("maxclients", config.clients_max);
    let input = largest(|client| client.input_bytes.load(Ordering::Relaxed));
    lines.add("client_recent_max_input_buffer", input);
    let output = largest(|client| client.output_bytes.load(Ordering::Relaxed));
    lines.add("client_recent_max_output_buffer", output);
    lines.add("blocked_clients", count(ClientState::Blocked));
    lines.add("tracking_clients", cx.server.tracking_clients.load(Ordering::Relaxed));
    lines.add("pubsub_clients", cx.server.pubsub_clients.load(Ordering::Relaxed));
    lines.add("watching_clients", watching.count());
    lines.add("clients_in_timeout_table", 0);
    lines.add("total_watched_keys", watched);
    lines.add("total_blocking_keys", stats.blocking_keys);
    lines.add("total_blocking_keys_on_nokey", stats.blocking_keys_on_nokey);
}

/// There is no account of all memory that is in use, as that would cost every allocation; the
/// memory that is resident is what the machine has to provide, and is known for nothing. What keys
/// take is counted, and is what the limit is about.
pub(super) fn memory(cx: &Context<'_, '_>, lines: &mut Lines) {
    let process = Process::now();
    let (bytes, peak) = (process.resident_bytes, process.resident_bytes_peak);
    lines.add("used_memory", bytes);
    lines.add("used_memory_human", human(bytes));
    lines.add("used_memory_rss", bytes);
    lines.add("used_memory_rss_human", human(bytes));
    lines.add("used_memory_peak", peak);
    lines.add("used_memory_peak_human", human(peak));
    lines.add("used_memory_lua", 0);
    let memory = cx.server.engine.memory();
    lines.add("used_memory_dataset", memory.used_bytes());
    let limit_bytes = cx.local.config.memory_bytes_max as u64;
    lines.add("maxmemory", limit_bytes);
    lines.add("maxmemory_human", human(limit_bytes));
    lines.add("maxmemory_policy", "noeviction");
    lines.add("mem_fragmentation_ratio", "1.00");
    lines.add("mem_fragmentation_bytes", 0);
    lines.add("mem_allocator", "libc");
    lines.add("lazyfree_pending_objects", 0);
    blocks(cx, lines);
}

/// What the blocks of streams take in memory and on the disk.
fn blocks(cx: &Context<'_, '_>, lines: &mut Lines) {
    let engine = &cx.server.engine;
    let memory = engine.memory();
    lines.add("dataset_limit", memory.limit_bytes());
    lines.add("stream_blocks", memory.blocks());
    lines.add("stream_blocks_on_disk_alone", memory.cold_blocks());
    lines.add("stream_blocks_memory", memory.block_bytes());
    let stats = engine.storage().map(|storage| storage.blocks().stats()).unwrap_or_default();
    lines.add("block_files", stats.files);
    lines.add("block_files_bytes", stats.bytes);
    lines.add("block_files_live_bytes", stats.live_bytes);
    lines.add("block_compactions", stats.compactions);
    lines.add("block_compacted_bytes", stats.moved_bytes);
    lines.add("block_compaction_errors", stats.failed_compactions);
    let (loads, loaded) = cx.server.loaders.counts();
    lines.add("block_loads", loads);
    lines.add("blocks_loaded", loaded);
}

/// Returns a number of bytes as people read it.
pub(super) fn human(bytes: u64) -> String {
    let units = [(1u64 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{:.2}{unit}", bytes as f64 / *size as f64),
        None => format!("{bytes}B"),
    }
}

pub(super) fn persistence(cx: &Context<'_, '_>, lines: &mut Lines) {
    lines.add("loading", 0);
    lines.add("async_loading", 0);
    super::saves::checkpoints(cx, lines);
    super::log::log(cx, lines);
}

/// How many of the streams that groups hold back are named.
const HELD_STREAMS_MAX: usize = 16;

pub(super) fn retention(cx: &Context<'_, '_>, lines: &mut Lines) {
    lines.add("retained_streams", cx.keys.retained_streams());
    let held: Vec<_> = cx.keys.held_streams().collect();
    lines.add("held_streams", held.len());
    for (number, stream) in held.iter().take(HELD_STREAMS_MAX).enumerate() {
        let (key, group) = (plain(&stream.key), plain(&stream.group));
        let seconds = cx.keys.now_ms().saturating_sub(stream.since_ms) / 1000;
        let (db, from, len) = (stream.db, stream.from, stream.len);
        let told = format!("db={db},key={key},group={group},from={from},len={len}");
        lines.add(&format!("held{number}"), format!("{told},seconds={seconds}"));
    }
}

/// Returns a name without what could be taken for the end of a value.
fn plain(name: &[u8]) -> String {
    name.escape_ascii().to_string().replace(',', "\\x2c").replace('=', "\\x3d")
}

pub(super) fn replication(cx: &Context<'_, '_>, lines: &mut Lines) {
    lines.add("role", "master");
    lines.add("connected_slaves", 0);
    lines.add("master_failover_state", "no-failover");
    lines.add("master_replid", &cx.server.run_id);
    lines.add("master_replid2", "0".repeat(40));
    lines.add("master_repl_offset", 0);
    lines.add("second_repl_offset", -1);
    lines.add("repl_backlog_active", 0);
}

pub(super) fn cpu(_: &Context<'_, '_>, lines: &mut Lines) {
    let process = Process::now();
    let seconds = |ms: u64| format!("{}.{:03}000", ms / 1000, ms % 1000);
    lines.add("used_cpu_sys", seconds(process.system_ms));
    lines.add("used_cpu_user", seconds(process.user_ms));
}

pub(super) fn cluster(_: &Context<'_, '_>, lines: &mut Lines) {
    lines.add("cluster_enabled", 0);
}

pub(super) fn keyspace(cx: &Context<'_, '_>, lines: &mut Lines) {
    for db in 0..DATABASES {
        let keys = cx.keys.key_count(db);
        if keys > 0 {
            let (expires, avg_ttl) = cx.keys.deadlines(db);
            let counts = format!("keys={keys},expires={expires},avg_ttl={avg_ttl},subexpiry=0");
            lines.add(&format!("db{db}"), counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        let check = |bytes, expect: &str| assert_eq!(human(bytes), expect);
        check(0, "0B");
        check(1023, "1023B");
        check(1024, "1.00K");
        check(1_572_864, "1.50M");
        check(5 << 30, "5.00G");
    }
}
