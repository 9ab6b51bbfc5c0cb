//! AUTH: proves that the client may use the server.

use firth_resp::Request;

use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX, WRONG_PASS};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "auth",
    syntax: "[username] password",
    summary: "Authenticates the connection.",
    group: Group::Connection,
    arity: -2,
    flags: Flags::NOSCRIPT
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::FAST)
        .union(Flags::NO_AUTH)
        .union(Flags::SKIP_MONITOR)
        .union(Flags::SKIP_SLOWLOG)
        .union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

/// The only user.
pub(super) const DEFAULT_USER: &[u8] = b"default";

const NO_PASSWORD: ReplyError = ReplyError::fixed(
    "ERR AUTH <password> called without any password configured for the default user. Are you \
     sure your configuration is correct?",
);

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (user, password) = match args.left() {
        1 if cx.local.config.password.is_empty() => return Err(NO_PASSWORD),
        1 => (DEFAULT_USER, args.take()?),
        2 => (args.take()?, args.take()?),
        _ => return Err(SYNTAX),
    };
    authenticate(cx, user, password)?;
    cx.reply().ok();
    Ok(())
}

/// Lets the client in, if the user and the password are right.
pub(super) fn authenticate(
    cx: &mut Context<'_, '_>,
    user: &[u8],
    password: &[u8],
) -> Result<(), ReplyError> {
    let wanted = cx.local.config.password.as_bytes();
    if user != DEFAULT_USER || !(wanted.is_empty() || is_same(password, wanted)) {
        return Err(WRONG_PASS);
    }
    cx.session.is_authenticated = true;
    Ok(())
}

/// Compares in a time that depends on the length of `given` alone, so that the time of an answer
/// does not tell how much of a guess was right.
fn is_same(given: &[u8], wanted: &[u8]) -> bool {
    let mut difference = given.len() ^ wanted.len();
    for (place, byte) in given.iter().enumerate() {
        let other = wanted.get(place % wanted.len().max(1)).copied().unwrap_or_default();
        difference |= std::hint::black_box(usize::from(byte ^ other));
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_compared_as_a_whole() {
        let check = |given: &str, wanted: &str, expect| {
            assert_eq!(is_same(given.as_bytes(), wanted.as_bytes()), expect, "{given} {wanted}");
        };
        check("secret", "secret", true);
        check("secreT", "secret", false);
        check("secre", "secret", false);
        check("secretsecret", "secret", false);
        check("", "secret", false);
        check("s", "", false);
    }
}
