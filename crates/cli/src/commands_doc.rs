//! `firth commands` and `firth settings`: what there is, printed from the tables.

use std::fmt::Write as _;
use std::io::{Write as _, stdout};

use anyhow::Result;
use clap::{Args, ValueEnum};
use firth_server::commands::Table;
use firth_server::config::Config;
use firth_server::settings::{self, Setting};
use firth_server::spec::{Group, Spec};

/// Lists the commands that the server knows.
#[derive(Debug, Args)]
pub(crate) struct CommandsArgs {
    /// Prints docs/commands.md
    #[arg(long)]
    markdown: bool,
}

/// Lists the settings of the server.
#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// In which form
    #[arg(long, default_value = "text")]
    format: Format,
}

/// The forms in which settings are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Names and what they are for
    Text,
    /// docs/config.md
    Markdown,
    /// firth.example.toml
    Toml,
}

const GROUPS: [(Group, &str); 7] = [
    (Group::Stream, "Streams"),
    (Group::Pubsub, "Pub/sub"),
    (Group::Connection, "Connections"),
    (Group::Generic, "Keys"),
    (Group::String, "Strings"),
    (Group::Transactions, "Transactions"),
    (Group::Server, "Server"),
];

const COMMANDS_HEAD: &str = "\
<!-- Written by `cargo run -q -p firth-cli -- commands --markdown`; not by hand. -->

# Commands

Names, arguments, replies and errors are those of Redis.
*Since* is the version of Redis that has the command first; commands whose name begins with `FIRTH` are our own.
";

const CONFIG_HEAD: &str = "\
<!-- Written by `cargo run -q -p firth-cli -- settings --format markdown`; not by hand. -->

# Settings

A setting has one name everywhere:

- a flag, such as `firth serve --maxclients 500`;
- an environment variable, such as `FIRTH_MAXCLIENTS=500`;
- a line of the file that `--config` or `FIRTH_CONFIG` names, such as `maxclients = 500`;
- `CONFIG SET maxclients 500`, for those that change at run time.

A flag wins over the environment, and the environment over the file.
A name that is not in the table is an error.
Sizes take units: `1k` is 1000 bytes, `1kb` is 1024; so do `m`, `mb`, `g` and `gb`.
`CONFIG REWRITE` writes what was changed at run time into the file.

";

const TOML_HEAD: &str = "\
# The settings of Firth, with their defaults: firth serve --config firth.toml
# Flags (--port 7000) and environment variables (FIRTH_PORT=7000) win over this file.
";

/// Prints the commands.
pub(crate) fn print_commands(args: &CommandsArgs) -> Result<()> {
    let text = if args.markdown { commands_markdown()? } else { commands_text()? };
    stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// Prints the settings.
pub(crate) fn print_settings(args: &SettingsArgs) -> Result<()> {
    let text = match args.format {
        Format::Text => settings_text()?,
        Format::Markdown => format!("{CONFIG_HEAD}{}", settings::markdown()),
        Format::Toml => settings_toml()?,
    };
    stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// Returns the commands of a group by name; of a container, its subcommands.
fn commands_of(table: &Table, group: Group) -> Vec<&'static Spec> {
    let all = table.all().iter().map(|command| command.spec);
    let mut specs: Vec<&Spec> =
        all.filter(|spec| spec.group == group && spec.subcommands.is_empty()).collect();
    specs.sort_by_key(|spec| spec.name);
    specs
}

fn usage(spec: &Spec) -> String {
    let name = spec.name.to_ascii_uppercase().replace('|', " ");
    format!("{name} {}", spec.syntax).trim_end().to_owned()
}

fn commands_text() -> Result<String> {
    let table = Table::new();
    let mut out = String::new();
    for (group, title) in GROUPS {
        writeln!(out, "{title}:")?;
        for spec in commands_of(&table, group) {
            writeln!(out, "  {}\n      {}", usage(spec), spec.summary)?;
        }
    }
    Ok(out)
}

fn commands_markdown() -> Result<String> {
    let table = Table::new();
    let mut out = COMMANDS_HEAD.to_owned();
    for (group, title) in GROUPS {
        let specs = commands_of(&table, group);
        if specs.is_empty() {
            continue;
        }
        writeln!(out, "\n## {title}")?;
        for spec in specs {
            let flags = spec.flags.names();
            let flags = if flags.is_empty() { "none".to_owned() } else { flags.join(", ") };
            let name = spec.name.to_ascii_uppercase().replace('|', " ");
            writeln!(out, "\n### {name}\n\n```\n{}\n```\n", usage(spec))?;
            writeln!(out, "{}\n", spec.summary)?;
            writeln!(out, "- Since: {}", spec.since)?;
            writeln!(out, "- Complexity: {}", spec.complexity)?;
            writeln!(out, "- Flags: {flags}")?;
        }
    }
    Ok(out)
}

fn settings_text() -> Result<String> {
    let mut out = String::new();
    for setting in Setting::all() {
        writeln!(out, "{}\n    {}", setting.name, setting.doc)?;
    }
    Ok(out)
}

fn settings_toml() -> Result<String> {
    let defaults = Config::default();
    let mut out = TOML_HEAD.to_owned();
    let is_own = |setting: &&Setting| {
        !matches!(setting.change, settings::Change::Never | settings::Change::Alias)
    };
    for setting in Setting::all().iter().filter(is_own) {
        let line = settings::file::assignment(setting, &defaults);
        writeln!(out, "\n# {}\n#{line}", setting.doc)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_command_is_documented() {
        let markdown = commands_markdown().unwrap();
        for command in Table::new().all().iter().filter(|c| c.spec.subcommands.is_empty()) {
            let title = command.spec.name.to_ascii_uppercase().replace('|', " ");
            assert!(markdown.contains(&format!("\n### {title}\n")), "{title}");
        }
    }

    #[test]
    fn the_example_file_stands_for_the_defaults() {
        let text = settings_toml().unwrap();
        let active: String = text
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(' '))
            .map(|line| format!("{line}\n"))
            .collect();
        let mut config = Config { port: 1, ..Config::default() };
        crate::sources::read_file(&mut config, &active).unwrap();
        let defaults = Config::default();
        for setting in Setting::all() {
            assert_eq!(setting.get(&config), setting.get(&defaults), "{}", setting.name);
        }
    }
}
