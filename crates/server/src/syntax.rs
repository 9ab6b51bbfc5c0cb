//! The arguments of a command as a tree, read from the line that documentation shows.
//!
//! ```text
//! key [NX | XX] <MAXLEN | MINID> COUNT count id [id ...]
//!  |      |             |            |          |
//!  name   optional      one of       token      may be repeated
//! ```
//!
//! Words without small letters stand for themselves; others are names of what is given.
//! COMMAND DOCS returns the tree, from which redis-cli makes its hints.

/// An argument, or several that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// What it is called.
    pub name: String,
    /// The word in front of it, or the word that it is.
    pub token: Option<String>,
    /// What it is.
    pub kind: ArgumentKind,
    /// Whether it may be left out.
    pub is_optional: bool,
    /// Whether it may be given more than once.
    pub is_multiple: bool,
    /// Whether its word is given each time.
    pub repeats_token: bool,
    /// What it is made of.
    pub parts: Vec<Argument>,
    /// The text that it was read from, by which repetition is recognised.
    source: String,
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Bytes with a meaning of their own.
    Value,
    /// A word that stands for itself.
    Token,
    /// One of the parts.
    OneOf,
    /// All of the parts, in order.
    Block,
}

/// Reads the arguments.
pub fn parse(syntax: &str) -> Vec<Argument> {
    let spaced: String = syntax.chars().fold(String::new(), |mut out, c| {
        if "[]<>|".contains(c) {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
        out
    });
    let words: Vec<&str> = spaced.split_ascii_whitespace().collect();
    Parser { words: &words, next: 0 }.sequence().0
}

struct Parser<'a> {
    words: &'a [&'a str],
    next: usize,
}

/// What is in brackets: alternatives, each with its arguments.
struct Group {
    alternatives: Vec<Vec<Argument>>,
    /// Whether `...` ends it.
    repeats: bool,
    source: String,
}

impl Parser<'_> {
    fn take(&mut self) -> Option<&str> {
        let word = self.words.get(self.next).copied();
        self.next += usize::from(word.is_some());
        word
    }

    /// Reads up to the end, a closing bracket or a bar; tells whether `...` was the last word.
    fn sequence(&mut self) -> (Vec<Argument>, bool) {
        let mut arguments = Vec::new();
        let mut repeats = false;
        while let Some(&word) = self.words.get(self.next) {
            if matches!(word, "]" | ">" | "|") {
                break;
            }
            self.next += 1;
            repeats = word == "...";
            match word {
                "..." => {}
                "[" => {
                    let group = self.group("]");
                    add_optional(&mut arguments, group);
                }
                "<" => arguments.push(self.group(">").into_argument()),
                word if is_literal(word) => arguments.push(self.tokened(word.to_owned())),
                name => arguments.push(Argument::new(ArgumentKind::Value, name)),
            }
        }
        (arguments, repeats)
    }

    /// Reads what stands behind a word that stands for itself.
    fn tokened(&mut self, token: String) -> Argument {
        let mut argument = match self.words.get(self.next).copied() {
            Some("<") => {
                self.next += 1;
                self.group(">").into_argument()
            }
            Some(name) if name.contains(|c: char| c.is_ascii_lowercase()) => {
                self.next += 1;
                Argument::new(ArgumentKind::Value, name)
            }
            _ => Argument::new(ArgumentKind::Token, &token.to_ascii_lowercase()),
        };
        argument.source = format!("{token} {}", argument.source);
        argument.token = Some(token);
        argument
    }

    fn group(&mut self, end: &str) -> Group {
        let start = self.next;
        let (first, mut repeats) = self.sequence();
        let mut alternatives = vec![first];
        while self.words.get(self.next) == Some(&"|") {
            self.next += 1;
            let (alternative, ends_repeating) = self.sequence();
            alternatives.push(alternative);
            repeats = ends_repeating;
        }
        let source = self.words.get(start..self.next).unwrap_or_default().join(" ");
        let closing = self.take();
        debug_assert_eq!(closing, Some(end), "brackets match");
        Group { alternatives, repeats, source }
    }
}

fn is_literal(word: &str) -> bool {
    !word.contains(|c: char| c.is_ascii_lowercase())
}

/// Adds what stands in square brackets, which may be a repetition of what came before.
fn add_optional(arguments: &mut Vec<Argument>, group: Group) {
    let count = group.alternatives.first().map_or(0, Vec::len);
    if group.repeats
        && let [repeated] = group.alternatives.as_slice()
        && let Some(start) = arguments.len().checked_sub(count)
        && arguments.get(start..).is_some_and(|last| is_same(last, repeated))
    {
        let has_token = repeated.first().is_some_and(|argument| argument.token.is_some());
        let mut argument = into_one(arguments.split_off(start));
        argument.is_multiple = true;
        argument.repeats_token = has_token;
        arguments.push(argument);
        return;
    }
    let repeats = group.repeats;
    let mut argument = group.into_argument();
    argument.is_optional = true;
    argument.is_multiple |= repeats;
    arguments.push(argument);
}

/// A token in front of the first one belongs to all of them: `STREAMS key [key ...]`.
fn is_same(last: &[Argument], repeated: &[Argument]) -> bool {
    last.iter().zip(repeated).all(|(one, other)| {
        one.source == other.source || one.source.ends_with(&format!(" {}", other.source))
    })
}

impl Group {
    fn into_argument(self) -> Argument {
        let Group { mut alternatives, source, .. } = self;
        let mut argument = if alternatives.len() == 1 {
            into_one(alternatives.pop().unwrap_or_default())
        } else {
            let parts: Vec<Argument> = alternatives.into_iter().map(into_one).collect();
            Argument { parts, ..Argument::new(ArgumentKind::OneOf, "") }.named()
        };
        if argument.source.is_empty() {
            argument.source = source;
        }
        argument
    }
}

fn into_one(mut arguments: Vec<Argument>) -> Argument {
    match arguments.len() {
        1 => arguments.remove(0),
        _ => Argument { parts: arguments, ..Argument::new(ArgumentKind::Block, "") }.named(),
    }
}

impl Argument {
    fn new(kind: ArgumentKind, name: &str) -> Self {
        Argument {
            name: name.to_owned(),
            token: None,
            kind,
            is_optional: false,
            is_multiple: false,
            repeats_token: false,
            parts: Vec::new(),
            source: name.to_owned(),
        }
    }

    /// Names the argument after its parts.
    fn named(mut self) -> Self {
        let names: Vec<&str> = self.parts.iter().map(|part| part.name.as_str()).collect();
        self.name = names.join("-");
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Table;

    fn show(argument: &Argument) -> String {
        let parts = |mark: &str| argument.parts.iter().map(show).collect::<Vec<_>>().join(mark);
        let token = argument.token.clone().unwrap_or_default();
        let text = match argument.kind {
            ArgumentKind::Value => argument.name.clone(),
            ArgumentKind::Token => String::new(),
            ArgumentKind::OneOf => format!("({})", parts("|")),
            ArgumentKind::Block => format!("{{{}}}", parts(" ")),
        };
        let optional = if argument.is_optional { "?" } else { "" };
        let multiple = match (argument.is_multiple, argument.repeats_token) {
            (false, _) => "",
            (true, false) => "*",
            (true, true) => "**",
        };
        let between = if token.is_empty() || text.is_empty() { "" } else { ":" };
        format!("{token}{between}{text}{optional}{multiple}")
    }

    #[track_caller]
    fn check(syntax: &str, expect: &str) {
        let shown: Vec<String> = parse(syntax).iter().map(show).collect();
        assert_eq!(shown.join(" "), expect, "{syntax}");
    }

    #[test]
    fn lines_become_trees() {
        check("", "");
        check("key", "key");
        check("key [NX | XX] [GET]", "key (NX|XX)? GET?");
        check("key id [id ...]", "key id*");
        check("field value [field value ...]", "{field value}*");
        check("[channel [channel ...]]", "channel?*");
        check("<YES|NO>", "(YES|NO)");
        check("[EX seconds | PERSIST]", "(EX:seconds|PERSIST)?");
        check("subcommand [argument ...]", "subcommand argument?*");
        check("[SKIPME <YES | NO>]", "SKIPME:(YES|NO)?");
        check("<host port | NO ONE>", "({host port}|{NO ONE})");
        check(
            "[IDMPAUTO producer|IDMP producer attempt]",
            "(IDMPAUTO:producer|{IDMP:producer attempt})?",
        );
        check("STREAMS key [key ...] id [id ...]", "STREAMS:key* id*");
        check("[PREFIX prefix [PREFIX prefix ...]]", "PREFIX:prefix?**");
        check(
            "key [<MAXLEN|MINID> [=|~] threshold [LIMIT count]] <*|id>",
            "key {(MAXLEN|MINID) (=|~)? threshold LIMIT:count?}? (*|id)",
        );
    }

    #[test]
    fn all_lines_are_understood() {
        for command in Table::new().all() {
            let syntax = command.spec.syntax;
            for (open, close) in [('[', ']'), ('<', '>')] {
                let count = |c| syntax.matches(c).count();
                assert_eq!(count(open), count(close), "{} {syntax}", command.spec.name);
            }
            parse(syntax);
        }
    }
}
