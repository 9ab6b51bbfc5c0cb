//! CLUSTER, READONLY, READWRITE: about clusters, of which the server is no part.

use firth_resp::Request;

use crate::args::is_word;
use crate::context::Context;
use crate::reply_error::{ReplyError, unknown_subcommand};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "cluster",
    syntax: "subcommand [argument ...]",
    summary: "Answers that the server is not part of a cluster.",
    since: "3.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: -2,
    flags: Flags::LOADING.union(Flags::STALE),
    run,
    ..Spec::BASE
};

pub(super) const READONLY: Spec = Spec {
    name: "readonly",
    syntax: "",
    arity: 1,
    flags: SPEC.flags.union(Flags::FAST).union(Flags::CONNECTION),
    ..SPEC
};

pub(super) const READWRITE: Spec = Spec { name: "readwrite", ..READONLY };

const NO_CLUSTER: ReplyError = ReplyError::fixed("ERR This instance has cluster support disabled");

/// What clusters are asked for.
const SUBCOMMANDS: &[&str] = &[
    "addslots",
    "addslotsrange",
    "bumpepoch",
    "count-failure-reports",
    "countkeysinslot",
    "delslots",
    "delslotsrange",
    "failover",
    "flushslots",
    "forget",
    "getkeysinslot",
    "help",
    "info",
    "keyslot",
    "links",
    "meet",
    "myid",
    "myshardid",
    "nodes",
    "replicas",
    "replicate",
    "reset",
    "saveconfig",
    "set-config-epoch",
    "setslot",
    "shards",
    "slaves",
    "slot-stats",
    "slots",
];

fn run(_: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    match request.get(1) {
        Some(name) if !SUBCOMMANDS.iter().any(|known| is_word(name, known)) => {
            Err(unknown_subcommand(SPEC.name, name))
        }
        _ => Err(NO_CLUSTER),
    }
}
