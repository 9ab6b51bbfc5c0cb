//! Which of the 16384 slots of a Cluster a key belongs to.

/// How many slots there are.
pub(super) const SLOTS: usize = 16_384;

/// Returns the slot of a key: the CRC-16 (XMODEM) of its hash tag, which is what stands between the
/// first `{` and the next `}` if that is anything, else of the whole key.
pub(super) fn of(key: &str) -> u16 {
    let crc = hashed(key).bytes().fold(0u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    });
    crc % SLOTS as u16
}

fn hashed(key: &str) -> &str {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    tag.map(|(tag, _)| tag).filter(|tag| !tag.is_empty()).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_the_specification() {
        assert_eq!(of("123456789"), 0x31c3);
        assert_eq!(of("foo"), 12_182);
        assert_eq!(of("{user1000}.following"), of("{user1000}.followers"));
        assert_eq!(of("foo{}{bar}"), 8_363);
        assert_eq!(of("foo{{bar}}zap"), of("{bar"));
        assert_eq!(of("foo{bar}{zap}"), of("bar"));
    }
}
