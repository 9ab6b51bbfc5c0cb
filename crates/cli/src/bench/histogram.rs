//! Counts latencies in log-linear buckets: every power of two is cut into 32 equal parts, so a
//! quantile is off by at most one part in 32 whatever its size, in a fixed 15 KiB.

const PART_BITS: u32 = 5;
const PARTS: usize = 1 << PART_BITS;
/// Values below `PARTS` have a bucket each; each later power of two has `PARTS` of them.
const BUCKETS: usize = PARTS * (64 - PART_BITS as usize + 1);

/// Counts of values (nanoseconds, here) by magnitude.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    /// Starts empty.
    pub(super) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max: 0 }
    }

    /// How many values have been counted.
    #[cfg(test)]
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Counts one value.
    pub(super) fn record(&mut self, value: u64) {
        if let Some(count) = self.counts.get_mut(bucket_of(value)) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(value);
    }

    /// Forgets everything counted so far.
    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.max = 0;
    }

    /// The value that the share `quantile` (0 to 1) of the counted values does not exceed: the
    /// upper end of its bucket, at most the greatest value seen; 0 when nothing was counted.
    pub(super) fn quantile(&self, quantile: f64) -> u64 {
        let rank = (quantile * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if rank <= seen {
                return last_of(bucket).min(self.max);
            }
        }
        self.max
    }
}

fn bucket_of(value: u64) -> usize {
    let Some(exponent) = value.checked_ilog2().filter(|e| PART_BITS <= *e) else {
        return value as usize;
    };
    let shift = exponent - PART_BITS;
    PARTS * shift as usize + (value >> shift) as usize
}

/// The greatest value that falls in `bucket`.
fn last_of(bucket: usize) -> u64 {
    if bucket < 2 * PARTS {
        return bucket as u64;
    }
    let shift = bucket / PARTS - 1;
    let first = ((bucket - PARTS * shift) as u64) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_between_the_ends_of_its_bucket() {
        for bits in 0..64_u32 {
            for value in [1_u64 << bits, (1_u64 << bits) | 1, (1_u64 << bits) - 1, u64::MAX >> bits]
            {
                let bucket = bucket_of(value);
                assert!(bucket < BUCKETS, "{value}");
                assert!(value <= last_of(bucket), "{value}");
                assert!(bucket == 0 || last_of(bucket - 1) < value, "{value}");
            }
        }
    }

    #[test]
    fn buckets_are_narrower_than_a_32nd_of_their_values() {
        for bucket in PARTS..BUCKETS {
            let (before, last) = (last_of(bucket - 1), last_of(bucket));
            assert!((last - before) as f64 <= last as f64 / 32.0, "{bucket}");
        }
    }

    #[test]
    fn quantiles_match_the_sorted_values_within_a_part() {
        let mut histogram = Histogram::new();
        let mut values: Vec<u64> = (0..10_000_u64).map(|i| i * i * 7 % 999_983).collect();
        values.iter().for_each(|v| histogram.record(*v));
        values.sort_unstable();
        for quantile in [0.01, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let exact = values[(quantile * 10_000.0) as usize - 1];
            let found = histogram.quantile(quantile);
            assert!(exact <= found && found as f64 <= exact as f64 * (1.0 + 1.0 / 32.0) + 1.0);
        }
    }

    #[test]
    fn nothing_counted_gives_zero_and_clear_forgets() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.5), 0);
        histogram.record(77);
        assert_eq!(histogram.quantile(0.5), 77);
        histogram.clear();
        assert_eq!(histogram.quantile(0.99), 0);
    }
}
