//! The matcher of patterns agrees with a naive one that tries everything.
//!
//! The first byte of the input is the length of the pattern, which the text follows.

#![no_main]

use firth_engine::pubsub::glob::matches;
use libfuzzer_sys::fuzz_target;

/// Beyond these lengths the naive matcher would take too long.
const PATTERN_LEN_MAX: usize = 16;
const TEXT_LEN_MAX: usize = 12;

fuzz_target!(|data: &[u8]| {
    let [pattern_len, rest @ ..] = data else { return };
    let (pattern, text) = rest.split_at(rest.len().min(usize::from(*pattern_len)));
    let matched = matches(pattern, text);
    if pattern.len() <= PATTERN_LEN_MAX && text.len() <= TEXT_LEN_MAX {
        assert_eq!(matched, matches_naively(pattern, text));
    }
});

enum Element {
    Run,
    Byte(u8),
    OneOf(Vec<(u8, u8)>),
    NoneOf(Vec<(u8, u8)>),
}

impl Element {
    fn takes(&self, byte: u8) -> bool {
        let within =
            |ranges: &[(u8, u8)]| ranges.iter().any(|(low, high)| (*low..=*high).contains(&byte));
        match self {
            Self::Run => false,
            Self::Byte(own) => *own == byte,
            Self::OneOf(ranges) => within(ranges),
            Self::NoneOf(ranges) => !within(ranges),
        }
    }
}

/// As in Redis, the empty text is matched by the empty pattern only.
fn matches_naively(pattern: &[u8], text: &[u8]) -> bool {
    if text.is_empty() { pattern.is_empty() } else { run(&elements(pattern), text) }
}

fn run(elements: &[Element], text: &[u8]) -> bool {
    match elements {
        [] => text.is_empty(),
        [Element::Run, rest @ ..] => (0..=text.len()).any(|skipped| run(rest, &text[skipped..])),
        [element, rest @ ..] => {
            text.split_first().is_some_and(|(byte, text)| element.takes(*byte) && run(rest, text))
        }
    }
}

fn elements(mut pattern: &[u8]) -> Vec<Element> {
    let mut elements = Vec::new();
    loop {
        let (element, rest) = match pattern {
            [] => return elements,
            [b'*', rest @ ..] => (Element::Run, rest),
            [b'?', rest @ ..] => (Element::NoneOf(Vec::new()), rest),
            [b'[', b'^', rest @ ..] => {
                let (ranges, rest) = ranges(rest);
                (Element::NoneOf(ranges), rest)
            }
            [b'[', rest @ ..] => {
                let (ranges, rest) = ranges(rest);
                (Element::OneOf(ranges), rest)
            }
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (Element::Byte(*byte), rest),
        };
        elements.push(element);
        pattern = rest;
    }
}

/// Reads the inside of brackets up to and with the closing one, or to the end.
fn ranges(mut set: &[u8]) -> (Vec<(u8, u8)>, &[u8]) {
    let mut ranges = Vec::new();
    loop {
        let (range, rest) = match set {
            [] => return (ranges, set),
            [b'\\', byte, rest @ ..] => ((*byte, *byte), rest),
            [b']', rest @ ..] => return (ranges, rest),
            [a, b'-', b, rest @ ..] => ((*a.min(b), *a.max(b)), rest),
            [byte, rest @ ..] => ((*byte, *byte), rest),
        };
        ranges.push(range);
        set = rest;
    }
}
