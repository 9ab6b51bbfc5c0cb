//! The bytes on the disk, which are read for ever.

use std::fmt::Write;

use firth_wal::{Flaw, Lsn, OpenError};

use super::*;

/// Version 1: records 1 to 3 in two writes, closed in order.
const GOLDEN: &str = include_str!("golden_v1.hex");

fn golden() -> Vec<u8> {
    let digits: Vec<u8> = GOLDEN.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

#[test]
fn the_first_format_is_read() {
    let disk = SimDisk::new(1);
    disk.put(&first_segment(), &golden());
    let (log, recovery, records) = recover(&disk).unwrap();
    let expect: [&[u8]; 3] = [b"first", b"", &[0, 1, 2, 254, 255]];
    assert_eq!(records.len(), expect.len());
    for ((lsn, payload), (i, expect)) in records.iter().zip((1..).zip(expect)) {
        assert_eq!((*lsn, &payload[..]), (Lsn(i), expect));
    }
    assert_eq!(recovery.cut(), None);
    drop(log);
    assert_eq!(disk.contents()[&first_segment()], golden(), "opening changes nothing");
}

#[test]
fn the_first_format_is_written() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk, driven(1 << 20)).unwrap();
    log.append(b"first").unwrap();
    log.append(b"").unwrap();
    log.drive(SyncDue::NotYet);
    log.append(&[0, 1, 2, 254, 255]).unwrap();
    log.close().unwrap();
    let mut hex = String::new();
    for line in disk.contents()[&first_segment()].chunks(16) {
        for byte in line {
            write!(hex, "{byte:02x}").unwrap();
        }
        hex.push('\n');
    }
    assert_eq!(hex, GOLDEN);
}

#[test]
fn an_unknown_version_is_refused() {
    let disk = SimDisk::new(1);
    let mut bytes = golden();
    bytes[8] = 9;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..24]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    disk.put(&first_segment(), &bytes);
    let Err(OpenError::Damage(damage)) = recover(&disk) else { panic!("it was opened") };
    assert_eq!(damage.flaw, Flaw::Version { found: 9, known: 1 });
    assert_eq!(
        damage.to_string(),
        "data/log/0000000000000001.log is not sound at offset 0: \
         format version 9 is unknown, this program reads version 1"
    );
    assert_eq!(disk.contents()[&first_segment()], bytes, "it is left alone");
}
