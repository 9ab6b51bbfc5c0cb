//! The settings: one table, from which everything about them derives.
//!
//! A row says what a setting is called, what it does, how it is read and how it is written. CONFIG,
//! the configuration file, the environment, the flags of `firth serve` and docs/config.md all come
//! from the rows. Values travel as text in the form that CONFIG GET shows.

pub mod file;
mod rows;
mod text;

use crate::config::Config;

/// The declaration of one setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name; Redis's own where Redis has the setting.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub doc: &'static str,
    /// When it can be changed.
    pub change: Change,
    get: fn(&Config) -> String,
    set: fn(&mut Config, &str) -> Result<(), String>,
}

/// When a setting can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// At any time, with CONFIG SET.
    AtRuntime,
    /// When the server starts: in the file, in the environment or with a flag.
    AtStart,
    /// At any time, and with it the setting that it is another name for.
    Alias,
    /// Never: it has one value, and is there because clients ask for it.
    Never,
}

/// Why a value was not taken, in the words that stand behind `CONFIG SET failed`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Setting {
    /// Returns all settings, in the order in which they are documented.
    pub fn all() -> &'static [Setting] {
        rows::ROWS
    }

    /// Returns the setting of a name, in whatever case.
    pub fn find(name: &[u8]) -> Option<&'static Setting> {
        rows::ROWS.iter().find(|setting| setting.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Returns the value as text.
    pub fn get(&self, config: &Config) -> String {
        (self.get)(config)
    }

    /// Sets the value before the server starts.
    ///
    /// # Errors
    /// It is not a value of this setting.
    pub fn set_at_start(&self, config: &mut Config, value: &str) -> Result<(), Refused> {
        (self.set)(config, value).map_err(Refused)
    }

    /// Sets the value while the server runs.
    ///
    /// # Errors
    /// It is not a value of this setting, or another one can be set at the start only.
    pub fn set_at_runtime(&self, config: &mut Config, value: &str) -> Result<(), Refused> {
        if self.change == Change::AtStart && self.get(config) != value {
            return Err(Refused("can't set immutable config".to_owned()));
        }
        (self.set)(config, value).map_err(Refused)
    }

    /// Returns the name of the environment variable, such as `FIRTH_TCP_KEEPALIVE`.
    pub fn variable(&self) -> String {
        format!("FIRTH_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// Says whether the value may be seen in logs and documents.
    pub fn is_secret(&self) -> bool {
        matches!(self.name, "requirepass" | "gateway-secret" | "gateway-api-key")
    }
}

/// Returns docs/config.md's table of all settings.
pub fn markdown() -> String {
    let defaults = Config::default();
    let mut out =
        String::from("| Setting | Default | Changes | What it is for |\n|---|---|---|---|\n");
    for setting in Setting::all() {
        let value = setting.get(&defaults);
        let value = if value.is_empty() { "none".to_owned() } else { format!("`{value}`") };
        let change = match setting.change {
            Change::AtRuntime | Change::Alias => "at run time",
            Change::AtStart => "at the start",
            Change::Never => "never",
        };
        out.push_str(&format!("| `{}` | {value} | {change} | {} |\n", setting.name, setting.doc));
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_setting_reads_back_what_it_shows() {
        let defaults = Config::default();
        let mut names = std::collections::BTreeSet::new();
        for setting in Setting::all() {
            assert!(names.insert(setting.name), "{} is declared twice", setting.name);
            assert!(setting.doc.ends_with('.'), "{} is not explained", setting.name);
            let shown = setting.get(&defaults);
            let mut config = defaults.clone();
            setting.set_at_start(&mut config, &shown).unwrap_or_else(|error| {
                panic!("{} refuses its own value {shown:?}: {error}", setting.name)
            });
            assert_eq!(setting.get(&config), shown, "{}", setting.name);
        }
    }

    #[track_caller]
    fn check(name: &str, value: &str, expect: Result<&str, &str>) {
        let setting = Setting::find(name.as_bytes()).unwrap();
        let mut config = Config::default();
        let outcome = setting.set_at_start(&mut config, value);
        let outcome = outcome.map(|()| setting.get(&config)).map_err(|Refused(text)| text);
        assert_eq!(outcome.as_deref().map_err(String::as_str), expect, "{name} {value}");
    }

    #[test]
    fn values_are_read_in_all_their_forms() {
        check("port", "7000", Ok("7000"));
        check("proto-max-bulk-len", "1mb", Ok("1048576"));
        check("proto-max-bulk-len", "2G", Ok("2000000000"));
        check("proto-max-bulk-len", "2GB", Ok("2147483648"));
        check("protected-mode", "NO", Ok("no"));
        check("bind", "0.0.0.0  ::", Ok("0.0.0.0 ::"));
        check("stream-read-reply", "array", Ok("array"));
        check("notify-keyspace-events", "KEA", Ok("AKE"));
        check("notify-keyspace-events", "Kg$lshztdxea", Ok("AK"));
        check("notify-keyspace-events", "Etx", Ok("xtE"));
        check("notify-keyspace-events", "KEAmnoc", Ok("AnocKEm"));
        check("durability", "never", Ok("never"));
        check("appendonly", "yes", Ok("yes"));
        check("appendfsync", "no", Ok("no"));
        let limits = "normal 0 0 0 slave 268435456 67108864 60 pubsub 1024 512 5";
        check("client-output-buffer-limit", "pubsub 1kb 512 5", Ok(limits));
        check("client-output-buffer-limit", limits, Ok(limits));
        check("client-output-buffer-limit", &limits.replace("slave", "replica"), Ok(limits));
    }

    #[test]
    fn redis_has_another_name_for_the_durability() {
        let mut config = Config::default();
        let setting = |name: &str| Setting::find(name.as_bytes()).unwrap();
        for (said, durability, fsync) in [
            ("durability never", "never", "no"),
            ("appendfsync everysec", "everysec", "everysec"),
            ("appendfsync no", "never", "no"),
            ("durability always", "always", "always"),
        ] {
            let (name, value) = said.split_once(' ').unwrap();
            setting(name).set_at_runtime(&mut config, value).unwrap();
            let shown = ["durability", "appendfsync"].map(|name| setting(name).get(&config));
            assert_eq!(shown, [durability, fsync], "{said}");
        }
    }

    #[test]
    fn bad_values_are_refused_with_a_reason() {
        let memory = "argument must be a memory value";
        check("port", "70000", Err("argument must be between 0 and 65535 inclusive"));
        check("port", "x", Err("argument couldn't be parsed into an integer"));
        check("proto-max-bulk-len", "1 mb", Err(memory));
        check("proto-max-bulk-len", "-1", Err(memory));
        check("protected-mode", "maybe", Err("argument must be 'yes' or 'no'"));
        check(
            "stream-read-reply",
            "x",
            Err("argument(s) must be one of the following: map, array"),
        );
        check(
            "notify-keyspace-events",
            "Ky",
            Err("Invalid event class character. Use 'Ag$lshzxeKEtmdnoca'."),
        );
        let words = "Wrong number of arguments in buffer limit configuration.";
        check("client-output-buffer-limit", "pubsub 1 2", Err(words));
        let class = "Invalid client class specified in buffer limit configuration.";
        check("client-output-buffer-limit", "other 1 2 3", Err(class));
        let number = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        check("client-output-buffer-limit", "normal x 2 3", Err(number));
    }

    #[test]
    fn what_we_do_not_have_cannot_be_switched_on() {
        for (name, value) in [("appendonly", "no"), ("save", "60 1")] {
            let setting = Setting::find(name.as_bytes()).unwrap();
            setting.set_at_runtime(&mut Config::default(), value).unwrap_err();
        }
    }

    #[test]
    fn what_is_fixed_at_the_start_stays_at_run_time() {
        let port = Setting::find(b"PORT").unwrap();
        let refused = port.set_at_runtime(&mut Config::default(), "7000").unwrap_err();
        assert_eq!(refused.to_string(), "can't set immutable config");
    }
}
