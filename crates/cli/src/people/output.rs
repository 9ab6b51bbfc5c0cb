//! What is printed: text for people, or one JSON object a line for programs.
//!
//! What comes from a broker may hold anything, also what a terminal takes for a command. So control characters are
//! written as escapes in text.

use std::fmt::Write as _;
use std::io::{self, BufWriter, ErrorKind, Stdout, Write as _};

use anyhow::Result;
use serde::Serialize;

/// How something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Something that is printed in one line.
pub(crate) trait Line: Serialize {
    /// Returns it for people, with control characters as they are.
    fn text(&self) -> String;
}

/// A row of a table.
pub(crate) trait Row: Serialize {
    /// What the columns are called.
    const HEADS: &'static [&'static str];

    /// Returns what stands in the columns.
    fn cells(&self) -> Vec<String>;
}

/// Something that is shown whole.
pub(crate) trait Record: Serialize {
    /// Returns its parts by name; those that are empty are not shown.
    fn pairs(&self) -> Vec<(&'static str, String)>;
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Output {
    form: Form,
    out: BufWriter<Stdout>,
}

impl Output {
    pub(crate) fn new(form: Form) -> Self {
        Output { form, out: BufWriter::new(io::stdout()) }
    }

    /// Prints a line, and lets whoever waits for it see it.
    pub(crate) fn line(&mut self, line: &impl Line) -> Result<()> {
        match self.form {
            Form::Text => writeln!(self.out, "{}", harmless(&line.text()))?,
            Form::Json => writeln!(self.out, "{}", serde_json::to_string(line)?)?,
        }
        Ok(self.out.flush()?)
    }

    /// Prints a table; in JSON, a line for each row.
    pub(crate) fn table<R: Row>(&mut self, rows: &[R]) -> Result<()> {
        match self.form {
            Form::Text => self.out.write_all(table_of(rows).as_bytes())?,
            Form::Json => {
                for row in rows {
                    writeln!(self.out, "{}", serde_json::to_string(row)?)?;
                }
            }
        }
        Ok(self.out.flush()?)
    }

    /// Prints something whole: a line for each part, or in JSON one for all.
    pub(crate) fn record(&mut self, record: &impl Record) -> Result<()> {
        if self.form == Form::Json {
            writeln!(self.out, "{}", serde_json::to_string(record)?)?;
            return Ok(self.out.flush()?);
        }
        let mut pairs = record.pairs();
        pairs.retain(|(_, value)| !value.is_empty());
        let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in pairs {
            writeln!(self.out, "{name:<width$}  {}", harmless(&value))?;
        }
        Ok(self.out.flush()?)
    }

    /// Prints what only people want to know, such as that there is nothing.
    pub(crate) fn remark(&mut self, text: &str) -> Result<()> {
        if self.form == Form::Text {
            writeln!(self.out, "{}", harmless(text))?;
        }
        Ok(self.out.flush()?)
    }
}

/// Says whether an error is only that nobody reads any more, as in `firth tail orders | head`.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Returns a text without what a terminal could take for a command.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            harmless.extend(character.escape_default());
        } else {
            harmless.push(character);
        }
    }
    harmless
}

/// Numbers are set to the right, everything else to the left.
fn table_of<R: Row>(rows: &[R]) -> String {
    let cells = |row: &R| row.cells().iter().map(|cell| harmless(cell)).collect::<Vec<String>>();
    let body: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let heads: Vec<String> = R::HEADS.iter().map(|&head| head.to_owned()).collect();
    let column = |at: usize| body.iter().filter_map(move |row| row.get(at));
    let width = |at: usize, head: &str| {
        let widths = column(at).map(|cell| cell.chars().count());
        widths.max().unwrap_or(0).max(head.len())
    };
    let is_number = |at: usize| column(at).all(|cell| cell.parse::<f64>().is_ok() || cell == "-");
    let shape: Vec<(usize, bool)> =
        heads.iter().enumerate().map(|(at, head)| (width(at, head), is_number(at))).collect();
    let mut text = String::new();
    for row in std::iter::once(&heads).chain(&body) {
        let mut line = String::new();
        for (cell, (width, is_number)) in row.iter().zip(&shape) {
            _ = match is_number {
                true => write!(line, "{cell:>width$}  "),
                false => write!(line, "{cell:<width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Stock(&'static str, u32);

    impl Row for Stock {
        const HEADS: &'static [&'static str] = &["ITEM", "COUNT"];

        fn cells(&self) -> Vec<String> {
            vec![self.0.to_owned(), self.1.to_string()]
        }
    }

    #[test]
    fn numbers_stand_to_the_right() {
        let text = table_of(&[Stock("tea", 1), Stock("biscuits", 1200)]);
        assert_eq!(text, "ITEM      COUNT\ntea           1\nbiscuits   1200\n");
        assert_eq!(table_of::<Stock>(&[]), "ITEM  COUNT\n");
    }

    #[test]
    fn a_terminal_is_told_nothing() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\n\u{fc}\t"), "a\\u{1b}[2Jb\\r\\n\u{fc}\\t");
        let text = table_of(&[Stock("\u{7}", 1)]);
        assert!(!text.contains('\u{7}'), "{text:?}");
    }

    #[test]
    fn only_a_closed_pipe_is_no_failure() {
        assert!(is_closed_pipe(&anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe))));
        assert!(!is_closed_pipe(&anyhow::Error::from(io::Error::from(ErrorKind::StorageFull))));
        assert!(!is_closed_pipe(&anyhow::anyhow!("no")));
    }
}
