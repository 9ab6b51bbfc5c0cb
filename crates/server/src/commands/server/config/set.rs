//! CONFIG SET: changes settings, all that are given or none.

use firth_resp::Request;

use super::FLAGS;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX, printable};
use crate::settings::Setting;
use crate::spec::{Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "config|set",
    syntax: "parameter value [parameter value ...]",
    summary: "Changes settings while the server runs.",
    since: "2.0.0",
    complexity: "O(N) with N settings",
    group: Group::Server,
    arity: -4,
    flags: FLAGS,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let changes = parse(Args::from(request, 2))?;
    cx.server.reconfigure::<ReplyError>(|config| {
        for (setting, value) in &changes {
            let outcome = setting.set_at_runtime(config, value);
            outcome.map_err(|reason| failed(setting.name, &reason.to_string()))?;
        }
        Ok(())
    })?;
    cx.reply().ok();
    Ok(())
}

fn parse(mut args: Args<'_>) -> Result<Vec<(&'static Setting, String)>, ReplyError> {
    if args.left() % 2 == 1 {
        return Err(SYNTAX);
    }
    let mut changes: Vec<(&Setting, String)> = Vec::new();
    while args.left() > 0 {
        let name = args.take()?;
        let setting = Setting::find(name).ok_or_else(|| unknown(name))?;
        let value = String::from_utf8(args.take()?.to_vec())
            .map_err(|_| failed(setting.name, "argument must be UTF-8"))?;
        if changes.iter().any(|(other, _)| other.name == setting.name) {
            return Err(failed(setting.name, "duplicate parameter"));
        }
        changes.push((setting, value));
    }
    Ok(changes)
}

fn unknown(name: &[u8]) -> ReplyError {
    let name = printable(name, 128);
    let reason = "Unknown option or number of arguments for CONFIG SET";
    ReplyError::new(format!("ERR {reason} - '{name}'"))
}

fn failed(name: &str, reason: &str) -> ReplyError {
    let about = format!("possibly related to argument '{name}'");
    ReplyError::new(format!("ERR CONFIG SET failed ({about}) - {reason}"))
}
