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
fn seeds_from_0_on_hold() {
    check(0..250);
}

#[test]
fn seeds_from_250_on_hold() {
    check(250..500);
}

#[test]
fn seeds_from_500_on_hold() {
    check(500..750);
}

#[test]
fn seeds_from_750_on_hold() {
    check(750..1000);
}

#[test]
fn seeds_from_1000_on_hold() {
    check(1000..1250);
}

#[test]
fn seeds_from_1250_on_hold() {
    check(1250..1500);
}

#[test]
fn seeds_from_1500_on_hold() {
    check(1500..1750);
}

#[test]
fn seeds_from_1750_on_hold() {
    check(1750..2000);
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    for seed in 0..20 {
        let [one, other] = [0, 1].map(|_| run(seed, &Steps::first(STEPS)).unwrap());
        assert_eq!(one, other, "seed {seed}");
    }
}
