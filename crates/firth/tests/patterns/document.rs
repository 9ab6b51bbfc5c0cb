//! The classes of the users' document, run under Bun on one side, and this crate on the other.
//!
//! `FIRTH_DOCUMENT` names the document (default: `../shared/000_b12e2979732c7dce.txt` beside the repository). Bun is
//! installed by `tests/setup.sh`. What is missing is said, and is a failure on CI.

#![allow(clippy::disallowed_methods, reason = "a script is written to a file")]
#![allow(clippy::print_stderr, reason = "what is left out is said")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::server::Kind;

/// A script of the document's snippets and a few lines that use them.
pub(crate) struct Script {
    tests: PathBuf,
    bun: PathBuf,
    text: String,
}

impl Script {
    /// Composes a script: the snippet that stands under a heading, without its usage, then these lines.
    /// `None`: the document or Bun is not here.
    pub(crate) fn new(heading: &str, lines: &str) -> Option<Script> {
        Script::of(&[heading], lines)
    }

    /// Composes a script of several snippets.
    pub(crate) fn of(headings: &[&str], lines: &str) -> Option<Script> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let beside = root.join("../shared/000_b12e2979732c7dce.txt");
        let document = env::var_os("FIRTH_DOCUMENT").map_or(beside, PathBuf::from);
        let bun = root.join("tests/node_modules/.bin/bun");
        let missing = [&document, &bun].into_iter().find(|path| !path.exists());
        if let Some(path) = missing {
            let is_ci = env::var("CI").is_ok_and(|value| value == "true");
            assert!(!is_ci, "{} is not there", path.display());
            eprintln!("SKIPPED: {} is not there", path.display());
            return None;
        }
        let document = fs::read_to_string(document).unwrap();
        let snippets = headings.iter().map(|heading| snippet(&document, heading));
        let snippets = snippets.collect::<Vec<_>>().join("\n");
        let imports = "import { redis, RedisClient } from \"bun\";";
        // Whatever goes wrong, the loops of the document would go on.
        let limit =
            "setTimeout(() => { console.error(\"too late\"); process.exit(1); }, 30_000).unref();";
        let text = format!("{imports}\n{limit}\n{snippets}\n{lines}\n");
        Some(Script { tests: root.join("tests"), bun, text })
    }

    /// Runs the script to its end and returns what it wrote, line by line.
    pub(crate) async fn run(self, address: &str, stream: &str) -> Vec<String> {
        let (address, stream) = (address.to_owned(), stream.to_owned());
        let run = move || {
            let name = format!("firth-test-{}-{}.ts", std::process::id(), stream.replace(':', "-"));
            // There it finds what tests/setup.sh has installed.
            let path = self.tests.join(".env").join(name);
            fs::write(&path, self.text).unwrap();
            let mut command = Command::new(self.bun);
            command.arg("run").arg(&path).env("REDIS_URL", address).env("NAME", stream);
            let output = command.stderr(Stdio::inherit()).output().unwrap();
            fs::remove_file(&path).unwrap();
            assert!(output.status.success(), "{}", output.status);
            String::from_utf8(output.stdout).unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        output.lines().map(str::to_owned).collect()
    }
}

/// Returns lines that make reads of streams answer with arrays, which is what the document's loops expect. Bun speaks RESP3,
/// where Redis answers with maps and those loops fail; Firth can be asked for arrays.
pub(crate) fn reads_as_arrays(kind: Kind) -> &'static str {
    match kind {
        Kind::Firth => r#"await redis.send("CLIENT", ["FIRTH-READ-REPLY", "array"]);"#,
        _ => {
            r#"
            const send = redis.send.bind(redis);
            redis.send = async (name, args) => {
                const reply = await send(name, args);
                const isMap = name.startsWith("XREAD") && reply && !Array.isArray(reply);
                return isMap ? Object.entries(reply) : reply;
            };
            "#
        }
    }
}

/// Returns the first snippet under a heading, without the lines that show how it is used, and without what it
/// imports from Bun.
fn snippet(document: &str, heading: &str) -> String {
    let is_heading = |line: &str| line.trim_start_matches('#').trim() == heading;
    let lines = document.lines().skip_while(|line| !(line.starts_with('#') && is_heading(line)));
    let lines = lines.skip_while(|line| *line != "```typescript").skip(1);
    let lines = lines.take_while(|line| *line != "```" && *line != "// Usage");
    let lines: Vec<&str> = lines.filter(|line| !line.ends_with("from \"bun\";")).collect();
    assert!(!lines.is_empty(), "the document has nothing under `{heading}`");
    lines.join("\n")
}
