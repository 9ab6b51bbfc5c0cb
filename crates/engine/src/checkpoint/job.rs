//! Making a checkpoint, in steps that each take a moment.
//!
//! 1. Full blocks of streams that have not been written are, so that the checkpoint only names them.
//! 2. The state is captured and written into a draft.
//! 3. Everything that the draft relies on is made durable: the block files that it names, the draft
//!    itself, and the log up to its position, so that no checkpoint is ahead of the log.
//! 4. The draft is read back: a disk that has not kept what it was given must not take the place of
//!    one that has.
//! 5. It gets its name. From here on it is the newest checkpoint.
//! 6. What only older ones need goes: they themselves, then the segments of the log that lie wholly
//!    before the position, and the block files that nobody names any more.
//!
//! When a step fails, the draft is removed, and what there was before stays as it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use firth_wal::{Action, AppendError, Failure, LogState, Lsn};

use super::folder::Draft;
use super::reader::{Ended, ItemReader, ReadError};
use super::{Capture, CheckpointDamage, Counts};
use crate::blocks::{self, BlockMover, StoreError};
use crate::engine::Engine;
use crate::storage::Storage;

/// So much of the blocks is written in one step.
const BLOCK_BYTES: usize = 1 << 20;
/// So many items are read back in one step.
const ITEMS_READ: usize = 64;

/// Why there is no new checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The disk refused a call.
    #[error(transparent)]
    Disk(#[from] Failure),
    /// The log takes nothing, so what the state is made of may never become durable.
    #[error(transparent)]
    Log(#[from] AppendError),
    /// The blocks of streams cannot be written.
    #[error(transparent)]
    Blocks(#[from] StoreError),
    /// What was written is not what is read.
    #[error(transparent)]
    Unsound(CheckpointDamage),
}

/// A checkpoint that was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) lsn: Lsn,
    /// The length of its file.
    pub(crate) bytes: u64,
    pub(crate) counts: Counts,
}

/// Whether a job is through.
#[derive(Debug)]
pub(crate) enum Progress {
    /// There is more to do.
    Working,
    /// The checkpoint is the newest one, and names these block files.
    Done(Made, BTreeSet<u32>),
    /// There is none.
    Failed(CheckpointError),
}

/// The making of one checkpoint.
#[derive(Debug)]
pub(crate) struct Job {
    phase: Phase,
}

/// What is to be done next.
#[derive(Debug)]
enum Phase {
    /// What can lie in block files is written there, so that the capture has little to write.
    WriteBlocks(BlockMover),
    Capture(Capture, Draft),
    /// There will be no checkpoint, but the capture has to go to its end.
    Abandon(Capture, CheckpointError),
    MakeDurable(Draft),
    ReadBack(Draft, ItemReader),
    Publish(Draft),
    Tidy(Made, BTreeSet<u32>),
    Done(Made, BTreeSet<u32>),
    Over,
}

impl Job {
    /// Begins a checkpoint, of the state as it is a little later.
    pub(crate) fn begin(storage: &Storage) -> Job {
        Job { phase: Phase::WriteBlocks(BlockMover::new(Arc::clone(storage.blocks()))) }
    }

    /// Does the next piece.
    pub(crate) fn step(&mut self, engine: &Engine, storage: &Storage) -> Progress {
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        match phase.step(engine, storage) {
            Ok(Phase::Done(made, files)) => Progress::Done(made, files),
            Ok(phase) => {
                self.phase = phase;
                Progress::Working
            }
            Err(error) => Progress::Failed(error),
        }
    }
}

impl Phase {
    fn begin_capture(engine: &Engine, storage: &Storage) -> Result<Phase, CheckpointError> {
        // What comes before the checkpoint shares no segment with what comes behind, so it can go.
        storage.log().rotate()?;
        let capture = Capture::begin(engine);
        let draft = match storage.log().state() {
            // Full: it takes what has been let in.
            LogState::Running | LogState::Full(_) => {
                storage.checkpoints().begin(capture.lsn()).map_err(CheckpointError::from)
            }
            // The state may have changes in it that the log has refused.
            LogState::Poisoned(failure) => Err(AppendError::Poisoned(failure).into()),
            LogState::Closed => Err(AppendError::Closed.into()),
        };
        Ok(match draft {
            Ok(draft) => Phase::Capture(capture, draft),
            Err(error) => Phase::Abandon(capture, error),
        })
    }

    fn step(self, engine: &Engine, storage: &Storage) -> Result<Phase, CheckpointError> {
        Ok(match self {
            Phase::WriteBlocks(mut mover) => match mover.write_sealed(engine, BLOCK_BYTES)? {
                blocks::Progress::More => Phase::WriteBlocks(mover),
                blocks::Progress::Through => Phase::begin_capture(engine, storage)?,
            },
            Phase::Capture(mut capture, mut draft) => match capture.step(engine) {
                None => Phase::MakeDurable(draft),
                Some(captured) => match captured.iter().try_for_each(|items| draft.push(items)) {
                    Ok(()) => Phase::Capture(capture, draft),
                    Err(failure) => Phase::Abandon(capture, failure.into()),
                },
            },
            Phase::Abandon(mut capture, error) => match capture.step(engine) {
                None => return Err(error),
                Some(_) => Phase::Abandon(capture, error),
            },
            Phase::MakeDurable(mut draft) => {
                storage.blocks().sync()?;
                draft.finish()?;
                // Waiting for room could take for ever.
                if let LogState::Full(failure) = storage.log().state() {
                    return Err(AppendError::Full(failure).into());
                }
                storage.log().wait_durable(draft.lsn())?;
                let reader = draft.read_back().map_err(|error| unsound(&draft, error))?;
                Phase::ReadBack(draft, reader)
            }
            Phase::ReadBack(draft, mut reader) => {
                match reader.skip(ITEMS_READ).map_err(|error| unsound(&draft, error))? {
                    Ended::No => Phase::ReadBack(draft, reader),
                    Ended::Yes => Phase::Publish(draft),
                }
            }
            Phase::Publish(mut draft) => {
                draft.publish()?;
                let (lsn, bytes, counts) = (draft.lsn(), draft.bytes(), draft.counts());
                Phase::Tidy(Made { lsn, bytes, counts }, draft.take_files())
            }
            Phase::Tidy(made, files) => {
                // The checkpoint is there all the same if this fails, and the next one tries again.
                let _ = tidy(storage, made.lsn, &files);
                Phase::Done(made, files)
            }
            Phase::Done(..) | Phase::Over => return Err(AppendError::Closed.into()),
        })
    }
}

/// Removes what only older checkpoints than this one need.
fn tidy(storage: &Storage, lsn: Lsn, files: &BTreeSet<u32>) -> Result<(), Failure> {
    let folder = storage.checkpoints();
    let older: Vec<Lsn> = folder.list()?.into_iter().filter(|&other| other != lsn).collect();
    for &other in &older {
        folder.remove(other)?;
    }
    if !older.is_empty() {
        folder.sync()?;
    }
    storage.log().remove_before(lsn.next())?;
    storage.blocks().retain(files)?;
    Ok(())
}

fn unsound(draft: &Draft, error: ReadError) -> CheckpointError {
    let path = draft.path();
    match error {
        ReadError::Disk(error) => Failure::new(Action::Read, path, &error).into(),
        ReadError::Flaw(offset, flaw) => {
            CheckpointError::Unsound(CheckpointDamage { path: path.to_owned(), offset, flaw })
        }
    }
}
