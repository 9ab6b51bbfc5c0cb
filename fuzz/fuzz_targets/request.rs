//! Requests decode alike whole and in pieces, and what was decoded survives encoding again.
//!
//! The first byte of the input is the length of the pieces, the rest is what a client sends.

#![no_main]

use firth_resp::{Limits, OwnedRequest, ProtocolError, RequestDecoder, encode_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [step, input @ ..] = data else { return };
    let limits = Limits { bulk_len_max: 4096, inline_len_max: 64, ..Limits::default() };
    let whole = decode(input, &limits, input.len().max(1));
    assert_eq!(whole, decode(input, &limits, usize::from(*step).max(1)));

    for request in whole.into_iter().flatten() {
        let arguments: Vec<&[u8]> = request.as_request().iter().collect();
        let mut encoded = Vec::new();
        encode_request(&mut encoded, &arguments);
        let again = decode(&encoded, &Limits::default(), encoded.len());
        assert_eq!(again, Ok(vec![request]));
    }
});

fn decode(input: &[u8], limits: &Limits, step: usize) -> Result<Vec<OwnedRequest>, ProtocolError> {
    let mut decoder = RequestDecoder::new();
    let mut requests = Vec::new();
    let (mut from, mut to) = (0, 0);
    loop {
        let received = &input[from..to];
        match decoder.decode(received, limits)? {
            Some(used) => {
                requests.push(decoder.request(received).to_owned_request());
                from += used;
            }
            None if to == input.len() => return Ok(requests),
            None => to = input.len().min(to + step),
        }
    }
}
