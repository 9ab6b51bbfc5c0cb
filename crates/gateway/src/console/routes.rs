//! The routes of the console: one row for each, from which all else derives: who may, what the query knows, whether it is
//! audited.

use axum::http::Method;
use axum::response::Response;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::ask::Ask;
use super::listing::list_query;
use super::problem::Problem;
use super::{
    actions, audit, channels, entries, events, group_actions, groups, jobs, letter_actions,
    letters, live, login, overview, server, streams,
};
use crate::access::Role;

/// One thing that can be asked of the console.
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Behind `/console/api/`.
    pub(crate) path: &'static str,
    pub(crate) needs: Needs,
    /// What the query may say.
    pub(crate) query: &'static [&'static str],
    pub(crate) run: fn(Ask) -> BoxFuture<'static, Result<Answer, Problem>>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nobody,
    A(Role),
}

/// What comes of it.
#[derive(Debug)]
pub(crate) enum Answer {
    Json(Value),
    /// Something with headers of its own, or without an end.
    Response(Response),
}

use Needs::{A, Nobody};
use Role::{Admin, Operator, Viewer};

/// Makes a row of a function.
macro_rules! route {
    ($method:ident $path:literal, $needs:expr, $query:expr, $run:path) => {
        Route {
            method: Method::$method,
            path: $path,
            needs: $needs,
            query: $query,
            run: |ask| Box::pin($run(ask)),
        }
    };
}

/// All of them.
pub(crate) const ROUTES: &[Route] = &[
    route!(GET "session", Nobody, &[], login::who),
    route!(POST "session", Nobody, &[], login::log_in),
    route!(DELETE "session", Nobody, &[], login::log_out),
    route!(GET "overview", A(Viewer), &[], overview::overview),
    route!(GET "live/overview", A(Viewer), &[], live::overview),
    route!(GET "streams", A(Viewer), list_query![], streams::list),
    route!(GET "stream", A(Viewer), &["stream"], streams::one),
    route!(GET "entries", A(Viewer), WALK, entries::list),
    route!(GET "entry", A(Viewer), &["stream", "id"], entries::one),
    route!(GET "live/stream", A(Viewer), &["stream", "match", "field", "after"], live::entries),
    route!(GET "groups", A(Viewer), list_query!["stream"], streams::groups),
    route!(GET "group", A(Viewer), &["stream", "group"], groups::one),
    route!(GET "pending", A(Viewer), PENDING, groups::pending),
    route!(GET "dead-letters", A(Viewer), list_query![], letters::list),
    route!(GET "dead-letters/reasons", A(Viewer), &["stream"], letters::reasons),
    route!(GET "dead-letters/letters", A(Viewer), LETTERS, letters::letters),
    route!(GET "channels", A(Viewer), list_query![], channels::list),
    route!(GET "live/channel", A(Viewer), &["channel", "pattern", "match"], live::messages),
    route!(GET "gateway", A(Viewer), &[], channels::gateway),
    route!(GET "gateway/users", A(Viewer), list_query![], channels::users),
    route!(GET "live/user", A(Viewer), &["user"], live::user),
    route!(GET "event-store/events", A(Viewer), EVENTS, events::list),
    route!(GET "event-store/aggregate", A(Viewer), &["stream", "id"], events::aggregate),
    route!(GET "event-store/types", A(Viewer), &["stream"], events::types),
    route!(GET "info", A(Viewer), &[], server::info),
    route!(GET "clients", A(Operator), list_query![], server::clients),
    route!(GET "slow-log", A(Operator), &["limit"], server::slow_log),
    route!(GET "config", A(Admin), &["match"], server::config),
    route!(GET "acl", A(Admin), &[], server::acl),
    route!(GET "audit", A(Admin), WALK, audit::list),
    route!(POST "append", A(Operator), &[], actions::append),
    route!(POST "publish", A(Operator), &[], actions::publish),
    route!(POST "trim", A(Admin), &[], actions::trim),
    route!(POST "retain", A(Admin), &[], actions::retain),
    route!(POST "delete", A(Admin), &[], actions::delete),
    route!(POST "delete-stream", A(Admin), &[], actions::delete_stream),
    route!(POST "ack", A(Operator), &[], group_actions::acknowledge),
    route!(POST "claim", A(Operator), &[], group_actions::claim),
    route!(POST "hand-back", A(Operator), &[], group_actions::hand_back),
    route!(POST "group-create", A(Operator), &[], group_actions::create),
    route!(POST "group-move", A(Admin), &[], group_actions::relocate),
    route!(POST "group-destroy", A(Admin), &[], group_actions::destroy),
    route!(POST "consumer-remove", A(Admin), &[], group_actions::dismiss),
    route!(POST "dead-letter", A(Operator), &[], letter_actions::bury),
    route!(POST "dead-letters/redrive", A(Operator), &[], letter_actions::redrive),
    route!(POST "dead-letters/purge", A(Admin), &[], letter_actions::purge),
    route!(GET "jobs", A(Viewer), &[], jobs::list),
    route!(GET "jobs/one", A(Viewer), &["id"], jobs::one),
    route!(POST "jobs/stop", A(Operator), &[], jobs::stop),
];

const WALK: &[&str] = &["stream", "from", "to", "order", "limit", "match", "field"];
const PENDING: &[&str] = &["stream", "group", "consumer", "minIdleMs", "from", "limit"];
const LETTERS: &[&str] =
    &["stream", "reason", "original", "group", "from", "to", "order", "limit", "match", "field"];
const EVENTS: &[&str] =
    &["stream", "after", "from", "to", "order", "limit", "type", "match", "field"];
