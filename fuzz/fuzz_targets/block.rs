//! Whatever a frame of a block file holds behind a checksum that is right, its block is unpacked
//! or called damaged; and whatever a block holds, going through its entries ends.

#![no_main]

#[path = "../inputs/block.rs"]
mod block;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    block::feed(data);
});
