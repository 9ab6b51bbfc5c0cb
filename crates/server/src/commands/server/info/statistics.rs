//! The sections of INFO that count what has happened.

use std::sync::atomic::Ordering;

use firth_engine::pubsub::Space;

use super::Lines;
use crate::context::Context;
use crate::rates::Totals;
use crate::stats::{CommandStats, Counter, TIMES, WorkerStats};

fn sum(cx: &Context<'_, '_>, of: impl Fn(&WorkerStats) -> &Counter) -> u64 {
    cx.server.worker_stats().iter().map(|stats| of(stats).get()).sum()
}

/// Returns the counters of one command in all workers.
fn per_worker<'a>(
    cx: &'a Context<'_, '_>,
    index: usize,
) -> impl Iterator<Item = &'a CommandStats> + Clone {
    cx.server.worker_stats().iter().filter_map(move |stats| stats.commands.get(index))
}

fn calls(stats: &WorkerStats) -> u64 {
    stats.commands.iter().map(|command| command.calls.get()).sum()
}

pub(super) fn threads(cx: &Context<'_, '_>, lines: &mut Lines) {
    let clients = cx.server.clients.all();
    for number in 0..cx.server.mailboxes().len() {
        let is_here = |client: &&std::sync::Arc<crate::client::Client>| {
            usize::from(client.address.mailbox) == number
        };
        let count = clients.iter().filter(is_here).count();
        lines.add(&format!("io_thread_{number}"), format!("clients={count}"));
    }
}

pub(super) fn stats(cx: &Context<'_, '_>, lines: &mut Lines) {
    let workers = cx.server.worker_stats();
    let totals = Totals {
        commands: workers.iter().map(|stats| calls(stats)).sum(),
        received_bytes: sum(cx, |stats| &stats.received_bytes),
        sent_bytes: sum(cx, |stats| &stats.sent_bytes),
    };
    let rates = cx.server.rates.update(cx.local.monotonic_ms, totals);
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    let keys = cx.keys.stats();
    let hub = cx.server.engine.hub();
    let limit_closes = sum(cx, |stats| &stats.output_limit_closes);
    lines.add("total_connections_received", sum(cx, |stats| &stats.connections));
    lines.add("total_commands_processed", totals.commands);
    lines.add("instantaneous_ops_per_sec", rates.commands);
    lines.add("total_net_input_bytes", totals.received_bytes);
    lines.add("total_net_output_bytes", totals.sent_bytes);
    lines.add("instantaneous_input_kbps", kilobytes(rates.received_bytes));
    lines.add("instantaneous_output_kbps", kilobytes(rates.sent_bytes));
    lines.add("rejected_connections", cx.server.rejected_connections.load(Ordering::Relaxed));
    lines.add("sync_full", 0);
    lines.add("sync_partial_ok", 0);
    lines.add("sync_partial_err", 0);
    lines.add("expired_keys", keys.expired);
    lines.add("evicted_keys", 0);
    lines.add("evicted_clients", 0);
    lines.add("keyspace_hits", keys.hits);
    lines.add("keyspace_misses", keys.misses);
    lines.add("pubsub_channels", hub.channel_count(Space::Channel));
    lines.add("pubsub_patterns", hub.pattern_count());
    lines.add("pubsubshard_channels", hub.channel_count(Space::Shard));
    lines.add("latest_fork_usec", 0);
    lines.add("total_forks", 0);
    lines.add("tracking_total_keys", keys.tracked_keys);
    lines.add("tracking_total_items", keys.tracked_items);
    lines.add("tracking_total_prefixes", cx.server.broadcasts.prefix_count());
    lines.add("total_error_replies", sum(cx, |stats| &stats.errors));
    let input_closes = sum(cx, |stats| &stats.input_limit_closes);
    lines.add("client_query_buffer_limit_disconnections", input_closes);
    lines.add("client_output_buffer_limit_disconnections", limit_closes);
    lines.add("peak_clients", cx.server.clients_peak.load(Ordering::Relaxed));
}

pub(super) fn commands(cx: &Context<'_, '_>, lines: &mut Lines) {
    for command in cx.server.table.all() {
        let sum = |of: fn(&CommandStats) -> &Counter| -> u64 {
            per_worker(cx, command.index).map(|stats| of(stats).get()).sum()
        };
        let (calls, time_ns) = (sum(|stats| &stats.calls), sum(|stats| &stats.time_ns));
        let (rejected, failed) = (sum(|stats| &stats.rejected), sum(|stats| &stats.failed));
        if calls + rejected == 0 {
            continue;
        }
        let usec = time_ns / 1000;
        let per_call = time_ns as f64 / 1000.0 / calls.max(1) as f64;
        let value = format!(
            "calls={calls},usec={usec},usec_per_call={per_call:.2},rejected_calls={rejected},\
             failed_calls={failed}"
        );
        lines.add(&format!("cmdstat_{}", command.spec.name), value);
    }
}

pub(super) fn errors(cx: &Context<'_, '_>, lines: &mut Lines) {
    for (code, count) in &*cx.server.errors.lock() {
        lines.add(&format!("errorstat_{code}"), format!("count={count}"));
    }
}

pub(super) fn latencies(cx: &Context<'_, '_>, lines: &mut Lines) {
    for command in cx.server.table.all() {
        let counts: [u64; TIMES] = times(cx, command.index);
        let share = |part: f64| percentile(&counts, part);
        if counts.iter().any(|count| *count > 0) {
            let value = format!("p50={},p99={},p99.9={}", share(0.5), share(0.99), share(0.999));
            lines.add(&format!("latency_percentiles_usec_{}", command.spec.name), value);
        }
    }
}

/// Returns how often a command took how long, by powers of two of a microsecond.
pub(in crate::commands::server) fn times(cx: &Context<'_, '_>, index: usize) -> [u64; TIMES] {
    std::array::from_fn(|place| {
        per_worker(cx, index).filter_map(|stats| stats.times.get(place)).map(Counter::get).sum()
    })
}

/// Returns the power of two of microseconds that this part of the calls stayed below.
fn percentile(counts: &[u64; TIMES], part: f64) -> String {
    let all: u64 = counts.iter().sum();
    let wanted = (all as f64 * part).ceil() as u64;
    let mut seen = 0;
    let place = counts.iter().position(|count| {
        seen += count;
        seen >= wanted
    });
    format!("{}.000", 1u64 << place.unwrap_or(TIMES - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_limits_that_hold() {
        let mut counts = [0; TIMES];
        counts[0] = 90;
        counts[3] = 9;
        counts[10] = 1;
        let check = |part, expect: &str| assert_eq!(percentile(&counts, part), expect, "{part}");
        check(0.5, "1.000");
        check(0.9, "1.000");
        check(0.99, "8.000");
        check(0.999, "1024.000");
    }
}
