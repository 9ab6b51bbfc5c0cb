//! The stream that the works share: `bench`, with the entries of the users' document, under ids
//! that are known without asking.

use anyhow::Result;

use crate::bench::client::Client;
use crate::bench::request::write_words;

/// The stream's key.
pub(super) const KEY: &str = "bench";
/// The consumer group's name.
pub(super) const GROUP: &str = "g";
/// Field and value pairs of an entry.
pub(super) const FIELDS: &str = "type purchase userId 123 amount 99.99";
/// Entries of a filled stream, and pending entries of a filled group.
pub(super) const ENTRIES: usize = 100_000;
/// Entries taken by one read while a group's pending list is filled.
const READ_COUNT: usize = 1000;

/// Milliseconds of the first entry's id; ten entries share a millisecond.
const FIRST_MS: u64 = 1_700_000_000_000;

/// The id of the `number`-th entry of a filled stream.
pub(super) fn id_of(number: usize) -> String {
    let number = number as u64;
    format!("{}-{}", FIRST_MS + number / 10, number % 10)
}

/// Fills the stream with `count` entries.
pub(super) fn fill(client: &mut Client, count: usize) -> Result<()> {
    client.pipeline(count, |number, out| {
        write_words(out, &format!("XADD {KEY} {} {FIELDS}", id_of(number)));
    })
}

/// Field and value pairs of the `number`-th of entries that differ as those of a real stream do, so
/// that what is compressed has something to say. They are as long as [`FIELDS`].
pub(super) fn varied(number: usize) -> String {
    // The multiplier of a Fibonacci hash spreads neighbours over all 64 bits.
    let chance = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
    let (user, cents) = (100 + chance % 900, 1000 + (chance >> 24) % 9000);
    format!("type purchase userId {user} amount {}.{:02}", cents / 100, cents % 100)
}

/// Fills the stream with `count` entries that differ.
pub(super) fn fill_varied(client: &mut Client, count: usize) -> Result<()> {
    client.pipeline(count, |number, out| {
        write_words(out, &format!("XADD {KEY} {} {}", id_of(number), varied(number)));
    })
}

/// Creates the group, with the whole stream to read.
pub(super) fn create_group(client: &mut Client) -> Result<()> {
    client.call(&format!("XGROUP CREATE {KEY} {GROUP} 0")).map(drop)
}

/// Lets consumer `c1` read the whole stream, so that all of it is pending.
pub(super) fn fill_pending(client: &mut Client) -> Result<()> {
    for _ in 0..ENTRIES.div_ceil(READ_COUNT) {
        client.call(&format!("XREADGROUP GROUP {GROUP} c1 COUNT {READ_COUNT} STREAMS {KEY} >"))?;
    }
    Ok(())
}

/// The key of the `number`-th small stream.
pub(super) fn small_key(number: usize) -> String {
    format!("{KEY}:{number}")
}

/// Deletes all keys that the works make: for servers that outlive their measurement.
pub(in crate::bench) fn clean(client: &mut Client) -> Result<()> {
    client.call(&format!("DEL {KEY}"))?;
    let group = 100;
    client.pipeline(ENTRIES / group, |first, out| {
        let keys: Vec<String> = (first * group..(first + 1) * group).map(small_key).collect();
        write_words(out, &format!("DEL {}", keys.join(" ")));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varied_entries_differ_but_not_in_length() {
        let entries: Vec<String> = (0..1000).map(varied).collect();
        assert!(entries.iter().all(|entry| entry.len() == FIELDS.len()));
        let distinct: std::collections::HashSet<&String> = entries.iter().collect();
        assert!(990 < distinct.len(), "{}", distinct.len());
    }
}
