//! XNACK: gives pending entries back, for anybody to take.

use firth_engine::stream::{Nack, NackMode, NackScope};
use firth_resp::Request;

use super::group_error::no_key_or_group;
use super::id_arg::{self, Ids};
use crate::args::{Args, parse_integer};
use crate::context::Context;
use crate::reply_error::{NOT_AN_INTEGER, ReplyError, printable};
use crate::spec::{Flags, Group, Keys, Spec};

const BAD_MODE: ReplyError = ReplyError::fixed("ERR mode must be SILENT, FAIL, or FATAL");
const BAD_NUMIDS: ReplyError = ReplyError::fixed("ERR numids must be a positive integer");
const MISMATCH: ReplyError = ReplyError::fixed("ERR number of IDs doesn't match numids");
const BAD_RETRYCOUNT: ReplyError = ReplyError::fixed("ERR Invalid RETRYCOUNT value, must be >= 0");
const IDS_REQUIRED: ReplyError = ReplyError::fixed("ERR syntax error, expected IDS keyword");

pub(super) const SPEC: Spec = Spec {
    name: "xnack",
    syntax: "key group <SILENT | FAIL | FATAL> IDS numids id [id ...] [RETRYCOUNT count] [FORCE]",
    summary: "Gives pending entries of a consumer group back, for any consumer to take.",
    since: "8.8.0",
    complexity: "O(log(N)) for each id, N being the number of pending entries",
    group: Group::Stream,
    arity: -7,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, group) = (args.take()?, args.take()?);
    let (nack, ids) = parse(group, args)?;
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    let missing = || no_key_or_group(key, group);
    let mut stream = keys.stream_for_groups(db, key)?.ok_or_else(missing)?;
    let released = stream.nack(&nack, &ids).map_err(|_| missing())?;
    reply.integer(i64::try_from(released).unwrap_or(i64::MAX));
    Ok(())
}

fn parse<'a>(group: &'a [u8], mut args: Args<'a>) -> Result<(Nack<'a>, Ids), ReplyError> {
    let mode = mode(&mut args).ok_or(BAD_MODE)?;
    let mut nack = Nack { group, mode, deliveries: None, scope: NackScope::Pending };
    let mut ids = None;
    while args.left() > 0 {
        if args.left() > 1 && args.take_word("IDS") {
            ids = Some(counted_ids(&mut args)?);
        } else if args.left() > 1 && args.take_word("RETRYCOUNT") {
            let count = parse_integer(args.take()?).ok_or(NOT_AN_INTEGER)?;
            nack.deliveries = Some(u64::try_from(count).map_err(|_| BAD_RETRYCOUNT)?);
        } else if args.take_word("FORCE") {
            nack.scope = NackScope::Existing;
        } else {
            let option = printable(args.take()?, 128);
            return Err(ReplyError::new(format!("ERR Unrecognized XNACK option '{option}'")));
        }
    }
    Ok((nack, ids.ok_or(IDS_REQUIRED)?))
}

fn mode(args: &mut Args<'_>) -> Option<NackMode> {
    const WORDS: [(&str, NackMode); 3] =
        [("SILENT", NackMode::Silent), ("FAIL", NackMode::Fail), ("FATAL", NackMode::Fatal)];
    WORDS.into_iter().find(|(word, _)| args.take_word(word)).map(|(_, mode)| mode)
}

fn counted_ids(args: &mut Args<'_>) -> Result<Ids, ReplyError> {
    let count = parse_integer(args.take()?).filter(|count| *count > 0).ok_or(BAD_NUMIDS)?;
    let count = usize::try_from(count).ok().filter(|count| *count <= args.left());
    (0..count.ok_or(MISMATCH)?).map(|_| id_arg::id(args.take()?)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use firth_resp::OwnedRequest;

    use super::*;
    use crate::reply_error::INVALID_STREAM_ID;

    type Parsed = (NackMode, Option<u64>, NackScope, usize);

    fn parsed(text: &str) -> Result<Parsed, ReplyError> {
        let arguments: Vec<_> = text.split_ascii_whitespace().map(str::as_bytes).collect();
        let request = OwnedRequest::from_slices(&arguments);
        let (nack, ids) = parse(b"g", Args::from(request.as_request(), 0))?;
        Ok((nack.mode, nack.deliveries, nack.scope, ids.len()))
    }

    #[test]
    fn arguments_are_read_or_refused() {
        use NackMode::{Fail, Fatal, Silent};
        use NackScope::{Existing, Pending};
        for (text, expect) in [
            ("SILENT IDS 2 1-1 2", (Silent, None, Pending, 2)),
            ("fail retrycount 0 ids 1 1-1", (Fail, Some(0), Pending, 1)),
            ("FATAL FORCE IDS 1 1-1 RETRYCOUNT 3", (Fatal, Some(3), Existing, 1)),
        ] {
            assert_eq!(parsed(text), Ok(expect), "{text}");
        }
        for (text, error) in [
            ("IDS 1 1-1", BAD_MODE),
            ("FAIL FORCE", IDS_REQUIRED),
            ("FAIL IDS 0 1-1", BAD_NUMIDS),
            ("FAIL IDS x 1-1", BAD_NUMIDS),
            ("FAIL IDS 2 1-1", MISMATCH),
            ("FAIL IDS 9223372036854775807 1-1", MISMATCH),
            ("FAIL IDS 1 x", INVALID_STREAM_ID),
            ("FAIL IDS 1 1-1 RETRYCOUNT x", NOT_AN_INTEGER),
            ("FAIL IDS 1 1-1 RETRYCOUNT -1", BAD_RETRYCOUNT),
        ] {
            assert_eq!(parsed(text), Err(error), "{text}");
        }
        let error = parsed("FAIL IDS 1 1-1 2-1").unwrap_err();
        assert_eq!(error.text(), "ERR Unrecognized XNACK option '2-1'");
    }
}
