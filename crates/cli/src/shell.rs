//! `firth completions` and `firth manual`: what shells and `man` want to know, from the definitions of the arguments.

use std::io::{Write as _, stdout};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Command};
use clap_complete::Shell;

/// Prints the completions for a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the manual page, or writes those of all verbs into a folder
#[derive(Debug, Args)]
pub(crate) struct ManualArgs {
    /// The folder, such as /usr/local/share/man/man1
    folder: Option<PathBuf>,
}

impl CompletionsArgs {
    /// Runs `firth completions`.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, command, "firth", &mut text);
        Ok(stdout().write_all(&text)?)
    }
}

impl ManualArgs {
    /// Runs `firth manual`.
    pub(crate) fn run(&self, command: Command) -> Result<()> {
        let Some(folder) = &self.folder else {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            return Ok(stdout().write_all(&page)?);
        };
        let name = || format!("writing into {}", folder.display());
        std::fs::create_dir_all(folder).with_context(name)?;
        clap_mangen::generate_to(command, folder).with_context(name)
    }
}
