//! Reading a checkpoint's items from its file, one frame in memory at a time.

use std::io;

use firth_wal::DiskFile;

use super::frame::{self, Header};
use super::{CheckpointFlaw, items, tag};

/// Why an item could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The disk refused a call.
    Disk(io::Error),
    /// The bytes at this offset are not what was written.
    Flaw(u64, CheckpointFlaw),
}

/// Whether the last item has been passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Yes,
    No,
}

/// The items of a file, in their order.
#[derive(Debug)]
pub(crate) struct ItemReader {
    file: Box<dyn DiskFile>,
    header: Header,
    /// How much of the file has been read.
    offset: u64,
    /// Where the frame began that was read last.
    frame_at: u64,
    /// What has been read and not been returned, from `at` on.
    bytes: Vec<u8>,
    at: usize,
}

impl ItemReader {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// The disk refuses a call, or there is no sound header of a known version.
    pub(crate) fn new(file: Box<dyn DiskFile>) -> Result<Self, ReadError> {
        let mut header = [0; frame::HEADER_BYTES];
        let flaw = |flaw| ReadError::Flaw(0, flaw);
        if !read_exactly(&*file, 0, &mut header).map_err(ReadError::Disk)? {
            return Err(flaw(CheckpointFlaw::Header));
        }
        let header = Header::decode(&header).map_err(flaw)?;
        let offset = frame::HEADER_BYTES as u64;
        Ok(ItemReader { file, header, offset, frame_at: offset, bytes: Vec::new(), at: 0 })
    }

    /// Returns how much of the file has been read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the file's header.
    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// Says that something is wrong with the item that was returned last.
    pub(crate) fn flaw(&self, flaw: CheckpointFlaw) -> ReadError {
        ReadError::Flaw(self.frame_at, flaw)
    }

    /// Returns the next item: its tag and its body.
    ///
    /// # Errors
    /// The disk refuses a call, the next bytes are damaged, or the file has ended.
    pub(crate) fn next_item(&mut self) -> Result<(u8, &[u8]), ReadError> {
        self.need(items::HEAD_BYTES)?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let tag = rest.first().copied().unwrap_or_default();
        let len = frame::u32_at(rest, 1).unwrap_or_default() as usize;
        self.need(items::HEAD_BYTES + len)?;
        let start = self.at + items::HEAD_BYTES;
        self.at = start + len;
        Ok((tag, self.bytes.get(start..self.at).unwrap_or_default()))
    }

    /// Passes over so many items, or up to the end, which it checks.
    ///
    /// # Errors
    /// As [`ItemReader::next_item`], or something stands behind the end.
    pub(super) fn skip(&mut self, items: usize) -> Result<Ended, ReadError> {
        for _ in 0..items {
            let (tag, _) = self.next_item()?;
            if tag == tag::END {
                self.finish()?;
                return Ok(Ended::Yes);
            }
        }
        Ok(Ended::No)
    }

    /// Checks that nothing stands behind the item that was returned last.
    ///
    /// # Errors
    /// The disk refuses a call, or something does.
    pub(crate) fn finish(&mut self) -> Result<(), ReadError> {
        let len = self.file.len().map_err(ReadError::Disk)?;
        if self.at == self.bytes.len() && self.offset == len {
            return Ok(());
        }
        Err(ReadError::Flaw(self.offset, CheckpointFlaw::Length))
    }

    /// Reads frames until there are so many bytes.
    fn need(&mut self, bytes: usize) -> Result<(), ReadError> {
        while self.bytes.len() - self.at < bytes {
            self.read_frame()?;
        }
        Ok(())
    }

    fn read_frame(&mut self) -> Result<(), ReadError> {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.frame_at = self.offset;
        let flaw = |flaw| ReadError::Flaw(self.frame_at, flaw);
        let mut head = [0; frame::HEAD_BYTES];
        if self.offset == self.file.len().map_err(ReadError::Disk)? {
            return Err(flaw(CheckpointFlaw::Length));
        }
        if !read_exactly(&*self.file, self.offset, &mut head).map_err(ReadError::Disk)? {
            return Err(flaw(CheckpointFlaw::Frame));
        }
        let len = frame::u32_at(&head, 0).unwrap_or_default() as usize;
        if len == 0 || len > frame::PAYLOAD_BYTES_MAX {
            return Err(flaw(CheckpointFlaw::Frame));
        }
        let start = self.bytes.len();
        self.bytes.resize(start + len, 0);
        let payload = self.bytes.get_mut(start..).unwrap_or_default();
        let offset = self.offset + head.len() as u64;
        let is_whole = read_exactly(&*self.file, offset, payload).map_err(ReadError::Disk)?;
        let crc = crc32c::crc32c(head.get(frame::COVERED_AT..).unwrap_or_default());
        let crc = crc32c::crc32c_append(crc, payload);
        if !is_whole || Some(crc) != frame::u32_at(&head, 4) {
            return Err(flaw(CheckpointFlaw::Frame));
        }
        self.offset = offset + len as u64;
        Ok(())
    }
}

/// Fills all of `into`; says whether the file was long enough.
fn read_exactly(file: &dyn DiskFile, offset: u64, into: &mut [u8]) -> io::Result<bool> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(offset + done as u64, rest) {
            Ok(0) => return Ok(false),
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
