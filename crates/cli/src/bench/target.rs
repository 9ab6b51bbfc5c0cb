//! Says which servers are measured: programs to spawn, or servers that run already.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

use anyhow::{Context as _, Error, Result, bail};

/// A server to measure, under the name that the tables give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) speaks: Speaks,
    pub(super) origin: Origin,
}

/// In which language a target is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// The Redis protocol.
    Redis,
    /// The NATS protocol, with JetStream behind it.
    Nats,
    /// None: the disk itself, without a server.
    Disk,
}

/// How a server comes to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Spawned for each measurement. `{port}` in a word or in the settings stands for a free
    /// port, `{dir}` for a fresh directory. The settings, where there are any, are written to the
    /// file `{dir}/settings` before.
    Spawned { words: Vec<String>, settings: String },
    /// Runs already; without `pid` nothing can be said of its processor time.
    Attached { address: SocketAddr, pid: Option<u32> },
    /// Only a fresh directory.
    Directory,
}

/// `NAME=CMDLINE` as given to `--target`.
#[derive(Debug, Clone)]
pub(super) struct SpawnedTarget(pub(super) Target);

/// `NAME=HOST:PORT[,pid=N]` as given to `--attach`.
#[derive(Debug, Clone)]
pub(super) struct AttachedTarget(pub(super) Target);

impl FromStr for SpawnedTarget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, command) = split_name(text)?;
        let words = split_words(command)?;
        if words.is_empty() {
            bail!("no command after `{name}=`");
        }
        let origin = Origin::Spawned { words, settings: String::new() };
        Ok(Self(Target { name: name.to_owned(), speaks: Speaks::Redis, origin }))
    }
}

impl FromStr for AttachedTarget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, rest) = split_name(text)?;
        let (host, pid) = match rest.split_once(",pid=") {
            Some((host, pid)) => (host, Some(pid.parse().context("odd process number")?)),
            None => (rest, None),
        };
        let mut addresses =
            host.to_socket_addrs().with_context(|| format!("`{host}` is not HOST:PORT"))?;
        let address = addresses.next().with_context(|| format!("`{host}` has no address"))?;
        let origin = Origin::Attached { address, pid };
        Ok(Self(Target { name: name.to_owned(), speaks: Speaks::Redis, origin }))
    }
}

fn split_name(text: &str) -> Result<(&str, &str)> {
    match text.split_once('=') {
        Some((name, rest)) if !name.is_empty() => Ok((name, rest)),
        _ => bail!("`{text}` does not begin with NAME="),
    }
}

/// Splits a command line at blanks; single or double quotes hold blanks, and words, together.
pub(super) fn split_words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        bail!("a quote is left open in `{line}`");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn spawned(text: &str) -> Option<(String, Vec<String>)> {
        let target = text.parse::<SpawnedTarget>().ok()?.0;
        let Origin::Spawned { words, .. } = target.origin else { return None };
        Some((target.name, words))
    }

    #[test]
    fn spawned_targets() {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let check = |text: &str, name: &str, expect: &[&str]| {
            assert_eq!(spawned(text), Some((name.to_owned(), words(expect))), "{text}");
        };
        check("a=b", "a", &["b"]);
        check(
            "r=redis-server  --save '' -p {port}",
            "r",
            &["redis-server", "--save", "", "-p", "{port}"],
        );
        check("x=/a/b --set=\"1 2\"'3'", "x", &["/a/b", "--set=1 23"]);
        for odd in ["", "a", "a=", "a=  ", "=b", "a='b"] {
            assert_eq!(spawned(odd), None, "{odd}");
        }
    }

    #[test]
    fn attached_targets() {
        let check = |text: &str, port: u16, pid: Option<u32>| {
            let target = text.parse::<AttachedTarget>().unwrap().0;
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            assert_eq!(target.origin, Origin::Attached { address, pid }, "{text}");
        };
        check("a=127.0.0.1:6379", 6379, None);
        check("a=127.0.0.1:1,pid=42", 1, Some(42));
        for odd in ["a", "a=", "=127.0.0.1:1", "a=127.0.0.1", "a=127.0.0.1:1,pid=x"] {
            assert!(odd.parse::<AttachedTarget>().is_err(), "{odd}");
        }
    }
}
