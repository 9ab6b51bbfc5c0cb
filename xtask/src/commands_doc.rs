//! The document of the commands is what the program prints, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::finding::{Finding, Rule};
use crate::tree::Tree;

const DOCUMENT: &str = "docs/commands.md";
const GENERATOR: [&str; 7] = ["run", "-q", "-p", "firth-cli", "--", "commands", "--markdown"];

/// Compares the document, if there is one, with what the program prints now.
///
/// # Errors
///
/// When the program cannot be built or run.
pub(crate) fn check(tree: &Tree) -> Result<Option<Finding>> {
    let Ok(document) = fs::read_to_string(tree.root.join(DOCUMENT)) else {
        return Ok(None);
    };
    Ok(difference(&document, &generated(&tree.root)?))
}

fn generated(root: &Path) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(GENERATOR).current_dir(root).output();
    let output = output.context("running the program")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn difference(document: &str, generated: &str) -> Option<Finding> {
    if document == generated {
        return None;
    }
    let pairs = document.lines().zip(generated.lines());
    let line = 1 + pairs.take_while(|(old, new)| old == new).count();
    let command = GENERATOR.join(" ");
    let message = format!("stale from here; write it anew: cargo {command} > {DOCUMENT}");
    Some(Finding { rule: Rule::CommandsDoc, path: PathBuf::from(DOCUMENT), line, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_difference_is_named() {
        let line = |old, new| difference(old, new).map(|finding| finding.line);
        assert_eq!(line("a\nb\n", "a\nb\n"), None);
        assert_eq!(line("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(line("a\n", "a\nb\n"), Some(2));
        assert_eq!(line("a", "a\n"), Some(2));
    }
}
