//! Does one operation again and again, for those who count instructions: `operations NAME TIMES`.
//! Without a name it lists the names.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program for measurements")]

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../tests/steady/stage.rs"]
mod stage;

use self::stage::{OPERATIONS, Rehearsed};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, times] = &*arguments else {
        OPERATIONS.iter().for_each(|(name, _)| println!("{name}"));
        return;
    };
    let (_, operation) =
        OPERATIONS.iter().find(|(known, _)| known == name).expect("there is no such operation");
    let mut rehearsed = Rehearsed::new(*operation);
    for _ in 0..times.parse::<usize>().expect("so many times") {
        rehearsed.once();
    }
}
