//! Records: how a batch of effects is written down.
//!
//! A record holds all effects of one batch in their order, without a frame: its length, its position
//! and its checksum are the business of whoever keeps it. Everything is made of bytes and of
//! numbers, which are varints: seven bits a byte, the low ones first, the high bit set on all bytes
//! but the last.
//!
//! ```text
//! record   := part*
//! part     := 00 db                 the effects from here on are on this database; at first on 0
//!           | tag body              an effect, see the table
//!
//! bytes    := length byte*
//! key      := 0                     the key of the effect before; at first the empty one
//!           | length+1 byte*
//! deadline := 0                     never
//!           | at_ms+1
//! id       := ms seq
//! ids      := count (step seq)*     step: ms less that of the id before, at first less 0,
//!                                   modulo 2^64, with the sign moved to the lowest bit (zigzag)
//! rows     := count (step seq deliveries)*
//! option   := 0 | 1 number
//!
//! tag              body
//! 01 SetString     key, value bytes, deadline
//! 02 ReplaceString key, value bytes
//! 03 WriteString   key, offset (at most 2^40), bytes
//! 04 SetDeadline   key, deadline
//! 05 Delete        key
//! 06 Rename        key, to_db, to bytes
//! 07 Copy          key, to_db, to bytes
//! 08 Flush
//! 09 Swap          other db
//! 0a CreateStream  key, duration_s (32 bits), entries_max (32 bits)
//! 10 Append        key, id, count of pairs, (name bytes, value bytes)*   to the last node
//! 11 Append        likewise                                              to a new node
//! 12 TrimFront     key, below id
//! 13 TrimEntries   key, ids
//! 14 Delete        key, ids
//! 15 SetCounters   key, last id, entries_added, greatest deleted id
//! 16 SetGroup      key, group bytes, last delivered id, entries_read option
//! 17 DestroyGroup  key, group bytes
//! 18 SeeConsumer   key, group bytes, consumer bytes, seen_ms, active_ms option
//! 19 DeleteConsumer   key, group bytes, consumer bytes
//! 1a Own           key, group bytes, consumer bytes, delivered_ms, rows
//! 1b Release       key, group bytes, rows
//! 1c Forget        key, group bytes, ids
//! 1d ForgetEverywhere   key, ids
//! 1e Remember      key, producer bytes, iid bytes, id
//! 1f CountDuplicate   key
//! 20 ConfigureIdempotence   key, duration_s (32 bits), entries_max (32 bits)
//! 21 SetRetention  key, age_ms, bytes, entries, 0 to keep what is unacknowledged or 1 to remove it;
//!                  a limit of 0 is none, and three of them are no policy
//! ```
//!
//! A tag and its body never change their meaning; what is new gets a new tag. For example
//! `XADD s MAXLEN 1 5-0 a 7` on a stream of one entry in database 0:
//!
//! ```text
//! 10  02 's'  05 00  01  01 'a' 01 '7'    Append to the last node: key s, id 5-0, one pair
//! 12  00      05 00                       TrimFront: the same key, below 5-0
//! ```

mod decode;
mod encode;
mod tag;
#[cfg(test)]
mod tests;

pub(crate) use decode::decode;
pub(crate) use encode::Batch;

/// A record is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed record: {flaw} at byte {offset}")]
pub struct RecordError {
    /// Where the part of the record begins that makes no sense.
    pub offset: usize,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// A number ends early or is larger than it may be.
    #[error("a number that ends early or is too large")]
    Number,
    /// There are fewer bytes than announced.
    #[error("fewer bytes than announced")]
    Bytes,
    /// There is no such kind of effect.
    #[error("an unknown kind of effect ({0})")]
    Tag(u8),
    /// There is no such database.
    #[error("an unknown database")]
    Database,
}

/// Checks that a record is well-formed and returns how many effects it holds, applying none.
///
/// # Errors
/// It is not.
pub fn verify(record: &[u8]) -> Result<usize, RecordError> {
    let mut effects = 0;
    decode(record, |_, _| effects += 1)?;
    Ok(effects)
}
