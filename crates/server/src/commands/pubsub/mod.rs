//! Publish and subscribe.

mod monitor;
mod psubscribe;
mod publish;
mod pubsub_channels;
mod pubsub_container;
mod pubsub_numpat;
mod pubsub_numsub;
mod pubsub_shardchannels;
mod pubsub_shardnumsub;
mod punsubscribe;
mod spublish;
mod ssubscribe;
mod subscribe;
mod sunsubscribe;
mod unsubscribe;

use crate::spec::Spec;

/// The commands of this family.
pub(super) const COMMANDS: &[Spec] = &[
    monitor::SPEC,
    psubscribe::SPEC,
    publish::SPEC,
    pubsub_container::SPEC,
    punsubscribe::SPEC,
    spublish::SPEC,
    ssubscribe::SPEC,
    subscribe::SPEC,
    sunsubscribe::SPEC,
    unsubscribe::SPEC,
];
