//! Whatever a checkpoint holds behind checksums that are right, it loads or is called unsound, and
//! what has loaded can be read.

#![no_main]

#[path = "../inputs/checkpoint.rs"]
mod checkpoint;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    checkpoint::feed(data);
});
