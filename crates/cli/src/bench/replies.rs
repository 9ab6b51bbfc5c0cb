//! Counts and reads replies: how many have arrived, and which entries they hold.

use anyhow::{Context as _, Result, bail};
use firth_resp::ReplyScanner;

/// Counts the replies in arriving bytes; an error reply, wherever it stands, is an error.
#[derive(Debug, Default)]
pub(super) struct Counter(ReplyScanner);

impl Counter {
    /// Takes the next bytes and returns how many replies they complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<usize> {
        let replies = self.0.feed(bytes)?;
        if 0 < self.0.errors() {
            bail!("the server says {}", first_error(bytes));
        }
        Ok(replies)
    }
}

/// The text of the first error reply that ends in `bytes`, as far as it is among them.
fn first_error(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().find(|line| line.starts_with('-')).or(text.lines().next());
    line.unwrap_or_default().trim_start_matches('-').to_owned()
}

/// Reads the values of a whole reply one after the other.
#[derive(Debug)]
pub(super) struct ReplyReader<'a>(&'a [u8]);

impl<'a> ReplyReader<'a> {
    /// Starts at the first byte of a reply.
    pub(super) fn new(replies: &'a [u8]) -> Self {
        Self(replies)
    }

    /// Enters an array and returns its length; `None` for the null array or null string.
    pub(super) fn array(&mut self) -> Result<Option<usize>> {
        match self.header()? {
            (b'*', count) => Ok(count),
            (b'$', None) => Ok(None),
            (kind, _) => bail!("an array expected, found {:?}", char::from(kind)),
        }
    }

    /// Takes a bulk string.
    pub(super) fn bulk(&mut self) -> Result<&'a [u8]> {
        let (b'$', Some(length)) = self.header()? else { bail!("a bulk string expected") };
        let (body, rest) = self.0.split_at_checked(length).context("a reply is cut short")?;
        self.0 = rest.get(2..).context("a reply is cut short")?;
        Ok(body)
    }

    /// Passes over one value, arrays with all that they hold.
    pub(super) fn skip(&mut self) -> Result<()> {
        let mut missing = 1;
        while 0 < missing {
            missing -= 1;
            if self.0.starts_with(b"$") && !self.0.starts_with(b"$-") {
                self.bulk()?;
            } else if let (b'*', Some(count)) = self.header()? {
                missing += count;
            }
        }
        Ok(())
    }

    /// Takes a list of entries (`[[id, [field, value, ...]], ...]`), handing each id to `each`;
    /// returns how many entries there were.
    pub(super) fn entries(&mut self, mut each: impl FnMut(&'a [u8])) -> Result<usize> {
        let count = self.array()?.unwrap_or(0);
        for _ in 0..count {
            if self.array()?.is_some() {
                each(self.bulk()?);
                self.skip()?;
            }
        }
        Ok(count)
    }

    /// Takes the reply of a read of one stream (`[[key, entries]]`, or null when nothing came),
    /// as [`Self::entries`] does.
    pub(super) fn one_stream(&mut self, each: impl FnMut(&'a [u8])) -> Result<usize> {
        if self.array()?.is_none() {
            return Ok(0);
        }
        self.array()?;
        self.skip()?;
        self.entries(each)
    }

    fn header(&mut self) -> Result<(u8, Option<usize>)> {
        let end = self.0.iter().position(|b| *b == b'\n').context("a reply is cut short")?;
        let (line, rest) = self.0.split_at(end + 1);
        self.0 = rest;
        if line.starts_with(b"-") {
            bail!("the server says {}", String::from_utf8_lossy(line).trim_end());
        }
        header(line)
    }
}

/// The kind of a header line and its number; `None` for a negative number or a text.
fn header(line: &[u8]) -> Result<(u8, Option<usize>)> {
    let (kind, rest) = line.split_first().context("an empty line for a reply")?;
    let text = std::str::from_utf8(rest).unwrap_or_default();
    Ok((*kind, text.trim_end().parse().ok()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    const READ: &[u8] =
        b"*1\r\n*2\r\n$1\r\ns\r\n*2\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$2\r\n\r\n\r\n\
        *2\r\n$3\r\n1-2\r\n*-1\r\n";

    #[test]
    fn an_error_among_the_replies_is_an_error() {
        let mut counter = Counter::default();
        assert_eq!(counter.feed(b"+OK\r\n:").unwrap(), 1);
        let error = counter.feed(b"1\r\n-ERR no\r\n+OK\r\n").unwrap_err();
        assert_eq!(error.to_string(), "the server says ERR no");
    }

    #[test]
    fn reads_the_ids_of_a_stream_read() {
        let mut ids = Vec::new();
        let count = ReplyReader::new(READ).one_stream(|id| ids.push(id)).unwrap();
        assert_eq!((count, ids), (2, vec![b"1-1".as_slice(), b"1-2"]));
        assert_eq!(ReplyReader::new(b"*-1\r\n").one_stream(|_| ()).unwrap(), 0);
    }

    #[test]
    fn cut_and_error_replies_are_errors() {
        for length in 0..READ.len() {
            assert!(ReplyReader::new(&READ[..length]).one_stream(|_| ()).is_err(), "{length}");
        }
        assert!(ReplyReader::new(b"-ERR no\r\n").one_stream(|_| ()).is_err());
    }
}
