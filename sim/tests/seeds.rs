//! Many seeds, and some of them twice.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use firth_sim::{Outcome, Steps, run, shorten};

/// How many steps a run has.
const STEPS: u64 = 400;

fn check(seeds: std::ops::Range<u64>) {
    let mut total = Outcome::default();
    for seed in seeds {
        match run(seed, &Steps::first(STEPS)) {
            Ok(outcome) => total.add(&outcome),
            Err(failure) => panic!("{}", shorten(failure)),
        }
    }
    println!("{total:?}");
}

#[test]
fn seeds_hold() {
    check(0..200);
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    for seed in 0..20 {
        let [one, other] = [0, 1].map(|_| run(seed, &Steps::first(STEPS)).unwrap());
        assert_eq!(one, other, "seed {seed}");
    }
}
