//! INFO: what the server tells about itself, in sections.

mod log;
mod process;
mod saves;
mod sections;
mod statistics;

use firth_resp::Request;

use crate::args::{Args, is_word};
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) use process::Process;
pub(super) use statistics::times;

pub(super) const SPEC: Spec = Spec {
    name: "info",
    syntax: "[section [section ...]]",
    summary: "Returns what the server tells about itself.",
    complexity: "O(1)",
    group: Group::Server,
    arity: -1,
    flags: Flags::LOADING.union(Flags::STALE).union(Flags::DANGEROUS),
    keys: Keys::All,
    run,
    ..Spec::BASE
};

/// A section of INFO.
struct Section {
    name: &'static str,
    shown: Shown,
    write: fn(&Context<'_, '_>, &mut Lines),
}

/// When a section is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Always, unless others are asked for.
    ByDefault,
    /// When it is asked for.
    OnDemand,
}

/// The text of sections, one `name:value` on each line.
#[derive(Debug, Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push_str(&format!("{name}:{value}\r\n"));
    }
}

const SECTIONS: [Section; 15] = {
    use Shown::{ByDefault, OnDemand};
    const fn section(
        name: &'static str,
        shown: Shown,
        write: fn(&Context<'_, '_>, &mut Lines),
    ) -> Section {
        Section { name, shown, write }
    }
    [
        section("Server", ByDefault, sections::server),
        section("Clients", ByDefault, sections::clients),
        section("Memory", ByDefault, sections::memory),
        section("Persistence", ByDefault, sections::persistence),
        section("Retention", ByDefault, sections::retention),
        section("Threads", ByDefault, statistics::threads),
        section("Stats", ByDefault, statistics::stats),
        section("Replication", ByDefault, sections::replication),
        section("CPU", ByDefault, sections::cpu),
        section("Modules", ByDefault, |_, _| {}),
        section("Commandstats", OnDemand, statistics::commands),
        section("Errorstats", ByDefault, statistics::errors),
        section("Latencystats", OnDemand, statistics::latencies),
        section("Cluster", ByDefault, sections::cluster),
        section("Keyspace", ByDefault, sections::keyspace),
    ]
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let names = Args::from(request, 1).rest();
    let wants = |word: &str| names.clone().any(|name| is_word(name, word));
    let wants_all = wants("all") || wants("everything");
    let wants_default = names.len() == 0 || wants("default");
    let mut lines = Lines::default();
    for section in &SECTIONS {
        let by_default = wants_default && section.shown == Shown::ByDefault;
        if wants_all || by_default || wants(section.name) {
            if !lines.0.is_empty() {
                lines.0.push_str("\r\n");
            }
            lines.0.push_str(&format!("# {}\r\n", section.name));
            (section.write)(cx, &mut lines);
        }
    }
    cx.reply().verbatim(b"txt", lines.0.as_bytes());
    Ok(())
}
