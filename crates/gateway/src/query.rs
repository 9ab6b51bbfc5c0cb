//! The query of an address, as pairs: a name may come more than once.

/// A name and its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueryPair {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Returns the pairs of a query, decoded.
pub(crate) fn pairs_of(query: Option<&str>) -> impl Iterator<Item = QueryPair> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        QueryPair { name: decoded(name), value: decoded(value) }
    })
}

fn decoded(text: &str) -> String {
    percent_decoded(&text.replace('+', " "))
}

/// Returns a text of an address, with what its `%xx` stand for.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let rest = bytes.clone();
        match byte {
            b'%' => match hex(&mut bytes) {
                Some(byte) => out.push(byte),
                None => {
                    out.push(b'%');
                    bytes = rest;
                }
            },
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let mut digit = || char::from(bytes.next()?).to_digit(16);
    let value = digit()? * 16 + digit()?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let check = |query: &str, expect: &[(&str, &str)]| {
            let pairs = pairs_of(Some(query));
            let found: Vec<_> = pairs.map(|pair| (pair.name, pair.value)).collect();
            let expect: Vec<_> =
                expect.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            assert_eq!(found, expect, "{query}");
        };
        check("", &[]);
        check("a=1&&a=2&b", &[("a", "1"), ("a", "2"), ("b", "")]);
        check("channel=a%3Ab+c%25", &[("channel", "a:b c%")]);
        check("a=%zz%4", &[("a", "%zz%4")]);
        check("a=%c3%a4%ff", &[("a", "\u{e4}\u{fffd}")]);
    }
}
