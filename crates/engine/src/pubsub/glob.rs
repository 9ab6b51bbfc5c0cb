//! The pattern language of `PSUBSCRIBE`, `KEYS`, `SCAN MATCH` and `CONFIG GET`.
//!
//! Patterns and texts are bytes; there are no characters wider than one byte and no special
//! treatment of separators.
//!
//! ```text
//! *        any run of bytes, also the empty one
//! ?        any one byte
//! [abc]    one of these bytes             []     no byte at all
//! [^abc]   any byte but these             [^]    any byte
//! [a-z]    a range, inclusive             [z-a]  the same range
//! \x       the byte x, whatever it means otherwise; inside brackets too
//! ```
//!
//! The odd corners are those of Redis, because clients and access rules depend on them:
//!
//! - A set without `]` runs to the end of the pattern.
//! - A backslash that ends the pattern stands for itself.
//! - A range takes the byte after `-` as it is, be it `]` or `\`; an escaped byte cannot begin a
//!   range.
//! - The empty text is matched by the empty pattern only, so that `*` does not match it.
//! - Without regard to case, an escaped byte inside brackets still has to match exactly, and the
//!   ends of a range are put in order before their case is folded.
//!
//! Ranges compare bytes as unsigned numbers on every platform.
//!
//! All elements but `*` consume exactly one byte, so a failed match only ever has to be resumed at
//! the last `*` seen: the time is at most the product of both lengths, whatever the pattern.

use std::borrow::Cow;

/// Tells whether `pattern` matches the whole of `text`.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    run(pattern, text, Case::Exact)
}

/// Tells whether `pattern` matches the whole of `text` when ASCII letters of either case are equal.
#[must_use]
pub fn matches_ignore_case(pattern: &[u8], text: &[u8]) -> bool {
    run(pattern, text, Case::Folded)
}

/// Tells whether `pattern` matches one text only: it has no `*`, `?` or `[` that is not escaped.
///
/// That text is the pattern's [`literal_prefix`].
#[must_use]
pub fn is_literal(pattern: &[u8]) -> bool {
    literal_len(pattern) == pattern.len()
}

/// Returns the bytes with which every text that `pattern` matches begins: what stands before the
/// first `*`, `?` or `[`, escapes resolved.
///
/// Allocates only if there are escapes to resolve.
#[must_use]
pub fn literal_prefix(pattern: &[u8]) -> Cow<'_, [u8]> {
    let (prefix, _) = pattern.split_at(literal_len(pattern));
    if memchr::memchr(b'\\', prefix).is_none() {
        return Cow::Borrowed(prefix);
    }
    let mut literal = Vec::with_capacity(prefix.len());
    let mut rest = prefix;
    while let Some((byte, after)) = split_literal(rest) {
        literal.push(byte);
        rest = after;
    }
    Cow::Owned(literal)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Exact,
    Folded,
}

impl Case {
    fn fold(self, byte: u8) -> u8 {
        match self {
            Self::Exact => byte,
            Self::Folded => byte.to_ascii_lowercase(),
        }
    }

    fn equal(self, a: u8, b: u8) -> bool {
        self.fold(a) == self.fold(b)
    }
}

fn run(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let mut pattern = pattern;
    let mut text = text;
    // What follows the last star, and the text from which that was tried last.
    let mut resume: Option<(&[u8], &[u8])> = None;
    while let Some((&byte, after_byte)) = text.split_first() {
        if let Some((b'*', after_star)) = pattern.split_first() {
            if after_star.is_empty() {
                return true;
            }
            pattern = after_star;
            resume = Some((pattern, text));
        } else if let Some(after_element) = consume(pattern, byte, case) {
            pattern = after_element;
            text = after_byte;
        } else {
            let Some((after_star, [_, later @ ..])) = resume else {
                return false;
            };
            pattern = after_star;
            text = later;
            resume = Some((pattern, text));
        }
    }
    pattern.iter().all(|&byte| byte == b'*')
}

/// Matches `byte` against the first element of `pattern`, which is not a star; returns the pattern
/// after it, or None for no match.
fn consume(pattern: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', b'^', set @ ..] => consume_set(set, byte, case, false),
        [b'[', set @ ..] => consume_set(set, byte, case, true),
        _ => {
            let (literal, rest) = split_literal(pattern)?;
            case.equal(literal, byte).then_some(rest)
        }
    }
}

/// Matches `byte` against the set whose inside begins at `set`; it matches if its being a member is
/// `wanted`.
fn consume_set(set: &[u8], byte: u8, case: Case, wanted: bool) -> Option<&[u8]> {
    let mut set = set;
    let mut member = false;
    let rest = loop {
        set = match set {
            [] => break set,
            [b'\\', escaped, rest @ ..] => {
                member |= *escaped == byte;
                rest
            }
            [b']', rest @ ..] => break rest,
            [from, b'-', to, rest @ ..] => {
                let low = case.fold(*from.min(to));
                let high = case.fold(*from.max(to));
                member |= (low..=high).contains(&case.fold(byte));
                rest
            }
            [single, rest @ ..] => {
                member |= case.equal(*single, byte);
                rest
            }
        };
    };
    (member == wanted).then_some(rest)
}

/// Splits one literal byte off, which is the second one if the first is a backslash.
fn split_literal(pattern: &[u8]) -> Option<(u8, &[u8])> {
    match pattern {
        [] => None,
        [b'\\', escaped, rest @ ..] => Some((*escaped, rest)),
        [byte, rest @ ..] => Some((*byte, rest)),
    }
}

/// The number of pattern bytes before the first one that is special.
fn literal_len(pattern: &[u8]) -> usize {
    let mut rest = pattern;
    while !matches!(rest, [b'*' | b'?' | b'[', ..]) {
        let Some((_, after)) = split_literal(rest) else {
            break;
        };
        rest = after;
    }
    pattern.len() - rest.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// Pattern, texts that it matches, texts that it does not: the verdicts of a Redis 7.0 server.
    const VERDICTS: &[(&str, &[&str], &[&str])] = &[
        ("a", &["a"], &["b", "A", "aa", ""]),
        ("", &[""], &["a"]),
        ("*", &["a", "abc"], &[]),
        ("**", &["a"], &[""]),
        ("a*", &["a", "ab"], &["ba", "b"]),
        ("*a", &["a", "ba"], &["ab", "aab"]),
        ("a**", &["a", "abb"], &[]),
        ("a*b", &["ab", "aab", "acb"], &["abc", "a", "b"]),
        ("*a*", &["a", "bab"], &["bb"]),
        ("a*b*c", &["abc", "axbxc", "aabbcc"], &["abcb", "acb"]),
        ("a*a", &["aa", "aba"], &["a", "ab"]),
        ("?", &["a"], &["ab"]),
        ("??", &["ab"], &["a"]),
        ("?*", &["a", "ab"], &[]),
        ("*?", &["a", "ab"], &[]),
        ("a?c", &["abc", "a*c"], &["ac"]),
        ("[ab]", &["a", "b"], &["c", "ab", "["]),
        ("[^ab]", &["c", "^"], &["a", "b"]),
        ("[ab^]", &["^", "a"], &[]),
        ("[^^]", &["a"], &["^"]),
        ("[a-c]", &["a", "b", "c"], &["d", "-"]),
        ("[c-a]", &["a", "b", "c"], &["d", "-"]),
        ("[^c-a]", &["d"], &["b"]),
        ("[a-c-e]", &["b", "-", "e"], &["d"]),
        ("[-a]", &["-", "a"], &["b"]),
        ("[a-]", &["a", "]"], &["-"]),
        ("[a-]b]", &["a", "]", "^", "_"], &["b-"]),
        ("[a-", &["a", "-"], &["b"]),
        ("[", &[], &["[", "a"]),
        ("[^", &["a", "^", "["], &[]),
        ("[^]", &["a", "]"], &[]),
        ("[]", &[], &["a", "]", "[]"]),
        ("[]a]", &[], &["a", "]", "a]", "]a]"]),
        ("[^]a]", &["ba]", "xa]"], &["a", "]"]),
        ("[ab", &["a", "b"], &["c", "ab"]),
        ("[^ab", &["c"], &["a"]),
        ("a[bc", &["ab", "ac"], &["a", "abc"]),
        ("[a-c", &["b"], &["d"]),
        ("[a-c*", &["b", "*"], &["d", "bz"]),
        ("[ab*", &["a", "*"], &["ax"]),
        ("[*]", &["*"], &["a"]),
        ("[?]", &["?"], &["a"]),
        ("[[]", &["["], &["a"]),
        (r"[\]]", &["]"], &[r"\", "a"]),
        (r"[\]", &["]"], &[r"\", "a"]),
        (r"[a\]b]", &["a", "]", "b"], &[r"\"]),
        (r"[\^a]", &["^", "a"], &[r"\"]),
        (r"[^\^]", &["a"], &["^"]),
        (r"[a\-c]", &["a", "-", "c"], &["b"]),
        (r"[\a-c]", &["a", "-", "c"], &["b"]),
        (r"[a-\c]", &["a", r"\", "]", "_", "c"], &["b"]),
        (r"[\\]", &[r"\"], &["a"]),
        (r"[\", &[r"\"], &["a"]),
        (r"[a\", &["a", r"\"], &[]),
        (r"[^\", &["a"], &[r"\"]),
        (r"\", &[r"\"], &["a"]),
        (r"\\", &[r"\"], &[r"\\", "a"]),
        (r"a\", &[r"a\"], &["a"]),
        (r"\*", &["*"], &["a", r"\*"]),
        (r"\?", &["?"], &["a", r"\?"]),
        (r"\[a]", &["[a]"], &["a"]),
        (r"\a", &["a"], &[r"\a"]),
        (r"a\*b", &["a*b"], &["ab", "axb"]),
        (r"*\", &[r"a\", r"\"], &["a"]),
        (r"*\*", &["a*", "*"], &["a"]),
        ("a]", &["a]"], &["a"]),
        ("]", &["]"], &["a"]),
        ("a-b", &["a-b"], &["ab"]),
        ("a[^b]*[x-z]?", &["acxa", "aczz", "acqxq"], &["abzz", "acz"]),
        ("*[ab]c", &["ac", "bac"], &["aacc", "ab"]),
        ("*[^a]*a", &["ba", "aba"], &["aa", "abab"]),
        ("h[a-]llo", &[], &["hallo", "h-llo", "hello"]),
        ("news.*", &["news.", "news.art"], &["news", "newsx"]),
        ("*.*.c", &["a.b.c", "..c"], &["a.c"]),
    ];

    /// The same without regard to case.
    const FOLDED_VERDICTS: &[(&str, &[&str], &[&str])] = &[
        ("XaCk", &["xack", "XACK"], &["xac"]),
        ("[X]aC*k", &["xack"], &["back"]),
        ("xa[^C]k", &["xadk"], &["xack", "xaCk"]),
        (r"xa\CK", &["xack", "xaCk"], &[r"xa\ck"]),
        (r"xa[\C]k", &["xaCk"], &["xack"]),
        (r"xa[\c]k", &["xack"], &["xaCk"]),
        ("xa[A-D]k", &["xack", "xaCk"], &["xaek"]),
        ("xa[A-d]k", &["xack", "xaCk"], &["xaek"]),
        // The lower end is the capital; folded, it is above the other end.
        ("xa[a-D]k", &[], &["xaak", "xack", "xadk"]),
    ];

    fn check(matches: fn(&[u8], &[u8]) -> bool, verdicts: &[(&str, &[&str], &[&str])]) {
        for (pattern, yes, no) in verdicts {
            for text in *yes {
                assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
            }
            for text in *no {
                assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} not {text}");
            }
        }
    }

    #[test]
    fn verdicts_are_those_of_redis() {
        check(matches, VERDICTS);
    }

    #[test]
    fn folded_verdicts_are_those_of_redis() {
        check(matches_ignore_case, FOLDED_VERDICTS);
    }

    #[test]
    fn ranges_compare_unsigned() {
        assert!(matches(b"[\x80-\xff]", b"\xc3"));
        assert!(matches(b"[a-\xff]", b"\xc3"));
        assert!(!matches(b"[a-\xff]", b"A"));
    }

    #[test]
    fn adversarial_patterns_end() {
        let text = vec![b'a'; 20_000];
        let stars = b"a*".repeat(2_000);
        assert!(matches(&stars, &text));
        assert!(!matches(&[&stars[..], b"b"].concat(), &text));
        assert!(!matches(&[&b"*a".repeat(2_000)[..], b"b"].concat(), &text));
        assert!(!matches(&[&b"*[^b]?".repeat(500)[..], b"b"].concat(), &text));
        assert!(matches(&b"*".repeat(200_000), &text));
    }

    #[test]
    fn prefixes() {
        let cases: &[(&str, &str, bool)] = &[
            ("", "", true),
            ("news", "news", true),
            ("news.*", "news.", false),
            ("n?ws", "n", false),
            ("ne[w]s", "ne", false),
            ("*", "", false),
            ("a]b^c-d", "a]b^c-d", true),
            (r"a\*b", "a*b", true),
            (r"a\*b*", "a*b", false),
            (r"\a\\*", r"a\", false),
            (r"a\", r"a\", true),
            (r"\", r"\", true),
        ];
        for &(pattern, prefix, literal) in cases {
            assert_eq!(&*literal_prefix(pattern.as_bytes()), prefix.as_bytes(), "{pattern}");
            assert_eq!(is_literal(pattern.as_bytes()), literal, "{pattern}");
        }
    }

    /// The language once more, as plainly as can be: tries every length for every star.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            (_, []) => false,
            ([b'?', rest @ ..], [_, later @ ..]) => naive(rest, later),
            ([b'[', ..], [byte, later @ ..]) => {
                let (members, rest) = naive_set(&pattern[1..]);
                members[usize::from(*byte)] && naive(rest, later)
            }
            ([b'\\', literal, rest @ ..], [byte, later @ ..])
            | ([literal, rest @ ..], [byte, later @ ..]) => literal == byte && naive(rest, later),
        }
    }

    /// Which bytes a set has, and what follows it.
    fn naive_set(pattern: &[u8]) -> ([bool; 256], &[u8]) {
        let negated = pattern.first() == Some(&b'^');
        let mut at = usize::from(negated);
        let mut members = [negated; 256];
        while at < pattern.len() && pattern[at] != b']' {
            let left = pattern.len() - at;
            let (from, to, length) = if pattern[at] == b'\\' && left >= 2 {
                (pattern[at + 1], pattern[at + 1], 2)
            } else if left >= 3 && pattern[at + 1] == b'-' {
                (pattern[at].min(pattern[at + 2]), pattern[at].max(pattern[at + 2]), 3)
            } else {
                (pattern[at], pattern[at], 1)
            };
            members[usize::from(from)..=usize::from(to)].fill(!negated);
            at += length;
        }
        (members, &pattern[pattern.len().min(at + 1)..])
    }

    fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(&b"ab*?[]^-\\\xff"[..]), 0..=max)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn agrees_with_naive(pattern in bytes(9), text in bytes(6)) {
            let expect = if text.is_empty() { pattern.is_empty() } else { naive(&pattern, &text) };
            prop_assert_eq!(matches(&pattern, &text), expect);
        }

        #[test]
        fn escaped_text_matches_itself(text in bytes(12), other in bytes(12)) {
            let escaped: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
            prop_assert!(matches(&escaped, &text));
            prop_assert!(is_literal(&escaped));
            prop_assert_eq!(&*literal_prefix(&escaped), &text[..]);
            prop_assert_eq!(matches(&escaped, &other), text == other);
        }

        #[test]
        fn matching_texts_begin_with_the_prefix(pattern in bytes(6), text in bytes(6)) {
            if matches(&pattern, &text) {
                prop_assert!(text.starts_with(&literal_prefix(&pattern)));
            }
        }
    }
}
