//! How long a server takes to come back to five million entries, and what they take on its disk.

use std::time::{Duration, Instant};
use std::{iter, thread};

use anyhow::{Result, bail, ensure};

use super::stream::{KEY, fill_varied, id_of, varied};
use crate::bench::client::Client;
use crate::bench::measure::{Bed, Fact, Figures};
use crate::bench::replies::ReplyReader;

const ENTRIES: usize = 5_000_000;
/// Restarts, of which the median counts.
const RESTARTS: usize = 5;
/// Longest wait for a server to come back.
const RETURN_LIMIT: Duration = Duration::from_secs(120);
/// Rest between two tries while it does.
const TRY_EACH: Duration = Duration::from_micros(500);
/// Longest wait for a checkpoint to end.
const SAVE_LIMIT: Duration = Duration::from_secs(120);
/// How often it is asked whether it has.
const ASK_EACH: Duration = Duration::from_millis(20);

/// Fills, saves, then kills and starts again.
pub(super) fn run(bed: &mut Bed<'_>) -> Result<Figures> {
    let count = bed.scaled(ENTRIES);
    let mut client = bed.client()?;
    fill_varied(&mut client, count)?;
    match is_logged_only(&mut client)? {
        // Its log is synced every second; what the kernel has is enough to outlive the process.
        true => thread::sleep(Duration::from_secs(1)),
        false => save(&mut client)?,
    }
    drop(client);
    let disk_bytes = bed.server.folder()?.disk_bytes()?;
    let mut times_ms = Vec::new();
    for _ in 0..RESTARTS {
        bed.check_stop()?;
        let start = bed.server.restart()?;
        wait_until_right(bed, count, start)?;
        times_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times_ms.sort_by(f64::total_cmp);
    let median_ms = times_ms.get(RESTARTS / 2).copied().unwrap_or_default();
    Ok(Figures::Facts(vec![
        Fact::new("first reply ms", median_ms, 0),
        Fact::new("slowest ms", times_ms.last().copied().unwrap_or_default(), 0),
        Fact::new("disk B/entry", disk_bytes as f64 / count as f64, 2),
        Fact::new("disk MB", disk_bytes as f64 / 1e6, 1),
    ]))
}

/// Whether this is a Redis that shall come back from its log as it was written.
fn is_logged_only(client: &mut Client) -> Result<bool> {
    Ok(client.info("redis_mode")?.is_some()
        && client.info("firth_version")?.is_none()
        && client.info("aof_enabled")?.as_deref() == Some("1"))
}

/// Asks for a checkpoint and waits until it has ended.
pub(super) fn save(client: &mut Client) -> Result<()> {
    client.call("BGSAVE")?;
    let limit = Instant::now() + SAVE_LIMIT;
    while client.info("rdb_bgsave_in_progress")?.as_deref() == Some("1") {
        ensure!(Instant::now() < limit, "BGSAVE does not end within {SAVE_LIMIT:?}");
        thread::sleep(ASK_EACH);
    }
    let status = client.info("rdb_last_bgsave_status")?;
    ensure!(status.as_deref() == Some("ok"), "BGSAVE has failed: {status:?}");
    Ok(())
}

fn wait_until_right(bed: &Bed<'_>, count: usize, start: Instant) -> Result<()> {
    loop {
        match answers(bed, count) {
            Ok(true) => return Ok(()),
            Ok(false) => bail!("the server has come back with something else"),
            Err(error) if RETURN_LIMIT < start.elapsed() => return Err(error),
            // It does not listen yet, or still loads.
            Err(_) => thread::sleep(TRY_EACH),
        }
        bed.check_stop()?;
    }
}

/// Whether the stream is what it was; an error while the server cannot say.
fn answers(bed: &Bed<'_>, count: usize) -> Result<bool> {
    let mut client = bed.client()?;
    let length = client.call(&format!("XLEN {KEY}"))?;
    let first = client.call(&format!("XRANGE {KEY} - + COUNT 1"))?;
    let last = client.call(&format!("XREVRANGE {KEY} + - COUNT 1"))?;
    Ok(length == format!(":{count}\r\n").as_bytes()
        && is_entry(&first, 0)?
        && is_entry(&last, count - 1)?)
}

/// Whether the reply holds exactly the `number`-th entry of a filled stream.
fn is_entry(reply: &[u8], number: usize) -> Result<bool> {
    let mut reader = ReplyReader::new(reply);
    if reader.array()? != Some(1) {
        return Ok(false);
    }
    reader.array()?;
    let id = id_of(number);
    if reader.bulk()? != id.as_bytes() {
        return Ok(false);
    }
    let count = reader.array()?.unwrap_or(0);
    let words = iter::repeat_with(|| reader.bulk()).take(count).collect::<Result<Vec<_>>>()?;
    Ok(words == varied(number).split(' ').map(str::as_bytes).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use firth_resp::encode_request;

    use super::*;

    fn reply(id: &str, fields: &str) -> Vec<u8> {
        let mut reply = b"*1\r\n*2\r\n".to_vec();
        reply.extend_from_slice(format!("${}\r\n{id}\r\n", id.len()).as_bytes());
        let words: Vec<&[u8]> = fields.split(' ').map(str::as_bytes).collect();
        encode_request(&mut reply, &words);
        reply
    }

    #[test]
    fn an_entry_is_right_only_with_id_and_all_fields() {
        assert!(is_entry(&reply(&id_of(7), &varied(7)), 7).unwrap());
        assert!(!is_entry(&reply(&id_of(8), &varied(7)), 7).unwrap());
        assert!(!is_entry(&reply(&id_of(7), "type purchase"), 7).unwrap());
        assert!(!is_entry(b"*0\r\n", 7).unwrap());
    }
}
