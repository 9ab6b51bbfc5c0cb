//! Where a block lies on the disk.

use std::sync::Arc;

use super::error::{BlockFlaw, ReadError};
use super::file::BlockFile;
use super::frame::{self, Spot};

/// Where a block lies on the disk.
///
/// Each place counts for the live bytes of its file: a file of which nobody has a place can go.
#[derive(Debug)]
pub struct Place {
    file: Arc<BlockFile>,
    offset: u32,
    stored_len: u32,
}

impl Place {
    pub(super) fn new(file: Arc<BlockFile>, offset: u32, stored_len: u32) -> Self {
        file.count_live(stored_len);
        Place { file, offset, stored_len }
    }

    /// Returns the number of the file.
    pub fn number(&self) -> u32 {
        self.file.number()
    }

    /// Returns where in the file the block's frame begins.
    pub fn offset(&self) -> u32 {
        self.offset
    }

    /// Returns how many bytes the frame takes there.
    pub fn stored_len(&self) -> u32 {
        self.stored_len
    }

    /// Returns where the block's frame lies.
    pub fn spot(&self) -> Spot {
        Spot { number: self.number(), offset: self.offset }
    }

    /// Returns the file.
    pub fn file(&self) -> &Arc<BlockFile> {
        &self.file
    }

    /// Reads the block, and checks that it is what was written.
    ///
    /// # Errors
    /// The disk cannot read it, or it is damaged.
    pub fn read(&self) -> Result<Vec<u8>, ReadError> {
        let mut frame = vec![0; self.stored_len as usize];
        let read = self.file.read(u64::from(self.offset), &mut frame)?;
        self.decode(frame.get(..read).unwrap_or_default())
    }

    /// Returns the block whose frame these bytes are.
    pub(super) fn decode(&self, frame: &[u8]) -> Result<Vec<u8>, ReadError> {
        let offset = u64::from(self.offset);
        let damage =
            |flaw| ReadError::Damage { path: self.file.shared_path().clone(), offset, flaw };
        if frame.len() < self.stored_len as usize {
            return Err(damage(BlockFlaw::Missing));
        }
        frame::decode(frame, self.spot()).map_err(damage)
    }
}

impl Clone for Place {
    fn clone(&self) -> Self {
        Place::new(self.file.clone(), self.offset, self.stored_len)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.file.count_dead(self.stored_len);
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && self.offset == other.offset
    }
}

impl Eq for Place {}
