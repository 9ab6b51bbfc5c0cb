//! Every module says at its top what it is and why it exists.

use crate::finding::{Finding, Rule};
use crate::source::Source;

/// Finds files whose first line is not a module comment.
pub(crate) fn check(source: &Source) -> Option<Finding> {
    let first = source.text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty());
    let message = "the file must begin with a `//!` line saying what it is";
    (!says).then(|| source.finding(Rule::ModuleDoc, 1, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_is_the_comment() {
        let passes = |text: &str| check(&Source::new("src/a.rs", text)).is_none();
        assert!(passes("//! Streams.\n"));
        assert!(!passes("//!\n"));
        assert!(!passes("// Streams.\n"));
        assert!(!passes("use a;\n//! Streams.\n"));
        assert!(!passes(""));
    }
}
