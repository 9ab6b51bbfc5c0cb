//! WATCH: makes the next transaction depend on keys that stay as they are.

use std::sync::atomic::Ordering;

use firth_engine::DbKey;
use firth_resp::Request;

use super::multi;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, WATCH_IN_MULTI};
use crate::spec::{Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "watch",
    syntax: "key [key ...]",
    summary: "Watches keys: EXEC does nothing if one of them has changed by then.",
    since: "2.2.0",
    complexity: "O(N) where N is the number of keys",
    arity: -2,
    keys: Keys::REST,
    run,
    ..multi::SPEC
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    if cx.session.transaction.is_some() {
        return Err(WATCH_IN_MULTI);
    }
    let db = cx.db();
    let watch = cx.session.watch.get_or_insert_default();
    for key in Args::from(request, 1).rest() {
        let place = DbKey::new(db, key);
        if watch.keys.contains(&place) {
            continue;
        }
        // A key that is overdue already goes now, so that its end does not count as a change.
        if cx.keys.is_hidden(db, key) {
            watch.hidden.insert(place.clone());
        }
        cx.keys.watch(db, key, &watch.flag);
        watch.keys.insert(place);
    }
    let count = u32::try_from(watch.keys.len()).unwrap_or(u32::MAX);
    cx.session.client.watched.store(count, Ordering::Relaxed);
    cx.reply().ok();
    Ok(())
}
