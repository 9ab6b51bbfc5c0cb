//! The part of INFO that tells of the log: what Redis says of its append-only file, and what else
//! there is to know.

use firth_engine::{Durability, Failure, LogState, Storage};

use super::Lines;
use crate::context::Context;

pub(super) fn log(cx: &Context<'_, '_>, lines: &mut Lines) {
    let storage = cx.server.engine.storage();
    let state = storage.map(|storage| storage.log().state());
    let failure = state.as_ref().and_then(failure);
    lines.add("aof_enabled", u8::from(storage.is_some()));
    // What makes the log short is a checkpoint, whoever has asked for it.
    let saves = cx.server.engine.saves();
    lines.add("aof_rewrite_in_progress", u8::from(saves.running_since_ms.is_some()));
    lines.add("aof_rewrite_scheduled", 0);
    lines.add("aof_last_bgrewrite_status", status(saves.last_error.is_none()));
    lines.add("aof_last_write_status", status(failure.is_none()));
    if let (Some(storage), Some(state)) = (storage, &state) {
        numbers(storage, state, lines);
    }
    if let Some(failure) = failure {
        lines.add("log_failure", failure);
    }
}

fn status(is_well: bool) -> &'static str {
    if is_well { "ok" } else { "err" }
}

fn numbers(storage: &Storage, state: &LogState, lines: &mut Lines) {
    let log = storage.log();
    let stats = log.stats();
    lines.add("aof_current_size", stats.segment_bytes);
    lines.add("aof_buffer_length", stats.open_bytes);
    lines.add(
        "durability",
        match log.durability() {
            Durability::Always => "always",
            Durability::Everysec => "everysec",
            Durability::Never => "never",
        },
    );
    lines.add(
        "log_state",
        match state {
            LogState::Running => "running",
            LogState::Full(_) => "full",
            LogState::Poisoned(_) => "failed",
            LogState::Closed => "closed",
        },
    );
    lines.add("log_first_lsn", log.first_lsn());
    lines.add("log_last_lsn", log.last());
    lines.add("log_written_lsn", log.written());
    lines.add("log_durable_lsn", log.durable());
    lines.add("log_segments", stats.segments);
    lines.add("log_writes", stats.writes);
    lines.add("log_written_bytes", stats.written_bytes);
    lines.add("log_syncs", stats.syncs);
}

fn failure(state: &LogState) -> Option<&Failure> {
    match state {
        LogState::Full(failure) | LogState::Poisoned(failure) => Some(failure),
        LogState::Running | LogState::Closed => None,
    }
}
