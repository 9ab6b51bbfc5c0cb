//! However the bytes of a log are damaged, it opens with records that were written, each in its
//! place, or says that it is damaged.

#![no_main]

#[path = "../inputs/log.rs"]
mod log;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    log::feed(data);
});
