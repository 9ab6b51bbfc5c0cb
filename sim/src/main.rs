//! Runs seeds for some time, or one that has failed: `SIM_SECONDS`, `SIM_FIRST`, `SIM_SEED`, `SIM_STEPS`.
#![allow(clippy::print_stdout, reason = "this program talks to whoever has started it")]

use std::process::ExitCode;

use firth_engine::{Clock, SystemClock};
use firth_sim::{Outcome, Steps, run, shorten};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn main() -> ExitCode {
    let steps = Steps::first(number("SIM_STEPS").unwrap_or(400));
    let seed = number("SIM_SEED");
    let first = seed.or(number("SIM_FIRST")).unwrap_or_default();
    let until_ms = SystemClock.monotonic_ms() + number("SIM_SECONDS").unwrap_or(60) * 1000;
    let (mut total, mut next) = (Outcome::default(), first);
    loop {
        match run(next, &steps) {
            Ok(outcome) => total.add(&outcome),
            Err(failure) => {
                println!("{}\n\nin short:\n{}", failure, shorten(failure.clone()));
                return ExitCode::FAILURE;
            }
        }
        next += 1;
        if seed.is_some() || SystemClock.monotonic_ms() > until_ms {
            break;
        }
    }
    println!("seeds {first} to {} hold: {total:?}", next - 1);
    ExitCode::SUCCESS
}
