//! Text and markdown of a report: under each heading one table for each kind of figures.

use std::fmt::Write as _;

use super::measure::{Fact, Figures, Memory, Speed};
use super::report::{Ratio, Report, Row};

/// How a table's lines are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Columns aligned with blanks.
    Plain,
    Markdown,
}

/// Draws the conditions and the tables.
pub(super) fn draw(report: &Report, style: Style) -> String {
    let mut text = conditions(report, style);
    let mut title = "";
    for rows in report.rows.chunk_by(|one, other| key(report, one) == key(report, other)) {
        let Some(first) = rows.first() else { continue };
        if title != first.title {
            title = first.title;
            text.push_str(&heading(first, style));
        }
        text.push('\n');
        draw_table(&mut text, style, &cells(&kind(report, first.work), rows, &first.target));
    }
    text
}

/// What rows of one table have in common.
fn key(report: &Report, row: &Row) -> (&'static str, Kind) {
    (row.title, kind(report, row.work))
}

/// The columns that a table has.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Speed,
    Memory,
    Facts(Vec<&'static str>),
}

/// The kind of a work's figures, as far as one target has got any.
fn kind(report: &Report, work: &str) -> Kind {
    let mut rows = report.rows.iter().filter(|row| row.work == work);
    match rows.find_map(|row| row.figures.as_ref().ok()) {
        None | Some(Figures::Speed(_)) => Kind::Speed,
        Some(Figures::Memory(_)) => Kind::Memory,
        Some(Figures::Facts(facts)) => Kind::Facts(facts.iter().map(|fact| fact.name).collect()),
    }
}

fn heading(row: &Row, style: Style) -> String {
    match style {
        Style::Plain => format!("\n{}\n", row.title.to_uppercase()),
        Style::Markdown => format!("\n## {}\n\n{}\n", row.title, row.method),
    }
}

fn cells(kind: &Kind, rows: &[Row], first: &str) -> Vec<Vec<String>> {
    match kind {
        Kind::Speed => speed_cells(rows, first),
        Kind::Memory => memory_cells(rows, first),
        Kind::Facts(heads) => fact_cells(heads, rows, first),
    }
}

fn conditions(report: &Report, style: Style) -> String {
    let machine = &report.machine;
    let versions: Vec<String> =
        report.targets.iter().map(|(name, version)| format!("{name} ({version})")).collect();
    let lines = [
        ("machine", format!("{}, {} cores", machine.processor, machine.cores)),
        ("kernel", machine.kernel.clone()),
        ("date", machine.date.clone()),
        ("data on", report.file_system.to_owned()),
        ("targets", versions.join(", ")),
        ("absent", report.absent.join("; ")),
        ("method", method(report)),
    ];
    let mut text = String::new();
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a string does not fail.
        let _ = match style {
            Style::Plain => writeln!(text, "{name:<8} {value}"),
            Style::Markdown => writeln!(text, "- {name}: {value}"),
        };
    }
    text
}

fn method(report: &Report) -> String {
    let scale = match report.scale {
        1.0 => String::new(),
        scale => format!("; large works scaled by {scale}"),
    };
    format!(
        "targets take turns in each of {} rounds, {} s each, medians over rounds; server and \
         loader on a core each; CPU is the server's; a latency is that of a batch, from sending \
         to its last reply or delivery; disturbed: that share of the time server or loader waited \
         for its core{scale}",
        report.rounds, report.seconds
    )
}

fn speed_cells(rows: &[Row], first: &str) -> Vec<Vec<String>> {
    let heads = ["work", "unit", "target", "ops/s", "CPU us/op", "p50 us", "p99 us", "p99.9 us"];
    let shares = ["server %", "loader %"].map(str::to_owned);
    let mut head: Vec<String> = heads.map(str::to_owned).into_iter().chain(shares).collect();
    head.extend([format!("{first}/it ops"), format!("{first}/it CPU"), "note".to_owned()]);
    let mut cells = vec![head];
    for row in rows {
        let figures = row.figures.as_ref().ok();
        let speed = figures.and_then(|f| if let Figures::Speed(s) = f { Some(s) } else { None });
        let mut line = names(row);
        line.extend(speed.map_or_else(|| vec![String::new(); 7], speed_line));
        let ratio = row.ratio.clone().unwrap_or_default();
        line.extend([times(ratio.ops), times(ratio.cpu), row.note()]);
        cells.push(line);
    }
    cells
}

fn speed_line(speed: &Speed) -> Vec<String> {
    let share = |share: f64| format!("{:.0}", share * 100.0);
    vec![
        format!("{:.0}", speed.ops_per_s),
        speed.cpu_us.map_or_else(String::new, |us| format!("{us:.3}")),
        format!("{:.0}", speed.p50_us),
        format!("{:.0}", speed.p99_us),
        format!("{:.0}", speed.p999_us),
        speed.server_share.map_or_else(String::new, share),
        share(speed.loader_share),
    ]
}

fn memory_cells(rows: &[Row], first: &str) -> Vec<Vec<String>> {
    let heads = ["work", "unit", "target", "resident B", "used_memory B"];
    let mut head = heads.map(str::to_owned).to_vec();
    let ratios = [format!("{first}/it resident"), format!("{first}/it used"), "note".to_owned()];
    head.extend(ratios);
    let mut cells = vec![head];
    for row in rows {
        let memory = match &row.figures {
            Ok(Figures::Memory(memory)) => memory.clone(),
            _ => Memory::default(),
        };
        let bytes = |bytes: Option<f64>| bytes.map_or_else(String::new, |b| format!("{b:.1}"));
        let Ratio { resident, reported, .. } = row.ratio.clone().unwrap_or_default();
        let mut line = names(row);
        line.extend([bytes(memory.resident), bytes(memory.reported)]);
        line.extend([times(resident), times(reported), row.note()]);
        cells.push(line);
    }
    cells
}

fn fact_cells(heads: &[&str], rows: &[Row], first: &str) -> Vec<Vec<String>> {
    let words = ["work", "unit", "target"].map(str::to_owned);
    let mut head: Vec<String> = words.into_iter().collect();
    head.extend(heads.iter().map(|name| (*name).to_owned()));
    head.extend([format!("{first}/it"), "note".to_owned()]);
    let mut cells = vec![head];
    for row in rows {
        let mut line = names(row);
        match &row.figures {
            Ok(Figures::Facts(facts)) => line.extend(facts.iter().map(fact_cell)),
            _ => line.resize(line.len() + heads.len(), String::new()),
        }
        let ratio = row.ratio.clone().unwrap_or_default();
        line.extend([times(ratio.fact), row.note()]);
        cells.push(line);
    }
    cells
}

fn fact_cell(fact: &Fact) -> String {
    let digits = fact.digits;
    fact.value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

fn names(row: &Row) -> Vec<String> {
    vec![row.work.to_owned(), row.unit.to_owned(), row.target.clone()]
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}x"))
}

/// The columns that hold words; all others hold numbers, and are set to the right.
fn holds_words(column: usize, columns: usize) -> bool {
    column < 3 || column + 1 == columns
}

fn draw_table(text: &mut String, style: Style, cells: &[Vec<String>]) {
    let columns = cells.first().map_or(0, Vec::len);
    let width = |column: usize| {
        cells.iter().filter_map(|line| line.get(column)).map(|c| c.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for (number, line) in cells.iter().enumerate() {
        let padded: Vec<String> = (line.iter().zip(&widths).enumerate())
            .map(|(column, (cell, width))| match (style, holds_words(column, columns)) {
                (Style::Plain, true) => format!("{cell:<width$}"),
                (Style::Plain, false) => format!("{cell:>width$}"),
                (Style::Markdown, _) => cell.replace('|', "/"),
            })
            .collect();
        match style {
            Style::Plain => text.push_str(padded.join("  ").trim_end()),
            Style::Markdown => text.push_str(&format!("| {} |", padded.join(" | "))),
        }
        text.push('\n');
        if number == 0 && style == Style::Markdown {
            let rule = |column| if holds_words(column, columns) { "---" } else { "---:" };
            let rules: Vec<&str> = (0..columns).map(rule).collect();
            text.push_str(&format!("| {} |\n", rules.join(" | ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(style: Style) -> String {
        let cells = [["a", "b", "c", "dd", "e"], ["aa", "", "c", "1", "x|y"]];
        let mut text = String::new();
        draw_table(&mut text, style, &cells.map(|line| line.map(str::to_owned).to_vec()));
        text
    }

    #[test]
    fn plain_tables_align_words_left_and_numbers_right() {
        assert_eq!(drawn(Style::Plain), "a   b  c  dd  e\naa     c   1  x|y\n");
    }

    #[test]
    fn markdown_tables_have_a_rule_and_no_stray_bars() {
        let expect = "| a | b | c | dd | e |\n| --- | --- | --- | ---: | --- |\n\
                      | aa |  | c | 1 | x/y |\n";
        assert_eq!(drawn(Style::Markdown), expect);
    }
}
