//! Commands about the server itself.

mod acl;
mod cluster;
mod command;
mod config;
mod debug;
mod info;
mod latency;
mod lolwut;
mod memory;
mod module;
mod replicaof;
mod role;
mod shutdown;
mod slowlog;
#[cfg(test)]
mod tests;
mod time;
mod wait;

use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[
    acl::SPEC,
    cluster::SPEC,
    cluster::READONLY,
    cluster::READWRITE,
    command::SPEC,
    config::SPEC,
    debug::SPEC,
    info::SPEC,
    latency::SPEC,
    lolwut::SPEC,
    memory::SPEC,
    module::SPEC,
    replicaof::SPEC,
    replicaof::SPEC_OF_OLD,
    role::SPEC,
    shutdown::SPEC,
    slowlog::SPEC,
    time::SPEC,
    wait::SPEC,
];
