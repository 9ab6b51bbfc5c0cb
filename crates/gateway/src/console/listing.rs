//! Pages of lists: filtered, sorted and cut here, so that the application never holds more than it shows.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::{Value, json};

use super::ask::Ask;
use super::problem::Problem;
use crate::access::matches;

/// The parameters that all lists know.
macro_rules! list_query {
    ($($more:literal),*) => {
        &["limit", "offset", "sort", "order", "match", "fresh", $($more),*]
    };
}
pub(crate) use list_query;

/// How many rows a page has if nobody says.
const ROWS_USUAL: usize = 50;

/// An order of a list: its name, and which of two rows comes first.
pub(crate) type Sort<T> = (&'static str, fn(&T, &T) -> Ordering);

/// Where a list comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) as_of_ms: u64,
    pub(crate) is_complete: bool,
}

/// Says which names are meant: those that have a text in them, or match a pattern with `*` or `?`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matcher {
    wanted: String,
    is_pattern: bool,
}

impl Matcher {
    pub(crate) fn of(text: Option<&str>) -> Self {
        let wanted = text.unwrap_or_default().to_lowercase();
        let is_pattern = wanted.contains(['*', '?']);
        Matcher { wanted, is_pattern }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        if self.wanted.is_empty() {
            return true;
        }
        let text = text.to_lowercase();
        match self.is_pattern {
            true => matches(self.wanted.as_bytes(), text.as_bytes()),
            false => text.contains(&self.wanted),
        }
    }
}

/// Answers with a page of rows. The first order is the usual one, and decides where another does not.
pub(crate) fn page<'r, T: Serialize + 'r>(
    ask: &Ask,
    source: Source,
    rows: impl IntoIterator<Item = &'r T>,
    name: impl Fn(&T) -> String,
    sorts: &[Sort<T>],
) -> Result<Value, Problem> {
    let matcher = Matcher::of(ask.text("match"));
    let offset: usize = ask.parsed("offset")?.unwrap_or(0);
    let limit = ask.limit(ROWS_USUAL)?;
    let is_descending = match ask.text("order") {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(Problem::malformed("order is asc or desc")),
    };
    let sort = match ask.text("sort") {
        None => sorts.first(),
        Some(wanted) => {
            let found = sorts.iter().find(|(name, _)| *name == wanted);
            Some(found.ok_or_else(|| Problem::malformed(format!("sort: no {wanted} here")))?)
        }
    };
    let mut found: Vec<&T> = rows.into_iter().filter(|row| matcher.matches(&name(row))).collect();
    let total = found.len();
    if let (Some((_, compare)), Some((_, usual))) = (sort, sorts.first()) {
        let order = |a: &&T, b: &&T| {
            let order = compare(a, b);
            let order = if is_descending { order.reverse() } else { order };
            order.then_with(|| usual(a, b))
        };
        // Only what comes before the end of the page has to be in order.
        let end = offset.saturating_add(limit);
        if end < total {
            found.select_nth_unstable_by(end, order);
            found.truncate(end);
        }
        found.sort_unstable_by(order);
    }
    let items: Vec<&T> = found.into_iter().skip(offset).take(limit).collect();
    Ok(json!({
        "total": total, "offset": offset, "asOfMs": source.as_of_ms,
        "complete": source.is_complete, "items": items,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_by_text_and_by_pattern() {
        let check = |wanted: &str, name: &str, expect: bool| {
            assert_eq!(Matcher::of(Some(wanted)).matches(name), expect, "{wanted} {name}");
        };
        check("", "a", true);
        check("ORD", "my-orders", true);
        check("ord*", "my-orders", false);
        check("ord*", "Orders", true);
        check("order?", "orders", true);
    }
}
