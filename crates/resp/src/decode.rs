//! The decoder of what clients send:
//!
//! ```text
//! *2 CR LF            an array of arguments, each a bulk string
//! $4 CR LF ECHO CR LF
//! $2 CR LF hi CR LF
//!
//! ECHO hi CR LF       or one line of words (see `inline`)
//! ```
//!
//! Two liberties are Redis's: a count ends at its CR, whichever byte follows, and the two bytes
//! after an argument are skipped unseen.

use memchr::memchr;

use crate::error::ProtocolError;
use crate::inline;
use crate::line::{Line, number_line};
use crate::request::{Request, Span};

const UNAUTHENTICATED_ARGUMENTS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_LEN_MAX: i64 = 16 * 1024;

/// Spans have 32 bits, and the two bytes behind the last argument must count as well.
const REQUEST_LEN_MAX: usize = u32::MAX as usize - 2;

/// Buffers above these sizes are given back before the next request.
const SPANS_KEPT: usize = 4096;
const WORDS_KEPT: usize = 4096;

/// Whether the client has shown that it may use the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Nothing is asked of the client any more.
    #[default]
    Passed,
    /// The client has yet to authenticate, so that only short requests are read from it.
    Pending,
}

/// What a request may cost. A request is always below 4 GiB.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest argument in bytes (`proto-max-bulk-len`).
    pub bulk_len_max: usize,
    /// The longest inline request, and the longest line with a count, in bytes.
    pub inline_len_max: usize,
    /// The most arguments of a request, the command's name included.
    pub arguments_max: usize,
    /// Below [`Authentication::Passed`] arguments are at most 10, and at most 16 KiB long.
    pub authentication: Authentication,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bulk_len_max: 512 * 1024 * 1024,
            inline_len_max: 64 * 1024,
            arguments_max: 1024 * 1024,
            authentication: Authentication::Passed,
        }
    }
}

/// Finds one request after the other in received bytes.
///
/// The decoder keeps its place in an unfinished request, so that no byte is looked at again when
/// more arrive, and reuses its memory. It starts anew by itself at the call of
/// [`decode`](Self::decode) that follows a complete request or an error.
#[derive(Debug, Default)]
pub struct RequestDecoder {
    stage: Stage,
    spans: Vec<Span>,
    /// The unescaped words of an inline request.
    words: Vec<u8>,
    /// Up to where the unfinished line is known to have no end.
    searched: usize,
    bytes_wanted: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    #[default]
    Start,
    /// Inside an array: the next argument starts at `at`.
    Bulks { at: usize, remaining: usize },
    /// An array is complete, its spans point into the input.
    Array,
    /// An inline request is complete, its spans point into the words.
    Inline,
}

impl RequestDecoder {
    /// A decoder at the start of a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tries to complete the one request that starts at `input[0]`.
    ///
    /// `Some(n)`: it is complete and is `n` bytes long. `None`: call again with the same bytes and
    /// more behind them. An empty request (a blank line, `*0`, `*-1`) completes without arguments.
    ///
    /// # Errors
    ///
    /// The bytes are no request or exceed `limits`. The client is to be told and disconnected.
    #[inline]
    pub fn decode(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        if input.len() < self.bytes_wanted {
            return Ok(None);
        }
        self.bytes_wanted = 0;
        let decoded = match self.stage {
            Stage::Bulks { at, remaining } => self.bulks(input, limits, at, remaining),
            Stage::Start => self.start(input, limits),
            Stage::Array | Stage::Inline => {
                self.reset();
                self.start(input, limits)
            }
        };
        if decoded.is_err() {
            self.reset();
        }
        decoded
    }

    /// The request that [`decode`](Self::decode) has just completed, out of the same `input`.
    ///
    /// Empty when there is no such request.
    #[inline]
    pub fn request<'a>(&'a self, input: &'a [u8]) -> Request<'a> {
        match self.stage {
            Stage::Array => Request::new(input, &self.spans),
            Stage::Inline => Request::new(&self.words, &self.spans),
            Stage::Start | Stage::Bulks { .. } => Request::new(input, &[]),
        }
    }

    /// Forgets the current request, complete or not.
    #[inline]
    pub fn reset(&mut self) {
        self.stage = Stage::Start;
        self.searched = 0;
        self.bytes_wanted = 0;
        self.spans.clear();
        self.words.clear();
        if self.spans.capacity() > SPANS_KEPT {
            self.spans.shrink_to(SPANS_KEPT);
        }
        if self.words.capacity() > WORDS_KEPT {
            self.words.shrink_to(WORDS_KEPT);
        }
    }

    /// The length that an unfinished request is known to reach, or 0.
    ///
    /// It is the client's word: an input buffer grows towards it as bytes arrive, not at once.
    #[inline]
    pub fn bytes_wanted(&self) -> usize {
        self.bytes_wanted
    }

    #[inline]
    fn start(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        match input.first() {
            None => Ok(None),
            Some(b'*') => self.array(input, limits),
            Some(_) => self.inline(input, limits),
        }
    }

    #[inline]
    fn array(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        match number_line(input, 0, &mut self.searched, limits.inline_len_max) {
            Line::Number { value, next } => {
                let count = limits.arguments(value)?;
                self.bulks(input, limits, next, count)
            }
            Line::Partial => Ok(None),
            Line::Invalid => Err(ProtocolError::InvalidMultibulkLength),
            Line::TooLong => Err(ProtocolError::TooBigMultibulkCount),
        }
    }

    /// Takes the arguments that are whole, from `at` on.
    #[inline]
    fn bulks(
        &mut self,
        input: &[u8],
        limits: &Limits,
        mut at: usize,
        mut remaining: usize,
    ) -> Result<Option<usize>, ProtocolError> {
        while remaining > 0 {
            let Some((start, end)) = self.bulk(input, limits, at)? else {
                self.stage = Stage::Bulks { at, remaining };
                return Ok(None);
            };
            self.spans.push(Span::new(start, end));
            at = end + 2;
            remaining -= 1;
        }
        self.stage = Stage::Array;
        Ok(Some(at))
    }

    /// Where the argument that is announced at `at` starts and ends, once all of it is there.
    #[inline]
    fn bulk(
        &mut self,
        input: &[u8],
        limits: &Limits,
        at: usize,
    ) -> Result<Option<(usize, usize)>, ProtocolError> {
        match input.get(at) {
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::ExpectedBulk(*other)),
            None => return Ok(None),
        }
        let (len, start) = match number_line(input, at, &mut self.searched, limits.inline_len_max) {
            Line::Number { value, next } => (limits.bulk_len(value)?, next),
            Line::Partial => return Ok(None),
            Line::Invalid => return Err(ProtocolError::InvalidBulkLength),
            Line::TooLong => return Err(ProtocolError::TooBigBulkCount),
        };
        let end = start.saturating_add(len);
        if end > REQUEST_LEN_MAX {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if input.len() < end + 2 {
            self.bytes_wanted = end + 2;
            return Ok(None);
        }
        Ok(Some((start, end)))
    }

    fn inline(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        let to = input.len().min(limits.inline_len_max.saturating_add(1));
        let from = self.searched.min(to);
        let unseen = input.get(from..to).unwrap_or_default();
        let Some(offset) = memchr(b'\n', unseen) else {
            self.searched = to;
            let too_long = input.len() > limits.inline_len_max;
            return if too_long { Err(ProtocolError::TooBigInline) } else { Ok(None) };
        };
        let end = from + offset;
        let line = input.get(..end).unwrap_or_default();
        inline::split(line, &mut self.words, &mut self.spans)?;
        self.stage = Stage::Inline;
        Ok(Some(end + 1))
    }
}

impl Limits {
    #[inline]
    fn arguments(&self, announced: i64) -> Result<usize, ProtocolError> {
        let count = usize::try_from(announced.max(0)).unwrap_or(usize::MAX);
        if count > self.arguments_max {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if announced > UNAUTHENTICATED_ARGUMENTS_MAX
            && self.authentication == Authentication::Pending
        {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        Ok(count)
    }

    #[inline]
    fn bulk_len(&self, announced: i64) -> Result<usize, ProtocolError> {
        let Ok(len) = usize::try_from(announced) else {
            return Err(ProtocolError::InvalidBulkLength);
        };
        if len > self.bulk_len_max {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if announced > UNAUTHENTICATED_BULK_LEN_MAX
            && self.authentication == Authentication::Pending
        {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;
    use crate::request::OwnedRequest;
    use crate::write::encode_request;

    type Decoded = Result<Vec<OwnedRequest>, ProtocolError>;

    fn small_limits() -> Limits {
        Limits { bulk_len_max: 1000, inline_len_max: 64, ..Limits::default() }
    }

    /// Feeds `input` in steps as a connection does: what is complete is taken off the front.
    fn decode_in_steps(input: &[u8], limits: &Limits, step: usize) -> Decoded {
        let mut decoder = RequestDecoder::new();
        let mut requests = Vec::new();
        let (mut from, mut to) = (0, 0);
        loop {
            match decoder.decode(&input[from..to], limits)? {
                Some(used) => {
                    requests.push(decoder.request(&input[from..to]).to_owned_request());
                    from += used;
                }
                None if to == input.len() => return Ok(requests),
                None => to = input.len().min(to + step),
            }
        }
    }

    fn decode_all(input: &[u8], limits: &Limits) -> Decoded {
        decode_in_steps(input, limits, input.len().max(1))
    }

    fn check(input: &[u8], expect: &[&[&[u8]]]) {
        let expect = Ok(expect.iter().map(|request| OwnedRequest::from_slices(request)).collect());
        let text = input.escape_ascii().to_string();
        for step in 1..=input.len() {
            assert_eq!(decode_in_steps(input, &small_limits(), step), expect, "{text} by {step}");
        }
        for split in 0..input.len() {
            // The first part arrives at once, so that every byte is the last of a chunk.
            let mut decoder = RequestDecoder::new();
            let first = decoder.decode(&input[..split], &small_limits()).unwrap();
            if first.is_none() {
                let whole = decoder.decode(input, &small_limits()).unwrap();
                let alone = RequestDecoder::new().decode(input, &small_limits()).unwrap();
                assert_eq!(whole, alone, "{text} at {split}");
            }
        }
    }

    fn check_error(input: &[u8], text: &str) {
        check_error_within(&small_limits(), input, text);
    }

    fn check_error_within(limits: &Limits, input: &[u8], text: &str) {
        let expect = format!("ERR Protocol error: {text}");
        for step in [1, 2, 3, 7, input.len()] {
            let error = decode_in_steps(input, limits, step).unwrap_err();
            assert_eq!(error.to_string(), expect, "{} by {step}", input.escape_ascii());
        }
    }

    #[test]
    fn arrays() {
        check(b"*1\r\n$4\r\nPING\r\n", &[&[b"PING"]]);
        check(b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", &[&[b"ECHO", b""]]);
        check(
            b"*2\r\n$4\r\nECHO\r\n$12\r\n*1\r\n$1\r\nx\r\n\0\r\n",
            &[&[b"ECHO", b"*1\r\n$1\r\nx\r\n\0"]],
        );
        check(b"*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\nc\n", &[&[b"a"], &[b"b"], &[b"c"]]);
    }

    #[test]
    fn empty_requests() {
        check(
            b"*0\r\n*-1\r\n*-99\r\n\r\n\n \t\r\nPING\r\n",
            &[&[], &[], &[], &[], &[], &[], &[b"PING"]],
        );
    }

    #[test]
    fn liberties_of_redis() {
        check(b"*1\rx$4\rxPINGxx*1\r\n$1\r\na\r\n", &[&[b"PING"], &[b"a"]]);
        check(b"*1\n$4\nPING\n", &[]);
    }

    #[test]
    fn inline() {
        check(b"PING\r\n", &[&[b"PING"]]);
        check(b"set  k \"a\\x00b\"\nPING\n", &[&[b"set", b"k", b"a\0b"], &[b"PING"]]);
        check(b"$4\r\n+OK\r\n", &[&[b"$4"], &[b"+OK"]]);
        check_error(b"ECHO \"a\"b\r\n", "unbalanced quotes in request");
        check_error(b"ECHO 'a\r\n", "unbalanced quotes in request");
    }

    #[test]
    fn inline_limit() {
        let line = |len: usize| [vec![b'a'; len], b"\n".to_vec()].concat();
        check(&line(64), &[&[&[b'a'; 64]]]);
        check(&line(64)[..64], &[]);
        check_error(&line(65), "too big inline request");
        check_error(&line(65)[..65], "too big inline request");
    }

    #[test]
    fn counts_of_arguments() {
        for count in ["", "x", "1x", " 1", "+1", "01", "-0", "-", "2147483648", "1048577"] {
            check_error(format!("*{count}\r\n").as_bytes(), "invalid multibulk length");
        }
        check_error(b"*99999999999999999999\r\n", "invalid multibulk length");
        check(b"*1048576\r\n", &[]);
        let digits = |len: usize| [b"*".as_slice(), &vec![b'1'; len]].concat();
        check(&digits(63), &[]);
        check_error(&digits(64), "too big mbulk count string");
        check_error(&[digits(64), b"\r\n".to_vec()].concat(), "too big mbulk count string");
        check_error(&[digits(63), b"\r\n".to_vec()].concat(), "invalid multibulk length");
    }

    #[test]
    fn lengths_of_arguments() {
        for len in ["", "x", "-1", "004", "+4", "1001", "99999999999999999999"] {
            let input = format!("*2\r\n$1\r\na\r\n${len}\r\n");
            check_error(input.as_bytes(), "invalid bulk length");
        }
        let digits = |len: usize| [b"*1\r\n$".as_slice(), &vec![b'1'; len]].concat();
        check(&digits(63), &[]);
        check_error(&digits(64), "too big bulk count string");
        check_error(b"*1\r\nPING\r\n", "expected '$', got 'P'");
        check_error(b"*1\r\n\r\n", "expected '$', got ' '");
        check_error(b"*2\r\n$1\r\na\r\n\x01", "expected '$', got '?'");
    }

    #[test]
    fn no_request_reaches_4_gib() {
        let limits = Limits { bulk_len_max: usize::MAX, ..Limits::default() };
        check_error_within(&limits, b"*1\r\n$4294967295\r\n", "invalid bulk length");
        check_error_within(&limits, b"*1\r\n$9223372036854775807\r\n", "invalid bulk length");
        assert_eq!(decode_all(b"*1\r\n$4294960000\r\n", &limits), Ok(vec![]));
    }

    #[test]
    fn clients_that_have_yet_to_authenticate() {
        let limits = Limits { authentication: Authentication::Pending, ..Limits::default() };
        check_error_within(&limits, b"*11\r\n", "unauthenticated multibulk length");
        check_error_within(&limits, b"*1\r\n$16385\r\n", "unauthenticated bulk length");
        assert_eq!(decode_all(b"*10\r\n$16384\r\n", &limits), Ok(vec![]));
        let words = vec!["a"; 20].join(" ") + "\n";
        assert_eq!(decode_all(words.as_bytes(), &limits).unwrap()[0].as_request().len(), 20);
    }

    #[test]
    fn long_arguments_announce_their_end() {
        let mut decoder = RequestDecoder::new();
        let input = [b"*2\r\n$3\r\nabc\r\n$900\r\n".as_slice(), &[b'x'; 902]].concat();
        assert_eq!(decoder.decode(&input[..6], &small_limits()), Ok(None));
        assert_eq!(decoder.bytes_wanted(), 0);
        assert_eq!(decoder.decode(&input[..30], &small_limits()), Ok(None));
        assert_eq!(decoder.bytes_wanted(), input.len());
        assert!(decoder.request(&input).is_empty());
        assert_eq!(decoder.decode(&input, &small_limits()), Ok(Some(input.len())));
        assert_eq!(decoder.request(&input).get(1).unwrap().len(), 900);
        assert_eq!(decoder.bytes_wanted(), 0);
        // Other bytes than the decoded ones yield nothing rather than a panic.
        assert_eq!(decoder.request(b"").get(1), Some(b"".as_slice()));
    }

    #[test]
    fn a_decoder_recovers_after_an_error() {
        let mut decoder = RequestDecoder::new();
        assert!(decoder.decode(b"*2\r\n$1\r\na\r\n!", &small_limits()).is_err());
        assert_eq!(decoder.decode(b"*1\r\n$1\r\nb\r\n", &small_limits()), Ok(Some(11)));
        assert_eq!(decoder.request(b"*1\r\n$1\r\nb\r\n").len(), 1);
    }

    #[test]
    fn memory_of_a_huge_request_is_given_back() {
        let mut decoder = RequestDecoder::new();
        let mut input = Vec::new();
        encode_request(&mut input, &vec![b"".as_slice(); 100_000]);
        assert_eq!(decoder.decode(&input, &Limits::default()), Ok(Some(input.len())));
        assert_eq!(decoder.request(&input).len(), 100_000);
        decoder.decode(b"PING\n", &Limits::default()).unwrap();
        assert!(decoder.spans.capacity() <= SPANS_KEPT);
    }

    fn requests() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
        let argument = prop::collection::vec(any::<u8>(), 0..40);
        prop::collection::vec(prop::collection::vec(argument, 1..6), 0..6)
    }

    fn encoded(requests: &[Vec<Vec<u8>>]) -> Vec<u8> {
        let mut out = Vec::new();
        for request in requests {
            encode_request(&mut out, &request.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        out
    }

    proptest! {
        #[test]
        fn encoded_requests_decode_to_themselves(requests in requests(), step in 1usize..50) {
            let decoded = decode_in_steps(&encoded(&requests), &Limits::default(), step).unwrap();
            let decoded: Vec<Vec<Vec<u8>>> = decoded
                .iter()
                .map(|request| request.as_request().iter().map(<[u8]>::to_vec).collect())
                .collect();
            prop_assert_eq!(decoded, requests);
        }

        #[test]
        fn mutated_requests_decode_alike_in_any_steps(
            requests in requests(),
            mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            step in 1usize..50,
        ) {
            let mut input = encoded(&requests);
            for (index, byte) in mutations {
                if !input.is_empty() {
                    let place = index.index(input.len());
                    input[place] = byte;
                }
            }
            let limits = small_limits();
            prop_assert_eq!(decode_in_steps(&input, &limits, step), decode_all(&input, &limits));
        }

        #[test]
        fn random_bytes_decode_alike_in_any_steps(
            input in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(b"*$\r\n\"'\\x0123-".to_vec())],
                0..200,
            ),
            step in 1usize..50,
        ) {
            let limits = small_limits();
            prop_assert_eq!(decode_in_steps(&input, &limits, step), decode_all(&input, &limits));
        }
    }
}
