//! Replies decode alike whole and in pieces, and the scanner counts what the decoder builds.
//!
//! The first byte of the input is the length of the pieces, the rest is what a server sends.

#![no_main]

use firth_resp::{ProtocolError, ReplyDecoder, ReplyScanner, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [step, input @ ..] = data else { return };
    let step = usize::from(*step).max(1);
    let whole = decode(input, input.len().max(1));
    // As text, since a NaN is not equal to itself.
    assert_eq!(format!("{whole:?}"), format!("{:?}", decode(input, step)));

    let scanned = scan(input, step);
    assert_eq!(scanned, scan(input, input.len().max(1)));
    if let Ok(values) = whole {
        let pushes = values.iter().filter(|value| matches!(value, Value::Push(_))).count() as u64;
        let errors = values.iter().filter(|value| value.is_error()).count() as u64;
        assert_eq!(scanned, Ok((values.len() as u64 - pushes, errors, pushes)));
    }
});

fn decode(input: &[u8], step: usize) -> Result<Vec<Value>, ProtocolError> {
    let mut decoder = ReplyDecoder::new();
    let mut values = Vec::new();
    let (mut from, mut to) = (0, 0);
    loop {
        match decoder.decode(&input[from..to])? {
            Some((value, used)) => {
                values.push(value);
                from += used;
            }
            None if to == input.len() => return Ok(values),
            None => to = input.len().min(to + step),
        }
    }
}

/// Counts replies, errors among them, and pushes.
fn scan(input: &[u8], step: usize) -> Result<(u64, u64, u64), ProtocolError> {
    let mut scanner = ReplyScanner::new();
    for chunk in input.chunks(step) {
        scanner.feed(chunk)?;
    }
    Ok((scanner.replies(), scanner.errors(), scanner.pushes()))
}
