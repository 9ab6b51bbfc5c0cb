//! Whatever a record holds, it decodes to effects or to an error that names a place in it.

#![no_main]

use firth_engine::verify;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match verify(data) {
        // Every effect takes a byte at least.
        Ok(effects) => assert!(effects <= data.len()),
        Err(error) => {
            assert!(error.offset <= data.len());
            // What stands before the flaw has been read, and has none of its own but that it ends.
            let before = verify(&data[..error.offset]);
            assert!(before.err().is_none_or(|earlier| earlier.offset <= error.offset));
        }
    }
});
