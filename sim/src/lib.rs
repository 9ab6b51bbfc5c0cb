//! The whole of Firth in one thread: its sessions, its engine and its log, over a disk, a clock and a
//! network that are simulated, everything from one seed.
//!
//! Clients say what chance has them say, in pipelines and transactions, over links that are slow or
//! cut. Power is lost at any operation of the disk; writes are torn and reordered; calls fail; the
//! disk fills up; bits flip; the clock jumps. A naive model runs the same commands in the same
//! order and knows each answer. It is an oracle for what a restart must find: a state that there
//! was behind some command or transaction, so that each change is there once, in order and as a
//! whole, and none earlier than what any client was told of.
//!
//! - A step is chosen by the seed and its own number, so that a failing run can be shortened by
//!   leaving steps out ([`shorten`]).
//! - What is written and sent depends on the seed alone: two runs of it have one digest.

mod clock;
mod command;
mod dump;
mod generate;
mod link;
mod machine;
mod model;
mod oracle;
mod shorten;
mod speaker;
mod told;
mod world;

pub use shorten::shorten;
pub use world::{Failure, Outcome, Steps, run};

impl Steps {
    /// Returns the first so many steps.
    #[must_use]
    pub fn first(count: u64) -> Self {
        Steps { count, left_out: std::collections::BTreeSet::new() }
    }
}
