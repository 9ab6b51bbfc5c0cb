//! What tests of programs on this library need.
//!
//! - [`TestBroker`]: a broker in memory with virtual time and assertions on what was published and appended.
//! - [`Faults`] lets requests fail, get lost or hang, on any broker.
//! - [`History`] records what happens to the entries of a stream, and proves that none was lost, that
//!   each was handled, that the order of keys was kept, and that the dead letters are exact.

/// Asks the backend behind, for methods of one argument.
macro_rules! forward {
    ($($method:ident($argument:ty) -> $answer:ty;)*) => {
        $(fn $method(&self, argument: $argument) -> Answer<'_, $answer> {
            self.inner.$method(argument)
        })*
    };
}

#[cfg(feature = "embedded")]
mod broker;
mod faults;
mod history;
#[cfg(feature = "embedded")]
mod journal;
#[cfg(all(test, feature = "embedded"))]
mod planted;
mod proof;
mod story;
mod witness;

#[cfg(feature = "embedded")]
pub use broker::TestBroker;
pub use faults::{Call, Fault, Faults};
pub use history::History;
pub use proof::{Sequence, Summary, Violation, Violations};
pub use story::Story;
