//! CLUSTER, READONLY, READWRITE: about clusters, of which the server is no part.

use firth_resp::Request;

use crate::context::Context;
use crate::reply_error::ReplyError;
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

fn run(_: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    Err(NO_CLUSTER)
}
