//! Makes a failing script small and writes it down for people.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::command::{Script, Step};
use crate::reply::Reply;
use crate::run::{Duel, Mismatch};

/// How often a failing script is run again in search of a smaller one.
const RERUNS: usize = 200;
/// The same in time: a rerun that waits for a missing reply takes seconds.
const RERUN_TIME: Duration = Duration::from_secs(20);
/// How many earlier commands on the same key a report shows.
const HISTORY: usize = 15;

/// Describes a mismatch: seed and step, history, both replies, the smallest script found.
pub(crate) fn report(duel: &Duel, seed: u64, script: Script, mismatch: Mismatch) -> String {
    let mut text = String::new();
    let (ours, theirs) = duel.ports();
    let step = mismatch.step;
    let _infallible = writeln!(
        text,
        "\n==== FIRTH_SEED={seed} against {:?}, step {step} of {} (ports {ours} and {theirs})",
        duel.oracle,
        script.len()
    );
    let failing = &script[step];
    let shares = |index: &usize| {
        let args = &script[*index].command.0;
        args.iter().skip(1).any(|arg| arg.len() < 8 && failing.command.0[1..].contains(arg))
    };
    let history: Vec<usize> = (0..step).filter(shares).collect();
    let _infallible = writeln!(text, "-- before it, with an argument in common:");
    for &index in &history[history.len().saturating_sub(HISTORY)..] {
        let _infallible = writeln!(text, "   {}", script[index]);
    }
    let _infallible = writeln!(text, "-- at {failing}, connection {}:", mismatch.connection);
    write_replies(&mut text, "ours  ", &mismatch.pair.ours);
    write_replies(&mut text, "theirs", &mismatch.pair.theirs);
    let both = [&mismatch.pair.ours, &mismatch.pair.theirs];
    if mismatch.pair.ours.contains(&Reply::Closed) {
        let _infallible = writeln!(text, "-- our server wrote:\n{}", duel.log_tail());
    }
    if both.iter().any(|replies| replies.contains(&Reply::Silence)) {
        let _infallible = writeln!(text, "-- not shrunk: each run would wait for that reply");
        write_steps(&mut text, &script[..=step]);
        return text;
    }
    let (small, mismatch) = shrink(duel, script, mismatch);
    let _infallible = writeln!(text, "-- smallest script:");
    write_steps(&mut text, &small);
    write_replies(&mut text, "ours  ", &mismatch.pair.ours);
    write_replies(&mut text, "theirs", &mismatch.pair.theirs);
    text
}

fn write_steps(text: &mut String, steps: &[Step]) {
    for step in steps {
        let _infallible = writeln!(text, "   {step}");
    }
}

fn write_replies(text: &mut String, whose: &str, replies: &[Reply]) {
    let replies: Vec<String> = replies.iter().map(Reply::to_string).collect();
    let _infallible = writeln!(text, "   {whose} {}", replies.join("  "));
}

/// Delta debugging: takes away ever smaller runs of steps as long as a mismatch at a command of
/// the same name stays.
fn shrink(duel: &Duel, mut script: Script, mut mismatch: Mismatch) -> (Script, Mismatch) {
    let name = script[mismatch.step].command.name();
    script.truncate(mismatch.step + 1);
    let mut runs = 0;
    let deadline = Instant::now() + RERUN_TIME;
    let spent = |runs| runs >= RERUNS || Instant::now() > deadline;
    let mut width = script.len().div_ceil(2);
    while width >= 1 && !spent(runs) {
        let mut start = 0;
        while start < script.len().saturating_sub(1) && !spent(runs) {
            let end = (start + width).min(script.len() - 1);
            let fewer = [&script[..start], &script[end..]].concat();
            runs += 1;
            match duel.run(&fewer) {
                Some(found) if fewer[found.step].command.name() == name => {
                    script = fewer;
                    script.truncate(found.step + 1);
                    mismatch = found;
                }
                _ => start += width,
            }
        }
        width /= 2;
    }
    (script, mismatch)
}
