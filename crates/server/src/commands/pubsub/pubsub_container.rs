//! PUBSUB: tells what is listened to.

use super::{
    pubsub_channels, pubsub_numpat, pubsub_numsub, pubsub_shardchannels, pubsub_shardnumsub,
};
use crate::help;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "pubsub",
    summary: "Tells what is listened to.",
    since: "2.8.0",
    complexity: "Depends on the subcommand",
    group: Group::Pubsub,
    flags: Flags::empty(),
    subcommands: &[
        pubsub_channels::SPEC,
        help::spec("pubsub|help", Group::Pubsub),
        pubsub_numpat::SPEC,
        pubsub_numsub::SPEC,
        pubsub_shardchannels::SPEC,
        pubsub_shardnumsub::SPEC,
    ],
    ..Spec::BASE
};
