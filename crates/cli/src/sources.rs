//! Where settings come from: the file, then the environment, then the flags; the last one wins.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use firth_server::config::{Config, ConfigFile};
use firth_server::settings::Setting;
use toml::{Table, Value};

/// The variable that names the file.
const FILE_VARIABLE: &str = "FIRTH_CONFIG";
/// The start of the names of all our variables.
const PREFIX: &str = "FIRTH_";
/// Variables of our tests, which are none of the server's business.
const FOREIGN: [&str; 3] = ["FIRTH_TEST_", "FIRTH_BIN", "FIRTH_DOCUMENT"];

/// What settings were given where.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The file that a flag names.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) variables: Vec<(String, String)>,
    /// The flags.
    pub(crate) flags: Vec<(&'static Setting, String)>,
}

impl Sources {
    /// Returns the configuration that all of it makes together.
    ///
    /// # Errors
    /// A name is unknown, or a value does not fit; the error tells where it stands.
    pub(crate) fn config(&self) -> Result<Config> {
        let mut config = Config::default();
        let variable = self.variables.iter().find(|(name, _)| name == FILE_VARIABLE);
        let file = self.file.clone().or_else(|| variable.map(|(_, path)| PathBuf::from(path)));
        if let Some(path) = file {
            config.file = Some(Arc::new(read(&mut config, &path)?));
        }
        for (name, value) in &self.variables {
            apply_variable(&mut config, name, value)?;
        }
        for (setting, value) in &self.flags {
            let place = || format!("--{} {}", setting.name, shown(setting, value));
            setting.set_at_start(&mut config, value).with_context(place)?;
        }
        Ok(config)
    }
}

fn read(config: &mut Config, path: &Path) -> Result<ConfigFile> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    read_file(config, &text).with_context(name)?;
    Ok(ConfigFile { path: std::path::absolute(path).with_context(name)?, says: config.clone() })
}

/// Applies the text of a configuration file.
///
/// # Errors
/// It is not TOML, a name is unknown, or a value does not fit.
pub(crate) fn read_file(config: &mut Config, text: &str) -> Result<()> {
    let table: Table = text.parse()?;
    for (name, value) in table {
        let setting = Setting::find(name.as_bytes());
        let setting = setting.with_context(|| format!("there is no setting `{name}`"))?;
        let value = text_of(&value)
            .with_context(|| format!("`{name}` cannot be a {}", value.type_str()))?;
        let place = || format!("{name} = {}", shown(setting, &value));
        setting.set_at_start(config, &value).with_context(place)?;
    }
    Ok(())
}

/// Returns a value in the form in which CONFIG SET takes it.
fn text_of(value: &Value) -> Result<String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Boolean(true) => "yes".to_owned(),
        Value::Boolean(false) => "no".to_owned(),
        Value::Array(values) => values.iter().map(text_of).collect::<Result<Vec<_>>>()?.join(" "),
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => {
            bail!("a setting is a text, a whole number, true, false, or a list of these")
        }
    })
}

fn apply_variable(config: &mut Config, name: &str, value: &str) -> Result<()> {
    let is_foreign = FOREIGN.iter().any(|start| name.starts_with(start));
    if !name.starts_with(PREFIX) || name == FILE_VARIABLE || is_foreign {
        return Ok(());
    }
    let setting = Setting::all().iter().find(|setting| setting.variable() == name);
    let setting = setting.ok_or_else(|| {
        anyhow!("the environment variable {name} names no setting; `firth settings` lists them")
    })?;
    let place = || format!("{name}={}", shown(setting, value));
    setting.set_at_start(config, value).with_context(place)
}

/// Returns a value as it may stand in an error.
fn shown<'a>(setting: &Setting, value: &'a str) -> &'a str {
    if setting.is_secret() { "..." } else { value }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn sources(variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let flag = |(name, value): &(&str, &str)| {
            (Setting::find(name.as_bytes()).unwrap(), (*value).to_owned())
        };
        Sources {
            file: None,
            variables: variables.iter().map(own).collect(),
            flags: flags.iter().map(flag).collect(),
        }
    }

    #[test]
    fn flags_win_over_variables_and_those_over_the_file() {
        let path = std::env::temp_dir().join(format!("firth-sources-{}.toml", std::process::id()));
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::write(&path, "port = 1\ntimeout = 1\nmaxclients = 1\nbind = ['::1', '-::2']\n")
            .unwrap();
        let variables = [("FIRTH_TIMEOUT", "2"), ("FIRTH_MAXCLIENTS", "2"), ("PATH", "/bin")];
        let mut sources = sources(&variables, &[("maxclients", "3")]);
        sources.file = Some(path.clone());
        let config = sources.config().unwrap();
        let numbers = (config.port, config.idle_timeout_s, config.clients_max);
        assert_eq!(numbers, (1, 2, 3));
        assert_eq!(config.bind, ["::1", "-::2"]);
        let file = config.file.unwrap();
        assert_eq!((file.says.idle_timeout_s, &file.path), (1, &path));
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        std::fs::remove_file(path).unwrap();
    }

    #[track_caller]
    fn check_error(outcome: Result<Config>, expect: &str) {
        let text = format!("{:#}", outcome.unwrap_err());
        assert!(text.contains(expect), "{text}");
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let variable = |name, value| sources(&[(name, value)], &[]).config();
        check_error(variable("FIRTH_PROT", "1"), "FIRTH_PROT");
        check_error(variable("FIRTH_PORT", "x"), "FIRTH_PORT=x");
        let flag = |name, value| sources(&[], &[(name, value)]).config();
        check_error(flag("port", "70000"), "--port 70000: argument must be between 0 and 65535");
        check_error(flag("databases", "1"), "there are 16 databases");
        let file = |text: &str| {
            let mut config = Config::default();
            read_file(&mut config, text).map(|()| config)
        };
        check_error(file("prot = 1"), "there is no setting `prot`");
        check_error(file("port = 1.5"), "`port` cannot be a float");
        check_error(file("port = \"x\""), "port = x: argument couldn't be parsed");
        check_error(file("port 1"), "TOML parse error");
    }

    #[test]
    fn values_may_have_the_types_of_the_file() {
        let text = "protected-mode = false\nclient-output-buffer-limit = [\"pubsub\", 1, 2, 3]\n";
        let mut config = Config::default();
        read_file(&mut config, text).unwrap();
        assert!(!config.protected_mode);
        assert_eq!(config.output_limits.pubsub.soft_seconds, 3);
    }

    #[test]
    fn variables_of_tests_are_left_alone() {
        let config = sources(&[("FIRTH_TEST_PORTS", "1-2"), ("FIRTH_BIN", "x")], &[]).config();
        assert_eq!(config.unwrap().port, Config::default().port);
    }
}
