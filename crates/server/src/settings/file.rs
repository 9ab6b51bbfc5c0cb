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
//! included, and adds what is not there yet.

use super::{Change, Setting};
use crate::config::Config;

/// Returns the file's text with the values of this configuration; `says` is the configuration that
/// the text stands for now.
pub fn rewrite(text: &str, config: &Config, says: &Config) -> String {
    let differs = |setting: &Setting| setting.get(config) != setting.get(says);
    let is_own = |setting: &&Setting| matches!(setting.change, Change::AtRuntime | Change::AtStart);
    let own = Setting::all().iter().filter(is_own);
    let mut missing: Vec<&Setting> = own.filter(|setting| differs(setting)).collect();
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
        if differs(setting) {
            push_line(&mut out, &assignment(setting, config));
        } else {
            push_line(&mut out, &value.join("\n"));
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
        let says =
            Config { port: 7000, idle_timeout_s: 5, bind: vec!["::1".into()], ..Config::default() };
        assert_eq!(rewrite(text, &says, &says), text);
        let config = Config {
            idle_timeout_s: 0,
            bind: vec!["127.0.0.1".into(), "::1".into()],
            password: "a\"b".into(),
            ..says.clone()
        };
        let expect = "# our server\nport = 7000 # ours\nbind = \"127.0.0.1 ::1\"\ntimeout = 0\n\
                      requirepass = \"a\\\"b\"\n";
        assert_eq!(rewrite(text, &config, &says), expect);
    }
}
