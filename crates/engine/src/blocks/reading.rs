//! What happens when a block is needed that is on the disk alone.
//!
//! Whoever needs it right away reads it on the spot. A command that has changed nothing yet may be
//! suspended instead: it notes which blocks it wants and from then on sees nothing and changes
//! nothing, it is void. Whoever runs it drops what it has replied, unlocks the keys, has the wanted
//! blocks read by somebody else, and runs it once more from its request. What was read waits on a
//! [`Shelf`](super::shelf::Shelf) until then.
//!
//! A block that cannot be read makes the command void as well, and its reply becomes an error: there
//! is never data that is not what was written.
//!
//! How it stands is kept per thread, as each runs one command at a time: the walk over blocks, deep
//! below the command, needs no way up, and only a cold block and a change ever ask.

use std::cell::{Cell, RefCell};

use super::error::ReadError;
use super::frame::Spot;
use super::place::Place;

/// How many blocks one run of a command can want.
const WANTED_MAX: usize = 4096;

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode::OnTheSpot) };
    static READING: Reading = const { Reading::new() };
}

/// What is not asked for with every change.
struct Reading {
    read_ahead: Cell<usize>,
    /// The block for which the command has waited.
    waited_for: Cell<Option<Spot>>,
    wanted: RefCell<Vec<Place>>,
    failure: RefCell<Option<ReadError>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Blocks are read on the spot.
    OnTheSpot,
    /// The command can be suspended, as it has changed nothing yet.
    MaySuspend,
    /// It wants blocks, and is void.
    Suspended,
    /// A block could not be read: it is void.
    Failed,
}

impl Reading {
    const fn new() -> Self {
        Reading {
            read_ahead: Cell::new(0),
            waited_for: Cell::new(None),
            wanted: RefCell::new(Vec::new()),
            failure: RefCell::new(None),
        }
    }
}

/// Lets the command that this thread runs be suspended, until it changes something. A walk over
/// blocks then wants so many more behind one that it lacks. If it has been suspended before, it has
/// waited for this block.
pub(crate) fn allow_suspension(read_ahead: usize, waited_for: Option<Spot>) {
    MODE.set(Mode::MaySuspend);
    READING.with(|reading| {
        reading.read_ahead.set(read_ahead);
        reading.waited_for.set(waited_for);
    });
}

/// Ends what [`allow_suspension`] has begun, and returns the blocks that are wanted, if any.
pub(crate) fn end_suspension() -> Vec<Place> {
    if MODE.replace(Mode::OnTheSpot) == Mode::OnTheSpot {
        return Vec::new();
    }
    READING.with(|reading| {
        reading.failure.take();
        reading.wanted.take()
    })
}

/// Says whether the command that this thread runs is void: what it decides is of no account.
#[inline]
pub(crate) fn is_void() -> bool {
    matches!(MODE.get(), Mode::Suspended | Mode::Failed)
}

/// Notes that the command is about to change something, so that it cannot be run once more; says
/// whether it may.
#[inline]
pub(crate) fn admit_change() -> bool {
    match MODE.get() {
        Mode::OnTheSpot => true,
        Mode::MaySuspend => {
            MODE.set(Mode::OnTheSpot);
            true
        }
        Mode::Suspended | Mode::Failed => false,
    }
}

/// Takes the reason why a block could not be read, after which the next command may go on.
pub(crate) fn take_failure() -> Option<ReadError> {
    if MODE.get() != Mode::Failed {
        return None;
    }
    MODE.set(Mode::OnTheSpot);
    READING.with(|reading| reading.failure.take())
}

/// Returns the content of a block that is needed now, if it is to be had.
pub(crate) fn fetch(place: &Place) -> Option<Vec<u8>> {
    if let Some(content) = place.file().shelf().take(place) {
        return Some(content);
    }
    let read = match MODE.get() {
        Mode::OnTheSpot => place.read(),
        Mode::Failed => return None,
        Mode::MaySuspend | Mode::Suspended => {
            let Some(failure) = failure_of(place) else {
                MODE.set(Mode::Suspended);
                want(place);
                return None;
            };
            Err(failure)
        }
    };
    let failed = |error| {
        MODE.set(Mode::Failed);
        READING.with(|reading| *reading.failure.borrow_mut() = Some(error));
    };
    read.map_err(failed).ok()
}

/// Returns why a block could not be read for which the command has waited.
fn failure_of(place: &Place) -> Option<ReadError> {
    let waited_for = READING.with(|reading| reading.waited_for.get());
    let is_it = waited_for == Some(place.spot());
    is_it.then(|| place.file().shelf().take_failure(place)).flatten()
}

/// Returns how many more blocks a walk should want that has met one that it lacks; none unless the
/// command is suspended.
pub(crate) fn read_ahead() -> usize {
    if MODE.get() == Mode::Suspended { READING.with(|reading| reading.read_ahead.get()) } else { 0 }
}

/// Wants a block that will probably be needed.
pub(crate) fn want(place: &Place) {
    if MODE.get() != Mode::Suspended {
        return;
    }
    READING.with(|reading| {
        let mut wanted = reading.wanted.borrow_mut();
        if wanted.len() < WANTED_MAX && wanted.last() != Some(place) {
            wanted.push(place.clone());
        }
    });
}
