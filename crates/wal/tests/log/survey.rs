//! Surveys: what is sound is found, whatever lies before it.

use firth_wal::{Disk, Flaw, Log, Lsn, Survey, begin_log, segment_name};
use proptest::prelude::*;

use super::*;

/// A log of several segments that was closed in order, and its records.
fn segmented() -> (SimDisk, Vec<Record>) {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(300)).unwrap();
    let expect = fill(&log, 20);
    log.close().unwrap();
    (disk, expect)
}

fn survey(disk: &SimDisk) -> (Survey, Vec<Record>) {
    let mut records = Vec::new();
    let folder = Path::new(FOLDER);
    let survey = Survey::of(disk, folder, |lsn, bytes| records.push((lsn, bytes.to_vec())));
    (survey.unwrap(), records)
}

#[test]
fn a_sound_log_is_read_as_a_whole() {
    let (disk, expect) = segmented();
    let before = disk.contents();
    let (survey, records) = survey(&disk);
    assert!(survey.is_sound() && survey.goes_on() && survey.lost.is_empty());
    assert!(survey.segments.len() > 2);
    assert_eq!((records, survey.last), (expect.clone(), Lsn(expect.len() as u64)));
    assert_eq!(disk.contents(), before);
}

#[test]
fn no_log_is_sound() {
    let (survey, records) = survey(&SimDisk::new(1));
    assert!(survey.is_sound() && !survey.goes_on() && records.is_empty());
}

#[test]
fn a_segment_that_is_missing_is_lost() {
    let (disk, expect) = segmented();
    let middle = survey(&disk).0.segments[1].clone();
    disk.remove(&middle.path).unwrap();
    let (survey, records) = survey(&disk);
    assert_eq!(survey.lost, [middle.first..middle.next]);
    let (expected, found) = (middle.first, middle.next);
    assert_eq!(survey.segments[0].damage[0].flaw, Flaw::Missing { expected, found });
    assert!(!survey.is_sound() && survey.goes_on());
    let rest = expect.into_iter().filter(|(lsn, _)| !(expected..found).contains(lsn));
    assert_eq!(records, rest.collect::<Vec<_>>());
}

#[test]
fn a_log_can_begin_behind_another_one() {
    let (disk, expect) = segmented();
    let first = Lsn(expect.len() as u64 + 10);
    begin_log(&disk, Path::new(FOLDER), first).unwrap();
    assert!(disk.contents().contains_key(&Path::new(FOLDER).join(segment_name(first))));
    let (log, recovery) = open(&disk, driven(300)).unwrap();
    assert_eq!(recovery.last_lsn(), first.previous());
    assert_eq!(log.append(b"next").unwrap(), first);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// One flipped bit costs one record at most, and is noticed.
    #[test]
    fn what_is_not_hit_is_found(which: prop::sample::Index, bit: prop::sample::Index) {
        let (disk, expect) = segmented();
        let segments = survey(&disk).0.segments;
        let path = segments[which.index(segments.len())].path.clone();
        let mut bytes = disk.contents()[&path].clone();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        disk.put(&path, &bytes);
        let (found, records) = survey(&disk);
        let is_torn = found.segments.iter().any(|segment| segment.torn.is_some());
        prop_assert!(!found.is_sound() || is_torn);
        prop_assert!(records.len() + 1 >= expect.len(), "{found:?}");
        let lost = |lsn: &Lsn| found.lost.iter().any(|range| range.contains(lsn));
        let rest: Vec<_> = expect.into_iter().filter(|(lsn, _)| !lost(lsn)).collect();
        prop_assert_eq!(&records[..], &rest[..records.len()]);
        prop_assert!(records.len() == rest.len() || is_torn);
        // What a start reads is what a survey says of it.
        let started = recover(&disk);
        prop_assert_eq!(started.is_ok(), found.is_sound());
    }

    #[test]
    fn any_bytes_can_be_surveyed(
        which: prop::sample::Index,
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let (disk, _) = segmented();
        let segments = survey(&disk).0.segments;
        disk.put(&segments[which.index(segments.len())].path, &bytes);
        survey(&disk);
    }
}

/// A whole log is read again after it has been closed, so what a log looks like is known.
#[test]
fn a_log_that_was_not_closed_may_be_torn() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    let expect = fill(&log, 8);
    drop::<Log>(log);
    let path = first_segment();
    let bytes = disk.contents()[&path].clone();
    disk.put(&path, &bytes[..bytes.len() - 1]);
    let (survey, records) = survey(&disk);
    assert!(survey.is_sound() && survey.goes_on());
    assert!(survey.segments[0].torn.is_some());
    assert_eq!(records, expect[..records.len()]);
}
