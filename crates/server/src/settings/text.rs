//! How values are read from text and shown as text.

use firth_engine::{EventClass, EventMask};

use crate::config::{OutputLimit, OutputLimits};
use crate::notification::{KEYEVENT, KEYSPACE};

pub(super) fn integer<T>(text: &str, min: i64, max: i64) -> Result<T, String>
where
    T: TryFrom<i64>,
{
    let value: i64 =
        text.trim().parse().map_err(|_| "argument couldn't be parsed into an integer")?;
    let fits = (min..=max).contains(&value).then_some(value);
    fits.and_then(|value| T::try_from(value).ok())
        .ok_or_else(|| format!("argument must be between {min} and {max} inclusive"))
}

/// Reads a number of bytes: digits with a unit such as `kb` (1024) or `k` (1000).
pub(super) fn memory(text: &str) -> Result<usize, String> {
    bytes(text).ok_or_else(|| "argument must be a memory value".to_owned())
}

fn bytes(text: &str) -> Option<usize> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: usize = number.parse().ok()?;
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("argument must be 'yes' or 'no'".to_owned()),
    }
}

pub(super) fn show_flag(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// Reads one of several words.
pub(super) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        format!("argument(s) must be one of the following: {}", words.join(", "))
    })
}

/// Returns the word of a value.
pub(super) fn show_choice<T: Copy + PartialEq>(value: T, choices: &[(&str, T)]) -> String {
    let found = choices.iter().find(|(_, choice)| *choice == value);
    found.map_or(String::new(), |(word, _)| (*word).to_owned())
}

/// Reads the only value that there is.
pub(super) fn only(text: &str, value: &str, reason: &str) -> Result<(), String> {
    if text.eq_ignore_ascii_case(value) { Ok(()) } else { Err(reason.to_owned()) }
}

/// The letters that `A` stands for, in the order in which they are shown. Classes of types that
/// there are none of have bits too, so that a client reads back what it has set.
const CLASSES: [(char, u32); 11] = [
    ('g', EventClass::Generic as u32),
    ('$', EventClass::String as u32),
    ('l', 1 << 16),
    ('s', 1 << 17),
    ('h', 1 << 18),
    ('z', 1 << 19),
    ('x', EventClass::Expired as u32),
    ('e', 1 << 20),
    ('t', EventClass::Stream as u32),
    ('d', 1 << 21),
    ('a', 1 << 22),
];
const ALL_CLASSES: u32 = EventClass::Generic as u32
    | EventClass::String as u32
    | EventClass::Expired as u32
    | EventClass::Stream as u32
    | 0b111_1111 << 16;

/// The letters that `A` does not stand for, which follow it.
const OTHERS: [(char, u32); 6] = [
    ('n', EventClass::New as u32),
    ('o', EventClass::Overwritten as u32),
    ('c', EventClass::TypeChanged as u32),
    ('K', KEYSPACE),
    ('E', KEYEVENT),
    ('m', EventClass::Miss as u32),
];

pub(super) fn events(text: &str) -> Result<EventMask, String> {
    let mut mask = 0;
    for letter in text.chars() {
        let all = [('A', ALL_CLASSES)];
        let mut letters = CLASSES.iter().chain(&all).chain(&OTHERS);
        let found = letters.find(|(known, _)| *known == letter);
        let (_, bits) = found.ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdnoca'.")?;
        mask |= bits;
    }
    Ok(EventMask(mask))
}

pub(super) fn show_events(EventMask(mask): EventMask) -> String {
    let has = |(letter, bits): &(char, u32)| (mask & bits == *bits).then_some(*letter);
    let mut text = String::new();
    if mask & ALL_CLASSES == ALL_CLASSES {
        text.push('A');
    } else {
        text.extend(CLASSES.iter().filter_map(has));
    }
    text.extend(OTHERS.iter().filter_map(has));
    text
}

/// Reads limits of one or several classes; the other classes keep theirs.
pub(super) fn output_limits(text: &str, mut limits: OutputLimits) -> Result<OutputLimits, String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (rows, rest) = words.as_chunks::<4>();
    if rows.is_empty() || !rest.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    for [class, hard, soft, seconds] in rows {
        let limit = match class.to_ascii_lowercase().as_str() {
            "normal" => &mut limits.normal,
            "slave" | "replica" => &mut limits.replica,
            "pubsub" => &mut limits.pubsub,
            _ => {
                let text = "Invalid client class specified in buffer limit configuration.";
                return Err(text.to_owned());
            }
        };
        let invalid = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        *limit = OutputLimit {
            hard_bytes: bytes(hard).ok_or(invalid)?,
            soft_bytes: bytes(soft).ok_or(invalid)?,
            soft_seconds: seconds.parse().map_err(|_| invalid)?,
        };
    }
    Ok(limits)
}

pub(super) fn show_output_limits(limits: &OutputLimits) -> String {
    let classes = [("normal", limits.normal), ("slave", limits.replica), ("pubsub", limits.pubsub)];
    let show = |(class, limit): (&str, OutputLimit)| {
        format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
    };
    classes.map(show).join(" ")
}
