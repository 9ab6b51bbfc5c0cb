//! Tests of records.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::effect::Effect;
use crate::stream::entries::Node;
use crate::stream::{EntryId, Retention, StreamEffect, Unacknowledged};
use crate::value::NEVER;

type Owned = Vec<(u8, String)>;

fn record(effects: &[(u8, Effect<'_>)]) -> Vec<u8> {
    let mut batch = Batch::default();
    effects.iter().for_each(|(db, effect)| batch.push(*db, effect));
    batch.record().to_vec()
}

/// What a record decodes to, as text, since effects borrow.
fn decoded(record: &[u8]) -> (Owned, Result<(), RecordError>) {
    let mut effects = Owned::new();
    let outcome = decode(record, |db, effect| effects.push((db, format!("{effect:?}"))));
    (effects, outcome)
}

fn check_round_trip(effects: &[(u8, Effect<'_>)]) {
    let expect: Owned = effects.iter().map(|(db, effect)| (*db, format!("{effect:?}"))).collect();
    assert_eq!(decoded(&record(effects)), (expect, Ok(())));
}

fn id(ms: u64, seq: u64) -> EntryId {
    EntryId::new(ms, seq)
}

fn policy(n: [u64; 4]) -> Retention {
    let [age_ms, bytes_max, len_max, _] = n.map(|limit| Some(limit).filter(|limit| *limit > 0));
    let choices = [Unacknowledged::Kept, Unacknowledged::Removed];
    let unacknowledged = choices[usize::from(n[3].is_multiple_of(2))];
    Retention { age_ms, bytes_max, len_max, unacknowledged }
}

/// Hands each kind of effect with these numbers and texts to `visit`, in one batch.
fn with_all_kinds(n: [u64; 4], text: [&[u8]; 4], visit: impl FnOnce(&[(u8, Effect<'_>)])) {
    let [key, group, consumer, other] = text;
    let (small, node) = (n[0] as u32, if n[1].is_multiple_of(2) { Node::Last } else { Node::New });
    let (first, second) = (id(n[0], n[1]), id(n[2], n[3]));
    let (ids, rows) = ([first, second, first], [(second, n[1]), (first, n[2])]);
    let option = n[3].is_multiple_of(2).then_some(n[1]);
    let stream = |change| Effect::Stream { key, change };
    let fields = [group, consumer, other, key];
    let (delivered_ms, deadline) = (n[2], n[3]);
    let changes = [
        StreamEffect::Append { id: first, fields: &fields, node },
        StreamEffect::Append { id: second, fields: &[], node },
        StreamEffect::TrimFront { below: second },
        StreamEffect::TrimEntries { ids: &ids },
        StreamEffect::Delete { ids: &[] },
        StreamEffect::SetCounters { last_id: first, entries_added: n[2], max_deleted_id: second },
        StreamEffect::SetGroup { group, last_delivered: second, entries_read: option },
        StreamEffect::DestroyGroup { group },
        StreamEffect::SeeConsumer { group, consumer, seen_ms: n[1], active_ms: option },
        StreamEffect::DeleteConsumer { group, consumer },
        StreamEffect::Own { group, consumer, delivered_ms, rows: &rows },
        StreamEffect::Release { group, rows: &rows },
        StreamEffect::Forget { group, ids: &ids },
        StreamEffect::ForgetEverywhere { ids: &ids },
        StreamEffect::Remember { producer: group, iid: consumer, id: first },
        StreamEffect::CountDuplicate,
        StreamEffect::ConfigureIdempotence { duration_s: small, entries_max: small / 3 },
        StreamEffect::SetRetention { policy: policy(n) },
        StreamEffect::SetRetention { policy: Retention::default() },
    ];
    let (db, to_db) = ((n[0] % 16) as u8, (n[1] % 16) as u8);
    let keys = [
        Effect::SetString { key, value: group, expires_at_ms: deadline },
        Effect::SetString { key: other, value: b"", expires_at_ms: NEVER },
        Effect::ReplaceString { key, value: consumer },
        Effect::WriteString { key, offset: small as usize, bytes: other },
        Effect::SetDeadline { key, expires_at_ms: NEVER },
        Effect::SetDeadline { key: b"", expires_at_ms: 0 },
        Effect::Delete { key },
        Effect::Rename { key, to_db, to: other },
        Effect::Copy { key, to_db, to: group },
        Effect::Flush,
        Effect::Swap { other: to_db },
        Effect::CreateStream { key, duration_s: small, entries_max: small / 2 },
    ];
    let in_db = |effect| (db, effect);
    let mut batch: Vec<_> = keys.into_iter().map(in_db).collect();
    batch.extend(changes.map(stream).map(|effect| (to_db, effect)));
    visit(&batch);
}

#[test]
fn a_record_is_written_as_drawn() {
    let append = StreamEffect::Append { id: id(5, 0), fields: &[b"a", b"7"], node: Node::Last };
    let trim = StreamEffect::TrimFront { below: id(5, 0) };
    let on_s = |change| (0, Effect::Stream { key: b"s", change });
    let drawn = b"\x10\x02s\x05\x00\x01\x01a\x017\x12\x00\x05\x00";
    assert_eq!(record(&[on_s(append), on_s(trim)]), drawn);
    let in_db_3 = (3, Effect::SetDeadline { key: b"", expires_at_ms: NEVER });
    assert_eq!(record(&[in_db_3]), b"\x00\x03\x04\x00\x00");
    let ids = [id(100, 7), id(101, 0), id(99, 1)];
    let release = StreamEffect::Forget { group: b"g", ids: &ids };
    let drawn = b"\x1c\x02s\x01g\x03\xc8\x01\x07\x02\x00\x03\x01";
    assert_eq!(record(&[on_s(release)]), drawn);
    assert_eq!(verify(drawn), Ok(1));
    let policy = Retention { age_ms: Some(200), len_max: Some(9), ..Retention::default() };
    let on_s = |policy| on_s(StreamEffect::SetRetention { policy });
    assert_eq!(record(&[on_s(policy)]), b"\x21\x02s\xc8\x01\x00\x09\x00");
    let forced = Retention { unacknowledged: Unacknowledged::Removed, ..policy };
    assert_eq!(record(&[on_s(forced)]), b"\x21\x02s\xc8\x01\x00\x09\x01");
}

#[test]
fn flaws_are_named_with_their_places() {
    let check = |record: &[u8], offset: usize, flaw: Flaw| {
        assert_eq!(verify(record), Err(RecordError { offset, flaw }), "{record:?}");
    };
    check(b"\x08\x0b", 1, Flaw::Tag(0x0b));
    check(b"\x08\x22\x00", 1, Flaw::Tag(0x22));
    check(b"\x21\x00\x01\x02\x03\x02", 5, Flaw::Number);
    check(b"\xff", 0, Flaw::Tag(0xff));
    check(b"\x00\x10", 1, Flaw::Database);
    check(b"\x09", 1, Flaw::Number);
    check(b"\x05\x80", 1, Flaw::Number);
    check(b"\x05\x05abc", 1, Flaw::Bytes);
    check(b"\x0a\x00\xff\xff\xff\xff\x1f\x00", 2, Flaw::Number);
    check(b"\x16\x00\x00\x01\x01\x02", 5, Flaw::Number);
    check(b"\x03\x00\x81\x80\x80\x80\x80\x20\x00", 2, Flaw::Number);
    // A list of 2^63 entries ends where the bytes end.
    check(b"\x14\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x02\x00", 13, Flaw::Number);
    let error = verify(b"\x05\x05abc").unwrap_err();
    assert_eq!(error.to_string(), "malformed record: fewer bytes than announced at byte 1");
}

#[test]
fn a_batch_that_has_been_cleared_knows_nothing_of_the_one_before() {
    let mut batch = Batch::default();
    let effect = Effect::ReplaceString { key: b"key", value: &[b'x'; 100_000] };
    batch.push(4, &effect);
    let first = batch.record().to_vec();
    batch.clear();
    assert!(batch.record().is_empty());
    batch.push(4, &effect);
    assert_eq!(batch.record(), first);
}

fn texts() -> impl Strategy<Value = [Vec<u8>; 4]> {
    prop::array::uniform4(prop::collection::vec(any::<u8>(), 0..6))
}

fn numbers() -> impl Strategy<Value = [u64; 4]> {
    prop::array::uniform4(prop_oneof![any::<u64>(), 0..200_u64, Just(u64::MAX)])
}

fn as_slices(texts: &[Vec<u8>; 4]) -> [&[u8]; 4] {
    texts.each_ref().map(Vec::as_slice)
}

proptest! {
    #[test]
    fn records_round_trip(n in numbers(), texts in texts()) {
        with_all_kinds(n, as_slices(&texts), check_round_trip);
    }

    #[test]
    fn what_begins_like_a_record_gives_its_first_effects(
        n in numbers(),
        texts in texts(),
        cut in any::<prop::sample::Index>(),
    ) {
        with_all_kinds(n, as_slices(&texts), |effects| {
            let record = record(effects);
            let (all, _) = decoded(&record);
            let cut = cut.index(record.len());
            let (some, outcome) = decoded(&record[..cut]);
            assert!(all.starts_with(&some));
            assert!(outcome.is_err() || some.len() < all.len());
            assert!(outcome.err().is_none_or(|error| error.offset <= cut));
        });
    }

    #[test]
    fn foreign_bytes_decode_to_effects_or_to_an_error(
        n in numbers(),
        texts in texts(),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let check = |bytes: &[u8]| {
            let count = decoded(bytes).0.len();
            match verify(bytes) {
                Ok(effects) => assert_eq!(effects, count),
                Err(error) => assert!(error.offset < bytes.len() + 1),
            }
        };
        check(&noise);
        with_all_kinds(n, as_slices(&texts), |effects| {
            let mut record = record(effects);
            for (place, byte) in &mutations {
                let place = place.index(record.len());
                record[place] = *byte;
            }
            check(&record);
        });
    }
}
