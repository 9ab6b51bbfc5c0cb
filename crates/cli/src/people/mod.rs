//! The verbs for people who look at a broker and act on it: on any server, or on the folder of one that does not run.
//!
//! Each speaks to a [`firth::Broker`], as every application of the library does, so all of them work on Firth, on Redis
//! and on Valkey, Cluster and sentinels included. Each prints text for people or, with `--json`, one JSON object a line.

mod append;
mod entry;
mod follow;
mod groups;
mod letters;
mod link;
mod listen;
mod output;
mod pending;
mod publish;
mod spell;
mod streams;

pub(crate) use append::AppendArgs;
pub(crate) use follow::TailArgs;
pub(crate) use groups::GroupsArgs;
pub(crate) use letters::LettersArgs;
pub(crate) use listen::SubArgs;
pub(crate) use output::is_closed_pipe;
pub(crate) use pending::PendingArgs;
pub(crate) use publish::PubArgs;
pub(crate) use streams::StreamsArgs;
