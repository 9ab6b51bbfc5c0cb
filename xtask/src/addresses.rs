//! No file names the machine that it was written on, nor the place that a package came from.
//!
//! A path of one machine is wrong on every other one. The address of a registry in a lock file or
//! a setting binds everybody to one mirror; tools know where to look without it.

use std::path::Path;

use crate::finding::{Finding, Rule};
use crate::tree::Text;

/// These are put together here, so that this file does not contain what it looks for.
const MACHINE_FOLDERS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
const SCRATCH_FOLDER: &str = concat!("/t", "mp/");
const REGISTRIES: [&str; 9] = [
    concat!("registry.npm", "js.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("files.python", "hosted.org"),
    concat!("pypi.org", "/simple"),
    concat!("\"resolved\": \"", "http"),
    concat!("registry=", "http"),
    concat!("index", "-url"),
];

/// Finds absolute paths of a machine and addresses of registries. In prose the scratch folder
/// counts too; in code it is an honest example.
pub(crate) fn check(text: &Text) -> Vec<Finding> {
    let mut prose = Prose::new(&text.path);
    let mut findings = Vec::new();
    for (line, content) in (1..).zip(text.text.lines()) {
        let machine = MACHINE_FOLDERS.into_iter().find(|folder| names_folder(content, folder));
        let scratch = prose.of(content).filter(|prose| names_folder(prose, SCRATCH_FOLDER));
        let registry = REGISTRIES.into_iter().find(|address| content.contains(address));
        let messages = [
            machine.map(|folder| format!("the path of one machine: {folder}")),
            scratch.map(|_| format!("a path of one machine in prose: {SCRATCH_FOLDER}")),
            registry.map(|address| format!("the address of a registry: {address}")),
        ];
        findings.extend(messages.into_iter().flatten().map(|message| Finding {
            rule: Rule::Address,
            path: text.path.clone(),
            line,
            message,
        }));
    }
    findings
}

/// Tells whether `folder` begins a path here, rather than being in the middle of one.
fn names_folder(line: &str, folder: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || "._-~/}*".contains(c);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(inside))
}

/// Yields what is prose in a markdown file, line by line.
#[derive(Debug)]
struct Prose {
    is_markdown: bool,
    in_fence: bool,
}

impl Prose {
    fn new(path: &Path) -> Self {
        Self { is_markdown: path.extension().is_some_and(|e| e == "md"), in_fence: false }
    }

    /// The line without its inline code; none inside a block of code.
    fn of(&mut self, line: &str) -> Option<String> {
        let is_fence = line.trim_start().starts_with("```");
        self.in_fence ^= is_fence;
        let is_prose = self.is_markdown && !self.in_fence && !is_fence;
        is_prose.then(|| line.split('`').step_by(2).collect::<Vec<_>>().join("`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_lines(path: &str, text: &str, expect: &[usize]) {
        let text = Text { path: path.into(), text: text.to_owned() };
        let lines: Vec<usize> = check(&text).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, expect, "{}", text.text);
    }

    #[test]
    fn machine_folders() {
        for folder in MACHINE_FOLDERS {
            check_lines("a.rs", &format!("// {folder}x"), &[1]);
            check_lines("a.md", &format!("```\ncd {folder}x\n```"), &[2]);
            check_lines("a.sh", &format!("cd .{folder}x; cd a{folder}x; cd ~{folder}x"), &[]);
        }
    }

    #[test]
    fn scratch_folder_is_fine_in_code() {
        let path = format!("{SCRATCH_FOLDER}x");
        check_lines("a.md", &format!("see {path}"), &[1]);
        check_lines("a.md", &format!("see `{path}`\n```\n{path}\n```\n"), &[]);
        check_lines("a.sh", &path, &[]);
    }

    #[test]
    fn registries() {
        for address in REGISTRIES {
            check_lines("package-lock.json", &format!("\n  {address}"), &[2]);
        }
        check_lines("Cargo.lock", "registry+https://github.com/rust-lang/crates.io-index", &[]);
        check_lines("package-lock.json", "\"url\": \"https://opencollective.com/a\"", &[]);
    }
}
