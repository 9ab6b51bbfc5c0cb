//! Everything that can change the state of the keys.
//!
//! An effect says what came of a decision: real ids, exact trim points, absolute times.
//! It is what the journal keeps and what recovery replays, through the same `apply` as live
//! traffic, so it must never depend on the clock, on chance or on the configuration.
//! How it is written down is drawn in `record.rs`.

use crate::stream::StreamEffect;

/// One change of the state, of keys in one database unless it says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect<'a> {
    /// The key holds this string, whatever it held before.
    SetString { key: &'a [u8], value: &'a [u8], expires_at_ms: u64 },
    /// The string has this content and keeps its deadline; it is created if need be.
    ReplaceString { key: &'a [u8], value: &'a [u8] },
    /// The string has these bytes at this offset, with zeros in a gap before them; it is created
    /// if need be.
    WriteString { key: &'a [u8], offset: usize, bytes: &'a [u8] },
    /// The key expires at this time, or never.
    SetDeadline { key: &'a [u8], expires_at_ms: u64 },
    /// The key is gone.
    Delete { key: &'a [u8] },
    /// The value and its deadline stand under another key, in place of whatever that held.
    Rename { key: &'a [u8], to_db: u8, to: &'a [u8] },
    /// The value and its deadline stand under another key as well.
    Copy { key: &'a [u8], to_db: u8, to: &'a [u8] },
    /// The database is empty.
    Flush,
    /// The database and the other one have changed places.
    Swap { other: u8 },
    /// The key holds an empty stream, which remembers idempotent ids for so long and so many of
    /// each producer.
    CreateStream { key: &'a [u8], duration_s: u32, entries_max: u32 },
    /// The key's stream has changed.
    Stream { key: &'a [u8], change: StreamEffect<'a> },
}
