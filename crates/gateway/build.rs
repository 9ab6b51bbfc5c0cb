//! Lists the files of the console's application, if it was built, so that they are part of the program.
//!
//! Nothing is built here: a build of the program needs neither Node nor a network.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[expect(clippy::disallowed_methods, reason = "the one place that writes a file of the build")]
fn main() -> io::Result<()> {
    let from = |name: &str| env::var_os(name).map(PathBuf::from).unwrap_or_default();
    let console = from("CARGO_MANIFEST_DIR").join("../../console");
    let folder = console.join("dist");
    // What is not there counts as changed whenever it is looked at.
    if let Some(watched) = [&folder, &console].into_iter().find(|folder| folder.is_dir()) {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if folder.is_dir() {
        collect(&folder, &mut files)?;
    }
    files.sort();
    let mut text = String::from("const FILES: &[File] = &[\n");
    for file in &files {
        let name = file.strip_prefix(&folder).map_err(io::Error::other)?;
        let name = name.to_string_lossy().replace('\\', "/");
        _ = writeln!(text, "({name:?}, include_bytes!({:?})),", file.display().to_string());
    }
    text.push_str("];\n");
    fs::write(from("OUT_DIR").join("application.rs"), text)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
