//! Names that say nothing are refused.
//!
//! A type or file whose name could stand over anything collects everything. What it does has a
//! noun of its own: a writer, an index, a clock.

use crate::finding::{Finding, Rule};
use crate::source::{Source, words};

const EMPTY_WORDS: [&str; 9] =
    ["manager", "managers", "helper", "helpers", "util", "utils", "utility", "utilities", "common"];

/// Finds types, modules and files with empty names.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings: Vec<Finding> = file(source).into_iter().collect();
    for (line, code) in (1..).zip(source.code.lines()) {
        let bad = declared(code).filter(|name| empty_word(name).is_some());
        findings.extend(bad.map(|name| source.finding(Rule::Name, line, complaint(&name))));
    }
    findings
}

fn file(source: &Source) -> Option<Finding> {
    let folders = source.path.iter().filter_map(|part| part.to_str());
    let stems = folders.map(|part| part.trim_end_matches(".rs"));
    let bad = stems.into_iter().find(|stem| empty_word(stem).is_some())?;
    Some(source.finding(Rule::Name, 0, complaint(bad)))
}

fn complaint(name: &str) -> String {
    format!("`{name}` is a name that could mean anything")
}

/// The names of the types and modules that a line declares.
fn declared(code: &str) -> impl Iterator<Item = String> {
    let words = words(code);
    let names = words.clone().into_iter().skip(1);
    let pairs = words.into_iter().zip(names);
    pairs.filter(|((_, keyword), _)| is_declaration(keyword)).map(|(_, (_, name))| name)
}

fn is_declaration(keyword: &str) -> bool {
    ["struct", "enum", "trait", "type", "union", "mod"].contains(&keyword)
}

fn empty_word(name: &str) -> Option<String> {
    split(name).into_iter().find(|word| EMPTY_WORDS.contains(&word.as_str()))
}

/// Splits `CamelCase`, `snake_case` and `kebab-case` into lower-case words.
fn split(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in name.chars() {
        if c.is_uppercase() || !c.is_alphanumeric() {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut().filter(|_| c.is_alphanumeric()) {
            last.extend(c.to_lowercase());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_lines(path: &str, text: &str, expect: &[usize]) {
        let lines: Vec<usize> =
            check(&Source::new(path, text)).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expect, "{path}: {text}");
    }

    #[test]
    fn types_and_modules() {
        check_lines("src/a.rs", "pub struct LockManager;\nenum ReadHelper {}", &[1, 2]);
        check_lines("src/a.rs", "mod utils;\npub(crate) mod common { }", &[1, 2]);
        check_lines("src/a.rs", "struct Utilization;\nmod commons_hall;", &[]);
        check_lines("src/a.rs", "// struct LockManager\nlet manager = 1;", &[]);
    }

    #[test]
    fn files() {
        check_lines("crates/x/src/util.rs", "", &[0]);
        check_lines("crates/common/src/a.rs", "", &[0]);
        check_lines("crates/x/tests/server_helper.rs", "", &[0]);
        check_lines("crates/x/src/stream.rs", "", &[]);
    }
}
