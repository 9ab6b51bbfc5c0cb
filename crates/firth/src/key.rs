//! Names of keys that belong together.

use std::sync::Arc;

/// Returns the name of a key that lives on the same node of a Cluster as another one.
///
/// Beside `orders` it is `{orders}:suffix`, and beside `{shop}:orders`, which has a hash tag already,
/// `{shop}:orders:suffix`.
pub(crate) fn beside(key: &str, suffix: &str) -> Arc<str> {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    match tag {
        Some((tag, _)) if !tag.is_empty() => format!("{key}:{suffix}").into(),
        _ => format!("{{{key}}}:{suffix}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_tag_is_made_or_kept() {
        assert_eq!(&*beside("orders", "index"), "{orders}:index");
        assert_eq!(&*beside("{shop}:orders", "index"), "{shop}:orders:index");
        assert_eq!(&*beside("a{shop}", "index"), "a{shop}:index");
    }
}
