//! How long the writer's thread waits for company before it syncs.
//!
//! Clients wait for a sync, are told, and come back with more. Those who come while a sync runs are
//! a second crowd, and without help the two take turns for ever: each sync carries half of what it
//! could, and everybody waits for two of them. So behind a sync the writer waits a little for those
//! whom it has just set free, until both crowds are there. That pays as long as they come back
//! within less than a sync takes; where they do not, it is tried again only now and then.

use std::time::Duration;

use crate::lsn::Lsn;

/// The longest wait for company.
const WAIT_MAX: Duration = Duration::from_millis(2);
/// After how many syncs without a wait it is tried again, at the most.
const SKIP_MAX: u32 = 64;

/// Learns from sync to sync whether waiting pays.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    /// How many syncs go by before the next wait.
    skip: u32,
    /// How many are to go by after the next wait that was in vain.
    skip_next: u32,
}

/// A wait for company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Company {
    /// With this record everybody is back.
    pub(crate) complete: Lsn,
    /// How long to wait for it.
    pub(crate) wait: Duration,
}

impl Gather {
    /// Says whom to wait for after a sync of this many records that took so long. `last` is the last
    /// record that came meanwhile, `synced` the last one that was synced.
    pub(crate) fn company(
        &mut self,
        records: u64,
        took: Duration,
        synced: Lsn,
        last: Lsn,
    ) -> Option<Company> {
        let is_alone = last <= synced || records == 0;
        if is_alone {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        Some(Company { complete: Lsn(last.0 + records), wait: (took / 2).min(WAIT_MAX) })
    }

    /// Notes what came of a wait: `last` is the last record at its end.
    pub(crate) fn learn(&mut self, before: Lsn, company: Company, last: Lsn) {
        let (hoped, came) = (company.complete.0 - before.0, last.0 - before.0);
        if came >= hoped.div_ceil(2) {
            self.skip_next = 0;
        } else {
            self.skip_next = (self.skip_next * 2).clamp(1, SKIP_MAX);
            self.skip = self.skip_next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_millis(1);

    #[test]
    fn two_crowds_become_one_and_stay_one() {
        let mut gather = Gather::default();
        // 25 were synced while 25 others came.
        let company = gather.company(25, TOOK, Lsn(25), Lsn(50));
        let expect = Company { complete: Lsn(75), wait: TOOK / 2 };
        assert_eq!(company, Some(expect));
        gather.learn(Lsn(50), expect, Lsn(75));
        // All 50 are synced together, and nobody else comes meanwhile: nothing to wait for.
        assert_eq!(gather.company(50, TOOK, Lsn(75), Lsn(75)), None);
    }

    #[test]
    fn waits_in_vain_become_rare() {
        let mut gather = Gather::default();
        let mut waits = 0;
        for _ in 0..1000 {
            if let Some(company) = gather.company(10, TOOK, Lsn(10), Lsn(20)) {
                waits += 1;
                gather.learn(Lsn(20), company, Lsn(22));
            }
        }
        assert!((5..30).contains(&waits), "{waits}");
        // It is noticed when they come back again.
        let company = (0..=SKIP_MAX).find_map(|_| gather.company(10, TOOK, Lsn(10), Lsn(20)));
        gather.learn(Lsn(20), company.unwrap_or_else(|| panic!("it is tried")), Lsn(30));
        assert!(gather.company(10, TOOK, Lsn(10), Lsn(20)).is_some());
    }

    #[test]
    fn the_wait_is_bounded() {
        let mut gather = Gather::default();
        let company = gather.company(1, Duration::from_secs(1), Lsn(1), Lsn(2));
        assert_eq!(company.map(|company| company.wait), Some(WAIT_MAX));
    }
}
