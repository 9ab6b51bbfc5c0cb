//! What is not as it should be: findings, the worst first.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::catalogue::{Catalogue, GroupRow};
use super::overview::Reports;

/// More groups are not named one by one.
const GROUPS_MAX: usize = 10;

/// More entries behind, with a delay of more than this, is worth a word.
const LAG_MAX: u64 = 1000;
const LAG_MS_MAX: u64 = 60_000;

/// A group that is so far behind, in time, is in trouble.
const LAG_MS_BAD: u64 = 3_600_000;

/// Returns what is to be said about how everything is.
pub(crate) fn findings(
    (state, reason): &(&'static str, Option<String>),
    reports: &Reports,
    memory_max: Option<u64>,
    catalogue: Option<&Catalogue>,
) -> Vec<Value> {
    let mut found = Vec::new();
    if *state != "connected" {
        let reason = reason.as_deref().unwrap_or("it was closed");
        found.push(finding("bad", "backend", &format!("the backend: {reason}"), &Value::Null));
    }
    if reports.0.iter().any(|node| node.get("log_state").is_some_and(|state| state == "poisoned")) {
        let text = "the log has failed: nothing is written any more";
        found.push(finding("bad", "log", text, &Value::Null));
    }
    if let (Some(used), Some(limit)) = (reports.sum("used_memory"), memory_max)
        && used >= limit / 10 * 9
    {
        let text = format!("{used} of {limit} bytes of memory are used");
        found.push(finding("warn", "memory", &text, &Value::Null));
    }
    if let Some(catalogue) = catalogue {
        of_streams(catalogue, &mut found);
    }
    if found.is_empty() {
        found.push(finding("ok", "all", "nothing is out of order", &Value::Null));
    }
    found
}

fn of_streams(catalogue: &Catalogue, found: &mut Vec<Value>) {
    let is_behind = |group: &&GroupRow| {
        group.lag != Some(0)
            && (group.lag.is_some_and(|lag| lag > LAG_MAX)
                || group.lag_ms.is_some_and(|lag_ms| lag_ms > LAG_MS_MAX))
    };
    let mut behind: Vec<&GroupRow> = catalogue.groups.iter().filter(is_behind).collect();
    behind.sort_by_key(|group| Reverse((group.lag_ms, group.lag)));
    for group in behind.iter().take(GROUPS_MAX) {
        let lag = group.lag.map_or("an unknown number of".to_owned(), |lag| lag.to_string());
        let text = format!("group {} of {} is {lag} entries behind", group.name, group.stream);
        let is_bad = group.lag_ms.is_some_and(|lag_ms| lag_ms > LAG_MS_BAD);
        let link = json!({"screen": "group", "stream": group.stream, "group": group.name});
        found.push(finding(if is_bad { "bad" } else { "warn" }, "lag", &text, &link));
    }
    if behind.len() > GROUPS_MAX {
        let text = format!("{} more groups are behind", behind.len() - GROUPS_MAX);
        found.push(finding("warn", "lag", &text, &json!({"screen": "groups"})));
    }
    let dead = catalogue.streams.iter().filter(|row| row.dead_letter).map(|row| row.length);
    let dead = dead.sum::<u64>();
    if dead > 0 {
        let link = json!({"screen": "dead-letters"});
        found.push(finding("warn", "dead-letters", &format!("{dead} dead letters wait"), &link));
    }
    if !catalogue.is_complete {
        let text = "there are more streams than are listed";
        found.push(finding("warn", "streams", text, &Value::Null));
    }
    found.sort_by_key(|finding| finding["level"] != "bad");
}

fn finding(level: &str, what: &str, text: &str, link: &Value) -> Value {
    json!({"level": level, "what": what, "text": text, "link": link})
}
