//! LATENCY: delays, and how long commands take.

use firth_resp::Request;

use super::info::times;
use crate::args::Args;
use crate::context::Context;
use crate::help;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};
use crate::stats::TIMES;

pub(super) const SPEC: Spec = Spec {
    name: "latency",
    syntax: "subcommand [argument ...]",
    summary: "Tells about delays, and how long commands take.",
    since: "2.8.13",
    complexity: "Depends on the subcommand",
    group: Group::Server,
    arity: -2,
    subcommands: &[
        DOCTOR,
        help::spec("latency|help", Group::Server),
        HISTOGRAM,
        HISTORY,
        LATEST,
        RESET,
    ],
    ..Spec::BASE
};

const FLAGS: Flags = Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE);

const DOCTOR: Spec = Spec {
    name: "latency|doctor",
    summary: "Returns a summary of delays for people.",
    since: "2.8.13",
    group: Group::Server,
    arity: 2,
    flags: FLAGS,
    run: doctor,
    ..Spec::BASE
};

const HISTOGRAM: Spec = Spec {
    name: "latency|histogram",
    syntax: "[command [command ...]]",
    summary: "Returns how often commands took less than how many microseconds.",
    since: "7.0.0",
    complexity: "O(N) with N commands",
    group: Group::Server,
    arity: -2,
    flags: FLAGS,
    run: histogram,
    ..Spec::BASE
};

const HISTORY: Spec = Spec {
    name: "latency|history",
    syntax: "event",
    summary: "Returns the delays of one kind of event.",
    since: "2.8.13",
    group: Group::Server,
    arity: 3,
    flags: FLAGS,
    run: history,
    ..Spec::BASE
};

const LATEST: Spec = Spec {
    name: "latency|latest",
    summary: "Returns the last and the longest delay of each kind of event.",
    since: "2.8.13",
    group: Group::Server,
    arity: 2,
    flags: FLAGS,
    run: latest,
    ..Spec::BASE
};

const RESET: Spec = Spec {
    name: "latency|reset",
    syntax: "[event [event ...]]",
    summary: "Forgets the delays of some kinds of events, or of all.",
    since: "2.8.13",
    group: Group::Server,
    arity: -2,
    flags: FLAGS,
    run: reset,
    ..Spec::BASE
};

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn doctor(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let threshold_ms = cx.local.config.latency_threshold_ms;
    let events = cx.server.latency.events();
    let mut text = String::new();
    if threshold_ms == 0 {
        text.push_str(
            "Delays are not kept: set latency-monitor-threshold to a number of milliseconds.\n",
        );
    } else if events.is_empty() {
        text.push_str(&format!("No delay of {threshold_ms} ms or more was seen.\n"));
    }
    for (name, event) in events {
        let (count, longest_ms) = (event.samples.len(), event.longest_ms);
        text.push_str(&format!(
            "{name}: {count} delays kept, the longest ever took {longest_ms} ms.\n"
        ));
    }
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(())
}

fn latest(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let events = cx.server.latency.events();
    let mut reply = cx.reply();
    let array = reply.open_array();
    let mut count = 0;
    for (name, event) in &events {
        let Some(last) = event.samples.back() else { continue };
        reply.array(4);
        reply.bulk(name.as_bytes());
        reply.integer(signed(last.at_s));
        reply.integer(signed(last.took_ms));
        reply.integer(signed(event.longest_ms));
        count += 1;
    }
    reply.close_array(array, count);
    Ok(())
}

fn history(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let name = Args::from(request, 2).take()?;
    let events = cx.server.latency.events();
    let event = events.iter().find(|(known, _)| known.as_bytes() == name);
    let samples = event.map(|(_, event)| event.samples.clone()).unwrap_or_default();
    let mut reply = cx.reply();
    reply.array(samples.len());
    for sample in samples {
        reply.array(2);
        reply.integer(signed(sample.at_s));
        reply.integer(signed(sample.took_ms));
    }
    Ok(())
}

fn reset(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let names = Args::from(request, 2).rest();
    let is_meant =
        |known: &str| names.len() == 0 || names.clone().any(|name| name == known.as_bytes());
    let forgotten = cx.server.latency.forget(is_meant);
    cx.reply().integer(i64::try_from(forgotten).unwrap_or(i64::MAX));
    Ok(())
}

/// The counts grow: each one tells how many calls took less than so many microseconds.
fn histogram(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let names = Args::from(request, 2).rest();
    let server = cx.server;
    let is_meant = |name: &str| {
        let container = name.split('|').next().unwrap_or_default();
        let is_named = |wanted: &[u8]| {
            wanted.eq_ignore_ascii_case(name.as_bytes())
                || wanted.eq_ignore_ascii_case(container.as_bytes())
        };
        names.len() == 0 || names.clone().any(is_named)
    };
    let mut found: Vec<(&str, [u64; TIMES])> = Vec::new();
    for command in server.table.all().iter().filter(|command| is_meant(command.spec.name)) {
        let counts = times(cx, command.index);
        if counts.iter().any(|count| *count > 0) {
            found.push((command.spec.name, counts));
        }
    }
    let mut reply = cx.reply();
    reply.map(found.len());
    for (name, counts) in found {
        reply.bulk(name.as_bytes());
        reply.map(2);
        reply.bulk(b"calls");
        reply.integer(signed(counts.iter().sum()));
        reply.bulk(b"histogram_usec");
        reply.map(counts.iter().filter(|count| **count > 0).count());
        let mut below = 0;
        for (place, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            below += count;
            reply.integer(1 << place);
            reply.integer(signed(below));
        }
    }
    Ok(())
}
