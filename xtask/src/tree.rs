//! The files of the repository, without what `.gitignore` leaves out.
//!
//! The walk does not ask git, because the checks must also work in an unpacked archive.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::source::Source;

/// A text file of any kind, Rust included, with its path from the repository's root.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Everything that the rules look at.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) texts: Vec<Text>,
    pub(crate) sources: Vec<Source>,
}

/// The patterns of a `.gitignore` of the simple kind: `/path` from the root, `name` at any depth,
/// `*.suffix`.
#[derive(Debug, Default)]
struct Ignored {
    from_root: Vec<PathBuf>,
    names: Vec<String>,
    suffixes: Vec<String>,
}

impl Tree {
    /// Reads the repository that this crate is part of.
    ///
    /// # Errors
    ///
    /// When the root cannot be found or a folder cannot be read.
    pub(crate) fn read() -> Result<Self> {
        let own = env::var_os("CARGO_MANIFEST_DIR").context("run this through cargo")?;
        let root = Path::new(&own).parent().context("xtask lies in the root")?.to_path_buf();
        let patterns = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        let mut texts = Vec::new();
        walk(&root, Path::new(""), &Ignored::parse(&patterns), &mut texts)?;
        texts.sort_by(|a, b| a.path.cmp(&b.path));
        let rust = texts.iter().filter(|text| text.path.extension().is_some_and(|e| e == "rs"));
        let sources = rust.map(|file| Source::new(&file.path, file.text.as_str())).collect();
        Ok(Self { root, texts, sources })
    }
}

fn walk(root: &Path, folder: &Path, ignored: &Ignored, texts: &mut Vec<Text>) -> Result<()> {
    let full = root.join(folder);
    let entries = fs::read_dir(&full).with_context(|| format!("reading {}", full.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if ignored.covers(&path) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(root, &path, ignored, texts)?;
        } else if kind.is_file()
            // What is not UTF-8 is not text; what has just gone needs no check.
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            texts.push(Text { path, text });
        }
    }
    Ok(())
}

impl Ignored {
    fn parse(patterns: &str) -> Self {
        let mut ignored = Self { names: vec![".git".to_owned()], ..Self::default() };
        let lines = patterns.lines().map(|line| line.trim().trim_end_matches('/'));
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(path) = line.strip_prefix('/') {
                ignored.from_root.push(path.into());
            } else if let Some(suffix) = line.strip_prefix('*') {
                ignored.suffixes.push(suffix.to_owned());
            } else {
                ignored.names.push(line.to_owned());
            }
        }
        ignored
    }

    fn covers(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        self.from_root.iter().any(|ignored| ignored == path)
            || self.names.iter().any(|ignored| ignored == name)
            || self.suffixes.iter().any(|suffix| name.ends_with(suffix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_files() {
        let ignored = Ignored::parse("# built\n/target/\n/tests/.env\nnode_modules\n*.pyc\n");
        let check = |path: &str, expect: bool| {
            assert_eq!(ignored.covers(Path::new(path)), expect, "{path}");
        };
        check("target", true);
        check("crates/target", false);
        check("tests/.env", true);
        check("tests/node_modules", true);
        check("tests/a.pyc", true);
        check("tests/a.py", false);
        check(".git", true);
    }
}
