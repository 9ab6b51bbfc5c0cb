//! Who may import whom.
//!
//! The edges are what makes the parts understandable alone: the log knows no data type, the engine
//! knows no socket, nobody builds on the program. Dependencies that only tests have are free.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::finding::{Finding, Rule};
use crate::tree::Tree;

/// What one crate of the workspace may import.
#[derive(Debug)]
struct Allowed {
    name: &'static str,
    own: Own,
    edge: Edge,
}

/// The crates of this workspace that a crate may import.
#[derive(Debug)]
enum Own {
    Any,
    Only(&'static [&'static str]),
}

/// Whether a crate stands at the edge of the system, where sockets and runtimes are.
#[derive(Debug, PartialEq, Eq)]
enum Edge {
    /// Neither sockets nor an async runtime.
    Core,
    /// May touch sockets.
    Sockets,
    /// Needs no sockets, and nothing speaks against a runtime.
    Neutral,
}

const TABLE: &[Allowed] = &[
    Allowed { name: "firth-wal", own: Own::Only(&[]), edge: Edge::Core },
    Allowed { name: "firth-resp", own: Own::Only(&[]), edge: Edge::Core },
    Allowed { name: "firth-engine", own: Own::Only(&["firth-wal"]), edge: Edge::Core },
    Allowed {
        name: "firth-server",
        own: Own::Only(&["firth-engine", "firth-resp"]),
        edge: Edge::Sockets,
    },
    Allowed { name: "firth", own: Own::Only(&["firth-engine"]), edge: Edge::Sockets },
    Allowed { name: "firth-gateway", own: Own::Only(&["firth"]), edge: Edge::Sockets },
    Allowed {
        name: "firth-cli",
        own: Own::Only(&["firth-server", "firth-gateway", "firth", "firth-engine", "firth-resp"]),
        edge: Edge::Sockets,
    },
    Allowed { name: "firth-sim", own: Own::Any, edge: Edge::Neutral },
    Allowed { name: "xtask", own: Own::Only(&[]), edge: Edge::Neutral },
];

const SOCKETS: [&str; 2] = ["mio", "socket2"];
const RUNTIMES: [&str; 4] = ["tokio", "tokio-util", "futures", "smol"];

/// The part of `cargo metadata` that matters here.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or nothing for an ordinary one.
    kind: Option<String>,
    /// Only a crate of the workspace has a path.
    path: Option<PathBuf>,
}

/// Finds dependencies that the table above does not allow.
///
/// # Errors
///
/// When `cargo metadata` cannot be run or understood.
pub(crate) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(&tree.root)
        .output()
        .context("running cargo metadata")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json = String::from_utf8(output.stdout)?;
    check_metadata(&json, &tree.root)
}

fn check_metadata(json: &str, root: &Path) -> Result<Vec<Finding>> {
    let metadata: Metadata = serde_json::from_str(json).context("reading cargo metadata")?;
    Ok(metadata.packages.iter().flat_map(|package| check_package(package, root)).collect())
}

fn check_package(package: &Package, root: &Path) -> Vec<Finding> {
    let path = package.manifest_path.strip_prefix(root).unwrap_or(&package.manifest_path);
    let finding =
        |message| Finding { rule: Rule::Edge, path: path.to_path_buf(), line: 0, message };
    let Some(allowed) = TABLE.iter().find(|allowed| allowed.name == package.name) else {
        return vec![finding(format!("`{}` is not in xtask's table of edges", package.name))];
    };
    let shipped = package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev"));
    shipped.filter_map(|dependency| allowed.complaint(dependency)).map(finding).collect()
}

impl Allowed {
    fn complaint(&self, dependency: &Dependency) -> Option<String> {
        let (from, to) = (self.name, dependency.name.as_str());
        let is_own = dependency.path.is_some();
        if is_own && !self.own.contains(to) {
            return Some(format!("`{from}` must not import `{to}`"));
        }
        if self.edge == Edge::Core && is_runtime(to) {
            return Some(format!("`{from}` is synchronous and must not import `{to}`"));
        }
        let no_sockets = self.edge != Edge::Sockets && SOCKETS.contains(&to);
        no_sockets.then(|| format!("`{from}` has no sockets and must not import `{to}`"))
    }
}

impl Own {
    fn contains(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(names) => names.contains(&name),
        }
    }
}

fn is_runtime(name: &str) -> bool {
    RUNTIMES.contains(&name) || name.starts_with("async-")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    /// `dependency` is the inside of a JSON object.
    fn check_one(package: &str, dependency: &str, expect: &[&str]) {
        let json = format!(
            r#"{{"packages": [{{"name": "{package}", "manifest_path": "/r/x/Cargo.toml",
                "dependencies": [{{{dependency}}}]}}]}}"#
        );
        let findings = check_metadata(&json, Path::new("/r")).unwrap();
        let messages: Vec<&str> = findings.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(messages, expect);
        assert!(findings.iter().all(|finding| finding.path == Path::new("x/Cargo.toml")));
    }

    #[test]
    fn own_crates() {
        let wal = r#""name": "firth-wal", "kind": null, "path": "/r/wal""#;
        check_one("firth-engine", wal, &[]);
        check_one("firth-sim", wal, &[]);
        check_one("firth-server", wal, &["`firth-server` must not import `firth-wal`"]);
        let cli = r#""name": "firth-cli", "kind": null, "path": "/r/cli""#;
        check_one("firth-gateway", cli, &["`firth-gateway` must not import `firth-cli`"]);
        let build = r#""name": "xtask", "kind": "build", "path": "/r/xtask""#;
        check_one("firth-server", build, &["`firth-server` must not import `xtask`"]);
    }

    #[test]
    fn sockets_and_runtimes() {
        let foreign = |name: &str| format!(r#""name": "{name}", "kind": null"#);
        check_one("firth-server", &foreign("mio"), &[]);
        check_one("firth-cli", &foreign("socket2"), &[]);
        let message = "`firth-wal` has no sockets and must not import `mio`";
        check_one("firth-wal", &foreign("mio"), &[message]);
        let message = "`firth-resp` is synchronous and must not import `async-io`";
        check_one("firth-resp", &foreign("async-io"), &[message]);
        check_one("firth-engine", &foreign("smallvec"), &[]);
    }

    #[test]
    fn what_only_tests_need_is_free() {
        check_one("firth-engine", r#""name": "tokio", "kind": "dev""#, &[]);
        check_one("firth-wal", r#""name": "firth-sim", "kind": "dev", "path": "/r/sim""#, &[]);
    }

    #[test]
    fn new_crates_must_be_entered() {
        let message = "`firth-new` is not in xtask's table of edges";
        check_one("firth-new", r#""name": "itoa", "kind": null"#, &[message]);
    }
}
