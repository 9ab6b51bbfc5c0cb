//! The patterns of KEYS and SCAN.

use firth_engine::pubsub::glob;

/// Says whether a key matches a pattern. A lone `*` matches every key, the empty one too, which
/// the pattern language itself does not say.
pub(super) fn matches(pattern: &[u8], key: &[u8]) -> bool {
    pattern == b"*" || glob::matches(pattern, key)
}
