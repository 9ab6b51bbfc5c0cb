//! One breach of one rule, at one place.

use std::fmt;
use std::path::PathBuf;

/// The rules that a file can break and that the table of exceptions can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Address,
    CommandsDoc,
    Edge,
    Exception,
    ModuleDoc,
    Name,
    Size,
    Word,
}

/// A breach; printed as `path:line: what is wrong`, which editors turn into a link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    pub(crate) path: PathBuf,
    /// Counted from one; zero when the whole file is meant.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}
