//! What has happened to one entry, from its append to its end.

use std::fmt;
use std::sync::Arc;

use super::history::End;

/// What has happened to one entry, each event with its place in the whole history, counted from one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story(Vec<(usize, Moment)>);

/// Something that has happened to an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Appended,
    Begun(Option<Arc<str>>),
    Ended(End),
    Acknowledged,
    LetterRead,
    /// The dead letters were read once more: what was read before does not count.
    LettersForgotten,
}

impl Story {
    pub(super) fn add(&mut self, place: usize, moment: Moment) {
        self.0.push((place, moment));
    }

    /// Returns the events as text, each with its place in the history.
    pub fn moments(&self) -> impl ExactSizeIterator<Item = (usize, String)> {
        self.0.iter().map(|(place, moment)| (*place, moment.to_string()))
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (turn, (place, moment)) in self.0.iter().enumerate() {
            let comma = if turn == 0 { "" } else { ", " };
            write!(f, "{comma}#{place} {moment}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Moment::Begun(Some(key)) => return write!(f, "begun by the key `{key}`"),
            Moment::Begun(None) => "begun",
            Moment::Appended => "appended",
            Moment::Ended(End::Done) => "done",
            Moment::Ended(End::Again) => "to come again",
            Moment::Ended(End::Rejected) => "rejected",
            Moment::Ended(End::Dropped) => "dropped or panicked",
            Moment::Acknowledged => "acknowledged",
            Moment::LetterRead => "found as a dead letter",
            Moment::LettersForgotten => "looked for among the dead letters again",
        };
        f.write_str(text)
    }
}
