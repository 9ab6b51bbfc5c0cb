//! Reading the newest checkpoint that is sound.

use std::fmt;
use std::path::PathBuf;

use firth_wal::{Action, Failure, Lsn};

use super::folder::CheckpointFolder;
use super::job::Made;
use super::reader::{ItemReader, ReadError};
use super::{CheckpointFlaw, Decoder};
use crate::blocks::BlockStore;
use crate::replay::Replay;

/// Bytes of a checkpoint that are not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CheckpointDamage {
    /// The file.
    pub path: PathBuf,
    /// Where the frame begins that is wrong, or in which something makes no sense.
    pub offset: u64,
    /// What is wrong there.
    pub flaw: CheckpointFlaw,
}

impl fmt::Display for CheckpointDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CheckpointDamage { path, offset, flaw } = self;
        let path = path.display();
        match flaw {
            // The checkpoint is as it was written: what it refers to is not.
            CheckpointFlaw::Block(error) => write!(f, "{error}; {path} needs it"),
            flaw => write!(f, "{path} is not sound at offset {offset}: {flaw}"),
        }
    }
}

/// What was found in a folder of checkpoints.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The checkpoint that was loaded.
    pub(crate) loaded: Option<Made>,
    /// Newer ones that are not sound, the newest first.
    pub(crate) unsound: Vec<CheckpointDamage>,
}

impl CheckpointFolder {
    /// Loads the newest checkpoint that is sound, if there is one.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn load_newest(
        &self,
        store: &BlockStore,
        replay: &mut Replay<'_>,
    ) -> Result<Found, Failure> {
        let mut found = Found::default();
        for lsn in self.list()?.into_iter().rev() {
            match self.load(lsn, store, replay) {
                Ok(made) => {
                    found.loaded = Some(made);
                    break;
                }
                Err(error) => found.unsound.push(self.explain(lsn, error)?),
            }
            replay.clear();
        }
        Ok(found)
    }

    /// Returns the damage that kept a checkpoint from being read; a disk that refuses is no damage.
    fn explain(&self, lsn: Lsn, error: ReadError) -> Result<CheckpointDamage, Failure> {
        let path = self.path_of(lsn);
        match error {
            ReadError::Disk(error) => Err(Failure::new(Action::Read, &path, &error)),
            ReadError::Flaw(offset, flaw) => Ok(CheckpointDamage { path, offset, flaw }),
        }
    }

    fn load(
        &self,
        lsn: Lsn,
        store: &BlockStore,
        replay: &mut Replay<'_>,
    ) -> Result<Made, ReadError> {
        let mut reader = ItemReader::new(self.read(lsn).map_err(ReadError::Disk)?)?;
        if reader.header().lsn != lsn {
            return Err(ReadError::Flaw(0, CheckpointFlaw::Name));
        }
        let mut decoder = Decoder::new(Some(store));
        while !decoder.has_ended() {
            let (tag, body) = reader.next_item()?;
            let mut all_new = true;
            let read = decoder.item(tag, body, |loaded| all_new &= replay.load(loaded));
            read.and(if all_new { Ok(()) } else { Err(CheckpointFlaw::Item(tag)) })
                .map_err(|flaw| reader.flaw(flaw))?;
        }
        reader.finish()?;
        Ok(Made { lsn, bytes: reader.offset(), counts: decoder.counts() })
    }
}
