//! Sources are ASCII, and nothing is left for later inside them.
//!
//! A character that looks like another one hides mistakes; a note to oneself belongs to the list of
//! work, where somebody will see it.

use crate::finding::{Finding, Rule};
use crate::source::{Source, words};

/// Put together here, so that this file does not contain what it looks for.
const NOTES: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];
const UNFINISHED: [&str; 2] = [concat!("to", "do!"), concat!("unimple", "mented!")];

/// Finds characters outside ASCII, notes to oneself and unfinished code.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, (text, code)) in (1..).zip(source.text.lines().zip(source.code.lines())) {
        let complaints = [foreign(text), note(text), unfinished(code)].into_iter().flatten();
        findings.extend(complaints.map(|message| source.finding(Rule::Word, line, message)));
    }
    findings
}

fn foreign(text: &str) -> Option<String> {
    let c = text.chars().find(|c| !c.is_ascii())?;
    Some(format!("U+{:04X} is not ASCII; write it as an escape", u32::from(c)))
}

fn note(text: &str) -> Option<String> {
    let (_, word) = words(text).into_iter().find(|(_, word)| NOTES.contains(&word.as_str()))?;
    Some(format!("{word} in a source; do it, or put it on the list of work"))
}

fn unfinished(code: &str) -> Option<String> {
    let word = UNFINISHED.iter().find(|word| code.contains(*word))?;
    Some(format!("{word} in a source"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_lines(text: &str, expect: &[usize]) {
        let lines: Vec<usize> =
            check(&Source::new("src/a.rs", text)).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expect, "{text}");
    }

    #[test]
    fn ascii_only() {
        check_lines("a\n// na\u{ef}ve\n\"\u{2014}\"", &[2, 3]);
        check_lines("\"\\u{2014}\"", &[]);
    }

    #[test]
    fn notes_are_whole_words() {
        let [fix, mark] = NOTES;
        check_lines(&format!("// {fix}: later\nlet a = 1; // {mark}"), &[1, 2]);
        check_lines(&format!("let a = \"{mark}{mark}\"; // NX, XX"), &[]);
    }

    #[test]
    fn unfinished_code_but_not_its_mention() {
        let [todo, _] = UNFINISHED;
        check_lines(&format!("fn f() {{ {todo}() }}"), &[1]);
        check_lines(&format!("// {todo}() panics"), &[]);
    }
}
