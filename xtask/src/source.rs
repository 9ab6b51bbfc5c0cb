//! A Rust source file: its text, its code without comments and strings, and which of its lines
//! are tests.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::finding::{Finding, Rule};
use crate::lexer::{is_word, mask};

/// A file of Rust, with its path from the repository's root.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// The text with comments and strings blanked out, line for line.
    pub(crate) code: String,
    /// Lines, counted from one, of items under `#[cfg(test)]`.
    tests: Vec<RangeInclusive<usize>>,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) lines: RangeInclusive<usize>,
}

impl Source {
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = mask(&text);
        let tests = if is_test_file(&path) || code.contains("#![cfg(test)]") {
            vec![1..=usize::MAX]
        } else {
            test_items(&code)
        };
        Self { path, text, code, tests }
    }

    /// Tells whether a line, counted from one, belongs to tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|lines| lines.contains(&line))
    }

    /// Tells whether the file is part of a crate's or of xtask's own code.
    pub(crate) fn is_module(&self) -> bool {
        self.path.components().any(|part| part.as_os_str() == "src")
    }

    /// Every function with a body, in the order in which they begin.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let chars: Vec<char> = self.code.chars().collect();
        let words = words(&self.code);
        let pairs = words.iter().zip(words.iter().skip(1));
        pairs
            .filter(|((_, keyword), _)| keyword == "fn")
            .filter(|((from, _), (to, _))| chars[from + 2..*to].iter().all(|c| c.is_whitespace()))
            .filter_map(|((from, _), (_, name))| {
                let end = item_end(&chars, *from);
                let body = chars.get(end) == Some(&'}');
                body.then(|| Function { name: name.clone(), lines: lines(&chars, *from, end) })
            })
            .collect()
    }

    pub(crate) fn finding(&self, rule: Rule, line: usize, message: impl Into<String>) -> Finding {
        Finding { rule, path: self.path.clone(), line, message: message.into() }
    }
}

/// The words of a text, each with the place of its first character.
pub(crate) fn words(text: &str) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (at, c) in text.chars().enumerate() {
        match words.last_mut() {
            Some((_, word)) if inside && is_word(c) => word.push(c),
            _ if is_word(c) => words.push((at, c.into())),
            _ => {}
        }
        inside = is_word(c);
    }
    words
}

fn is_test_file(path: &Path) -> bool {
    let in_folder = path.components().any(|part| part.as_os_str() == "tests");
    in_folder || path.file_name().is_some_and(|name| name == "tests.rs")
}

fn test_items(code: &str) -> Vec<RangeInclusive<usize>> {
    let chars: Vec<char> = code.chars().collect();
    let marks: [Vec<char>; 2] =
        ["#[cfg(test)]", "#[cfg(all(test"].map(|mark| mark.chars().collect());
    let starts = (0..chars.len()).filter(|&at| marks.iter().any(|m| chars[at..].starts_with(m)));
    starts.map(|at| lines(&chars, at, item_end(&chars, at))).collect()
}

/// The place of the `;` or of the closing brace that ends the item beginning at `from`.
fn item_end(chars: &[char], from: usize) -> usize {
    let (mut round_or_square, mut curly) = (0_usize, 0_usize);
    for (at, c) in chars.iter().enumerate().skip(from) {
        match c {
            '(' | '[' => round_or_square += 1,
            ')' | ']' => round_or_square = round_or_square.saturating_sub(1),
            '{' => curly += 1,
            '}' if curly <= 1 => return at,
            '}' => curly -= 1,
            ';' if curly == 0 && round_or_square == 0 => return at,
            _ => {}
        }
    }
    chars.len()
}

fn lines(chars: &[char], from: usize, to: usize) -> RangeInclusive<usize> {
    let line = |at: usize| 1 + chars.iter().take(at).filter(|&&c| c == '\n').count();
    line(from)..=line(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions(text: &str) -> Vec<(String, RangeInclusive<usize>)> {
        let functions = Source::new("src/a.rs", text).functions();
        functions.into_iter().map(|f| (f.name, f.lines)).collect()
    }

    #[test]
    fn functions_have_bodies() {
        let text = "trait T { fn none(&self, b: [u8; 2]); }\nfn one() {\n  '{';\n}\n";
        assert_eq!(functions(text), [("one".to_owned(), 2..=4)]);
    }

    #[test]
    fn function_pointers_are_not_functions() {
        assert_eq!(functions("struct S { run: fn(u8) -> u8, fnord: u8 }"), []);
    }

    #[test]
    fn nested_functions_are_found() {
        let text = "fn a(x: [u8; 2]) {\n fn b() { \"}\" }\n}";
        assert_eq!(functions(text), [("a".to_owned(), 1..=3), ("b".to_owned(), 2..=2)]);
    }

    fn check_tests(path: &str, text: &str, expect: &[usize]) {
        let source = Source::new(path, text);
        let found: Vec<usize> =
            (1..=text.lines().count()).filter(|&line| source.is_test(line)).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn lines_of_tests() {
        check_tests("src/a.rs", "a;\n#[cfg(test)]\nmod tests {\n x;\n}\nb;", &[2, 3, 4, 5]);
        check_tests("src/a.rs", "#[cfg(test)]\nmod tests;\nb;", &[1, 2]);
        check_tests("src/a.rs", "// #[cfg(test)]\nb;", &[]);
        check_tests("src/a/tests.rs", "a;\nb;", &[1, 2]);
        check_tests("tests/a.rs", "a;", &[1]);
    }
}
