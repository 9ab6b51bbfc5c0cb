//! CONFIG GET: returns settings by name or pattern.

use firth_engine::pubsub::glob;
use firth_resp::Request;

use super::FLAGS;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::settings::Setting;
use crate::spec::{Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "config|get",
    syntax: "parameter [parameter ...]",
    summary: "Returns the settings whose names match any of the patterns.",
    since: "2.0.0",
    complexity: "O(N) with N patterns",
    group: Group::Server,
    arity: -3,
    flags: FLAGS,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let patterns = Args::from(request, 2).rest();
    let is_meant = |setting: &&Setting| {
        let name = setting.name.as_bytes();
        patterns.clone().any(|pattern| glob::matches_ignore_case(pattern, name))
    };
    let meant: Vec<&Setting> = Setting::all().iter().filter(is_meant).collect();
    let config = cx.server.config();
    let mut reply = cx.reply();
    reply.map(meant.len());
    for setting in meant {
        reply.bulk(setting.name.as_bytes());
        reply.bulk(setting.get(&config).as_bytes());
    }
    Ok(())
}
