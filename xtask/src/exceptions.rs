//! The only place where a breach of a rule is allowed, each with its reason.
//!
//! An entry that no longer matches anything is itself a finding, so that the table cannot outlive
//! what it excuses.

use std::path::{Path, PathBuf};

use crate::finding::{Finding, Rule};

/// One allowed breach.
#[derive(Debug)]
pub(crate) struct Exception {
    pub(crate) rule: Rule,
    pub(crate) path: &'static str,
    /// A part of the finding's message, such as the function's name.
    pub(crate) about: &'static str,
    pub(crate) reason: &'static str,
}

/// What is allowed today.
pub(crate) const TABLE: &[Exception] = &[];

/// Removes the findings that `table` allows, and adds one for each entry that is of no use.
pub(crate) fn apply(table: &[Exception], findings: Vec<Finding>) -> Vec<Finding> {
    let stale = table.iter().filter(|e| !findings.iter().any(|f| e.covers(f)));
    let stale: Vec<Finding> = stale.map(Exception::stale).collect();
    let kept = findings.into_iter().filter(|f| !table.iter().any(|e| e.covers(f)));
    kept.chain(stale).collect()
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && Path::new(self.path) == finding.path
            && finding.message.contains(self.about)
    }

    fn stale(&self) -> Finding {
        let message = format!("the exception for `{}` ({}) is unused", self.about, self.reason);
        Finding { rule: Rule::Exception, path: PathBuf::from(self.path), line: 0, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW_RUN: Exception =
        Exception { rule: Rule::Size, path: "a.rs", about: "`run`", reason: "one long table" };

    fn finding(path: &str, message: &str) -> Finding {
        Finding { rule: Rule::Size, path: path.into(), line: 1, message: message.into() }
    }

    #[test]
    fn covers_only_what_it_names() {
        let findings = || vec![finding("a.rs", "`run` is long"), finding("b.rs", "`run` is long")];
        assert_eq!(apply(&[], findings()), findings());
        assert_eq!(apply(&[ALLOW_RUN], findings()), [finding("b.rs", "`run` is long")]);
    }

    #[test]
    fn unused_entry_is_reported() {
        let left = apply(&[ALLOW_RUN], Vec::new());
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].rule, Rule::Exception);
    }
}
