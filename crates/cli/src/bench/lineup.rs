//! Who takes part in a work unless the user says otherwise: ourselves in several settings, and the
//! peers whose programs are on the path.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::target::{Origin, Speaks, Target, split_words};

/// A set of targets that make sense side by side. The first target is the one that the others are
/// compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lineup {
    /// Nothing is kept on disk.
    Memory,
    /// Everything is kept, with the promises that there are to choose from; and the disk itself.
    Durable,
    /// Started again on what was kept before.
    Restart,
    /// More data than may stay in memory.
    Large,
    /// Saving while others write.
    Checkpoint,
}

/// The programs that targets are started from.
#[derive(Debug)]
pub(super) struct Programs {
    firth: String,
    redis: Option<String>,
    nats: Option<Nats>,
}

/// A NATS server's program.
#[derive(Debug)]
struct Nats {
    program: String,
    /// Its version as far as its features depend on it.
    version: (u32, u32),
}

/// One target in short: program and what is added to its usual options.
#[derive(Debug)]
struct Preset {
    name: &'static str,
    program: Program,
    options: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Program {
    Firth,
    Redis,
    /// Options are lines of its section `jetstream`.
    Nats,
    Disk,
}

const fn preset(name: &'static str, program: Program, options: &'static str) -> Preset {
    Preset { name, program, options }
}

/// The NATS version that learnt `sync_interval`; without it, files are synced every two minutes.
const NATS_SYNC_VERSION: (u32, u32) = (2, 10);
const NATS_SYNC: &str = "sync_interval: always";

const MEMORY: &[Preset] = &[
    preset("firth", Program::Firth, "--appendonly no"),
    preset("redis", Program::Redis, "--appendonly no"),
];

const DURABLE: &[Preset] = &[
    preset("firth-always", Program::Firth, "--durability always"),
    preset("firth-everysec", Program::Firth, "--durability everysec"),
    preset("firth-nolog", Program::Firth, "--appendonly no"),
    preset("redis-always", Program::Redis, "--appendonly yes --appendfsync always"),
    preset("redis-everysec", Program::Redis, "--appendonly yes --appendfsync everysec"),
    preset("nats-always", Program::Nats, NATS_SYNC),
    preset("nats-2min", Program::Nats, ""),
    preset("disk", Program::Disk, ""),
];

const RESTART: &[Preset] = &[
    preset("firth", Program::Firth, "--durability always"),
    preset("redis-rdb", Program::Redis, "--appendonly no"),
    preset("redis-aof", Program::Redis, "--appendonly yes --auto-aof-rewrite-percentage 0"),
];

const LARGE: &[Preset] = &[
    preset("firth-256mb", Program::Firth, "--durability everysec --maxmemory 256mb"),
    preset("redis-unlimited", Program::Redis, "--appendonly yes --appendfsync everysec"),
];

const CHECKPOINT: &[Preset] = &[
    preset("firth-always", Program::Firth, "--durability always"),
    preset("firth-everysec", Program::Firth, "--durability everysec"),
    preset("redis-always", Program::Redis, "--appendonly yes --appendfsync always"),
    preset("redis-everysec", Program::Redis, "--appendonly yes --appendfsync everysec"),
];

impl Lineup {
    /// The heading that its works stand under.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Memory => "In memory",
            Self::Durable => "Durable",
            Self::Restart => "Restart and size on disk",
            Self::Large => "Larger than memory",
            Self::Checkpoint => "During a checkpoint",
        }
    }

    /// What a reader must know of its figures, in markdown.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Memory => {
                "Neither side keeps anything on disk: what is measured is the protocol and the \
                 data structures."
            }
            Self::Durable => {
                "`always`: a reply says that the change is on the disk; `everysec`: it will be \
                 within a second; `nolog`: nothing is kept; `2min`: JetStream acknowledges from \
                 the kernel's memory and syncs every two minutes, its default.\n\
                 `disk` is the floor: all that is in flight is appended to a file with one write \
                 and one `fdatasync`, without any server.\n\
                 The column of CPU ratios in the row `firth-nolog` is the cost of the log.\n\
                 All else is as by default: Redis rewrites its log and Firth makes checkpoints \
                 when they think fit."
            }
            Self::Restart => {
                "The stream is filled with entries whose values differ, and then, except for `redis-aof`, saved with BGSAVE; bytes on \
                 disk are those of the whole folder, by `du`'s account.\n\
                 The server is killed and started again, the median of several times: the time is \
                 that from the start of the process until XLEN and an XRANGE at both ends have \
                 answered and were right. The kernel remembers the files."
            }
            Self::Large => {
                "`XRANGE key ID + COUNT 10` at random places, one call at a time, the same for all; \
                 resident bytes are the process's own, the peak that of its whole life.\n\
                 `cold`: the kernel was told to forget the files before, so that what is not in \
                 the server's memory comes from the disk."
            }
            Self::Checkpoint => {
                "XADD at a fixed rate over fifty connections, beside a big stream and many small \
                 ones; a latency counts from when the request was due, so that a pause is seen by \
                 all requests that fall into it.\n\
                 `during`: BGSAVE is asked for again as soon as the last one has ended. The server \
                 has one core for both."
            }
        }
    }

    /// The targets whose programs are there.
    pub(super) fn targets(self, programs: &Programs) -> Result<Vec<Target>> {
        self.presets().iter().filter_map(|preset| preset.target(programs)).collect()
    }

    fn presets(self) -> &'static [Preset] {
        match self {
            Self::Memory => MEMORY,
            Self::Durable => DURABLE,
            Self::Restart => RESTART,
            Self::Large => LARGE,
            Self::Checkpoint => CHECKPOINT,
        }
    }
}

impl Preset {
    fn target(&self, programs: &Programs) -> Option<Result<Target>> {
        let (speaks, line, settings) = match self.program {
            Program::Firth => {
                let usual = "serve --port {port} --threads 1 --dir {dir}/data --gateway off";
                (Speaks::Redis, format!("'{}' {usual} {}", programs.firth, self.options), None)
            }
            Program::Redis => {
                let usual = "--port {port} --bind 127.0.0.1 --dir {dir} --save ''";
                let program = programs.redis.as_ref()?;
                (Speaks::Redis, format!("'{program}' {usual} {}", self.options), None)
            }
            Program::Nats => {
                let nats = programs.nats.as_ref()?;
                if self.options == NATS_SYNC && nats.version < NATS_SYNC_VERSION {
                    return None;
                }
                let line = format!("'{}' --config {{dir}}/settings", nats.program);
                (Speaks::Nats, line, Some(nats_settings(self.options)))
            }
            Program::Disk => {
                let origin = Origin::Directory;
                return Some(Ok(Target {
                    name: self.name.to_owned(),
                    speaks: Speaks::Disk,
                    origin,
                }));
            }
        };
        Some(split_words(&line).map(|words| Target {
            name: self.name.to_owned(),
            speaks,
            origin: Origin::Spawned { words, settings: settings.unwrap_or_default() },
        }))
    }
}

fn nats_settings(options: &str) -> String {
    format!(
        "host: 127.0.0.1\nport: {{port}}\njetstream {{\nstore_dir: \"{{dir}}/js\"\n{options}\n}}\n"
    )
}

impl Programs {
    /// Looks for the programs; `nats` names that one where it is not on the path.
    pub(super) fn find(nats: Option<&Path>) -> Result<Self> {
        let firth = env::current_exe().context("cannot find our own program")?;
        let nats = nats.map(Path::to_owned).or_else(|| on_path("nats-server"));
        Ok(Self {
            firth: text(&firth),
            redis: on_path("redis-server").as_deref().map(text),
            nats: nats.map(|program| Nats::ask(&program)).transpose()?,
        })
    }

    /// What a reader must know of peers that do not take part; empty when all do.
    pub(super) fn absent(&self) -> Vec<String> {
        let mut absent = Vec::new();
        if self.redis.is_none() {
            absent.push("redis: there is no redis-server on the path".to_owned());
        }
        match &self.nats {
            None => absent.push("nats: there is no nats-server on the path".to_owned()),
            Some(Nats { version, .. }) if *version < NATS_SYNC_VERSION => absent.push(format!(
                "nats-always: nats-server {}.{} has no setting to sync before it acknowledges; \
                 {}.{} has",
                version.0, version.1, NATS_SYNC_VERSION.0, NATS_SYNC_VERSION.1
            )),
            Some(_) => {}
        }
        absent
    }
}

impl Nats {
    fn ask(program: &Path) -> Result<Self> {
        let output = Command::new(program).arg("--version").output();
        let output = output.with_context(|| format!("cannot run {}", program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = version(&said).with_context(|| format!("odd NATS version: {said}"))?;
        Ok(Self { program: text(program), version })
    }
}

/// The first two numbers behind the `v` of `nats-server: v2.9.10`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.trim().rsplit_once('v')?.1.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn programs(nats: (u32, u32)) -> Programs {
        Programs {
            firth: "/a b/firth".to_owned(),
            redis: None,
            nats: Some(Nats { program: "nats-server".to_owned(), version: nats }),
        }
    }

    fn names(lineup: Lineup, nats: (u32, u32)) -> Vec<String> {
        let targets = lineup.targets(&programs(nats)).unwrap();
        targets.into_iter().map(|target| target.name).collect()
    }

    #[test]
    fn only_what_is_there_and_knows_how_takes_part() {
        let ours = ["firth-always", "firth-everysec", "firth-nolog"];
        assert_eq!(names(Lineup::Durable, (2, 9))[..3], ours);
        assert_eq!(names(Lineup::Durable, (2, 9))[3..], ["nats-2min", "disk"]);
        assert_eq!(names(Lineup::Durable, (2, 10))[3..], ["nats-always", "nats-2min", "disk"]);
        assert_eq!(programs((2, 9)).absent().len(), 2);
    }

    #[test]
    fn a_program_in_a_folder_with_blanks_is_one_word() {
        let targets = Lineup::Memory.targets(&programs((2, 9))).unwrap();
        let Origin::Spawned { words, .. } = &targets[0].origin else { panic!() };
        assert_eq!(words[..2], ["/a b/firth", "serve"]);
    }

    #[test]
    fn versions() {
        assert_eq!(version("nats-server: v2.9.10\n"), Some((2, 9)));
        assert_eq!(version("nats-server: v2.11.0-RC.1\n"), Some((2, 11)));
        assert_eq!(version("what?"), None);
    }
}
