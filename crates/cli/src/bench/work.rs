//! The works: what is measured, one row each.

mod claim;
mod fanout;
mod flood;
mod group;
mod memory;
mod range;
mod stream;
mod tail;

use anyhow::{Result, bail};

use super::measure::{Bed, Figures};

pub(super) use stream::clean;

/// One thing to measure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) name: &'static str,
    /// What an operation is, or the thing stored that bytes are counted for.
    pub(super) unit: &'static str,
    pub(super) run: fn(&Bed<'_>) -> Result<Figures>,
}

/// All works, in the order in which they run.
pub(super) const WORKS: &[Work] = &[
    work("xadd-1", "entry", |bed| flood::xadd(bed, 1)),
    work("xadd-16", "entry", |bed| flood::xadd(bed, 16)),
    work("xadd-128", "entry", |bed| flood::xadd(bed, 128)),
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
];

const fn work(
    name: &'static str,
    unit: &'static str,
    run: fn(&Bed<'_>) -> Result<Figures>,
) -> Work {
    Work { name, unit, run }
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
