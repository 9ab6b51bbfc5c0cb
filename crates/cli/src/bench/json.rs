//! The report as JSON: one object with the conditions and a list of rows, absent figures as null.

use super::measure::{Fact, Figures};
use super::report::{Report, Row};

/// Writes the whole report.
pub(super) fn draw(report: &Report) -> String {
    let machine = &report.machine;
    let targets = report
        .targets
        .iter()
        .map(|(name, version)| object(&[("name", string(name)), ("version", string(version))]));
    let text = object(&[
        ("processor", string(&machine.processor)),
        ("cores", machine.cores.to_string()),
        ("kernel", string(&machine.kernel)),
        ("date", string(&machine.date)),
        ("file_system", string(report.file_system)),
        ("rounds", report.rounds.to_string()),
        ("seconds", number(Some(report.seconds))),
        ("scale", number(Some(report.scale))),
        ("absent", list(report.absent.iter().map(|absent| string(absent)), ",")),
        ("targets", list(targets, ",")),
        ("rows", list(report.rows.iter().map(row), ",\n")),
    ]);
    text + "\n"
}

fn row(row: &Row) -> String {
    let mut fields = vec![
        ("work", string(row.work)),
        ("unit", string(row.unit)),
        ("target", string(&row.target)),
    ];
    match &row.figures {
        Ok(Figures::Speed(speed)) => fields.extend([
            ("ops_per_s", number(Some(speed.ops_per_s))),
            ("cpu_us_per_op", number(speed.cpu_us)),
            ("p50_us", number(Some(speed.p50_us))),
            ("p99_us", number(Some(speed.p99_us))),
            ("p999_us", number(Some(speed.p999_us))),
            ("server_share", number(speed.server_share)),
            ("loader_share", number(Some(speed.loader_share))),
            ("server_waited", number(Some(speed.server_waited))),
            ("loader_waited", number(Some(speed.loader_waited))),
        ]),
        Ok(Figures::Memory(memory)) => fields.extend([
            ("resident_bytes", number(memory.resident)),
            ("used_memory_bytes", number(memory.reported)),
        ]),
        Ok(Figures::Facts(facts)) => {
            let facts: Vec<_> =
                facts.iter().map(|Fact { name, value, .. }| (*name, number(*value))).collect();
            fields.push(("facts", object(&facts)));
        }
        Err(_) => {}
    }
    fields.push(("note", string(&row.note())));
    object(&fields)
}

fn object(fields: &[(&str, String)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}:{value}", string(name))).collect();
    format!("{{{}}}", fields.join(","))
}

fn list(values: impl Iterator<Item = String>, separator: &str) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(separator))
}

fn number(value: Option<f64>) -> String {
    match value {
        Some(value) if value.is_finite() => format!("{value}"),
        _ => "null".to_owned(),
    }
}

fn string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json() {
        assert_eq!(string("a\"b\\c\n"), r#""a\"b\\c\u000a""#);
        assert_eq!(number(Some(0.5)), "0.5");
        assert_eq!(number(Some(f64::NAN)), "null");
        assert_eq!(object(&[("a", number(None)), ("b", string(""))]), r#"{"a":null,"b":""}"#);
    }
}
