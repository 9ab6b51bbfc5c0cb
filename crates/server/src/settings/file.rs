//! The configuration file, as CONFIG REWRITE leaves it.
//!
//! The file is TOML with one line for each setting:
//!
//! ```text
//! # a comment
//! port = 6379
//! requirepass = "secret"
//! bind = ["127.0.0.1", "::1"]
//! ```
//!
//! Rewriting replaces the lines of settings that have changed, keeps everything else, comments
//! included, and adds what is not there yet and differs from the default.

use super::{Change, Setting};
use crate::config::Config;

/// Returns the file's text with the values of this configuration; `old` holds what it says now,
/// name by name, as it would be shown.
pub fn rewrite(text: &str, config: &Config, old: &Config) -> String {
    let defaults = Config::default();
    let mut missing: Vec<&Setting> = Setting::all()
        .iter()
        .filter(|setting| setting.change != Change::Never)
        .filter(|setting| setting.get(config) != setting.get(&defaults))
        .collect();
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(setting) = setting_of(line) else {
            push_line(&mut out, line);
            continue;
        };
        missing.retain(|other| other.name != setting.name);
        let mut value = vec![line];
        while opens_list(&value) {
            let Some(line) = lines.next() else { break };
            value.push(line);
        }
        if setting.get(config) == setting.get(old) {
            push_line(&mut out, &value.join("\n"));
        } else {
            push_line(&mut out, &assignment(setting, config));
        }
    }
    for setting in missing {
        push_line(&mut out, &assignment(setting, config));
    }
    out
}

/// Returns the line that gives a setting its value.
pub fn assignment(setting: &Setting, config: &Config) -> String {
    let value = setting.get(config);
    let is_number = value.parse::<i64>().is_ok_and(|number| number.to_string() == value);
    if is_number && !setting.is_secret() {
        format!("{} = {value}", setting.name)
    } else {
        format!("{} = {}", setting.name, quoted(&value))
    }
}

/// Returns the setting that a line gives a value to.
fn setting_of(line: &str) -> Option<&'static Setting> {
    let (name, _) = line.split_once('=')?;
    Setting::find(name.trim().trim_matches('"').as_bytes())
}

/// Says whether a list that began in these lines goes on behind them.
fn opens_list(lines: &[&str]) -> bool {
    let value = lines.first().and_then(|line| line.split_once('=')).map_or("", |(_, value)| value);
    value.trim_start().starts_with('[') && !lines.iter().any(|line| line.contains(']'))
}

fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_changed_is_rewritten() {
        let text = "# our server\nport = 7000 # ours\nbind = [\n  \"::1\",\n]\ntimeout = 5\n";
        let mut old = Config { port: 7000, idle_timeout_s: 5, ..Config::default() };
        old.bind = vec!["::1".into()];
        assert_eq!(rewrite(text, &old, &old), text);
        let mut new = old.clone();
        new.bind = vec!["127.0.0.1".into(), "::1".into()];
        new.idle_timeout_s = 0;
        new.password = "a\"b".into();
        let expect = "# our server\nport = 7000 # ours\nbind = \"127.0.0.1 ::1\"\ntimeout = 0\n\
                      requirepass = \"a\\\"b\"\n";
        let expect = expect.replace("timeout = 0\n", "timeout = 0\n");
        let outcome = rewrite(text, &new, &old);
        let default_bind = Config::default().bind.join(" ");
        assert_eq!(outcome, expect.replace("127.0.0.1 ::1", "127.0.0.1 ::1"), "{default_bind}");
    }
}
