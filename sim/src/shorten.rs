//! Makes failing runs shorter.

use crate::world::{Failure, Steps, run};

/// How many runs may be tried.
const RUNS_MAX: u64 = 400;

/// Leaves out steps of a failing run as long as it fails, and returns the last failure.
#[must_use]
pub fn shorten(failure: Failure) -> Failure {
    let mut steps = Steps::first(failure.step + 1);
    let mut shortest = failure;
    let mut runs = 0;
    let mut size = (steps.count / 2).max(1);
    while runs < RUNS_MAX {
        let mut start = 0;
        let before = steps.left_out.len();
        while start < steps.count && runs < RUNS_MAX {
            let mut fewer = steps.clone();
            fewer.left_out.extend(start..start + size);
            if fewer.left_out.len() > steps.left_out.len() {
                runs += 1;
                if let Err(failure) = run(shortest.seed, &fewer) {
                    shortest = failure;
                    steps = fewer;
                }
            }
            start += size;
        }
        if size == 1 && steps.left_out.len() == before {
            break;
        }
        size = (size / 2).max(1);
    }
    shortest
}
