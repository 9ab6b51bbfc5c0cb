//! Blanks out what is not code, so that the rules can look for words and braces without being
//! fooled by a comment or a string.
//!
//! It knows just enough of Rust: line comments, nested block comments, strings with escapes, raw
//! strings with any number of hashes, and the difference between a character and a lifetime.

/// Returns `text` with comments, strings and characters replaced by blanks. Every character and
/// every line keeps its place.
pub(crate) fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut masked = String::with_capacity(text.len());
    let mut rest = chars.as_slice();
    let mut previous = ' ';
    while let [first, tail @ ..] = rest {
        if let Some(len) = blank_len(rest, previous) {
            let (blank, after) = rest.split_at(len.min(rest.len()));
            masked.extend(blank.iter().map(|&c| if c == '\n' { c } else { ' ' }));
            (rest, previous) = (after, ' ');
        } else {
            masked.push(*first);
            (rest, previous) = (tail, *first);
        }
    }
    masked
}

/// Tells whether `c` can be inside an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment, string or character that begins here, if one does.
fn blank_len(rest: &[char], previous: char) -> Option<usize> {
    match rest {
        ['/', '/', ..] => Some(rest.iter().take_while(|&&c| c != '\n').count()),
        ['/', '*', ..] => Some(block_comment_len(rest)),
        ['"', body @ ..] => Some(1 + quoted_len(body, '"')),
        ['r', raw @ ..] if !is_word(previous) => Some(1 + raw_string_len(raw)?),
        ['b' | 'c', 'r', raw @ ..] if !is_word(previous) => Some(2 + raw_string_len(raw)?),
        ['\'', '\\', ..] => Some(1 + quoted_len(&rest[1..], '\'')),
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}

fn block_comment_len(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    loop {
        match rest.get(at..).unwrap_or_default() {
            [] => return at,
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
}

/// The length up to and with the closing `quote`, stepping over escaped characters.
fn quoted_len(body: &[char], quote: char) -> usize {
    let mut at = 0;
    while let Some(&c) = body.get(at) {
        match c {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// The length of `#"..."#` with as many hashes as there are; none when this is a raw identifier.
fn raw_string_len(raw: &[char]) -> Option<usize> {
    let hashes = raw.iter().take_while(|&&c| c == '#').count();
    if raw.get(hashes) != Some(&'"') {
        return None;
    }
    let mut closing = vec!['#'; hashes + 1];
    closing[0] = '"';
    let body = &raw[hashes + 1..];
    let end = body.windows(closing.len()).position(|window| window == closing);
    Some(end.map_or(raw.len(), |end| hashes + 1 + end + closing.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expect` is the code that is left, with single blanks; places must not change.
    fn check(text: &str, expect: &str) {
        let masked = mask(text);
        assert_eq!(masked.split_whitespace().collect::<Vec<_>>().join(" "), expect, "{text}");
        assert_eq!(masked.chars().count(), text.chars().count(), "{text}");
        let same = |(old, new): (char, char)| old == new || (old != '\n' && new == ' ');
        assert!(text.chars().zip(masked.chars()).all(same), "{text}");
    }

    #[test]
    fn comments() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check("/* open", "");
        check("a / b * c", "a / b * c");
    }

    #[test]
    fn strings() {
        check(r#"f("a{\"}") }"#, "f( ) }");
        check("\"two\nlines\";", ";");
        check(r##"x(r#"a"{"#) }"##, "x( ) }");
        check(r##"x(br#"{"#, b"{")"##, "x( , b )");
        check(r#""\\" {"#, "{");
        check("r#fn bar\"x\"", "r#fn bar");
        check("\"open", "");
        check("r#\"open\"", "");
    }

    #[test]
    fn characters_and_lifetimes() {
        check("('{', '\\'', '\\u{7b}') {", "( , , ) {");
        check("fn f<'a, 'b>(x: &'a str)", "fn f<'a, 'b>(x: &'a str)");
        check("b'{' 'x' }", "b }");
    }
}
