//! The part of INFO that tells of checkpoints, by the names that Redis has for its snapshots.

use super::Lines;
use crate::context::Context;

pub(super) fn checkpoints(cx: &Context<'_, '_>, lines: &mut Lines) {
    let saves = cx.server.engine.saves();
    let seconds =
        |ms: Option<u64>| ms.map_or(-1, |ms| i64::try_from(ms / 1000).unwrap_or(i64::MAX));
    let now_ms = cx.local.monotonic_ms;
    let current_ms = saves.running_since_ms.map(|since_ms| now_ms.saturating_sub(since_ms));
    let status = if saves.last_error.is_none() { "ok" } else { "err" };
    lines.add("rdb_changes_since_last_save", saves.batches_since);
    lines.add("rdb_bgsave_in_progress", u8::from(current_ms.is_some()));
    lines.add("rdb_last_save_time", saves.last_ms / 1000);
    lines.add("rdb_last_bgsave_status", status);
    lines.add("rdb_last_bgsave_time_sec", seconds(saves.last_took_ms));
    lines.add("rdb_current_bgsave_time_sec", seconds(current_ms));
    lines.add("rdb_saves", saves.made);
    lines.add("rdb_last_cow_size", 0);
    lines.add("checkpoint_bytes", saves.bytes);
    let backups = cx.server.engine.backups();
    lines.add("backup_in_progress", u8::from(backups.running.is_some()));
    let (status, path) = match backups.last {
        None => ("none".to_owned(), String::new()),
        Some(Ok(path)) => ("ok".to_owned(), path.display().to_string()),
        Some(Err(error)) => (error.to_string().escape_debug().to_string(), String::new()),
    };
    lines.add("backup_last_status", status);
    lines.add("backup_last_path", path);
}
