//! CLIENT: connections, one's own and those of others.

use crate::help;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client",
    syntax: "subcommand [argument ...]",
    summary: "Tells about connections and changes them.",
    since: "2.4.0",
    complexity: "Depends on the subcommand",
    group: Group::Connection,
    arity: -2,
    flags: Flags::CONNECTION,
    subcommands: &[
        super::client_caching::SPEC,
        super::client_firth_read_reply::SPEC,
        super::client_getname::SPEC,
        super::client_getredir::SPEC,
        help::spec("client|help", Group::Connection),
        super::client_id::SPEC,
        super::client_info::SPEC,
        super::client_kill::SPEC,
        super::client_list::SPEC,
        super::client_no_evict::SPEC,
        super::client_no_touch::SPEC,
        super::client_pause::SPEC,
        super::client_reply::SPEC,
        super::client_setinfo::SPEC,
        super::client_setname::SPEC,
        super::client_tracking::SPEC,
        super::client_tracking_info::SPEC,
        super::client_unblock::SPEC,
        super::client_unpause::SPEC,
    ],
    ..Spec::BASE
};
