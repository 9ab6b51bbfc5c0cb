//! A file fits in the head, a function fits on a screen.

use crate::finding::{Finding, Rule};
use crate::source::{Function, Source};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Finds files and functions that are too long. Tests may be as long as they like.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    if !source.is_module() {
        return Vec::new();
    }
    let mut findings: Vec<Finding> = file(source).into_iter().collect();
    findings.extend(source.functions().iter().filter_map(|f| function(source, f)));
    findings
}

fn file(source: &Source) -> Option<Finding> {
    let total = source.text.lines().count();
    let lines = (1..=total).filter(|&line| !source.is_test(line)).count();
    let message = format!("{lines} lines without the tests, more than {FILE_LINES_MAX}");
    (lines > FILE_LINES_MAX).then(|| source.finding(Rule::Size, 0, message))
}

fn function(source: &Source, function: &Function) -> Option<Finding> {
    let Function { name, lines } = function;
    let len = lines.end() - lines.start() + 1;
    let message = format!("`{name}` has {len} lines, more than {FUNCTION_LINES_MAX}");
    let long = len > FUNCTION_LINES_MAX && !source.is_test(*lines.start());
    long.then(|| source.finding(Rule::Size, *lines.start(), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_lines(path: &str, text: &str, expect: &[usize]) {
        let lines: Vec<usize> =
            check(&Source::new(path, text)).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expect);
    }

    fn function_of(lines: usize) -> String {
        format!("fn f() {{\n{}}}\n", "x;\n".repeat(lines - 2))
    }

    #[test]
    fn functions() {
        check_lines("src/a.rs", &function_of(70), &[]);
        check_lines("src/a.rs", &format!("\n{}", function_of(71)), &[2]);
        check_lines("tests/a.rs", &function_of(71), &[]);
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n{}}}", function_of(71));
        check_lines("src/a.rs", &in_tests, &[]);
    }

    #[test]
    fn files() {
        check_lines("src/a.rs", &"x;\n".repeat(500), &[]);
        check_lines("src/a.rs", &"x;\n".repeat(501), &[0]);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x;\n".repeat(501));
        check_lines("src/a.rs", &format!("{}{tests}", "x;\n".repeat(500)), &[]);
        check_lines("src/a.rs", &format!("{tests}{}", "x;\n".repeat(501)), &[0]);
    }
}
