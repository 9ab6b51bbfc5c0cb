//! What is answered where there is no such group.

use crate::reply_error::{ReplyError, printable};

/// How much of a name is shown.
const SHOWN_BYTES_MAX: usize = 1024;

fn shown(name: &[u8]) -> String {
    printable(name, SHOWN_BYTES_MAX)
}

/// Neither the key nor the group may be missing.
pub(super) fn no_key_or_group(key: &[u8], group: &[u8]) -> ReplyError {
    let (key, group) = (shown(key), shown(group));
    ReplyError::new(format!("NOGROUP No such key '{key}' or consumer group '{group}'"))
}

/// The same, for XREADGROUP.
pub(super) fn no_key_or_group_to_read(key: &[u8], group: &[u8]) -> ReplyError {
    let (key, group) = (shown(key), shown(group));
    ReplyError::new(format!(
        "NOGROUP No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP option"
    ))
}

/// The key is there, but not the group.
pub(super) fn no_group_of_key(key: &[u8], group: &[u8]) -> ReplyError {
    let (key, group) = (shown(key), shown(group));
    ReplyError::new(format!("NOGROUP No such consumer group '{group}' for key name '{key}'"))
}
