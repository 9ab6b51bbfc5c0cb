//! FIRTH.BACKUP: has a backup made in the background, which opens as a data folder.

use std::path::PathBuf;

use firth_resp::Request;

use crate::args::Args;
use crate::config::Config;
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "firth.backup",
    syntax: "name",
    summary: "Has a backup of this name made in the background: a folder that can be opened as a data folder. INFO persistence tells when it is whole, and `firth backup` waits for that. It holds what a checkpoint holds, by hard links where the file system has them, so that it takes little time and room.",
    complexity: "O(1)",
    since: "0.1.0",
    group: Group::Server,
    arity: 2,
    flags: Flags::ADMIN.union(Flags::NOSCRIPT),
    run,
    ..Spec::BASE
};

const NAME_BYTES_MAX: usize = 128;
const BAD_NAME: ReplyError = ReplyError::fixed(
    "ERR the name of a backup is made of letters, digits and any of . - _, and begins with none of \
     them but _",
);

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let name = checked(Args::from(request, 1).take()?).ok_or(BAD_NAME)?;
    let to = folder(&cx.server.config()).join(name);
    let asked = cx.server.engine.request_backup(&to);
    asked.map_err(|error| ReplyError::new(format!("ERR {error}")))?;
    cx.reply().simple("Background backup started");
    Ok(())
}

/// Returns where backups go.
fn folder(config: &Config) -> PathBuf {
    if config.backup_dir.as_os_str().is_empty() {
        config.dir.join("backups")
    } else {
        config.backup_dir.clone()
    }
}

/// Returns a name that stays within the folder of backups.
fn checked(name: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
    let begins_well = name.first().is_some_and(|first| !b".-".contains(first));
    let fits = name.len() <= NAME_BYTES_MAX && begins_well && name.iter().all(is_plain);
    std::str::from_utf8(name).ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_the_folder() {
        for (name, expect) in [
            (&b"monday"[..], true),
            (b"2026-11-25_20.15", true),
            (b"_", true),
            (b"", false),
            (b".", false),
            (b"..", false),
            (b"../x", false),
            (b"a/b", false),
            (b"-x", false),
            (b"a b", false),
            (b"\xff", false),
            (&[b'a'; 129], false),
        ] {
            assert_eq!(checked(name).is_some(), expect, "{}", name.escape_ascii());
        }
    }
}
