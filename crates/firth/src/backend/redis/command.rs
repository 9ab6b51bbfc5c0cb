//! Requests as commands.

use std::time::Duration;

use redis::{Cmd, cmd};

use crate::EntryId;
use crate::backend::{
    Append, Claim, Exactness, GroupChange, GroupRead, Handing, Keep, NewId, Order, PendingQuery,
    Range, Read, Retention, SetValue, Start, Trim, Unacknowledged, When, Which, Write,
};

/// The command of Firth servers that sets and tells what a stream retains.
pub(super) const RETAIN: &str = "FIRTH.RETAIN";

/// Returns the command of one write.
pub(super) fn write(write: &Write) -> Cmd {
    match write {
        Write::Append(entry) => append(entry),
        Write::Acknowledge { stream, group, ids } => {
            let mut xack = cmd("XACK");
            xack.arg(&**stream).arg(&**group);
            push_ids(&mut xack, ids);
            xack
        }
        Write::Delete { stream, ids } => {
            let mut xdel = cmd("XDEL");
            xdel.arg(&**stream);
            push_ids(&mut xdel, ids);
            xdel
        }
        Write::Trim { stream, trim } => {
            let mut xtrim = cmd("XTRIM");
            xtrim.arg(&**stream);
            push_trim(&mut xtrim, *trim);
            xtrim
        }
        Write::Retain { stream, retention } => retain(stream, retention),
        Write::Set(value) => set(value),
        Write::Remove { key } => {
            let mut del = cmd("DEL");
            del.arg(&**key);
            del
        }
    }
}

fn append(append: &Append) -> Cmd {
    let mut xadd = cmd("XADD");
    xadd.arg(&*append.stream);
    if let Some(attempt) = &append.attempt {
        xadd.arg("IDMP").arg(&*attempt.producer).arg(&*attempt.name);
    }
    if let Some(trim) = append.trim {
        push_trim(&mut xadd, trim);
    }
    match append.id {
        NewId::Auto => xadd.arg("*"),
        NewId::Explicit(id) => xadd.arg(id.to_string()),
    };
    for (name, value) in append.fields.iter() {
        xadd.arg(&name[..]).arg(&value[..]);
    }
    xadd
}

fn retain(stream: &str, retention: &Retention) -> Cmd {
    let mut retain = cmd(RETAIN);
    retain.arg(stream);
    if retention.is_unlimited() {
        retain.arg("OFF");
        return retain;
    }
    // What is not named stays as it was, so all limits are; 0 is none.
    retain.arg("AGE").arg(retention.age_ms.unwrap_or(0));
    retain.arg("BYTES").arg(retention.bytes_max.unwrap_or(0));
    retain.arg("LEN").arg(retention.len_max.unwrap_or(0));
    retain.arg(match retention.unacknowledged {
        Unacknowledged::Kept => "ACKED",
        Unacknowledged::Removed => "FORCE",
    });
    retain
}

fn set(value: &SetValue) -> Cmd {
    let mut set = cmd("SET");
    set.arg(&*value.key).arg(&value.value[..]);
    if let Some(expires_in) = value.expires_in {
        set.arg("PX").arg(millis(expires_in).max(1));
    }
    match value.when {
        When::Always => {}
        When::Absent => {
            set.arg("NX");
        }
    }
    set
}

fn push_trim(command: &mut Cmd, trim: Trim) {
    let exactness = match trim.exactness {
        Exactness::Exact => "=",
        Exactness::Approximate => "~",
    };
    match trim.keep {
        Keep::Newest(len) => command.arg("MAXLEN").arg(exactness).arg(len),
        Keep::From(id) => command.arg("MINID").arg(exactness).arg(id.to_string()),
    };
}

fn push_ids(command: &mut Cmd, ids: &[EntryId]) {
    for id in ids {
        command.arg(id.to_string());
    }
}

/// Returns the command of a range.
pub(super) fn range(range: &Range) -> Cmd {
    let (name, first, second) = match range.order {
        Order::Forward => ("XRANGE", range.from, range.to),
        Order::Backward => ("XREVRANGE", range.to, range.from),
    };
    let mut command = cmd(name);
    command.arg(&*range.stream).arg(first.to_string()).arg(second.to_string());
    command.arg("COUNT").arg(range.limit);
    command
}

/// Returns the command of a read that waits for so long; not at all if there is nothing said.
pub(super) fn read(read: &Read, block_ms: Option<u64>) -> Cmd {
    let mut xread = cmd("XREAD");
    // No entries at all would mean all of them.
    xread.arg("COUNT").arg(read.limit.max(1));
    push_block(&mut xread, block_ms);
    xread.arg("STREAMS");
    for (stream, _) in &read.streams {
        xread.arg(&**stream);
    }
    for (_, after) in &read.streams {
        xread.arg(after.to_string());
    }
    xread
}

/// Returns the command of a read for a group.
pub(super) fn read_group(read: &GroupRead, block_ms: Option<u64>) -> Cmd {
    let mut command = cmd("XREADGROUP");
    command.arg("GROUP").arg(&*read.group).arg(&*read.consumer).arg("COUNT");
    command.arg(read.limit.max(1));
    push_block(&mut command, block_ms);
    command.arg("STREAMS").arg(&*read.stream).arg(">");
    command
}

fn push_block(command: &mut Cmd, block_ms: Option<u64>) {
    if let Some(block_ms) = block_ms {
        // None at all would be to wait for ever.
        command.arg("BLOCK").arg(block_ms.max(1));
    }
}

/// Returns the command of a change of a group; that a consumer is replaced is its removal alone.
pub(super) fn change_group(change: &GroupChange) -> Cmd {
    let mut xgroup = cmd("XGROUP");
    match change {
        GroupChange::Create { stream, group, start } => {
            xgroup.arg("CREATE").arg(&**stream).arg(&**group).arg(place(*start)).arg("MKSTREAM")
        }
        GroupChange::Move { stream, group, start } => {
            xgroup.arg("SETID").arg(&**stream).arg(&**group).arg(place(*start))
        }
        GroupChange::Destroy { stream, group } => {
            xgroup.arg("DESTROY").arg(&**stream).arg(&**group)
        }
        GroupChange::RemoveConsumer { stream, group, consumer }
        | GroupChange::ReplaceConsumer { stream, group, consumer, .. } => {
            xgroup.arg("DELCONSUMER").arg(&**stream).arg(&**group).arg(&**consumer)
        }
    };
    xgroup
}

fn place(start: Start) -> String {
    match start {
        Start::Beginning => "0".into(),
        Start::End => "$".into(),
        Start::After(id) => id.to_string(),
    }
}

/// Returns the command of a claim.
pub(super) fn claim(claim: &Claim) -> Cmd {
    let name = match claim.which {
        Which::Ids(_) => "XCLAIM",
        Which::From { .. } => "XAUTOCLAIM",
    };
    let mut command = cmd(name);
    command.arg(&*claim.stream).arg(&*claim.group).arg(&*claim.consumer);
    command.arg(millis(claim.min_idle));
    match &claim.which {
        Which::Ids(ids) => push_ids(&mut command, ids),
        Which::From { from, limit } => {
            command.arg(from.to_string()).arg("COUNT").arg((*limit).max(1));
        }
    }
    if let Handing::Lease { idle } = claim.handing {
        if let Which::Ids(_) = claim.which {
            command.arg("IDLE").arg(millis(idle));
        }
        command.arg("JUSTID");
    }
    command
}

/// Returns the command that lists what is pending.
pub(super) fn pending(query: &PendingQuery) -> Cmd {
    let mut xpending = cmd("XPENDING");
    xpending.arg(&*query.stream).arg(&*query.group);
    if !query.min_idle.is_zero() {
        xpending.arg("IDLE").arg(millis(query.min_idle));
    }
    xpending.arg(query.from.to_string()).arg(query.to.to_string()).arg(query.limit);
    if let Some(consumer) = &query.consumer {
        xpending.arg(&**consumer);
    }
    xpending
}

/// Returns whole milliseconds, as many as a server takes.
pub(super) fn millis(duration: Duration) -> u64 {
    let millis_max = i64::MAX.cast_unsigned() / 1_000_000;
    u64::try_from(duration.as_millis()).map_or(millis_max, |millis| millis.min(millis_max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Attempt, Fields};

    fn check(command: &Cmd, expect: &str) {
        let words = command.args_iter().map(|arg| match arg {
            redis::Arg::Simple(text) => String::from_utf8_lossy(text).into_owned(),
            _ => "?".into(),
        });
        assert_eq!(words.collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn appends() {
        let mut entry = Append::new("s", Fields::from([("a", "1"), ("b", "2")]));
        check(&append(&entry), "XADD s * a 1 b 2");
        entry.trim = Some(Trim { keep: Keep::Newest(9), exactness: Exactness::Approximate });
        entry.attempt = Some(Attempt { producer: "p".into(), name: "n".into() });
        check(&append(&entry), "XADD s IDMP p n MAXLEN ~ 9 * a 1 b 2");
        entry.attempt = None;
        entry.id = NewId::Explicit(EntryId::new(5, 1));
        let keep = Keep::From(EntryId::new(3, 0));
        entry.trim = Some(Trim { keep, exactness: Exactness::Exact });
        check(&append(&entry), "XADD s MINID = 3-0 5-1 a 1 b 2");
    }

    #[test]
    fn a_policy_is_set_as_a_whole() {
        let check_policy = |retention, expect| check(&retain("s", &retention), expect);
        check_policy(Retention::unlimited(), "FIRTH.RETAIN s OFF");
        let lengthy = Retention::unlimited().entries(9);
        check_policy(lengthy, "FIRTH.RETAIN s AGE 0 BYTES 0 LEN 9 ACKED");
        let all = lengthy.age(Duration::from_secs(2)).bytes(7).even_unacknowledged();
        check_policy(all, "FIRTH.RETAIN s AGE 2000 BYTES 7 LEN 9 FORCE");
    }

    #[test]
    fn a_wait_is_never_for_ever() {
        let request = Read { streams: vec![("s".into(), EntryId::MIN)], limit: 5, wait: None };
        check(&read(&request, None), "XREAD COUNT 5 STREAMS s 0-0");
        check(&read(&request, Some(0)), "XREAD COUNT 5 BLOCK 1 STREAMS s 0-0");
    }

    #[test]
    fn claims() {
        let mut request = Claim {
            stream: "s".into(),
            group: "g".into(),
            consumer: "c".into(),
            min_idle: Duration::from_secs(1),
            which: Which::Ids(vec![EntryId::new(1, 0), EntryId::new(2, 0)]),
            handing: Handing::Entries,
        };
        check(&claim(&request), "XCLAIM s g c 1000 1-0 2-0");
        request.handing = Handing::Lease { idle: Duration::from_millis(7) };
        check(&claim(&request), "XCLAIM s g c 1000 1-0 2-0 IDLE 7 JUSTID");
        request.which = Which::From { from: EntryId::MIN, limit: 0 };
        check(&claim(&request), "XAUTOCLAIM s g c 1000 0-0 COUNT 1 JUSTID");
        request.handing = Handing::Entries;
        check(&claim(&request), "XAUTOCLAIM s g c 1000 0-0 COUNT 1");
    }
}
