//! Checks of Firth's own rules: `cargo run -p xtask -- tidy`.
//!
//! What a reviewer would have to remember is executed instead: who may import whom, how long a file
//! and a function may be, which words, names and addresses stay out of the tree. Each rule is one
//! file. The same checks run as tests of this crate, so that `cargo nextest run` includes them.

mod addresses;
mod commands_doc;
mod edges;
mod exceptions;
mod finding;
mod lexer;
mod module_docs;
mod names;
mod sizes;
mod source;
mod tree;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;

use crate::finding::Finding;
use crate::tree::Tree;

const USAGE: &str = "usage: cargo run -p xtask -- tidy";

fn main() -> Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout().lock();
    if args != ["tidy"] {
        writeln!(out, "{USAGE}")?;
        return Ok(ExitCode::FAILURE);
    }
    let findings = tidy(&Tree::read()?)?;
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    if findings.is_empty() {
        writeln!(out, "tidy: nothing to say")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "tidy: {} findings; STYLE.md gives the reasons of the rules", findings.len())?;
    Ok(ExitCode::FAILURE)
}

/// Runs every rule over the tree.
fn tidy(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = edges::check(tree)?;
    findings.extend(tidy_files(tree));
    findings.extend(commands_doc::check(tree)?);
    Ok(findings)
}

/// Runs the rules that need nothing but the files, and takes out what the table of exceptions
/// allows.
fn tidy_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        findings.extend(sizes::check(source));
        findings.extend(words::check(source));
        findings.extend(names::check(source));
        findings.extend(module_docs::check(source));
    }
    for text in &tree.texts {
        findings.extend(addresses::check(text));
    }
    exceptions::apply(exceptions::TABLE, findings)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn assert_none(findings: &[Finding]) {
        let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn the_repository_keeps_the_crate_edges() {
        assert_none(&edges::check(&Tree::read().unwrap()).unwrap());
    }

    #[test]
    fn the_repository_keeps_the_rules_for_files() {
        let tree = Tree::read().unwrap();
        let own = std::path::Path::new("xtask/src/main.rs");
        assert!(tree.sources.iter().any(|source| source.path == own), "the walk finds sources");
        assert_none(&tidy_files(&tree));
    }

    #[test]
    fn the_document_of_commands_is_fresh() {
        assert_none(commands_doc::check(&Tree::read().unwrap()).unwrap().as_slice());
    }
}
