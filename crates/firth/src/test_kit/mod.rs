//! What tests of programs on this library need.
//!
//! - [`History`] records what happens to the entries of a stream, and proves that none was lost, that
//!   each was handled, that the order of keys was kept, and that the dead letters are exact.

mod history;
#[cfg(all(test, feature = "embedded"))]
mod planted;
mod proof;
mod story;
mod witness;

pub use history::History;
pub use proof::{Sequence, Summary, Violation, Violations};
pub use story::Story;
