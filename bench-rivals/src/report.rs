//! The document that says what was measured.

use std::fmt::Write as _;

use crate::meter::{Median, Reading};

/// One line of a table.
#[derive(Debug)]
pub struct Row {
    name: String,
    reading: Reading,
}

impl Row {
    pub fn new(name: &str, median: &Median) -> Self {
        Row { name: name.to_owned(), reading: median.reading() }
    }
}

/// What was measured so far.
#[derive(Debug)]
pub struct Report {
    text: String,
}

impl Report {
    pub fn new(rounds: usize, orders: usize) -> Self {
        let text = format!(
            "# The library beside its rivals\n\n\
             Written by `make bench-library`, which says in `bench-rivals/` what each contestant \
             does. Servers have the first core of the machine for themselves, the contestants the \
             second. They take turns; each figure is the median of {rounds} rounds, by itself. CPU is \
             what the kernel charged to the process, in microseconds for each operation.\n\n\
             Goals: a worker that acknowledges is at least three times as fast as the best rival and \
             reaches 0.7 of the floor; embedded, a million appends a second with `everysec`; the \
             events of one aggregate out of a million in less than a millisecond.\n\n\
             ## Workers that acknowledge\n\n\
             {orders} orders are there before the clock starts; it stops when the last one is \
             acknowledged. The handler reads the order into a struct and counts it. \
             Of the contestants on streams each reads up to a hundred entries at once. apalis-redis is \
             given 5,000 orders: its worker ends with an error if 100,000 are due. What sea-streamer does is \
             nearest to the floor: it reads ahead, acknowledges once a second, and leaves retries, leases \
             and dead letters to the program, so that three times its speed is beyond the floor itself. \
             Firth's worker acknowledges as handlers end.\n"
        );
        Report { text }
    }

    /// Adds what the workers did on a server; the first row is the floor.
    pub fn add_workers(&mut self, server: &str, rows: Vec<Row>) {
        let floor = rows.first().map_or(f64::NAN, |row| row.reading.per_second);
        let _ = write!(
            self.text,
            "\n### {server}\n\n| worker | orders/s | of the floor | server us | client us |\n\
             |---|---:|---:|---:|---:|\n"
        );
        for Row { name, reading } in rows {
            let Reading { per_second, server_us, client_us } = reading;
            let part = per_second / floor;
            let _ = writeln!(
                self.text,
                "| {name} | {} | {part:.2} | {server_us:.1} | {client_us:.1} |",
                thousands(per_second)
            );
        }
    }

    /// Adds what was measured without a server.
    pub fn add_embedded(&mut self, rows: Vec<Row>) {
        self.text.push_str(
            "\n## Embedded\n\nOne thread on one core, which the writer of the log shares. The program \
             makes each order, and writes it as two fields.\n\n\
             | work | per second | us each | CPU us each |\n|---|---:|---:|---:|\n",
        );
        for Row { name, reading } in rows {
            let Reading { per_second, client_us, .. } = reading;
            let us = 1_000_000.0 / per_second;
            let _ = writeln!(
                self.text,
                "| {name} | {} | {us:.2} | {client_us:.2} |",
                thousands(per_second)
            );
        }
    }

    pub fn markdown(&self) -> &str {
        &self.text
    }
}

/// Writes a whole number with its digits in threes.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
