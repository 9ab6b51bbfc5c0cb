//! What a damaged folder has lost.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use firth_wal::Lsn;

use crate::stream::EntryId;

/// Something that was there and cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// Records of the log.
    Records(Range<Lsn>),
    /// A record that is whole and makes no sense.
    Record {
        /// The record.
        lsn: Lsn,
        /// What is wrong with it.
        why: String,
    },
    /// An entry that a record adds and that does not fit to what is there, since something before it
    /// is lost.
    Entry {
        /// The record.
        lsn: Lsn,
        /// The database.
        db: u8,
        /// The key.
        key: Box<[u8]>,
        /// The entry.
        id: EntryId,
    },
    /// Keys of a checkpoint of which not even the names can be read.
    Keys {
        /// The checkpoint.
        path: PathBuf,
        /// How many; `None`: that is not known either.
        count: Option<u64>,
    },
    /// Entries of a stream.
    Entries {
        /// The database.
        db: u8,
        /// The key.
        key: Box<[u8]>,
        /// Behind the first entry of the block with this first id; `None`: from the beginning on.
        after: Option<EntryId>,
        /// Before this id; `None`: up to the end.
        before: Option<EntryId>,
        /// How many, if that is known.
        count: Option<u64>,
    },
    /// Pending entries of a group.
    Pending {
        /// The database.
        db: u8,
        /// The key.
        key: Box<[u8]>,
        /// The group.
        group: Box<[u8]>,
        /// How many.
        count: u64,
    },
    /// Groups of a stream, pending entries and idempotent ids, of which nothing more is known.
    Groups {
        /// The database.
        db: u8,
        /// The key.
        key: Box<[u8]>,
    },
    /// The log ends before the checkpoint that was made of it.
    End {
        /// The last record of the log.
        last: Lsn,
        /// The checkpoint.
        lsn: Lsn,
    },
    /// The log and the checkpoints do not meet.
    Between(Range<Lsn>),
}

struct Key<'a>(u8, &'a [u8]);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.1.escape_ascii())?;
        if self.0 > 0 { write!(f, " of database {}", self.0) } else { Ok(()) }
    }
}

fn span(f: &mut fmt::Formatter<'_>, range: &Range<Lsn>) -> fmt::Result {
    let last = range.end.previous();
    if range.start == last {
        write!(f, "record {last}")
    } else {
        write!(f, "records {} to {last}", range.start)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Records(range) => {
                span(f, range)?;
                f.write_str(" of the log")
            }
            Loss::Record { lsn, why } => write!(f, "record {lsn} of the log: {why}"),
            Loss::Entry { lsn, db, key, id } => {
                let key = Key(*db, key);
                write!(f, "entry {id} of stream {key}: record {lsn} does not fit to what is left")
            }
            Loss::Keys { path, count: Some(count) } => {
                write!(f, "{count} keys of {}, whose names are lost", path.display())
            }
            Loss::Keys { path, count: None } => {
                write!(f, "keys of {}, nobody knows how many", path.display())
            }
            Loss::Entries { db, key, after, before, count } => {
                match count {
                    Some(count) => write!(f, "{count} entries")?,
                    None => f.write_str("entries")?,
                }
                write!(f, " of stream {}", Key(*db, key))?;
                match (after, before) {
                    (Some(after), Some(before)) => write!(f, ", from {after} to before {before}"),
                    (Some(after), None) => write!(f, ", from {after} on"),
                    (None, Some(before)) => write!(f, ", before {before}"),
                    (None, None) => Ok(()),
                }
            }
            Loss::Pending { db, key, group, count } => {
                let (key, group) = (Key(*db, key), group.escape_ascii());
                write!(f, "{count} pending entries of group \"{group}\" of stream {key}")
            }
            Loss::Groups { db, key } => {
                write!(f, "groups, pending entries or idempotent ids of stream {}", Key(*db, key))
            }
            Loss::End { last, lsn } => {
                write!(f, "the end of the log: it ends with record {last}, before checkpoint {lsn}")
            }
            Loss::Between(range) => {
                span(f, range)?;
                f.write_str(", between the checkpoint and the log")
            }
        }
    }
}
