//! `firth check`: says whether a data folder is sound, and repairs one that is not.

use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use firth_server::check::{self, Report};

/// What the program ends with if a folder is damaged.
const DAMAGED: u8 = 1;
/// What it ends with if a folder cannot be checked.
const NOT_CHECKED: u8 = 2;

/// Says whether a data folder is sound
///
/// Reads every file of a folder that no server uses, and changes nothing. Ends with 0 if all is sound,
/// with 1 if something is damaged (or was, and is repaired), with 2 if the folder cannot be checked.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The data folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Keeps all that is sound, says what is lost, and puts the damaged originals aside
    #[arg(long)]
    repair: bool,
}

/// Checks a folder and prints what was found.
#[expect(clippy::print_stderr, reason = "what went wrong is for whoever started the program")]
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let mut text = String::new();
    let checked = if args.repair {
        check::repair(&args.folder).map(|repaired| {
            describe(&mut text, &repaired.report);
            if let (Some(kept_in), Some(lsn)) = (repaired.kept_in, repaired.checkpoint) {
                let kept_in = kept_in.display();
                let _ = writeln!(text, "repaired: what is left is checkpoint {lsn}");
                let _ = writeln!(text, "the originals are in {kept_in}");
            }
            repaired.report.is_sound()
        })
    } else {
        check::check(&args.folder).map(|report| {
            describe(&mut text, &report);
            if !report.is_sound() {
                let folder = args.folder.display();
                let _ = writeln!(text, "to keep what is left: firth check {folder} --repair");
            }
            report.is_sound()
        })
    };
    stdout().write_all(text.as_bytes())?;
    match checked {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(DAMAGED)),
        Err(error) => {
            eprintln!("firth: {:#}", anyhow::Error::new(error));
            Ok(ExitCode::from(NOT_CHECKED))
        }
    }
}

/// Writes what was found, one line for each thing.
fn describe(text: &mut String, report: &Report) {
    for file in &report.files {
        let path = file.path.display();
        let state = match file.is_missing {
            true => "MISSING",
            false if file.is_sound() => "sound",
            false => "DAMAGED",
        };
        let _ = writeln!(text, "{state} {path}: {}", file.holds);
        for found in &file.flaws {
            let _ = writeln!(text, "  at offset {}: {}", found.offset, found.flaw);
        }
        for note in &file.notes {
            let _ = writeln!(text, "  {note}");
        }
    }
    for loss in &report.losses {
        let _ = writeln!(text, "LOST {loss}");
    }
    let source = match report.checkpoint {
        Some(lsn) => format!("checkpoint {lsn} and {} records", report.records),
        None => format!("{} records", report.records),
    };
    let verdict = match (report.is_sound(), report.losses.is_empty()) {
        (true, _) => "sound",
        (false, true) => "damaged, but nothing is lost",
        (false, false) => "damaged",
    };
    let (keys, entries) = (report.keys, report.entries);
    let _ = writeln!(text, "{verdict}: {keys} keys with {entries} entries, from {source}");
}
