//! Decides whether two replies to the same command say the same.
//!
//! Type and content have to be equal. Two things are evened out before: what the wall clock
//! decides (ids made by `*`, idle times, times to live), and the [known differences]
//! (crate::differences) between the server under test and the oracle.

use crate::command::Command;
use crate::differences::{self, Case};
use crate::reply::Reply;
use crate::server::Kind;

/// How far two clock readings of the same step may lie apart.
const TOLERANCE_MS: i64 = 10_000;
/// The same for idle times and times to live.
const IDLE_TOLERANCE_MS: i64 = 2_000;
/// Numbers above this are unix times in milliseconds, as no script names such a number itself.
const EPOCH_FLOOR_MS: i64 = 1_600_000_000_000;
const EPOCH_CEILING_MS: i64 = 2_600_000_000_000;

/// The frames that one step brought to one connection, from both servers.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) ours: Vec<Reply>,
    pub(crate) theirs: Vec<Reply>,
}

/// What a comparison found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Same,
    /// The servers differ for a known reason, and their data differ from here on.
    Parted,
    Different,
}

/// Compares what `command` brought; `queued` are the commands that an EXEC ran.
pub(crate) fn compare(oracle: Kind, command: &Command, queued: &[Command], pair: &Pair) -> Verdict {
    let mut pair = pair.clone();
    let silent = |frames: &[Reply]| frames.contains(&Reply::Silence);
    if pair.ours.len() != pair.theirs.len() || silent(&pair.ours) || silent(&pair.theirs) {
        return Verdict::Different;
    }
    for frames in [&mut pair.ours, &mut pair.theirs] {
        differences::even_out_order(oracle, frames);
        sort_where_no_order_is_promised(command, frames);
    }
    let mut verdict = Verdict::Same;
    for (ours, theirs) in pair.ours.iter_mut().zip(&mut pair.theirs) {
        let both = (ours.items_mut(), theirs.items_mut());
        if let (Some(ours), Some(theirs)) = both
            && command.name() == "EXEC"
            && ours.len() == queued.len()
            && theirs.len() == queued.len()
        {
            for (command, (ours, theirs)) in queued.iter().zip(ours.iter_mut().zip(theirs)) {
                for reply in [&mut *ours, &mut *theirs] {
                    sort_where_no_order_is_promised(command, std::slice::from_mut(reply));
                }
                verdict = worse(verdict, compare_one(oracle, command, ours, theirs));
            }
        } else {
            verdict = worse(verdict, compare_one(oracle, command, ours, theirs));
        }
    }
    verdict
}

fn compare_one(oracle: Kind, command: &Command, ours: &mut Reply, theirs: &mut Reply) -> Verdict {
    even_out_clocks(command, ours, theirs);
    if ours == theirs {
        return Verdict::Same;
    }
    let parted = differences::even_out(oracle, Case { command, ours, theirs });
    even_out_clocks(command, ours, theirs);
    match (ours == theirs, parted) {
        (true, false) => Verdict::Same,
        (true, true) => Verdict::Parted,
        (false, _) => Verdict::Different,
    }
}

fn worse(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Different, _) | (_, Verdict::Different) => Verdict::Different,
        (Verdict::Parted, _) | (_, Verdict::Parted) => Verdict::Parted,
        _ => Verdict::Same,
    }
}

/// Sets `ours` to `theirs` wherever only the clock makes them differ.
fn even_out_clocks(command: &Command, ours: &mut Reply, theirs: &Reply) {
    match (command.name().as_str(), &*ours, theirs) {
        ("TTL" | "EXPIRETIME", Reply::Integer(mine), Reply::Integer(other)) => {
            if *mine > 0 && *other > 0 && (mine - other).abs() <= IDLE_TOLERANCE_MS / 1000 {
                *ours = theirs.clone();
            }
        }
        ("PTTL", _, _) => even_out_idle(ours, theirs),
        _ => even_out_inside(ours, theirs),
    }
}

fn even_out_inside(ours: &mut Reply, theirs: &Reply) {
    match (&*ours, theirs) {
        (Reply::Integer(mine), Reply::Integer(other)) => {
            let epoch = EPOCH_FLOOR_MS..EPOCH_CEILING_MS;
            let clock = epoch.contains(mine) && epoch.contains(other);
            if clock && (mine - other).abs() <= TOLERANCE_MS {
                *ours = theirs.clone();
            }
        }
        (Reply::Bulk(mine), Reply::Bulk(other)) => {
            let both = clock_id_ms(mine).zip(clock_id_ms(other));
            if both.is_some_and(|(mine, other)| (mine - other).abs() <= TOLERANCE_MS) {
                *ours = theirs.clone();
            }
        }
        _ => even_out_items(ours, theirs),
    }
}

fn even_out_items(ours: &mut Reply, theirs: &Reply) {
    let theirs = theirs.items();
    let Some(mine) = ours.items_mut() else { return };
    if let ([_, _, idle, Reply::Integer(_)], [id, _, other, Reply::Integer(_)]) =
        (mine.as_mut_slice(), theirs)
        && id.bytes().contains(&b'-')
    {
        even_out_idle(idle, other);
    }
    for (index, (mine, other)) in mine.iter_mut().zip(theirs).enumerate() {
        let name = index.checked_sub(1).map_or(&[][..], |before| theirs[before].bytes());
        if matches!(name, b"idle" | b"inactive") {
            even_out_idle(mine, other);
        }
        even_out_inside(mine, other);
    }
}

fn even_out_idle(ours: &mut Reply, theirs: &Reply) {
    if let (Reply::Integer(mine), Reply::Integer(other)) = (&*ours, theirs)
        && *mine >= 0
        && *other >= 0
        && mine.abs_diff(*other) <= IDLE_TOLERANCE_MS as u64
    {
        *ours = theirs.clone();
    }
}

/// The millisecond part of a stream id that a clock made.
fn clock_id_ms(id: &[u8]) -> Option<i64> {
    let (ms, seq) = std::str::from_utf8(id).ok()?.split_once('-')?;
    let ms: i64 = ms.parse().ok()?;
    let clock = (EPOCH_FLOOR_MS..EPOCH_CEILING_MS).contains(&ms);
    (clock && seq.parse::<u64>().is_ok()).then_some(ms)
}

/// Brings frames into one order where a server may choose it: subscriptions live in hash tables.
fn sort_where_no_order_is_promised(command: &Command, frames: &mut [Reply]) {
    match command.name().as_str() {
        "UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE" if command.0.len() == 1 => {
            sort_names(frames);
        }
        "PUBSUB" if command.word(1).ends_with("CHANNELS") => frames.iter_mut().for_each(sort_items),
        "KEYS" => frames.iter_mut().for_each(sort_items),
        "SCAN" => {
            let lists = frames.iter_mut().filter_map(|frame| frame.items_mut()?.get_mut(1));
            lists.for_each(sort_items);
        }
        "CONFIG" => {
            for items in frames.iter_mut().filter_map(Reply::items_mut) {
                sort_fields(items);
            }
        }
        "PUBLISH" => frames.sort_by(|one, other| match (one.items(), other.items()) {
            ([kind, first, ..], [other_kind, second, ..]) if kind.bytes() == b"pmessage" => {
                kind.bytes().cmp(other_kind.bytes()).then(first.bytes().cmp(second.bytes()))
            }
            _ => std::cmp::Ordering::Equal,
        }),
        _ => {}
    }
}

fn sort_items(frame: &mut Reply) {
    if let Some(items) = frame.items_mut() {
        items.sort_by(|one, other| one.bytes().cmp(other.bytes()));
    }
}

/// Sorts names and counts of `[kind, name, count]` frames apart: each name comes once, and the
/// counts fall.
fn sort_names(frames: &mut [Reply]) {
    let mut names: Vec<Reply> =
        frames.iter().filter_map(|frame| frame.items().get(1).cloned()).collect();
    names.sort_by(|one, other| one.bytes().cmp(other.bytes()));
    let targets = frames.iter_mut().filter_map(|frame| frame.items_mut()?.get_mut(1));
    for (target, name) in targets.zip(names) {
        *target = name;
    }
}

fn sort_fields(items: &mut Vec<Reply>) {
    let mut fields: Vec<Vec<Reply>> = items.chunks(2).map(<[Reply]>::to_vec).collect();
    fields.sort_by(|one, other| one[0].bytes().cmp(other[0].bytes()));
    *items = fields.concat();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(line: &str, ours: &str, theirs: &str) -> Verdict {
        let frame = |text: &str| Reply::decode(text.replace('|', "\r\n").as_bytes()).unwrap().0;
        let pair = Pair { ours: vec![frame(ours)], theirs: vec![frame(theirs)] };
        compare(Kind::Valkey9, &Command::parse(line), &[], &pair)
    }

    #[test]
    fn only_clocks_and_known_differences_are_evened_out() {
        use Verdict::{Different, Same};
        for (line, ours, theirs, expect) in [
            ("XLEN s", ":1|", ":1|", Same),
            ("XLEN s", ":1|", ":2|", Different),
            ("GET k", "$-1|", "_|", Different),
            ("GET k", "$-1|", "*-1|", Different),
            ("GET k", "$2|OK|", "+OK|", Different),
            ("GET k", "-ERR a|", "-ERR b|", Different),
            ("TTL k", ":100|", ":99|", Same),
            ("TTL k", ":100|", ":90|", Different),
            ("TTL k", ":-1|", ":-2|", Different),
            ("XADD s * f v", "$15|1795000000000-0|", "$15|1795000000007-3|", Same),
            ("XADD s * f v", "$15|1795000000000-0|", "$15|1795009000000-0|", Different),
            ("XADD s 1-1 f v", "$3|1-1|", "$3|1-2|", Different),
            ("XINFO STREAM s", "*2|$12|nacked-count|:0|", "*0|", Same),
            ("XINFO STREAM s", "*2|$6|length|:0|", "*2|$6|length|:1|", Different),
            ("XINFO CONSUMERS s g", "*2|$4|idle|:3|", "*2|$4|idle|:9|", Same),
            ("XINFO CONSUMERS s g", "*2|$7|pending|:3|", "*2|$7|pending|:9|", Different),
        ] {
            assert_eq!(verdict(line, ours, theirs), expect, "{line}: {ours} against {theirs}");
        }
    }
}
