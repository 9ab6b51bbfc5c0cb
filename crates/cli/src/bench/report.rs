//! The outcome of a whole run, medians over rounds, as rows that the outputs share.

use super::machine::Machine;
use super::measure::{Fact, Figures, Memory, Speed};

/// A share of a core above which the loader counts as the limit.
const LOADER_BOUND: f64 = 0.95;
/// A share of a core below which the server had nothing to do for part of the time.
const SERVER_BUSY: f64 = 0.90;
/// A share of the time spent waiting for a core above which others must have used it.
const DISTURBED: f64 = 0.05;

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// The kind of file system that the servers' folders are on.
    pub(super) file_system: &'static str,
    pub(super) rounds: usize,
    pub(super) seconds: f64,
    pub(super) scale: f64,
    /// Names and versions, in the order of the command line.
    pub(super) targets: Vec<(String, String)>,
    /// Peers that do not take part, and why.
    pub(super) absent: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// One work at one target.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) work: &'static str,
    /// The heading that it stands under.
    pub(super) title: &'static str,
    /// What is said below that heading.
    pub(super) method: &'static str,
    pub(super) unit: &'static str,
    pub(super) target: String,
    /// Medians over rounds, or why there are none.
    pub(super) figures: Result<Figures, String>,
    /// The first target's figures over this one's; `None` at the first target itself.
    pub(super) ratio: Option<Ratio>,
}

/// The first target against another: above 1 is more.
#[derive(Debug, Clone, Default)]
pub(super) struct Ratio {
    pub(super) ops: Option<f64>,
    pub(super) cpu: Option<f64>,
    pub(super) resident: Option<f64>,
    pub(super) reported: Option<f64>,
    /// Of the first fact, where there are facts.
    pub(super) fact: Option<f64>,
}

impl Row {
    /// What a reader must know besides the figures.
    pub(super) fn note(&self) -> String {
        match &self.figures {
            Err(reason) => format!("failed: {}", reason.replace('\n', " / ")),
            Ok(Figures::Speed(speed)) => speed_note(speed),
            Ok(Figures::Memory(_) | Figures::Facts(_)) => String::new(),
        }
    }
}

fn speed_note(speed: &Speed) -> String {
    let mut notes = Vec::new();
    let waited = speed.server_waited.max(speed.loader_waited);
    if DISTURBED < waited {
        notes.push(format!("disturbed {:.0} %", waited * 100.0));
    }
    if LOADER_BOUND < speed.loader_share {
        notes.push("loader-bound".to_owned());
    } else if speed.server_share.is_some_and(|share| share + speed.server_waited < SERVER_BUSY) {
        notes.push("server idles".to_owned());
    }
    notes.join(", ")
}

/// The medians of several rounds, each figure by itself; the first failure, if there is one.
pub(super) fn median(rounds: Vec<Result<Figures, String>>) -> Result<Figures, String> {
    let rounds = rounds.into_iter().collect::<Result<Vec<_>, _>>()?;
    let speeds: Vec<&Speed> = rounds.iter().filter_map(as_speed).collect();
    let memories: Vec<&Memory> = rounds.iter().filter_map(as_memory).collect();
    if !speeds.is_empty() {
        return Ok(Figures::Speed(median_speed(&speeds)));
    }
    if let Some(Figures::Facts(facts)) = rounds.first() {
        return Ok(Figures::Facts(facts.iter().map(|fact| median_fact(fact, &rounds)).collect()));
    }
    let of = |get: fn(&Memory) -> Option<f64>| middle(memories.iter().filter_map(|m| get(m)));
    Ok(Figures::Memory(Memory { resident: of(|m| m.resident), reported: of(|m| m.reported) }))
}

/// The first target's figures over another's.
pub(super) fn ratio(first: &Figures, other: &Figures) -> Ratio {
    let over = |first: Option<f64>, other: Option<f64>| {
        first.zip(other).filter(|(_, other)| 0.0 < *other).map(|(first, other)| first / other)
    };
    match (first, other) {
        (Figures::Speed(first), Figures::Speed(other)) => Ratio {
            ops: over(Some(first.ops_per_s), Some(other.ops_per_s)),
            cpu: over(first.cpu_us, other.cpu_us),
            ..Ratio::default()
        },
        (Figures::Memory(first), Figures::Memory(other)) => Ratio {
            resident: over(first.resident, other.resident),
            reported: over(first.reported, other.reported),
            ..Ratio::default()
        },
        (Figures::Facts(first), Figures::Facts(other)) => {
            let value = |facts: &[Fact]| facts.first().and_then(|fact| fact.value);
            Ratio { fact: over(value(first), value(other)), ..Ratio::default() }
        }
        _ => Ratio::default(),
    }
}

fn median_fact(fact: &Fact, rounds: &[Figures]) -> Fact {
    let value = |figures: &Figures| {
        let Figures::Facts(facts) = figures else { return None };
        facts.iter().find(|other| other.name == fact.name)?.value
    };
    Fact { value: middle(rounds.iter().filter_map(value)), ..fact.clone() }
}

fn as_speed(figures: &Figures) -> Option<&Speed> {
    if let Figures::Speed(speed) = figures { Some(speed) } else { None }
}

fn as_memory(figures: &Figures) -> Option<&Memory> {
    if let Figures::Memory(memory) = figures { Some(memory) } else { None }
}

fn median_speed(rounds: &[&Speed]) -> Speed {
    let of = |get: fn(&Speed) -> f64| middle(rounds.iter().map(|s| get(s))).unwrap_or_default();
    Speed {
        ops_per_s: of(|s| s.ops_per_s),
        cpu_us: middle(rounds.iter().filter_map(|s| s.cpu_us)),
        p50_us: of(|s| s.p50_us),
        p99_us: of(|s| s.p99_us),
        p999_us: of(|s| s.p999_us),
        server_share: middle(rounds.iter().filter_map(|s| s.server_share)),
        loader_share: of(|s| s.loader_share),
        server_waited: of(|s| s.server_waited),
        loader_waited: of(|s| s.loader_waited),
    }
}

/// The middle value, or the mean of the middle two.
fn middle(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(half.checked_sub(1)?).map(|lower| (lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn round(ops_per_s: f64, cpu_us: Option<f64>) -> Figures {
        Figures::Speed(Speed { ops_per_s, cpu_us, ..Speed::default() })
    }

    #[test]
    fn medians_are_taken_figure_by_figure() {
        let rounds = [round(3.0, Some(1.0)), round(1.0, Some(3.0)), round(2.0, Some(2.5))];
        let Figures::Speed(speed) = median(rounds.map(Ok).to_vec()).unwrap() else { panic!() };
        assert_eq!((speed.ops_per_s, speed.cpu_us), (2.0, Some(2.5)));
        let failed = vec![Ok(round(1.0, None)), Err("no".to_owned())];
        assert_eq!(median(failed).unwrap_err(), "no");
    }

    #[test]
    fn facts_are_matched_by_name() {
        let round = |a: f64, b: Option<f64>| {
            let b = Fact { name: "b", value: b, digits: 0 };
            Ok(Figures::Facts(vec![Fact::new("a", a, 1), b]))
        };
        let rounds = vec![round(1.0, None), round(3.0, Some(5.0)), round(2.0, None)];
        let Figures::Facts(facts) = median(rounds).unwrap() else { panic!() };
        let b = Fact { name: "b", value: Some(5.0), digits: 0 };
        assert_eq!(facts, [Fact::new("a", 2.0, 1), b]);
        let half = Figures::Facts(vec![Fact::new("a", 1.0, 1)]);
        assert_eq!(ratio(&half, &Figures::Facts(facts)).fact, Some(0.5));
    }

    #[test]
    fn notes_say_what_limited() {
        let check = |server: f64, server_waited: f64, loader_share: f64, expect: &str| {
            let server_share = Some(server);
            let speed = Speed { server_share, server_waited, loader_share, ..Speed::default() };
            assert_eq!(speed_note(&speed), expect);
        };
        check(0.99, 0.0, 0.5, "");
        check(0.99, 0.0, 0.96, "loader-bound");
        check(0.5, 0.0, 0.96, "loader-bound");
        check(0.5, 0.0, 0.5, "server idles");
        check(0.5, 0.49, 0.5, "disturbed 49 %");
        check(0.5, 0.3, 0.5, "disturbed 30 %, server idles");
    }

    #[test]
    fn middles() {
        let check = |values: &[f64], expect| assert_eq!(middle(values.iter().copied()), expect);
        check(&[], None);
        check(&[7.0], Some(7.0));
        check(&[9.0, 1.0], Some(5.0));
        check(&[9.0, 1.0, 2.0], Some(2.0));
    }

    #[test]
    fn ratios_are_the_first_over_the_other() {
        let found = ratio(&round(10.0, Some(1.0)), &round(5.0, Some(4.0)));
        assert_eq!((found.ops, found.cpu), (Some(2.0), Some(0.25)));
        assert_eq!(ratio(&round(10.0, None), &round(0.0, Some(4.0))).ops, None);
    }
}
