//! The works: what is measured, one row each.

mod checkpoint;
mod claim;
mod durable;
mod fanout;
mod flood;
mod group;
mod large;
mod memory;
mod range;
mod restart;
mod stream;
mod tail;

use anyhow::{Result, bail};

use super::lineup::Lineup;
use super::measure::{Bed, Figures};
use flood::CONNECTIONS;

pub(super) use stream::clean;

/// One thing to measure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) name: &'static str,
    /// What an operation is, or the thing stored that bytes are counted for.
    pub(super) unit: &'static str,
    /// Who takes part.
    pub(super) lineup: Lineup,
    pub(super) rounds: Rounds,
    pub(super) run: fn(&mut Bed<'_>) -> Result<Figures>,
}

/// How often a work is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounds {
    /// As often as the user wants.
    AsAsked,
    /// Once: it takes long, and repeats within itself what varies.
    One,
}

/// All works, in the order in which they run.
pub(super) const WORKS: &[Work] = &[
    work("xadd-1", "entry", |bed| flood::xadd(bed, CONNECTIONS, 1)),
    work("xadd-16", "entry", |bed| flood::xadd(bed, CONNECTIONS, 16)),
    work("xadd-128", "entry", |bed| flood::xadd(bed, CONNECTIONS, 128)),
    work("publish-16", "message", |bed| flood::publish(bed, 16)),
    work("publish-128", "message", |bed| flood::publish(bed, 128)),
    work("fanout-16", "delivery", |bed| fanout::run(bed, 16)),
    work("fanout-256", "delivery", |bed| fanout::run(bed, 256)),
    work("group-read", "message", group::awaited),
    work("group-read-pipelined", "message", group::pipelined),
    work("tail", "delivery", tail::run),
    work("xrange-1", "entry", |bed| range::random(bed, 1)),
    work("xrange-100", "entry", |bed| range::random(bed, 100)),
    work("scan-1000", "entry", range::scan),
    work("xautoclaim-100", "pending", claim::sweep),
    work("xclaim-10", "call", claim::calls),
    work("memory-entries", "entry", memory::entries),
    work("memory-streams", "stream", memory::streams),
    work("memory-pending", "pending", memory::pending),
    durable("durable-1x1", |bed| durable::append(bed, 1, 1)),
    durable("durable-50x1", |bed| durable::append(bed, CONNECTIONS, 1)),
    durable("durable-50x16", |bed| durable::append(bed, CONNECTIONS, 16)),
    once("restart-5m", Lineup::Restart, restart::run),
    once("large-20m", Lineup::Large, large::run),
    once("checkpoint-xadd", Lineup::Checkpoint, checkpoint::run),
];

type Run = fn(&mut Bed<'_>) -> Result<Figures>;

const fn work(name: &'static str, unit: &'static str, run: Run) -> Work {
    Work { name, unit, lineup: Lineup::Memory, rounds: Rounds::AsAsked, run }
}

const fn durable(name: &'static str, run: Run) -> Work {
    Work { name, unit: "entry", lineup: Lineup::Durable, rounds: Rounds::AsAsked, run }
}

const fn once(name: &'static str, lineup: Lineup, run: Run) -> Work {
    Work { name, unit: "entry", lineup, rounds: Rounds::One, run }
}

/// The works that a list of names, separated by commas, or `all` stands for.
pub(super) fn select(list: &str) -> Result<Vec<Work>> {
    if list == "all" {
        return Ok(WORKS.to_vec());
    }
    list.split(',').map(|name| find(name.trim())).collect()
}

fn find(name: &str) -> Result<Work> {
    let Some(work) = WORKS.iter().find(|work| work.name == name) else {
        let names: Vec<&str> = WORKS.iter().map(|work| work.name).collect();
        bail!("there is no work `{name}`; there are {}", names.join(", "));
    };
    Ok(*work)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn selects_by_name() {
        let names = |list: &str| select(list).unwrap().iter().map(|w| w.name).collect::<Vec<_>>();
        assert_eq!(names("tail, xadd-1"), ["tail", "xadd-1"]);
        assert_eq!(names("all").len(), WORKS.len());
        assert!(select("tail,").is_err());
        assert!(select("xadd").unwrap_err().to_string().contains("xadd-128"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = WORKS.iter().map(|work| work.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), WORKS.len());
    }
}
