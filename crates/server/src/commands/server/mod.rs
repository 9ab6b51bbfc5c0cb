//! Commands about the server itself.

mod acl;
mod bgrewriteaof;
mod bgsave;
mod cluster;
mod command;
mod config;
mod debug;
mod firth_backup;
mod info;
mod lastsave;
mod latency;
mod lolwut;
mod memory;
mod module;
mod replicaof;
mod role;
mod save;
mod shutdown;
mod slowlog;
#[cfg(test)]
mod tests;
mod time;
mod wait;
mod waitaof;

use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[
    acl::SPEC,
    bgrewriteaof::SPEC,
    bgsave::SPEC,
    cluster::SPEC,
    cluster::READONLY,
    cluster::READWRITE,
    command::SPEC,
    config::SPEC,
    debug::SPEC,
    firth_backup::SPEC,
    info::SPEC,
    lastsave::SPEC,
    latency::SPEC,
    lolwut::SPEC,
    memory::SPEC,
    module::SPEC,
    replicaof::SPEC,
    replicaof::SPEC_OF_OLD,
    role::SPEC,
    save::SPEC,
    shutdown::SPEC,
    slowlog::SPEC,
    time::SPEC,
    wait::SPEC,
    waitaof::SPEC,
];
