//! LOLWUT: draws something, and tells the version.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::server::REDIS_VERSION;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "lolwut",
    syntax: "[VERSION version]",
    summary: "Draws a firth, and tells the version.",
    since: "5.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: -1,
    flags: Flags::READONLY.union(Flags::FAST),
    run,
    ..Spec::BASE
};

const FIRTH: &str = "
      /\\                /\\    /\\
     /  \\    /\\        /  \\  /  \\
    /    \\__/  \\      /    \\/    \\__
 __/            \\    /             \\___
                 \\~~/    ~    ~
   ~    ~    ~        ~     ~     ~   ~
";

fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let text =
        format!("{FIRTH}\nFirth ver. {}\nRedis ver. {REDIS_VERSION}\n", env!("CARGO_PKG_VERSION"));
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(())
}
