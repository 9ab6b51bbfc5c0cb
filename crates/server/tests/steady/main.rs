//! What goes on for ever costs no more than it has to: no allocation for a request that is like the
//! one before. Every operation that is measured does what it says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod stage;

use allocation_counter::measure;

use self::stage::{OPERATIONS, Operation, Rehearsed};

/// How many times an operation is done before it is measured: buffers have then grown.
const WARM: usize = 20_000;

/// Does an operation so many times, and returns how many of those allocated, and how often all of
/// them together.
fn allocations(operation: Operation, times: usize) -> (usize, u64) {
    let mut rehearsed = Rehearsed::new(operation);
    for _ in 0..WARM {
        rehearsed.once();
    }
    let (mut costly, mut all) = (0, 0);
    for _ in 0..times {
        let count = measure(|| assert!(rehearsed.once() > 0)).count_total;
        costly += usize::from(count > 0);
        all += count;
    }
    (costly, all)
}

#[test]
fn a_publish_allocates_nothing() {
    assert_eq!(allocations(Operation::Publish, 1000), (0, 0));
    assert_eq!(allocations(Operation::PublishToMany, 1000), (0, 0));
    assert_eq!(allocations(Operation::Ping, 1000), (0, 0));
}

#[test]
fn an_append_allocates_nothing_but_its_block() {
    // Each block of a hundred entries takes its room once, and now and then the list of blocks grows.
    let (costly, all) = allocations(Operation::Append, 10_000);
    eprintln!("{costly} of 10,000 appends allocate, {all} times");
    assert!(costly <= 110 && all <= 130, "{costly}, {all}");
    let (costly, all) = allocations(Operation::AppendSixteen, 1000);
    eprintln!("{costly} of 1,000 times sixteen appends allocate, {all} times");
    assert!(costly <= 170 && all <= 190, "{costly}, {all}");
}

#[test]
fn every_operation_does_what_it_says() {
    for (name, operation) in OPERATIONS {
        let mut rehearsed = Rehearsed::new(operation);
        let sizes: Vec<usize> = (0..3).map(|_| rehearsed.once()).collect();
        let expected = match operation {
            Operation::Ping => 7,
            Operation::Append => 15,
            Operation::AppendSixteen => 16 * 17,
            Operation::Publish => 4,
            Operation::PublishToMany => 6 + 100 * 50,
            _ => sizes[2],
        };
        let least = match operation {
            Operation::GroupRead => 10 * 40,
            Operation::BlockedReaders => 100 * 60,
            Operation::Range => 100 * 50,
            Operation::Scan => 1000 * 50,
            Operation::AutoClaim => 100 * 10,
            Operation::Claim => 10 * 50,
            _ => 0,
        };
        assert!(sizes[2] == expected && sizes[2] >= least, "{name}: {sizes:?}");
    }
}
