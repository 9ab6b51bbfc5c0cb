//! Commands about the connection itself.

mod auth;
mod client;
mod client_caching;
mod client_class;
mod client_firth_read_reply;
mod client_getname;
mod client_getredir;
mod client_id;
mod client_info;
mod client_kill;
mod client_line;
mod client_list;
mod client_no_evict;
mod client_no_touch;
mod client_pause;
mod client_reply;
mod client_setinfo;
mod client_setname;
mod client_tracking;
mod client_tracking_info;
mod client_unblock;
mod client_unpause;
mod echo;
mod hello;
mod ping;
mod quit;
mod reset;
mod select;
#[cfg(test)]
mod tests;

use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[
    auth::SPEC,
    client::SPEC,
    echo::SPEC,
    hello::SPEC,
    ping::SPEC,
    quit::SPEC,
    reset::SPEC,
    select::SPEC,
];
